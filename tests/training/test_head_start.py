"""A new head starts at the linear answer that fits the frozen model best."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hume_standin import hisses

from audio_emotion import EmotionWhisperFeatureExtractor
from audio_emotion.dataset_scripts.prepare import prepare
from audio_emotion.modeling.losses_emotion_whisper import intensity_loss, soft_cross_entropy
from audio_emotion.training.adapter import add_adapter, begin_task, load_base, trained_head
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.finetune_recipe import LORA, TargetRecipe
from audio_emotion.training.head_start import _fit, fit_head
from audio_emotion.training.recipe import CorpusRecipe
from audio_emotion.training.targets import assess_intensities, label_rule
from audio_emotion.training.validation import clip_logits, clip_outputs
from benchmarks.hume_corpus import write_corpus


@pytest.fixture(scope="module")
def clips(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipTable, ClipTable]:
    """Training and validation clips with nine intensities."""
    folder = tmp_path_factory.mktemp("hume")
    write_corpus(folder / "corpus", {"train": hisses(24, 0), "devel": hisses(8, 1), "test": hisses(2, 2)}, odd=False)
    prepare("humeprosody", folder / "corpus", folder / "prepared")
    corpora = [CorpusRecipe(path=str(folder / "prepared"), name="humeprosody")]
    rule = label_rule(TargetRecipe(), corpora)
    return load_clips(corpora, "train", rule), load_clips(corpora, "validation", rule)


@pytest.mark.parametrize("adapted", [True, False], ids=["adapter", "full"])
def test_a_fitted_head_answers_before_anything_is_trained(
    clips: tuple[ClipTable, ClipTable], tiny_base: Path, adapted: bool
) -> None:
    training, validation = clips
    model = load_base(str(tiny_base))
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(tiny_base)
    before = {name: weight.clone() for name, weight in model.model.state_dict().items()}
    assert begin_task(model, "intensity", training.label_names, training.labels.mean(0), ["humeprosody"])
    if adapted:
        add_adapter(model, LORA, str(tiny_base))
    fit_head(model, extractor, training, validation, 2000)
    logits = clip_logits(model, extractor, validation, 2000)
    assert assess_intensities("spearman", logits, validation).score > 0.8
    vectors = torch.from_numpy(clip_outputs(model, extractor, validation, np.arange(8), "embeddings", 2000)).float()
    for width, answer in zip(model.config.nesting_dims, trained_head(model).all_widths(vectors), strict=True):
        assert assess_intensities("spearman", answer.detach().numpy(), validation).score > 0.5, width
    after = {name.replace(".base_layer", ""): weight for name, weight in model.model.state_dict().items()}
    assert all(torch.equal(weight, after[name]) for name, weight in before.items() if name in after)


@pytest.mark.parametrize("loss", [intensity_loss, soft_cross_entropy])
def test_the_fit_is_the_lowest_penalised_loss(loss: object) -> None:
    rng = torch.Generator().manual_seed(0)
    vectors, labels = torch.randn(60, 5, generator=rng), torch.rand(60, 3, generator=rng)
    known = torch.rand(60, 3, generator=rng) > 0.2
    weight, bias = (part.requires_grad_(True) for part in _fit(loss, vectors, labels, known, 0.01))
    value = loss(vectors @ weight.T + bias, labels, known) + 0.01 * weight.square().sum()
    for gradient in torch.autograd.grad(value, (weight, bias)):
        assert gradient.abs().max() < 1e-3


def test_a_head_that_has_the_labels_already_is_kept(tiny_base: Path) -> None:
    model = load_base(str(tiny_base))
    names = [model.config.id2label[index] for index in range(model.config.num_labels)]
    before = {name: weight.clone() for name, weight in model.head.state_dict().items()}
    assert not begin_task(model, "distribution", names, np.full(len(names), 1 / len(names)), ["mine"])
    assert all(torch.equal(weight, model.head.state_dict()[name]) for name, weight in before.items())
