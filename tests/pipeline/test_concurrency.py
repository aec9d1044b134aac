"""Threads and forked processes get the answers that one caller gets."""

import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from torch.utils.data import DataLoader, Dataset

from audio_emotion import AudioEmotionPipeline

Sound = dict[str, Any]


@pytest.fixture(scope="module")
def sounds(speech: Any) -> list[Sound]:
    return [{"array": speech(0.5 + 0.3 * seed, seed=seed), "sampling_rate": 16_000} for seed in range(6)]


def frames_of(pipe: AudioEmotionPipeline, sound: Sound) -> np.ndarray:
    frames: np.ndarray = pipe(sound, return_timestamps="frame")["frames"]
    return frames


@pytest.mark.parametrize("num_pipes", [1, 2])
def test_threads(pipe: AudioEmotionPipeline, tiny_model_dir: Path, sounds: list[Sound], num_pipes: int) -> None:
    pipes = [pipe, AudioEmotionPipeline.from_pretrained(tiny_model_dir, device="cpu")][:num_pipes]
    alone = [frames_of(pipe, sound) for sound in sounds]
    with ThreadPoolExecutor(4) as pool:
        together = pool.map(lambda index: frames_of(pipes[index % num_pipes], sounds[index % 6]), range(24))
    for index, frames in enumerate(together):
        assert np.array_equal(frames, alone[index % 6])


class Scored(Dataset[np.ndarray]):
    """Scores in the worker; the pipeline comes along by fork."""

    def __init__(self, pipe: AudioEmotionPipeline, sounds: list[Sound]) -> None:
        self.pipe, self.sounds = pipe, sounds

    def __len__(self) -> int:
        return len(self.sounds)

    def __getitem__(self, index: int) -> np.ndarray:
        return frames_of(self.pipe, self.sounds[index])


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="this system does not fork")
@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_data_loader_worker(pipe: AudioEmotionPipeline, sounds: list[Sound]) -> None:
    alone = [frames_of(pipe, sound) for sound in sounds]  # the parent's threads have worked before the fork
    loader = DataLoader(
        Scored(pipe, sounds), batch_size=None, num_workers=2, multiprocessing_context="fork", timeout=60
    )
    for frames, expected in zip(loader, alone, strict=True):
        assert np.array_equal(np.asarray(frames), expected)
