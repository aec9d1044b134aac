"""`audio-emotion analyze`: what is printed, what is written, and how faults are told."""

import csv
import io
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner, Result

from audio_emotion.cli import app


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
    def run(*arguments: object, model: object = tiny_model_dir, stdin: bytes | None = None) -> Result:
        command = ["analyze", *arguments, *(["--model", model] if model else [])]
        return CliRunner().invoke(app, [str(argument) for argument in command], input=stdin, env={"COLUMNS": "120"})

    return run


def test_a_table_per_recording(analyze: Any, calls: list[Path]) -> None:
    result = analyze(*calls, "--window", 1)
    assert result.exit_code == 0, result.output
    assert result.stdout.count("Whole recording: ") == 2
    assert "00:02.00" in result.stdout
    assert "00:03.00" in result.stdout
    assert any(block in result.stdout for block in "▂▃▄▅▆▇█")
    for heading in ("From", "To", "Emotion", "Score", "Then"):
        assert heading in result.stdout


@pytest.mark.parametrize("file_format", ["json", "jsonl", "csv", "textgrid", "audacity", "rttm", "vtt"])
def test_formats_go_to_stdout_alone(analyze: Any, calls: list[Path], file_format: str) -> None:
    result = analyze(calls[0], "--format", file_format, "--window", "0.5")
    assert result.exit_code == 0, result.output
    start = {
        "json": "[",
        "jsonl": '{"file": ',
        "csv": "file,",
        "textgrid": "File type",
        "audacity": "0.000000",
        "rttm": "SPEAKER first 1",
        "vtt": "WEBVTT",
    }
    assert result.stdout.startswith(start[file_format])


def test_json_for_pipes_is_one_object_a_line_and_nothing_else(analyze: Any, calls: list[Path]) -> None:
    result = analyze(*calls, "--json", "--window", 1)
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == [str(path) for path in calls]
    assert analyze(*calls, "--format", "jsonl", "--window", 1).stdout == result.stdout
    assert json.loads(analyze(*calls, "--format", "json", "--window", 1).stdout) == [
        json.loads(line) for line in result.stdout.splitlines()
    ]


def test_quiet_says_nothing_but_results_and_errors(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    result = analyze(*calls, tmp_path / "gone.wav", "--quiet", "--format", "csv", "--out", tmp_path / "a.csv")
    assert result.exit_code == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"error: {tmp_path / 'gone.wav'} does not exist. Give the path of an audio file."
    ]


def test_quiet_leaves_out_what_speaks_against_the_scores(
    analyze: Any, tmp_path: Path, speech: Any, caplog: pytest.LogCaptureFixture
) -> None:
    soundfile.write(tmp_path / "short.wav", speech(0.5), 16000)
    loud = analyze(tmp_path / "short.wav", "--json")
    assert "too_short" in caplog.text
    caplog.clear()
    assert analyze(tmp_path / "short.wav", "--json", "--quiet").stdout == loud.stdout
    assert caplog.text == ""


def test_names_that_are_no_text_stay_apart(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    for name, call in zip((b"\xff.wav", b"\xfe.wav"), calls, strict=True):
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(call.read_bytes())
    result = analyze(folder, "--json")
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == [
        f"{folder}/%FE.wav",
        f"{folder}/%FF.wav",
    ]
    assert analyze(folder, "--format", "json", "--out", f"{tmp_path}/out/").exit_code == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"%FE.json", "%FF.json"}


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
    bad = [tmp_path / "notes.wav", tmp_path / "short.wav", tmp_path / "gone.wav"]
    result = analyze(bad[0], calls[0], *bad[1:], calls[1], "--format", "json", "--out", out)
    assert result.exit_code == 1
    assert [entry["file"] for entry in json.loads(out.read_text())] == [str(path) for path in calls]
    for message in ("notes.wav cannot be read", "short.wav lasts 6.2 ms", "gone.wav does not exist"):
        assert message in result.stderr
    assert "3 of 5 recordings failed" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--labels", "joy"], "labels holds ['joy']"),
        (["--window", "0"], "window in seconds"),
        (["--window", "-2"], "window in seconds"),
        (["--prior", "flat"], "give 'train', 'uniform'"),
        (["--out", "missing/folder/a.json", "--format", "json"], "cannot be written: No such file"),
        (["--plot", "missing/folder/a.png"], "cannot be written: No such file"),
        (["--out", "/dev/null/a.csv", "--format", "csv"], "cannot be written: Not a directory"),
        (["--plot", "a.docx"], "plots are written as .png, .svg, .pdf"),
        (["--min-chunk", "-1"], "min_chunk"),
        (["--switch-cost", "-1"], "switch_cost"),
        (["--segments", "gone.rttm"], "gone.rttm"),
    ],
)
def test_bad_options_are_told_before_the_work(
    analyze: Any, calls: list[Path], arguments: list[str], message: str
) -> None:
    result = analyze(calls[0], *arguments)
    assert result.exit_code == 2
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
    assert result.exit_code == 2
    assert "would both be written to" in result.stderr
    result = analyze(calls[0], "--plot", tmp_path / "a.svg", "--out", tmp_path / "a.svg", "--format", "csv")
    assert result.exit_code == 2
    assert "would both be written to" in result.stderr
    result = analyze(calls[0], twin, "--format", "rttm", "--out", tmp_path / "a.rttm")
    assert result.exit_code == 2
    assert "are both called first in an RTTM file" in result.stderr
    assert not list(tmp_path.glob("a.*"))


def test_a_recording_is_never_overwritten(analyze: Any, calls: list[Path]) -> None:
    sound = calls[0].read_bytes()
    result = analyze(*calls, "--format", "csv", "--out", calls[0])
    assert result.exit_code == 2
    assert "is a recording to analyse, and would be overwritten" in result.stderr
    assert calls[0].read_bytes() == sound


def test_a_folder_is_heard_and_its_tree_mirrored(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    deep = calls[0].parent / "monday" / "first.wav"
    deep.parent.mkdir()
    deep.write_bytes(calls[0].read_bytes())
    out = tmp_path / "out"
    result = analyze(calls[0].parent, "--format", "vtt", "--out", out)
    assert result.exit_code == 0, result.output
    assert sorted(path.relative_to(out).as_posix() for path in out.rglob("*.*")) == [
        "first.vtt",
        "monday/first.vtt",
        "second.vtt",
    ]
    result = analyze(calls[0].parent / "*.wav", "--json")
    assert [json.loads(line)["file"] for line in result.stdout.splitlines()] == [str(calls[0])]


def test_a_format_of_one_recording_wants_a_folder_for_several(analyze: Any, calls: list[Path]) -> None:
    result = analyze(*calls, "--format", "textgrid")
    assert result.exit_code == 2
    assert "give a folder as --out" in result.stderr


def test_standard_input(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    result = analyze("-", "--json", "--plot", tmp_path / "a.svg", stdin=calls[0].read_bytes())
    assert result.exit_code == 0, result.output
    assert ">Sound<" in (tmp_path / "a.svg").read_text()
    (answer,) = map(json.loads, result.stdout.splitlines())
    assert answer.pop("file") == "stdin"
    (same,) = map(json.loads, analyze(calls[0], "--json").stdout.splitlines())
    assert answer["chunks"] == same["chunks"]
    broken = analyze("-", "--json", stdin=b"no audio")
    assert broken.exit_code == 1
    assert "stdin cannot be read as audio" in broken.stderr


def test_batches_change_no_answer_and_no_order(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    (calls[0].parent / "aa.wav").write_text("not audio")
    soundfile.write(calls[0].parent / "ab.wav", np.zeros(100), 16000)
    answers = []
    for size in (1, 2, 8):
        result = analyze(calls[0].parent, "--json", "--batch-size", size, "--window", 1)
        assert result.exit_code == 1
        assert "aa.wav cannot be read" in result.stderr
        assert "ab.wav lasts 6.2 ms" in result.stderr
        answers.append([json.loads(line) for line in result.stdout.splitlines()])
    assert [answer["file"] for answer in answers[0]] == [str(path) for path in calls]
    for answer in answers[1:]:
        for one, other in zip(answers[0], answer, strict=True):
            assert [chunk["label"] for chunk in one["chunks"]] == [chunk["label"] for chunk in other["chunks"]]
            assert [chunk["score"] for chunk in one["chunks"]] == pytest.approx(
                [chunk["score"] for chunk in other["chunks"]], abs=1e-4
            )


@pytest.mark.parametrize("file_format", ["json", "jsonl", "csv", "rttm"])
def test_ctrl_c_leaves_finished_results_whole_and_resume_goes_on(
    analyze: Any, calls: list[Path], tmp_path: Path, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, out = tmp_path / "whole", tmp_path / "out"
    options = ("--format", file_format, "--batch-size", 1, "--window", 1)
    assert analyze(*calls, *options, "--out", whole).exit_code == 0

    class Interrupting(io.FileIO):
        def write(self, data: Any) -> int:
            if b"second" in data:
                super().write(data[:20])
                raise KeyboardInterrupt
            return super().write(data)

    def open_path(path: Path, mode: str = "r", **more: Any) -> Any:
        return Interrupting(str(path), "r+") if mode == "r+b" else open_as_ever(path, mode, **more)

    open_as_ever = Path.open
    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", open_path)
        result = analyze(*calls, *options, "--out", out)
    assert result.exit_code == 130
    assert "1 of 2 recordings are finished" in result.stderr
    assert str(calls[0]) in out.read_text() or "SPEAKER first" in out.read_text()
    assert "second" not in out.read_text()
    again = analyze(*calls, *options, "--out", out, "--resume")
    assert again.exit_code == 0
    assert "1 of 2 recordings are finished already" in again.stderr
    assert out.read_text() == whole.read_text()


def test_resume_of_a_folder_skips_what_is_there_and_draws_what_is_not(
    analyze: Any, calls: list[Path], tmp_path: Path
) -> None:
    out, plots = tmp_path / "out", tmp_path / "plots"
    out.mkdir()
    (out / "first.TextGrid").write_text("mine")
    options = (*calls, "--format", "textgrid", "--out", out, "--resume")
    assert "1 of 2 recordings are finished already" in analyze(*options).stderr
    assert (out / "first.TextGrid").read_text() == "mine"
    assert "File type" in (out / "second.TextGrid").read_text()
    assert analyze(*options, "--plot", plots).exit_code == 0
    assert len(list(plots.iterdir())) == 2
    assert (out / "first.TextGrid").read_text() == "mine"


def test_resume_with_everything_there_loads_no_model(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    options = (*calls, "--format", "csv", "--out", tmp_path / "a.csv", "--resume")
    assert analyze(*options).exit_code == 0
    before = (tmp_path / "a.csv").read_text()
    result = analyze(*options, model=tmp_path / "no model")
    assert result.exit_code == 0
    assert "2 of 2 recordings are finished already" in result.stderr
    assert (tmp_path / "a.csv").read_text() == before


def test_resume_retries_what_failed(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    sound = calls[0].read_bytes()
    calls[0].write_bytes(b"not audio")
    options = (*calls, "--format", "jsonl", "--out", tmp_path / "a.jsonl", "--resume")
    assert analyze(*options).exit_code == 1
    calls[0].write_bytes(sound)
    assert analyze(*options).exit_code == 0
    files = [json.loads(line)["file"] for line in (tmp_path / "a.jsonl").read_text().splitlines()]
    assert files == [str(calls[1]), str(calls[0])]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--resume"], "there is no --out"),
        (["--resume", "--out", "a.txt"], "a table is for people"),
        (["--json", "--format", "csv"], "--json writes jsonl"),
        (["--batch-size", "0"], "--batch-size"),
    ],
)
def test_options_that_do_not_fit_are_usage_errors(
    analyze: Any, calls: list[Path], options: list[str], message: str
) -> None:
    result = analyze(calls[0], *options)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.replace("│", " ").split())


def test_resume_refuses_results_of_other_labels(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    for file_format in ("json", "jsonl", "csv"):
        out = tmp_path / f"a.{file_format}"
        assert analyze(calls[0], "--format", file_format, "--out", out, "--labels", "anger,fear").exit_code == 0
        before = out.read_text()
        result = analyze(*calls, "--format", file_format, "--out", out, "--resume")
        assert result.exit_code == 2
        assert "has results for ['anger', 'fear']" in result.stderr
        assert out.read_text() == before


def test_no_recording_at_all_costs_no_model(analyze: Any, tmp_path: Path) -> None:
    assert "does not exist" in analyze(tmp_path / "gone.wav", model=tmp_path / "no model").stderr
    result = analyze(tmp_path, model=tmp_path / "no model")
    assert result.exit_code == 2
    assert "is a folder without audio files" in result.stderr


def test_a_folder_that_is_no_model(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    result = analyze(calls[0], model=tmp_path)
    assert result.exit_code == 2
    assert "holds no model.safetensors" in result.stderr


def test_the_bundled_model_is_the_default(analyze: Any, calls: list[Path], bundled_checkpoint: Path) -> None:
    assert analyze(calls[0], model=None).exit_code == 0


def test_an_existing_file_survives_a_failed_start(analyze: Any, calls: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "kept.json"
    out.write_text("precious")
    assert analyze(calls[0], "--format", "json", "--out", out, "--labels", "joy").exit_code == 2
    assert out.read_text() == "precious"


def test_help_has_examples() -> None:
    result = CliRunner().invoke(app, ["analyze", "--help"], env={"COLUMNS": "120"})
    assert "audio-emotion analyze call.wav" in result.output
