"""`audio-emotion score`: what is told before the work, and after it."""

import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import soundfile
from typer.testing import CliRunner, Result

from audio_emotion.cli import app


@pytest.fixture
def calls(tmp_path: Path, speech: Any) -> Path:
    folder = tmp_path / "calls"
    folder.mkdir()
    for index in range(3):
        soundfile.write(folder / f"{index}.flac", speech(1.0, seed=index), 16000)
    return folder


@pytest.fixture
def score(tiny_model_dir: Path, tmp_path: Path) -> Any:
    def run(*arguments: object, out: object = None, model: object = tiny_model_dir) -> Result:
        command = ["score", *arguments, "--out", out or tmp_path / "out", "--model", model]
        return CliRunner().invoke(app, [str(argument) for argument in command], env={"COLUMNS": "200"})

    return run


def test_a_folder(score: Any, calls: Path, tmp_path: Path) -> None:
    (calls / "bad.wav").write_text("no audio")
    result = score(calls, "--chunks", "--window", "0.5", "--labels", "anger,fear", "--prior", "anger=0,fear=1")
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert "3 clips, 0.00 hours, are in" in result.stderr
    assert "1 recordings could not be heard" in result.stderr
    assert "bad.wav cannot be read as audio" in result.stderr
    clips, chunks = (pq.read_table(tmp_path / "out" / table).to_pylist() for table in ("clips", "chunks"))
    assert [(row["label"], row["score_anger"], row["score_fear"]) for row in clips] == [("fear", 0.0, 1.0)] * 3
    assert [(row["start_s"], row["end_s"]) for row in chunks] == [(0.0, 0.5), (0.5, 1.0)] * 3
    refused = score(calls)
    assert refused.exit_code == 1
    assert "holds results already" in refused.stderr


@pytest.mark.parametrize(
    ("arguments", "out", "message"),
    [
        (["nothing-here.wav"], None, "nothing-here.wav does not exist"),
        (["CALLS", "--labels", "joy"], None, "'joy'"),
        (["CALLS", "--chunks", "--window", "0.001"], None, "at least 0.02"),
        (["CALLS"], "CALLS/0.flac/out", "cannot be"),
        (["CALLS"], "nowhere://bucket/out", "nowhere"),
        (["CALLS", "--max-errors", "0", "CALLS/bad.wav"], None, "more than --max-errors 0"),
    ],
)
def test_errors(score: Any, calls: Path, tmp_path: Path, arguments: list[str], out: str | None, message: str) -> None:
    (calls / "bad.wav").touch()
    arguments = [argument.replace("CALLS", str(calls)) for argument in arguments]
    result = score(*arguments, out=out and out.replace("CALLS", str(calls)))
    assert result.exit_code == 1, result.output
    assert result.stderr.lstrip().startswith("error: ")
    assert message in result.stderr
    if "max-errors" not in message:
        assert not (tmp_path / "out").exists(), "nothing is written before everything is checked"


def test_a_missing_model(score: Any, calls: Path, tmp_path: Path) -> None:
    result = score(calls, model=tmp_path / "absent")
    assert result.exit_code == 1
    assert "absent cannot be loaded" in result.stderr
    assert not (tmp_path / "out").exists()


def test_without_the_extra(score: Any, calls: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ray", None)
    result = score(calls, "--engine", "ray")
    assert result.exit_code == 1
    assert "pip install 'audio-emotion[ray]'" in result.stderr
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [["--workers", "2"], ["--address", "auto"], ["--window", "1"]])
def test_options_that_need_another(score: Any, calls: Path, arguments: list[str]) -> None:
    result = score(calls, *arguments)
    assert result.exit_code == 2
    assert "need" in result.stderr


def test_nothing_heard(score: Any, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").touch()
    assert score(tmp_path / "bad.wav").exit_code == 1
