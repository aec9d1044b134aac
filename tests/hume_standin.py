"""Synthetic clips with nine intensities, for the tests' stand-ins of Hume-Prosody."""

from collections.abc import Iterable

import numpy as np

from audio_emotion.dataset_scripts.corpora.humeprosody import TARGETS
from benchmarks.hume_corpus import RATE, Clip


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
