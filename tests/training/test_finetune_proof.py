"""LoRA on a stand-in for Hume-Prosody against ridge regression on the same model's frozen features."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from benchmarks import hume_standin

MARGIN, MOST_TRAINED, LARGEST_ADAPTER = 0.10, 0.03, 0.05

pytestmark = [pytest.mark.slow, pytest.mark.timeout(14_400)]


def measure(shared_dir: Path, folder: Path, **options: str | Path) -> dict[str, Any]:
    """What the command writes; about half an hour on a free core."""
    corpora = {f"--{name}": shared_dir / "corpora" / name for name in ("ravdess", "ased")}
    arguments = corpora | options | {"--out": folder / "run", "--json": folder / "results.json"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["hume_standin", *(str(part) for pair in arguments.items() for part in pair)])
        hume_standin.main()
    measured: dict[str, Any] = json.loads((folder / "results.json").read_text())
    return measured


@pytest.fixture(scope="module")
def from_whisper(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """From a Whisper that has learned no emotion."""
    encoder = shared_dir / "encoders" / "whisper-base"
    options = {"--encoder": encoder, "--set": "loop.epochs=6"}
    return measure(shared_dir, tmp_path_factory.mktemp("encoder"), **options)


@pytest.fixture(scope="module")
def from_bundled(shared_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """From the bundled checkpoint, which has learned the emotions behind the stand-in's labels from other speakers."""
    return measure(shared_dir, tmp_path_factory.mktemp("bundled"))


def test_lora_is_a_tenth_above_ridge_with_few_weights(from_whisper: dict[str, Any]) -> None:
    assert from_whisper["mean_spearman"]["margin"] >= MARGIN
    assert from_whisper["trainable_share"] <= MOST_TRAINED
    assert from_whisper["adapter_share_of_base"] <= LARGEST_ADAPTER


def test_lora_is_above_ridge_on_the_emotion_model_as_well(from_bundled: dict[str, Any]) -> None:
    assert from_bundled["mean_spearman"]["margin"] > 0
    assert from_bundled["trainable_share"] <= MOST_TRAINED
    assert from_bundled["adapter_share_of_base"] <= LARGEST_ADAPTER
