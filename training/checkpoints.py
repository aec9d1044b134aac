"""Resumable checkpoints of a run: written beside, then renamed, so that a half-written one is never picked."""

from __future__ import annotations

import io
import json
import re
import shutil
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.model_folder import flush

_NAME = re.compile(r"step-(\d{8})")
_KEPT = 2


@dataclass
class Progress:
    """Where a run stands.

    Attributes:
        epoch: the epoch under way, from 0.
        step: optimiser steps done inside that epoch.
        total_steps: optimiser steps done in all.
        validated_step: `total_steps` at the last validation.
        best_score: best validation score so far.
        stale_validations: validations since then.
    """

    epoch: int = 0
    step: int = 0
    total_steps: int = 0
    validated_step: int = 0
    best_score: float = float("-inf")
    stale_validations: int = 0


def save_checkpoint(folder: Path, progress: Progress, weights: dict[str, torch.Tensor], state: dict[str, Any]) -> Path:
    """Write a checkpoint into `folder/step-XXXXXXXX` and remove all but the last two.

    Args:
        folder: the run's folder of checkpoints.
        progress: where the run stands.
        weights: tensors by name, written as safetensors.
        state: optimiser, scheduler and random states, written by `torch.save`. They stay on this machine.

    Raises:
        AudioEmotionError: if the disk is full or not writable; the earlier checkpoints are left as they were.
    """
    target = folder / f"step-{progress.total_steps:08d}"
    beside = folder / f".{target.name}.partial"
    try:
        for left in folder.glob(".step-*"):  # of a run that was killed
            shutil.rmtree(left, ignore_errors=True)
        beside.mkdir(parents=True)
        save_file(
            {name: tensor.detach().cpu().contiguous() for name, tensor in weights.items()},
            beside / "weights.safetensors",
        )
        packed = io.BytesIO()  # torch's own writer would not say what the disk said
        torch.save(state, packed)
        (beside / "state.pt").write_bytes(packed.getbuffer())
        (beside / "progress.json").write_text(json.dumps(asdict(progress)), encoding="utf-8")
        for written in beside.iterdir():
            flush(written)
        _remove(target)
        beside.rename(target)
    except BaseException as error:
        shutil.rmtree(beside, ignore_errors=True)
        if not isinstance(error, Exception):  # Ctrl-C
            raise
        raise AudioEmotionError(
            f"{folder}: cannot write the checkpoint of step {progress.total_steps}: {error}. Free some disk space and "
            "run again with --resume; the last complete checkpoint is untouched"
        ) from error
    for old in list_checkpoints(folder)[:-_KEPT]:
        _remove(old)
    return target


def _remove(checkpoint: Path) -> None:
    """Remove a checkpoint under another name, so that half of it is never listed."""
    if checkpoint.exists():
        removed = checkpoint.with_name(f".{checkpoint.name}.removed")
        checkpoint.rename(removed)
        shutil.rmtree(removed, ignore_errors=True)


def list_checkpoints(folder: Path) -> list[Path]:
    """The complete checkpoints of a run, oldest first."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir())


def load_checkpoint(path: Path) -> tuple[Progress, dict[str, torch.Tensor], dict[str, Any]]:
    """Read a checkpoint back.

    Raises:
        AudioEmotionError: if one of its files is missing or damaged.
    """
    try:
        progress = Progress(**json.loads((path / "progress.json").read_text(encoding="utf-8")))
        weights = load_file(path / "weights.safetensors")
        state = torch.load(path / "state.pt", map_location="cpu", weights_only=True)
    except Exception as error:
        raise AudioEmotionError(
            f"{path}: not a complete checkpoint ({error}); delete it to resume from the one before"
        ) from error
    return progress, weights, state
