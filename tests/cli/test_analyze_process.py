"""`audio-emotion analyze` as a process: what it imports, and what signals and pipes do to it."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import soundfile

COMMAND = [sys.executable, "-c", "from audio_emotion.cli import app; app()", "analyze"]
FAULTY = [
    ["gone.wav"],
    ["call.wav", "--labels", "joy"],
    ["call.wav", "--prior", "flat"],
    ["call.wav", "--out", "missing/a.csv", "--format", "csv"],
    ["call.wav", "--out", "call.wav", "--format", "csv"],
    ["call.wav", "--json", "--format", "csv"],
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, speech: Any) -> Path:
    folder = tmp_path_factory.mktemp("calls")
    soundfile.write(folder / "call.wav", speech(1.5), 16000)
    return folder


def test_faults_are_told_without_torch(folder: Path, bundled_checkpoint: Path) -> None:
    """Each fault in the same process: what one of them imported, another could use."""
    code = f"""
import sys
from audio_emotion.cli import app
for arguments in {FAULTY!r}:
    sys.argv = ["audio-emotion", "analyze", *arguments]
    try:
        app()
    except SystemExit as end:
        assert end.code == (1 if arguments == ["gone.wav"] else 2), (arguments, end.code)
assert not {{"torch", "transformers", "matplotlib"}} & set(sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.count("error:") == len(FAULTY) - 1  # and one usage error in a frame


def test_a_terminal_is_not_waited_for(folder: Path) -> None:
    parent, child = os.openpty()
    done = subprocess.run([*COMMAND, "-"], stdin=child, capture_output=True, text=True, timeout=60, check=False)
    os.close(parent)
    os.close(child)
    assert done.returncode == 2
    assert "which is a terminal" in done.stderr


@pytest.fixture(scope="module")
def many(folder: Path) -> Path:
    many = folder / "many"
    many.mkdir()
    for index in range(100):
        shutil.copy(folder / "call.wav", many / f"{index:03d}.wav")
    return many


@pytest.mark.slow
@pytest.mark.timeout(600)  # two processes that import torch, on a machine that may be busy
def test_sigint_leaves_whole_lines_and_resume_finishes(many: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.jsonl"
    command = [*COMMAND, str(many), "--model", str(tiny_model_dir), "--format", "jsonl", "--out", str(out)]
    running = subprocess.Popen([*command, "--batch-size", "1"], stderr=subprocess.PIPE, text=True)
    while not out.exists() or out.stat().st_size < 10_000:
        assert running.poll() is None
        time.sleep(0.005)
    running.send_signal(signal.SIGINT)
    _, messages = running.communicate(timeout=120)
    assert running.returncode == 130
    files = [json.loads(line)["file"] for line in out.read_text().split("\n")[:-1]]
    assert 0 < len(files) < 100
    assert f"{len(files)} of 100 recordings are finished" in messages
    done = subprocess.run([*command, "--resume"], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    files = [json.loads(line)["file"] for line in out.read_text().splitlines()]
    assert files == [str(path) for path in sorted(many.iterdir())]


@pytest.mark.slow
@pytest.mark.parametrize("options", [["--json"], []])
def test_a_reader_that_leaves_is_no_fault(many: Path, tiny_model_dir: Path, options: list[str]) -> None:
    command = [*COMMAND, str(many), "--model", str(tiny_model_dir), "--batch-size", "1", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None and running.stderr is not None
        assert running.stdout.readline()
        running.stdout.close()
        assert running.stderr.read() == ""
    assert running.returncode == 141


@pytest.mark.slow
def test_standard_input_of_a_pipe(folder: Path, tiny_model_dir: Path) -> None:
    done = subprocess.run(
        [*COMMAND, "-", "--json", "--model", str(tiny_model_dir)],
        input=(folder / "call.wav").read_bytes(),
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert json.loads(done.stdout)["file"] == "stdin"
