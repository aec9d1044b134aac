"""Fine-tuning that is killed and resumed, or spread over two processes, gives an adapter like any other."""

import json
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from hume_standin import hisses, make_recipe
from safetensors.torch import load_file

from audio_emotion import EmotionWhisperFeatureExtractor, EmotionWhisperForAudioClassification
from audio_emotion.training.checkpoints import list_checkpoints
from audio_emotion.training.recipe import save_recipe
from benchmarks.hume_corpus import write_corpus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

COMMAND = "from audio_emotion.cli import app; app()"
TORCHRUN = ("-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2")
NUM_KILLS = 6
ONCE = {
    "items_per_epoch": 16,
    "corpus_temperature": 1,
    "class_temperature": 1,
}  # of every clip, in a written recipe too


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hume") / "corpus"
    write_corpus(folder, {"train": hisses(16, 0), "devel": hisses(8, 1), "test": hisses(4, 2)})
    return folder


def write_recipe(base: Path, source: Path, out: Path, **loop: int) -> Path:
    recipe = make_recipe(base, out, source=str(source), loop=loop, sampling=ONCE)
    path = out.with_suffix(".yaml")
    save_recipe(recipe, path)
    return path


def test_killed_at_random_moments_and_resumed(source: Path, tiny_base: Path, tmp_path: Path) -> None:
    loop = {"epochs": 12, "checkpoint_every": 1, "patience": 1000}
    recipes = {name: write_recipe(tiny_base, source, tmp_path / name, **loop) for name in ("whole", "killed")}

    def start(name: str, *options: str) -> subprocess.Popen:
        command = [sys.executable, "-c", COMMAND, "finetune", "--config", str(recipes[name]), *options]
        return subprocess.Popen(command, stderr=subprocess.DEVNULL)

    assert start("whole").wait(timeout=800) == 0
    moments = random.Random(0)
    checkpoints = tmp_path / "killed" / "checkpoints"
    kills = 0
    while kills < NUM_KILLS:
        before = list_checkpoints(checkpoints)
        process = start("killed", "--resume")
        deadline = time.monotonic() + 120
        while list_checkpoints(checkpoints) == before and process.poll() is None and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(moments.uniform(0, 0.3))
        if process.poll() is not None:
            break
        process.kill()
        process.wait()
        kills += 1
    assert kills >= NUM_KILLS // 2, "the run ended before it was killed often enough: make it longer"
    assert start("killed", "--resume").wait(timeout=800) == 0
    whole, killed = (load_file(tmp_path / name / "final" / "adapter_model.safetensors") for name in recipes)
    assert whole.keys() == killed.keys()
    for name, tensor in whole.items():
        assert torch.equal(tensor, killed[name]), name


def test_three_processes_prepare_the_corpus_once(source: Path, tiny_base: Path, tmp_path: Path) -> None:
    worker = tmp_path / "worker.py"
    worker.write_text(COMMAND)
    recipe = write_recipe(tiny_base, source, tmp_path / "run", epochs=1)
    launcher = (*TORCHRUN[:-1], "3", str(worker))
    command = [sys.executable, *launcher, "finetune", "--config", str(recipe)]
    finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False)
    assert finished.returncode == 0, finished.stderr
    assert finished.stderr.count("4 bad rows and files") == 1
    assert (tmp_path / "run" / "final" / "adapter_model.safetensors").exists()


def test_two_processes_write_the_adapter_of_one(source: Path, tiny_base: Path, tmp_path: Path) -> None:
    """The corpus is read once, every step is shared, and the first process alone writes."""
    base = EmotionWhisperForAudioClassification.from_pretrained(tiny_base)
    base.config.final_dropout = 0.0  # each process draws its own
    base.save_pretrained(tmp_path / "base")
    EmotionWhisperFeatureExtractor.from_pretrained(tiny_base).save_pretrained(tmp_path / "base")
    worker = tmp_path / "worker.py"
    worker.write_text(COMMAND)
    adapters = []
    for name, launcher in (("one", (str(worker),)), ("two", (*TORCHRUN, str(worker)))):
        recipe = make_recipe(
            tmp_path / "base",
            tmp_path / name,
            source=str(source),
            target={"loss": "mse"},  # the others compare the clips of a micro-batch, which two processes cut smaller
            adapter={"peft_type": "LORA", "r": 2, "lora_dropout": 0, "target_modules": ["q_proj", "v_proj"]},
            loop={"frames_per_batch": 150, "validate_every": 100, "epochs": 4},
            sampling=ONCE,
        )
        save_recipe(recipe, tmp_path / f"{name}.yaml")
        command = [sys.executable, *launcher, "finetune", "--config", str(tmp_path / f"{name}.yaml")]
        finished = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=800, check=False)
        assert finished.returncode == 0, finished.stderr
        assert finished.stderr.count("4 bad rows and files") == 1
        adapters.append(load_file(tmp_path / name / "final" / "adapter_model.safetensors"))
        steps = [json.loads(line)["step"] for line in (tmp_path / name / "log.jsonl").read_text().splitlines()]
        assert steps.count(1) == 1
    one, two = adapters
    assert one.keys() == two.keys()
    assert all(tensor.any() for name, tensor in two.items() if "lora_B" in name), "nothing was learned"
    for name, tensor in one.items():
        assert (tensor - two[name]).norm() < 1e-2 * tensor.norm(), name
