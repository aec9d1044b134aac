"""Two processes take the gradient that one process takes on the same step, with replicated and with sharded weights."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from audio_emotion.training.recipe import Recipe, save_recipe

WORKER = """
import sys
import torch
from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.training.data import load_clips
from audio_emotion.training.loop import TrainingLoop
from audio_emotion.training.objectives import TrainingObjective
from audio_emotion.training.recipe import load_recipe
from audio_emotion.training.train import build_model

recipe = load_recipe(sys.argv[1])
train, validation = load_clips(recipe.data, "train"), load_clips(recipe.data, "validation")
torch.manual_seed(0)
objective = TrainingObjective(build_model(recipe, train), recipe.objective, len(recipe.data), 8)
loop = TrainingLoop(objective, EmotionWhisperFeatureExtractor(), train, validation, recipe)
assert loop.accelerator.num_processes == int(sys.argv[3])

def keep(parameters, max_norm):
    if loop.accelerator.is_main_process:
        torch.save({name: parameter.grad for name, parameter in objective.named_parameters()}, sys.argv[2])

loop.accelerator.clip_grad_norm_ = keep
plan = loop.plan(0)
step, batches = next(loop.steps(plan))
loop.take_step(step, batches)
loop.accelerator.wait_for_everyone()
loop.accelerator.end_training()
"""


def gradients(launcher: list[str], recipe: Path, worker: Path, out: Path, count: int) -> dict[str, torch.Tensor]:
    for attempt in range(2):  # gloo now and then hangs at exit: the process is tried again, the comparison never
        try:
            subprocess.run([*launcher, str(worker), str(recipe), str(out), str(count)], check=True, timeout=120)
            break
        except subprocess.TimeoutExpired:
            if attempt == 1:
                raise
    return torch.load(out, weights_only=True)


TORCHRUN = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
PROGRAM = """
from audio_emotion.cli import app
app()
"""
SHARDED = """
from accelerate import DistributedType, PartialState
from audio_emotion.cli import app
from audio_emotion.training.processes import join_processes

join_processes()
PartialState._shared_state["distributed_type"] = DistributedType.MULTI_GPU  # torch shards on a CPU, Accelerate does not
app()
"""
FSDP = {  # what `accelerate launch --use_fsdp` sets
    "ACCELERATE_USE_FSDP": "true",
    "FSDP_VERSION": "2",
    "FSDP_AUTO_WRAP_POLICY": "TRANSFORMER_BASED_WRAP",
    "FSDP_TRANSFORMER_CLS_TO_WRAP": "WhisperEncoderLayer",
}


def whole_run(
    recipe: Recipe, folder: Path, launcher: list[str], program: str, environment: dict[str, str], cut_at: int | None
) -> dict[str, torch.Tensor]:
    """The best weights of a run by the command; one process goes on if it is killed at step `cut_at`."""
    recipe = recipe.model_copy(update={"output_dir": str(folder / "run")})
    folder.mkdir()
    save_recipe(recipe, folder / "recipe.yaml")
    (folder / "program.py").write_text(program)
    command = [sys.executable, *launcher, str(folder / "program.py"), "train", "--config", str(folder / "recipe.yaml")]
    if cut_at is not None:
        kill_at(folder / "run" / "checkpoints" / f"step-{cut_at:08}", command, environment)
        command, environment = [sys.executable, *command[-4:]], {}
        (folder / "program.py").write_text(PROGRAM)
    for attempt in range(2):  # gloo now and then hangs at exit: it is tried again, from the checkpoint
        resume = ["--resume"] if attempt or cut_at is not None else []
        try:
            subprocess.run([*command, *resume], env=os.environ | environment, check=True, timeout=300)
            break
        except subprocess.TimeoutExpired:
            if attempt == 1:
                raise
    assert (folder / "run" / "final" / "calibration.json").exists()
    return load_file(folder / "run" / "best" / "model.safetensors")


def kill_at(checkpoint: Path, command: list[str], environment: dict[str, str]) -> None:
    process = subprocess.Popen(command, env=os.environ | environment, start_new_session=True)
    try:
        deadline = time.monotonic() + 300
        while not checkpoint.exists():
            assert process.poll() is None, "the run ended before it could be killed"
            assert time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=30)


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_runs_of_two_processes_end_in_the_weights_of_one(recipe: Recipe, tmp_path: Path) -> None:
    raw = recipe.model_dump()
    raw["model"]["final_dropout"] = 0.0  # each process draws its own
    raw["optimizer"] |= {"learning_rate": 1e-4, "head_learning_rate": 1e-3}
    raw["loop"] |= {"frames_per_batch": 120, "validate_every": 12}
    recipe = Recipe.model_validate(raw)
    one = whole_run(recipe, tmp_path / "one", [], PROGRAM, {}, None)
    two = {
        "replicated": whole_run(recipe, tmp_path / "replicated", TORCHRUN, PROGRAM, {}, None),
        "sharded": whole_run(recipe, tmp_path / "sharded", TORCHRUN, SHARDED, FSDP, None),
        "sharded, then one process": whole_run(recipe, tmp_path / "resumed", TORCHRUN, SHARDED, FSDP, 4),
    }
    for how, weights in two.items():
        assert weights.keys() == one.keys()
        for name, tensor in one.items():
            assert torch.allclose(tensor, weights[name], atol=1e-4), (how, name)


@pytest.mark.slow
@pytest.mark.timeout(300)
@pytest.mark.parametrize(
    ("program", "environment", "num_items", "message"),
    [(SHARDED, FSDP, 7, "a multiple of the 2 processes"), (PROGRAM, {}, 1, "too few for 2 processes")],
    ids=["sharded", "replicated"],
)
def test_the_processes_must_have_enough_items_in_a_step(
    recipe: Recipe, tmp_path: Path, program: str, environment: dict[str, str], num_items: int, message: str
) -> None:
    raw = recipe.model_dump()
    raw["loop"]["items_per_step"] = num_items
    save_recipe(Recipe.model_validate(raw), tmp_path / "recipe.yaml")
    (tmp_path / "program.py").write_text(program)
    command = [sys.executable, *TORCHRUN, str(tmp_path / "program.py"), "train", "--config", tmp_path / "recipe.yaml"]
    environment = os.environ | environment
    ended = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert ended.returncode
    assert message in " ".join(ended.stderr.split())


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_processes_take_the_gradient_of_one(recipe: Recipe, tmp_path: Path) -> None:
    raw = recipe.model_dump()
    raw["model"]["final_dropout"] = 0.0  # each process draws its own
    raw["loop"]["frames_per_batch"] = 120
    raw["output_dir"] = str(tmp_path)
    save_recipe(Recipe.model_validate(raw), tmp_path / "recipe.yaml")
    worker = tmp_path / "worker.py"
    worker.write_text(WORKER)
    one = gradients([sys.executable], tmp_path / "recipe.yaml", worker, tmp_path / "one.pt", 1)
    two = gradients([sys.executable, *TORCHRUN], tmp_path / "recipe.yaml", worker, tmp_path / "two.pt", 2)
    assert one.keys() == two.keys()
    for name, gradient in one.items():
        if gradient is not None:
            assert torch.allclose(gradient, two[name], atol=1e-5), name
