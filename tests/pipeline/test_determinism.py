"""The same sound gives the same scores to the bit, whatever is heard with it and in whatever order."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_emotion import AudioEmotionPipeline

LENGTHS_S = (0.7, 1.3, 1.3, 0.025, 1.3, 31.0)
"""Three of one length: sorted by length, they stay in the order of the list."""


@pytest.fixture(scope="module")
def sounds(speech: Any) -> list[dict[str, Any]]:
    return [{"array": speech(length_s, seed=seed), "sampling_rate": 16_000} for seed, length_s in enumerate(LENGTHS_S)]


def bits(pipe: AudioEmotionPipeline, sounds: Sequence[Any], batch_size: int, order: Sequence[int]) -> list[bytes]:
    """What the model says of every sound, in the order of `sounds`, heard in `order`."""
    heard = pipe.score_recordings([sounds[index] for index in order], batch_size)
    found = {
        index: b"".join(np.ascontiguousarray(part).tobytes() for part in (one.logits, one.frame_logits))
        for index, one in zip(order, heard, strict=True)
    }
    return [found[index] for index in sorted(found)]


@pytest.mark.parametrize("kind", ["torch", "onnx"])
def test_company_and_order_change_no_bit(kind: str, request: pytest.FixtureRequest, sounds: list[Any]) -> None:
    if kind == "onnx":
        pytest.importorskip("onnxruntime", reason="needs the extra onnx")
    folder: Path = request.getfixturevalue("tiny_model_dir" if kind == "torch" else "tiny_onnx_dir")
    pipe = AudioEmotionPipeline.from_pretrained(folder, device="cpu")
    alone = [bits(pipe, [sound], 1, [0])[0] for sound in sounds]
    order = np.random.default_rng(0).permutation(len(sounds)).tolist()
    for batch_size in (1, 4):
        assert bits(pipe, sounds, batch_size, range(len(sounds))) == alone
        assert bits(pipe, sounds, batch_size, order) == alone
        assert bits(pipe, sounds, batch_size, order[:3]) == [alone[index] for index in sorted(order[:3])]


def test_another_pipeline_of_the_same_model_agrees_to_the_bit(tiny_model_dir: Path, sounds: list[Any]) -> None:
    pipes = [AudioEmotionPipeline.from_pretrained(tiny_model_dir, device="cpu") for _ in range(2)]
    first, second = (bits(pipe, sounds, 1, range(len(sounds))) for pipe in pipes)
    assert first == second
