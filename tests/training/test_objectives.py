"""Loss terms: what each is zero for, what it pushes, and that their sum does not depend on how a batch is cut."""

import itertools

import pytest
import torch

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.training.adversarial import UNKNOWN_IDENTITY, IdentityAdversary, divergence, virtual_adversarial_loss
from audio_emotion.training.batches import TrainingBatches
from audio_emotion.training.contrastive import SoftContrast, posterior_disagreement
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.objectives import TrainingObjective
from audio_emotion.training.recipe import Recipe
from audio_emotion.training.sampling import MicroBatch, plan_epoch
from audio_emotion.training.train import build_model

EVERYTHING = {
    "consistency": 0.5,
    "contrastive": 0.5,
    "corpus_adversarial": 0.1,
    "speaker_adversarial": 0.1,
    "virtual_adversarial": 0.5,
}
ALL_CLASSES = torch.ones(1, 8, dtype=torch.bool)


@pytest.fixture
def clips(recipe: Recipe) -> ClipTable:
    return load_clips(recipe.data, "train")


def objective_and_batches(
    recipe: Recipe, clips: ClipTable, cut: list[MicroBatch], class_prior: list[float] | None = None, **terms: float
) -> tuple[TrainingObjective, TrainingBatches]:
    recipe = recipe.model_copy(update={"objective": recipe.objective.model_copy(update=terms)})
    torch.manual_seed(0)
    model = build_model(recipe, clips)
    objective = TrainingObjective(
        model, recipe.objective, 2, int(clips.speaker_index.max()) + 1, None, class_prior
    ).eval()
    return objective, TrainingBatches(cut, clips, recipe, model.config, EmotionWhisperFeatureExtractor())


def test_every_term_reaches_the_encoder(recipe: Recipe, clips: ClipTable) -> None:
    step = plan_epoch(clips, recipe, 0)[0]
    objective, batches = objective_and_batches(recipe, clips, [max(step, key=len)], **EVERYTHING)
    torch.nn.init.normal_(objective.model.pooling.score.weight)
    terms = objective(batches[0])
    assert set(terms) == {"pooled", "frame", *EVERYTHING}
    for name, term in terms.items():
        objective.zero_grad()
        term.backward(retain_graph=True)
        gradient = objective.model.model.encoder.layers[0].fc1.weight.grad
        assert torch.isfinite(gradient).all() and gradient.abs().max() > 0, name


def test_terms_are_sums_over_items_of_what_they_are_called(recipe: Recipe, clips: ClipTable) -> None:
    """Written down once more, item by item and frame by frame."""
    terms = {"pooled": 1.5, "frame": 0.7, "consistency": 0.3, "contrastive": 0.2, "logit_adjustment": 0.5}
    prior = torch.tensor([0.3, 0.05, 0.0, 0.1, 0.15, 0.2, 0.1, 0.1])
    step = plan_epoch(clips, recipe, 0)[0]
    objective, batches = objective_and_batches(recipe, clips, [max(step, key=len)], prior.tolist(), **terms)
    assert objective.corpus_adversary is None and objective.speaker_adversary is None
    model = objective.model
    batch = batches[0]
    with torch.no_grad():
        found = objective(batch)
        views = [model(input_features=view, attention_mask=batch["attention_mask"]) for view in batch["input_features"]]

    def cross_entropy(logits: torch.Tensor, target: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        adjusted = (logits + 0.5 * prior.clamp_min(1e-3).log()).masked_fill(~mask, -torch.inf)
        return -sum(share * adjusted.log_softmax(-1)[index] for index, share in enumerate(target) if share > 0)

    expected = dict.fromkeys(("pooled", "frame", "consistency"), 0.0)
    for item, mask in enumerate(batch["label_mask"]):
        targets = batch["frame_labels"][item]
        labelled = [frame for frame, target in enumerate(targets) if target.sum() > 0]
        assert labelled
        pooled, frames = [], []
        for view in views:
            for width in model.config.nesting_dims:
                pooled.append(cross_entropy(at_width(model, view.embeddings[item], width), batch["labels"][item], mask))
                logits = at_width(model, view.frame_vectors[item], width)
                losses = [cross_entropy(logits[frame], targets[frame], mask) for frame in labelled]
                frames.append(sum(losses) / len(losses))
        expected["pooled"] += 1.5 * sum(pooled) / len(pooled)
        expected["frame"] += 0.7 * sum(frames) / len(frames)
        heard = views[0].frame_mask[item].bool()
        first, second = (view.frame_logits[item][heard] for view in views)
        expected["consistency"] += 0.3 * posterior_disagreement(first, second, mask[None]).mean()
    both = torch.cat([view.embeddings for view in views])
    expected["contrastive"] = 0.2 * objective.contrast(both, torch.cat([batch["labels"]] * 2)).sum() / 2
    assert {name: value.item() for name, value in found.items()} == pytest.approx(
        {name: torch.as_tensor(value).item() for name, value in expected.items()}, rel=1e-4
    )


def at_width(model: EmotionWhisperForAudioClassification, vectors: torch.Tensor, width: int) -> torch.Tensor:
    return model.head.all_widths(vectors)[model.config.nesting_dims.index(width)]


def test_the_same_items_give_the_same_gradient_however_they_are_cut(recipe: Recipe, clips: ClipTable) -> None:
    items = tuple(itertools.chain.from_iterable(plan_epoch(clips, recipe, 0)[0]))
    gradients = []
    for cut in ([items], [items[:3], items[3:5], items[5:]]):
        objective, batches = objective_and_batches(recipe, clips, cut, corpus_adversarial=0.1)
        for index in range(len(batches)):
            torch.stack(list(objective(batches[index]).values())).sum().backward()
        gradients.append({name: p.grad for name, p in objective.named_parameters() if p.grad is not None})
    for name, whole in gradients[0].items():
        assert torch.allclose(whole, gradients[1][name], atol=1e-4), name


def test_reversed_gradients_point_away_from_the_guess() -> None:
    torch.manual_seed(0)
    adversary = IdentityAdversary(8, 3)
    embeddings = torch.randn(4, 8, requires_grad=True)
    identity = torch.tensor([0, 1, 2, UNKNOWN_IDENTITY])
    losses = adversary(embeddings, identity)
    assert losses[3] == 0
    losses.sum().backward()
    with torch.no_grad():
        stepped = adversary(embeddings - 0.05 * embeddings.grad, identity)
    assert stepped.sum() > losses.sum()


def test_agreeing_views_cost_nothing_and_opposite_ones_at_most_log_two() -> None:
    logits = torch.randn(5, 8)
    assert posterior_disagreement(logits, logits, ALL_CLASSES).abs().max() < 1e-6
    certain = torch.eye(8)[:2] * 100
    assert posterior_disagreement(certain[:1], certain[1:], ALL_CLASSES).item() == pytest.approx(0.6931, abs=1e-3)
    one_class = torch.zeros(1, 8, dtype=torch.bool).index_fill(1, torch.tensor([3]), True)
    assert posterior_disagreement(logits, -logits, one_class).abs().max() < 1e-6


def test_divergence_is_zero_for_equals_and_blind_to_masked_classes() -> None:
    logits = torch.randn(6, 8)
    mask = torch.tensor([[True] * 4 + [False] * 4])
    elsewhere = logits + torch.cat([torch.zeros(6, 4), torch.randn(6, 4)], dim=1)
    assert divergence(elsewhere, logits, mask).abs().max() < 1e-6
    assert (divergence(torch.randn(6, 8), logits, ALL_CLASSES) > 0).all()


def test_the_worst_perturbation_is_worse_than_a_random_one() -> None:
    torch.manual_seed(0)
    weights = torch.randn(8, 20, 10)

    def logits_of(features: torch.Tensor) -> torch.Tensor:
        return torch.einsum("lmt,bmt->bl", weights, features) / 5

    features = torch.randn(4, 20, 10)
    logits = logits_of(features)
    worst = virtual_adversarial_loss(logits_of, features, logits, ALL_CLASSES, radius=0.1)
    random = divergence(logits_of(features + 0.1 * torch.randn_like(features)), logits, ALL_CLASSES)
    assert worst.sum() > 3 * random.sum()


def test_the_contrast_prefers_like_labels_together() -> None:
    torch.manual_seed(0)
    contrast = SoftContrast(16, temperature=0.1)
    labels = torch.eye(8)[[5, 5, 7, 7]]
    first, second = torch.randn(16), torch.randn(16)
    together, apart = torch.stack([first, first, second, second]), torch.stack([first, second, first, second])
    assert contrast(together, labels).sum() < contrast(apart, labels).sum()
    assert contrast(together[:1], labels[:1]).tolist() == [0.0]
