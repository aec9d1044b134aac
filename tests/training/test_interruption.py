"""A run that is killed at any moment, and resumed, ends in the weights of a run that never was."""

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from audio_emotion.training.checkpoints import list_checkpoints
from audio_emotion.training.recipe import Recipe, save_recipe

NUM_KILLS = 20


def start(recipe: Path, *options: str) -> subprocess.Popen:
    command = [
        sys.executable,
        "-c",
        "from audio_emotion.cli import app; app()",
        "train",
        "--config",
        str(recipe),
        *options,
    ]
    return subprocess.Popen(command, stderr=subprocess.DEVNULL)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_killed_at_random_moments_and_resumed(recipe: Recipe, tmp_path: Path) -> None:
    raw = recipe.model_dump()
    raw["loop"] |= {"epochs": 30, "checkpoint_every": 1, "patience": 1000}
    paths = {}
    for name in ("whole", "killed"):
        raw["output_dir"] = str(tmp_path / name)
        paths[name] = tmp_path / f"{name}.yaml"
        save_recipe(Recipe.model_validate(raw), paths[name])
    assert start(paths["whole"]).wait(timeout=600) == 0

    moments = random.Random(0)
    checkpoints = tmp_path / "killed" / "checkpoints"
    kills = 0
    while kills < NUM_KILLS:
        before = list_checkpoints(checkpoints)
        process = start(paths["killed"], "--resume")
        deadline = time.monotonic() + 120
        while list_checkpoints(checkpoints) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.6))
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    assert kills >= NUM_KILLS // 2, "the run ended before it was killed often enough: make it longer"
    assert start(paths["killed"], "--resume").wait(timeout=600) == 0

    whole, killed = (load_file(tmp_path / name / "final" / "model.safetensors") for name in ("whole", "killed"))
    for name, tensor in whole.items():
        assert torch.equal(tensor, killed[name]), name
