"""A model that is made from others names the corpora of all, so that results and licence say what its weights heard."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard

from audio_emotion import EmotionWhisperConfig, EmotionWhisperFeatureExtractor, EmotionWhisperForAudioClassification
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.training.averaging import average_models
from audio_emotion.training.data import load_clips
from audio_emotion.training.evaluation import HeardCorpus, report_heard
from audio_emotion.training.finetune import finetune
from audio_emotion.training.finetune_recipe import FinetuneRecipe
from audio_emotion.training.hub_card import render_card
from audio_emotion.training.recipe import Recipe
from audio_emotion.training.train import build_model

from .conftest import write_corpus

BOUND, FREE = "ravdess", "jlcorpus"  # CC BY-NC-SA 4.0 and CC0


@pytest.fixture(scope="module")
def free_corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("free")
    write_corpus(folder, FREE, EMOTIONS, clips_per_class=1)
    return folder


@pytest.fixture(scope="module")
def on_bound(tiny_whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tiny_whisper, tmp_path_factory.mktemp("bound"), BOUND)


def write_model(whisper: Path, folder: Path, corpus: str) -> Path:
    model = EmotionWhisperForAudioClassification.from_whisper(
        whisper, pooling="attention", layer_mix=True, corpora=[corpus]
    )
    model.save_pretrained(folder)
    EmotionWhisperFeatureExtractor(level_normalization=True).save_pretrained(folder)
    return folder


def continued(on_bound: Path, whisper: Path, corpus: Path, out: Path) -> EmotionWhisperConfig:
    data = [{"path": str(corpus), "name": FREE}]
    model = {"encoder": str(whisper), "continue_from": str(on_bound)}
    recipe = Recipe.model_validate({"name": "tiny", "output_dir": str(out), "model": model, "data": data})
    return build_model(recipe, load_clips(recipe.data, "train")).config


def averaged(on_bound: Path, whisper: Path, corpus: Path, out: Path) -> EmotionWhisperConfig:
    on_free = write_model(whisper, out / "free", FREE)
    return EmotionWhisperConfig.from_pretrained(average_models([on_free, on_bound], out / "mean"))


def finetuned(on_bound: Path, whisper: Path, corpus: Path, out: Path) -> EmotionWhisperConfig:
    raw = {
        "name": "tiny",
        "output_dir": str(out),
        "base": str(on_bound),
        "data": [{"path": str(corpus), "name": FREE}],
        "target": {"problem": "distribution"},
        "num_resamples": 10,
        "loop": {"epochs": 1},
    }
    final = finetune(FinetuneRecipe.model_validate(raw))
    labels = json.loads((final / "label_config.json").read_text())
    return EmotionWhisperConfig.from_dict(EmotionWhisperConfig.from_pretrained(on_bound).to_dict() | labels)


@pytest.mark.parametrize("make", [continued, averaged, finetuned])
def test_what_the_weights_heard_is_not_forgotten(
    make: Callable[..., EmotionWhisperConfig], on_bound: Path, tiny_whisper: Path, free_corpus: Path, tmp_path: Path
) -> None:
    config = make(on_bound, tiny_whisper, free_corpus, tmp_path)
    one_each = np.eye(len(EMOTIONS))
    heard = [
        HeardCorpus(name, EMOTIONS, np.arange(8), one_each, ("a",) * 8, ("en",) * 8, one_each)
        for name in (BOUND, FREE, "emodb")
    ]
    report = report_heard(heard, config, num_resamples=10)["corpora"]
    assert {name: measured["zero_shot"] for name, measured in report.items()} == {
        BOUND: False,
        FREE: False,
        "emodb": True,
    }
    assert ModelCard(render_card(config, "me/model")).data.license == "cc-by-nc-sa-4.0"
