"""Sound at its extremes is heard like any other: finite scores that sum to 1, and frames that cover the time."""

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from audio_emotion import AudioDecodingError, AudioEmotionPipeline

RATE = 16_000
TIME_S = np.arange(2 * RATE) / RATE


def voice(num_samples: int, speech: Callable[..., np.ndarray]) -> np.ndarray:
    return np.resize(speech(2.0), num_samples)


SOUNDS: dict[str, Callable[[Any], np.ndarray]] = {
    "silence": lambda _: np.zeros(2 * RATE, np.float32),
    "one bit of noise": lambda _: np.where(np.arange(2 * RATE) % 7, 0, 1 / 32768).astype(np.float32),
    "clipped": lambda speech: np.clip(100 * speech(2.0), -1, 1),
    "far above full scale": lambda speech: 1e6 * speech(2.0),
    "as integers of 32 bits": lambda speech: 2**31 * speech(2.0),
    "far below full scale": lambda speech: 1e-30 * speech(2.0),
    "DC offset": lambda speech: speech(2.0) + np.float32(0.9),
    "DC alone": lambda _: np.ones(2 * RATE, np.float32),
    "a sine at 7.9 kHz": lambda _: np.sin(2 * np.pi * 7900 * TIME_S).astype(np.float32),
    "a single click": lambda _: np.eye(1, 2 * RATE, RATE, dtype=np.float32)[0],
    "25 ms": lambda speech: voice(400, speech),
    "one sample short of 30 s": lambda speech: voice(30 * RATE - 1, speech),
    "30 s": lambda speech: voice(30 * RATE, speech),
    "30 s and a sample": lambda speech: voice(30 * RATE + 1, speech),
    "30 s and 25 ms of silence": lambda speech: np.append(voice(30 * RATE, speech), np.zeros(400, np.float32)),
}


@pytest.mark.parametrize("name", SOUNDS)
def test_heard(pipe: AudioEmotionPipeline, speech: Any, name: str) -> None:
    samples = SOUNDS[name](speech)
    sound = {"array": samples, "sampling_rate": RATE}
    answer = pipe(sound, return_timestamps="frame")
    scores = np.array([entry["score"] for entry in answer["scores"]])
    frames = answer["frames"]
    assert np.isfinite(scores).all() and np.isfinite(frames).all()
    assert scores.sum() == pytest.approx(1, abs=1e-6)
    assert frames.sum(axis=1) == pytest.approx(1, abs=1e-5)
    duration_s = len(samples) / RATE
    assert abs(len(frames) * answer["frame_period_s"] - duration_s) <= answer["frame_period_s"]
    chunks = pipe(sound, return_timestamps=True)["chunks"]
    bounds = [chunk["timestamp"] for chunk in chunks]
    assert bounds[0][0] == 0 and bounds[-1][1] == pytest.approx(duration_s, abs=1e-4)
    assert all(before[1] == after[0] for before, after in itertools.pairwise(bounds))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_no_sound_is_refused(pipe: AudioEmotionPipeline, speech: Any, value: float) -> None:
    samples = speech(1.0)
    samples[100] = value
    with pytest.raises(AudioDecodingError, match="NaN or infinite"):
        pipe({"array": samples, "sampling_rate": RATE})


def test_samples_whose_power_leaves_float32_are_refused(pipe: AudioEmotionPipeline, speech: Any) -> None:
    with pytest.raises(AudioDecodingError, match=r"samples up to 3e\+37, and full scale is 1"):
        pipe({"array": np.sign(speech(2.0)) * np.float32(3e37), "sampling_rate": RATE})


def test_a_sample_less_than_25_ms_is_refused(pipe: AudioEmotionPipeline, speech: Any) -> None:
    with pytest.raises(AudioDecodingError, match="25 ms"):
        pipe({"array": voice(399, speech), "sampling_rate": RATE})
