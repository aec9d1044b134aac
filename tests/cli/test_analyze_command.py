"""`audio-emotion analyze`: what is printed, what is written, and how faults are told."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from audio_emotion.cli import app
from audio_emotion.cli.analyze import _clock


@pytest.fixture
def calls(tmp_path: Path, speech: Any) -> list[Path]:
    folder = tmp_path / "calls"
    folder.mkdir()
    paths = [folder / "first.wav", folder / "second.flac"]
    for seed, path in enumerate(paths):
        soundfile.write(path, speech(2.0 + seed, seed=seed), 16000)
    return paths


@pytest.fixture
def analyze(tiny_model_dir: Path) -> Any:
    def run(*arguments: object, model: object = tiny_model_dir) -> Result:
        command = ["analyze", *arguments, *(["--model", model] if model else [])]
        return CliRunner().invoke(app, [str(argument) for argument in command], env={"COLUMNS": "120"})

    return run


def test_a_table_per_recording(analyze: Any, calls: list[Path]) -> None:
    result = analyze(*calls, "--window", 1)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("Whole recording: ") == 2
    assert "00:02.00" in result.stdout
    assert "00:03.00" in result.stdout
    for heading in ("From", "To", "Emotion", "Score", "Then"):
        assert heading in result.stdout


@pytest.mark.parametrize("file_format", ["json", "csv", "textgrid", "audacity", "rttm"])
def test_formats_go_to_stdout_alone(analyze: Any, calls: list[Path], file_format: str) -> None:
    result = analyze(calls[0], "--format", file_format, "--window", "0.5")
    assert result.exit_code == 0, result.output
    start = {"json": "[", "csv": "file,", "textgrid": "File type", "audacity": "0.000000", "rttm": "SPEAKER first 1"}
    assert result.stdout.startswith(start[file_format])


def test_json_of_several_recordings(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out.json"
    labels = ("--labels", "anger,neutral", "--labels", "fear")
    assert analyze(*calls, "--format", "json", "--out", out, *labels, "--top-k", 2).exit_code == 0
    entries = json.loads(out.read_text())
    assert [entry["file"] for entry in entries] == [str(path) for path in calls]
    assert list(entries[0]["chunks"][0]["scores"]) == ["anger", "neutral", "fear"]
    assert len(entries[0]["scores"]) == 2


def test_csv_window(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    assert analyze(*calls, "--format", "csv", "--out", out, "--window", 0.5).exit_code == 0
    rows = list(csv.DictReader(out.open()))
    assert [row["end_s"] for row in rows[:4]] == ["0.500", "1.000", "1.500", "2.000"]
    assert len(rows) == 4 + 6


def test_prior(analyze: Any, calls: list[Path]) -> None:
    def first(prior: str) -> dict[str, float]:
        result = analyze(calls[0], "--format", "json", "--labels", "anger,fear", "--window", 9, "--prior", prior)
        assert result.exit_code == 0, result.output
        return json.loads(result.stdout)[0]["chunks"][0]["scores"]  # type: ignore[no-any-return]

    assert first("train") != first("uniform")
    assert first("anger=0, fear=1") == {"anger": 0.0, "fear": 1.0}


def test_one_text_file_per_recording(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    assert analyze(*calls, "--format", "textgrid", "--out", tmp_path / "grids").exit_code == 0
    assert sorted(path.name for path in (tmp_path / "grids").iterdir()) == ["first.TextGrid", "second.TextGrid"]


def test_table_into_a_file(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    result = analyze(*calls, "--out", tmp_path / "table.txt")
    assert result.stdout == ""
    assert (tmp_path / "table.txt").read_text().count("Whole recording: ") == 2


def test_plots(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    assert analyze(calls[0], "--plot", tmp_path / "one.png").exit_code == 0
    assert analyze(*calls, "--plot", tmp_path / "plots").exit_code == 0
    for path in (tmp_path / "one.png", tmp_path / "plots" / "first.png", tmp_path / "plots" / "second.png"):
        assert path.read_bytes().startswith(b"\x89PNG")


def test_one_bad_file_does_not_cost_the_others(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("not audio")
    soundfile.write(tmp_path / "short.wav", np.zeros(100), 16000)
    out = tmp_path / "out.json"
    bad = [tmp_path / "notes.wav", tmp_path / "short.wav", tmp_path / "gone.wav", tmp_path]
    result = analyze(bad[0], calls[0], *bad[1:], calls[1], "--format", "json", "--out", out)
    assert result.exit_code == 1
    assert [entry["file"] for entry in json.loads(out.read_text())] == [str(path) for path in calls]
    for message in ("notes.wav cannot be read", "short.wav lasts 6.2 ms", "gone.wav does not exist", "is a directory"):
        assert message in result.stderr
    assert "4 of 6 recordings failed" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "joy"], "labels holds ['joy']"),
        (["--window", "0"], "window in seconds"),
        (["--window", "-2"], "window in seconds"),
        (["--prior", "flat"], "give 'train', 'uniform'"),
        (["--out", "missing/folder/a.json", "--format", "json"], "cannot be written: No such file"),
        (["--plot", "missing/folder/a.png"], "cannot be written: No such file"),
    ],
)
def test_bad_options_are_told_before_the_work(
    analyze: Any, calls: list[Path], arguments: list[str], message: str
) -> None:
    result = analyze(calls[0], *arguments)
    assert result.exit_code == 1
    assert message in result.stderr
    assert result.stdout == ""


def test_a_prior_that_is_no_list_is_a_usage_error(analyze: Any, calls: list[Path]) -> None:
    result = analyze(calls[0], "--prior", "anger=much")
    assert result.exit_code == 2
    assert "label=share" in result.stderr


def test_two_outputs_with_one_name_are_refused(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    twin = tmp_path / "first.flac"
    twin.write_bytes(calls[1].read_bytes())
    result = analyze(calls[0], twin, "--plot", tmp_path / "plots")
    assert result.exit_code == 1
    assert "would both be written to" in result.stderr


def test_a_folder_that_is_no_model(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    result = analyze(calls[0], model=tmp_path)
    assert result.exit_code == 1
    assert "holds no model.safetensors" in result.stderr


def test_the_bundled_model_is_the_default(analyze: Any, calls: list[Path], bundled_checkpoint: Path) -> None:
    assert analyze(calls[0], model=None).exit_code == 0


def test_an_existing_file_survives_a_failed_start(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "kept.json"
    out.write_text("precious")
    assert analyze(calls[0], "--format", "json", "--out", out, "--labels", "joy").exit_code == 1
    assert out.read_text() == "precious"


def test_clock() -> None:
    assert [_clock(seconds) for seconds in (0, 59.999, 3599.99, 3600, 36061.5)] == [
        "00:00.00",
        "01:00.00",
        "59:59.99",
        "1:00:00.00",
        "10:01:01.50",
    ]


def test_help_has_examples() -> None:
    result = CliRunner().invoke(app, ["analyze", "--help"], env={"COLUMNS": "120"})
    assert "audio-emotion analyze call.wav" in result.output
