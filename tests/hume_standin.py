"""Synthetic clips with nine intensities for stand-ins of Hume-Prosody, and a run on them of about a second."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from audio_emotion.dataset_scripts.corpora.humeprosody import TARGETS
from audio_emotion.training.finetune_recipe import FinetuneRecipe
from benchmarks.hume_corpus import RATE, Clip

QUIET = {"speed": 0, "noise": 0, "reverb": 0, "band_limit": 0, "equalizer": 0, "frequency_masks": 0, "time_masks": 0}


def hiss(share: float, rng: np.random.Generator, duration_s: float = 0.5) -> np.ndarray:
    """A low buzz that turns into white noise as `share` goes from 0 to 1, between two stretches of silence."""
    time_s = np.arange(int(duration_s * RATE)) / RATE
    tone, noise = np.sign(np.sin(2 * np.pi * 150 * time_s)), rng.standard_normal(len(time_s))
    silence = np.zeros(RATE // 20)
    return np.concatenate([silence, 0.1 * ((1 - share) * tone + share * noise), silence]).astype(np.float32)


def hisses(count: int, seed: int) -> Iterable[Clip]:
    """Clips whose nine intensities rise or fall with their share of noise."""
    rng = np.random.default_rng(seed)
    for share in rng.permutation(np.linspace(0, 1, count)):
        targets = [share if index % 2 == 0 else 1 - share for index in range(len(TARGETS))]
        yield hiss(share, rng, rng.uniform(0.4, 0.7)), targets


def make_recipe(base: str | Path, out: Path, **changes: Any) -> FinetuneRecipe:
    """A run of about a second; sections given are merged."""
    raw: dict[str, Any] = {
        "name": "tiny",
        "output_dir": str(out),
        "base": str(base),
        "corpus": "humeprosody",
        "adapter": {"peft_type": "LORA", "r": 2, "target_modules": ["q_proj", "v_proj"]},
        "augmentation": QUIET,
        "num_resamples": 10,
        "optimizer": {"learning_rate": 5e-3, "head_learning_rate": 2e-2, "layer_decay": 1.0},
        "loop": {
            "epochs": 2,
            "items_per_step": 8,
            "frames_per_batch": 2000,
            "validate_every": 3,
            "checkpoint_every": 2,
            "ema_decay": 0,
        },
    }
    for key, value in changes.items():
        raw[key] = {**raw[key], **value} if isinstance(raw.get(key), dict) and key != "adapter" else value
    return FinetuneRecipe.model_validate(raw)
