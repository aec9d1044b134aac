"""Signals and a full disk at every door: what was complete stays, the same command does the rest, exit codes tell.

Each test starts a dozen processes that import torch: run one door with `-k train`.
"""

import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from hub_client import HubServer
from hume_standin import hisses, make_recipe
from safetensors.torch import load_file

from audio_emotion.training.checkpoints import list_checkpoints, load_checkpoint
from audio_emotion.training.recipe import Recipe, save_recipe
from benchmarks.hume_corpus import write_corpus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

PROGRAM = [sys.executable, "-c", "from audio_emotion.cli import app; app()"]
EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGKILL: -9}


def hashes(*paths: Path) -> dict[str, str]:
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


@dataclass
class Door:
    """A command that writes under `out` alone.

    Attributes:
        command: Its arguments.
        out: The folder that it writes to, which is there.
        progress: How far a process has come; false at first, and of another value when it is time to strike.
        kept: What is finished, by name: it has to be the same after the command has run again.
        result: What the finished work is, the same for a run that was never broken.
        disk_kb: A disk that is full midway.
        again: Options of the second run.
        environment: Variables of its process.
    """

    command: list[Any]
    out: Path
    progress: Callable[[int], Any]
    kept: Callable[[], dict[str, str]]
    result: Callable[[], Any]
    disk_kb: int
    again: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *options: str, launcher: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        command = [*launcher, *PROGRAM, *map(str, self.command), *options]
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "COLUMNS": "200", **self.environment}
        return subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def finish(self, *options: str) -> Any:
        process = self.start(*options)
        _, messages = process.communicate(timeout=900)
        assert process.returncode == 0, messages
        return self.result()


def has_loaded_torch(pid: int) -> bool:
    return "libtorch" in Path(f"/proc/{pid}/maps").read_text()


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stand-in of Hume-Prosody as its owner ships it."""
    folder = tmp_path_factory.mktemp("hume") / "corpus"
    write_corpus(folder, {"train": hisses(300, 0), "devel": hisses(100, 1), "test": hisses(100, 2)})
    return folder


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory, speech: Any) -> Path:
    folder = tmp_path_factory.mktemp("calls")
    for number in range(60):
        soundfile.write(folder / f"{number:02d}.wav", speech(3) * (1 - number / 100), 16000)
    return folder


@pytest.fixture
def out(tmp_path: Path) -> Path:
    folder = tmp_path / "out"
    folder.mkdir()
    return folder


@pytest.fixture
def prepare(corpus: Path, out: Path) -> Door:
    shards = out / "humeprosody"

    def kept() -> dict[str, str]:
        complete = json.loads((shards / "manifest.json").read_text())["shards"]
        assert all(pq.read_table(shards / name).num_rows for name in complete)
        return hashes(*(shards / name for name in complete))

    return Door(
        ["corpora", "prepare", "humeprosody", "--source", corpus, "--out", out, "--num-proc", 1, "--max-bad", 99],
        out,
        lambda _: [path.stat().st_ctime_ns for path in shards.glob("*.partial")],
        kept,
        lambda: hashes(*(path for path in shards.iterdir() if path.name != ".lock")),
        disk_kb=6000,
    )


def training_door(command: str, recipe: Any, out: Path, disk_kb: int) -> Door:
    run, config = out / "run", out.parent / f"{command}.yaml"
    raw = recipe.model_dump() | {"output_dir": str(run)}
    raw["loop"] |= {"epochs": 6, "checkpoint_every": 1, "validate_every": 3, "patience": 1000}
    save_recipe(type(recipe).model_validate(raw), config)

    def kept() -> dict[str, str]:
        for checkpoint in list_checkpoints(run / "checkpoints"):
            load_checkpoint(checkpoint)
        for weights in run.glob("*/*model.safetensors"):
            load_file(weights)
        assert (run / "recipe.yaml").read_text()
        return {}

    return Door(
        [command, "--config", config],
        out,
        lambda _: list_checkpoints(run / "checkpoints"),
        kept,
        lambda: hashes(*(run / "final").glob("*model.safetensors")) | {"log": steps(run / "log.jsonl")},
        disk_kb,
        ["--resume"],
    )


def steps(log: Path) -> str:
    """The steps of a log in their order, each once."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return str([line["step"] for line in lines if "step_s" in line])


@pytest.fixture
def train(recipe: Recipe, out: Path) -> Door:
    return training_door("train", recipe, out, disk_kb=900)


@pytest.fixture
def finetune(corpus: Path, tiny_base: Path, out: Path) -> Door:
    recipe = make_recipe(tiny_base, out, source=str(corpus), max_bad=99, sampling={"items_per_epoch": 48})
    return training_door("finetune", recipe, out, disk_kb=7_400)


@pytest.fixture
def evaluate(tiny_model_dir: Path, prepared: Path, out: Path) -> Door:
    results = out / "results.json"
    results.write_text("the results of an earlier run, which take up some of the disk\n" * 200)
    command = ["evaluate", "--model", tiny_model_dir, "--data", prepared, "--split", "all", "--resamples", 20]

    def result() -> dict[str, Any]:
        measured = json.loads(results.read_text())
        del measured["command"]
        return measured

    return Door([*command, "--out", results], out, has_loaded_torch, lambda: hashes(results), result, disk_kb=16)


@pytest.fixture
def score(tiny_model_dir: Path, calls: Path, out: Path) -> Door:
    manifest = out / "scores" / "_manifest"

    def kept() -> dict[str, str]:
        names = [f"clips/{entry.stem}.parquet" for entry in manifest.glob("part-*.json")]
        return hashes(*(out / "scores" / name for name in names))

    return Door(
        ["score", calls, "--out", out / "scores", "--model", tiny_model_dir, "--block-size", 2, "--batch-size", 1],
        out,
        lambda _: len(list(manifest.glob("part-*.json"))),
        kept,
        lambda: pq.read_table(out / "scores" / "clips").to_pylist(),
        disk_kb=120,
        again=["--resume"],
    )


@pytest.fixture
def export(tiny_model_dir: Path, out: Path) -> Door:
    return Door(
        ["export", "--model", tiny_model_dir, "--out", out / "onnx"],
        out,
        lambda _: list(out.glob(".onnx.partial")),
        lambda: hashes(*(out / "onnx").glob("*")),
        lambda: sorted(path.name for path in (out / "onnx").iterdir()),
        disk_kb=200,
    )


@pytest.fixture
def push(tiny_model_dir: Path, online: HubServer, out: Path) -> Door:
    repository = f"alice/{out.parent.name.replace('_', '-')[:60]}"
    online.fault("GET", f"/api/models/{repository}/refs.*", delay_s=2.0, times=None)

    def files() -> list[str]:
        api = online.api()
        if not api.repo_exists(repository):
            return []
        return [name for name in api.list_repo_files(repository) if name != ".gitattributes"]

    return Door(
        ["push", tiny_model_dir, repository],
        out,
        lambda _: [path for path in online.requests("GET") if repository in path],
        lambda: dict.fromkeys(files(), ""),
        lambda: sorted(files()),
        disk_kb=200,
        environment=online.environment(HF_HUB_OFFLINE="0", TMPDIR=str(out)),
    )


@pytest.fixture
def analyze(tiny_model_dir: Path, calls: Path, out: Path) -> Door:
    lines = out / "answers.jsonl"
    return Door(
        ["analyze", calls, "--model", tiny_model_dir, "--format", "jsonl", "--out", lines, "--batch-size", 1],
        out,
        lambda _: lines.exists() and lines.stat().st_size // 5000,
        lambda: {json.loads(line)["file"]: line for line in lines.read_text().split("\n")[:-1]},
        lambda: [json.loads(line)["file"] for line in lines.read_text().splitlines()],
        disk_kb=24,
        again=["--resume"],
    )


DOORS = ["prepare", "train", "finetune", "evaluate", "score", "export", "push", "analyze"]


@pytest.fixture(params=DOORS)
def door(request: pytest.FixtureRequest) -> Door:
    value: Door = request.getfixturevalue(request.param)
    return value


@pytest.fixture
def unbroken(door: Door, tmp_path: Path) -> Any:
    """The result of a run that nothing happens to; its traces are removed."""
    before = shutil.copytree(door.out, tmp_path / "before")
    result = door.finish()
    shutil.rmtree(door.out)
    shutil.move(before, door.out)
    return result


def check_the_rest_is_done(door: Door, unbroken: Any) -> None:
    kept = door.kept()
    assert door.finish(*door.again) == unbroken
    after = door.kept()
    if "evaluate" not in door.command:
        assert {name: after[name] for name in kept} == kept
    assert not list(door.out.rglob("*.partial"))


def test_signals(door: Door, unbroken: Any) -> None:
    moments = np.random.default_rng(0)
    options: list[str] = []
    for number, exit_code in EXIT_CODES.items():
        process = door.start(*options)
        before = door.progress(process.pid)
        deadline = time.monotonic() + 240
        while process.poll() is None and time.monotonic() < deadline:
            if (now := door.progress(process.pid)) and now != before:
                break
            time.sleep(0.005)
        time.sleep(moments.uniform(0, 0.2))
        process.send_signal(number)
        _, messages = process.communicate(timeout=600)
        assert process.returncode == exit_code, messages
        assert "Traceback" not in messages
        if number != signal.SIGKILL:
            assert "Interrupted" in messages or "Stopped" in messages
            assert not list(door.out.rglob("*.partial"))
        door.kept()
        options = door.again
    check_the_rest_is_done(door, unbroken)


def test_a_full_disk(door: Door, unbroken: Any, tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("needs unshare to mount a small disk")
    kept = tmp_path / "kept"
    kept.mkdir()
    earlier = list(door.out.iterdir())
    mount = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-c")
    fill = "".join(f'cp -a "{path}" "$3/" && ' for path in earlier)
    script = f'{fill}mount -t tmpfs -o size="$1"k none "$2" || exit 77; cp -a "$3/." "$2"; rm -rf "$3"/*; '
    script += 'disk=$2 kept=$3; shift 3; "$@"; code=$?; cp -a "$disk/." "$kept"; exit $code'
    process = door.start(launcher=(*mount, script, "sh", str(door.disk_kb), str(door.out), str(kept)))
    _, messages = process.communicate(timeout=900)
    if process.returncode == 77 or "unshare:" in messages:
        pytest.skip("this machine lets nobody mount a small disk")
    shutil.rmtree(door.out)
    kept.rename(door.out)
    assert process.returncode == 1, messages
    assert "error:" in messages and "No space left on device" in " ".join(messages.split()), messages
    assert "Traceback" not in messages
    check_the_rest_is_done(door, unbroken)


def test_two_processes_prepare_one_corpus(prepare: Door) -> None:
    both = [prepare.start(), prepare.start()]
    endings = [(process.communicate(timeout=900)[1], process.returncode) for process in both]
    assert 0 in [code for _, code in endings], endings
    for messages, code in endings:
        assert code == 0 or (code == 1 and "another process writes to" in messages), messages
    together = prepare.result()
    shutil.rmtree(prepare.out)
    prepare.out.mkdir()
    assert prepare.finish() == together
