"""`audio-emotion export`: what it says, and what it refuses before it starts."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from audio_emotion.cli import app, export


def refused(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["export", *arguments])
    assert result.exit_code == 1, result.output
    return " ".join(result.output.split())


def test_calibration_without_int8(tmp_path: Path) -> None:
    assert "serves to choose the layers of --int8" in refused("--out", str(tmp_path / "o"), "--calibration", "x.wav")


def test_int8_without_audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setattr(sys.modules["audio_emotion.cli.export"], "EXAMPLE", tmp_path / "gone.flac")
    assert "--int8 needs --calibration" in refused("--out", str(tmp_path / "o"), "--int8")


def test_a_taken_place(tmp_path: Path, tiny_model_dir: Path) -> None:
    (tmp_path / "notes.txt").touch()
    assert "not an empty folder" in refused("--model", str(tiny_model_dir), "--out", str(tmp_path))


def test_an_unknown_format(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["export", "--out", str(tmp_path / "o"), "--format", "tflite"]).exit_code == 2


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_writes_and_says_so(tmp_path: Path, tiny_model_dir: Path) -> None:
    arguments = ["export", "--model", str(tiny_model_dir), "--out", str(tmp_path / "o"), "--format", "onnx", "--int8"]
    result = CliRunner().invoke(app, [*arguments, "--calibration", str(export.__globals__["EXAMPLE"])])
    assert result.exit_code == 0, result.output
    assert "layers in eight bits" in result.output
    assert (tmp_path / "o" / "model.onnx").is_file()
