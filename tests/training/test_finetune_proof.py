"""LoRA on a stand-in for Hume-Prosody is well above ridge regression on the same encoder's frozen features."""

import json
import sys
from pathlib import Path

import pytest

from benchmarks import hume_standin

MARGIN, MOST_TRAINED, LARGEST_ADAPTER = 0.10, 0.03, 0.05


@pytest.mark.slow
@pytest.mark.timeout(7200)
def test_lora_beats_ridge_on_frozen_features(shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = {
        "--ravdess": shared_dir / "corpora" / "ravdess",
        "--ased": shared_dir / "corpora" / "ased",
        "--encoder": shared_dir / "encoders" / "whisper-base",
        "--out": tmp_path / "run",
        "--json": tmp_path / "results.json",
    }
    monkeypatch.setattr(sys, "argv", ["hume_standin", *(str(part) for pair in arguments.items() for part in pair)])
    hume_standin.main()
    numbers = json.loads((tmp_path / "results.json").read_text())
    assert numbers["mean_spearman"]["margin"] >= MARGIN
    assert numbers["trainable_share"] <= MOST_TRAINED
    assert numbers["adapter_share_of_base"] <= LARGEST_ADAPTER
