"""What only a CUDA device can show: its scores are the CPU's, and training on it learns, in bf16 and with workers."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from accelerate.state import AcceleratorState

from audio_emotion import AudioEmotionPipeline, EmotionWhisperForAudioClassification
from audio_emotion.training.recipe import Recipe
from audio_emotion.training.train import train

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device, and torch sees none"),
]


def _scores(answers: list[dict[str, Any]]) -> np.ndarray:
    """`(num_clips, num_labels)`, in one order of labels."""
    return np.array([[one["score"] for one in sorted(clip, key=lambda one: one["label"])] for clip in answers])


@pytest.fixture(scope="module")
def clips(speech: Any) -> list[np.ndarray]:
    return [speech(duration_s, seed=seed) for seed, duration_s in enumerate((0.7, 3.0, 5.5, 3.2))]


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", 2e-3), ("float16", 2e-2), ("bfloat16", 8e-2)])
def test_scores_are_those_of_the_cpu(
    bundled_checkpoint: Path, clips: list[np.ndarray], dtype: str, tolerance: float
) -> None:
    on_cpu = AudioEmotionPipeline.from_pretrained(bundled_checkpoint, device="cpu")
    on_gpu = AudioEmotionPipeline.from_pretrained(bundled_checkpoint, device="cuda", dtype=getattr(torch, dtype))
    assert on_gpu.model.device.type == "cuda"
    expected = _scores(on_cpu(list(clips), batch_size=4, top_k=None))
    assert np.abs(_scores(on_gpu(list(clips), batch_size=4, top_k=None)) - expected).max() < tolerance


def test_an_accelerator_is_taken_where_there_is_one(bundled_checkpoint: Path) -> None:
    assert AudioEmotionPipeline.from_pretrained(bundled_checkpoint).device.type == "cuda"


def test_a_long_recording_has_the_timeline_of_the_cpu(bundled_checkpoint: Path, speech: Any) -> None:
    recording = speech(75.0)
    cpu, gpu = (
        AudioEmotionPipeline.from_pretrained(bundled_checkpoint, device=device)(recording, return_timestamps="frame")
        for device in ("cpu", "cuda")
    )
    assert cpu["frames"].shape == gpu["frames"].shape
    assert np.abs(cpu["frames"] - gpu["frames"]).max() < 2e-3


def test_accelerate_places_the_model(bundled_checkpoint: Path) -> None:
    model = EmotionWhisperForAudioClassification.from_pretrained(bundled_checkpoint, device_map="auto")
    assert model.device.type == "cuda"


@pytest.mark.parametrize("mixed_precision", ["no", "bf16", "fp16"])
def test_training_learns_and_resumes(recipe: Recipe, mixed_precision: str) -> None:
    AcceleratorState._reset_state(reset_partial_state=True)  # it refuses another precision in the same process
    raw = recipe.model_dump()
    raw["loop"] |= {"mixed_precision": mixed_precision, "num_workers": 2, "epochs": 6}
    recipe = Recipe.model_validate(raw)
    train(recipe)
    lines = [json.loads(line) for line in (Path(recipe.output_dir) / "log.jsonl").read_text().splitlines()]
    losses = [line["pooled"] for line in lines if "pooled" in line]
    assert np.isfinite(losses).all()
    assert np.mean(losses[-8:]) < np.mean(losses[:8])
    raw["loop"]["epochs"] += 1
    final = train(Recipe.model_validate(raw), resume=True)
    assert EmotionWhisperForAudioClassification.from_pretrained(final).dtype == torch.float32
    steps = [json.loads(line)["step"] for line in (Path(recipe.output_dir) / "log.jsonl").read_text().splitlines()]
    assert steps[-1] == 7 * 48 // 8
