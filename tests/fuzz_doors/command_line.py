"""Command lines."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import soundfile
from conftest import speech_like

from fuzz_doors.door import Door
from fuzz_doors.models import tiny_model
from fuzz_doors.turns import RTTM

COMMANDS = [
    ["analyze", "call.wav", "--window", "0.5", "--labels", "anger,fear", "--top-k", "2", "--format", "json"],
    ["analyze", "call.wav", "--prior", "anger=0.5,neutral=0.5", "--switch-cost", "0.1", "--min-chunk", "1", "-q"],
    ["analyze", "*.wav", "--segments", "turns.rttm", "--batch-size", "2", "--json", "--format", "jsonl"],
    ["score", "call.wav", "--out", "out", "--chunks", "--window", "1", "--max-errors", "1", "--block-size", "3"],
    ["corpora", "check", "ravdess", "--source", "."],
    ["corpora", "prepare", "emodb", "--source", ".", "--out", "out"],
    ["train", "--config", "recipe.yaml", "--set", "loop.epochs=1"],
    ["finetune", "--config", "recipe.yaml", "--set", "target.loss=ccc", "--max-bad", "3"],
    ["convert", "call.wav", "--out", "out"],
    ["export", "--model", "call.wav", "--out", "out"],
    ["predict", "--model", "absent", "--source", ".", "--split", "test", "--out", "out.csv"],
    ["evaluate", "--model", "absent", "--data", "prepared", "--out", "out.json"],
    ["push", "absent", "me/model", "--dry-run"],
]


def _call_command(content: bytes, folder: Path) -> None:
    """A command line, its arguments by line; exit codes are allowed, tracebacks are not. It runs in the folder."""
    from typer.testing import CliRunner

    from audio_emotion.cli import app

    arguments = content.decode(errors="surrogateescape").replace("\0", "").replace("/", "").split("\n")
    if any(argument.startswith("~") or ".." in argument for argument in arguments):
        return
    place = folder / "place"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    soundfile.write(place / "call.wav", speech_like(0.5), 16000)
    (place / "turns.rttm").write_bytes(RTTM)
    if arguments[0] in ("analyze", "score"):
        arguments += ["--model", str(tiny_model(folder) / "whole")]
    if arguments[0] == "demo":
        return  # it would serve
    with _inside(place):
        result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 2), result.exit_code


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


DOORS = {"command-line": Door(lambda _: ["\n".join(command).encode() for command in COMMANDS], _call_command, weight=4)}
