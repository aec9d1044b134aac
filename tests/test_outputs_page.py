"""docs/outputs.md shows what the writers write and the command line has."""

import json
import re
from pathlib import Path

import pytest
import typer
from transformers import pipeline

from audio_emotion.cli import app
from audio_emotion.pipeline.export_audio_emotion import WRITERS

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
PAGE = (ROOT / "docs" / "outputs.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```([a-z]+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("file_format", WRITERS)
def test_each_sample_is_what_the_writer_makes_of_the_json_sample(file_format: str) -> None:
    results = {entry.pop("file"): entry for entry in json.loads(BLOCKS["json"])}
    assert BLOCKS[file_format] == WRITERS[file_format](results)


@pytest.mark.usefixtures("bundled_checkpoint")
def test_the_sample_is_what_the_bundled_checkpoint_answers() -> None:
    (sample,) = json.loads(BLOCKS["json"])
    recording = EXAMPLES / sample.pop("file")
    turns = [{"start": start, "end": end, "speaker": name} for start, end, name in ((0, 3.7, "A"), (3.7, 7.4, "B"))]
    labels = ["happiness", "anger", "neutral"]
    answer = pipeline("audio-emotion")(recording, segments=turns, labels=labels)
    assert json.loads(json.dumps(answer)) == roughly(sample)


def roughly(sample: object) -> object:
    """The sample with floats that other processors' rounding, and a peak one frame away, still equal."""
    if isinstance(sample, dict):
        return {name: roughly(value) for name, value in sample.items()}
    if isinstance(sample, list):
        return [roughly(value) for value in sample]
    return pytest.approx(sample, abs=0.021) if isinstance(sample, float) else sample


@pytest.mark.usefixtures("bundled_checkpoint")
def test_the_python_block_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "examples").symlink_to(EXAMPLES)
    monkeypatch.chdir(tmp_path)
    exec(compile(BLOCKS["python"], "docs/outputs.md", "exec"), {})
    assert (tmp_path / "shifts.svg").is_file()
    assert (tmp_path / "shifts.TextGrid").is_file()


def test_the_page_and_the_help_tell_the_same_exit_codes() -> None:
    command = typer.main.get_command(app).commands["analyze"]  # type: ignore[attr-defined]
    told = re.findall(r"^ *(\d+)  +\w", command.help.partition("Exit codes")[2], re.MULTILINE)
    assert told == re.findall(r"^\| (\d+) \|", PAGE, re.MULTILINE) == ["0", "1", "2", "130", "141"]


def test_the_options_that_the_page_names_exist() -> None:
    command = typer.main.get_command(app).commands["analyze"]  # type: ignore[attr-defined]
    known = {option for parameter in command.params for option in parameter.opts}
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", PAGE)) <= known
