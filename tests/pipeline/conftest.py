"""The pipeline on a tiny random model, and one recording as a file of every format."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile
import torch

from audio_emotion import AudioEmotionPipeline


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Tiny models gain nothing from more threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def pipe(tiny_model_dir: Path) -> AudioEmotionPipeline:
    return AudioEmotionPipeline.from_pretrained(tiny_model_dir, device="cpu")


@pytest.fixture(scope="session")
def call_wav(tmp_path_factory: pytest.TempPathFactory, speech: Any) -> Path:
    """Two seconds as a 16-bit WAV at the model's rate."""
    path = tmp_path_factory.mktemp("audio") / "call.wav"
    soundfile.write(path, speech(2.0), 16000)
    return path
