"""docs/outputs.md shows what the writers write and the command line has."""

import json
import re
from pathlib import Path

import pytest
import typer

from audio_emotion.cli import app
from audio_emotion.pipeline.export_audio_emotion import WRITERS

PAGE = (Path(__file__).parents[1] / "docs" / "outputs.md").read_text(encoding="utf-8")
BLOCKS = dict(re.findall(r"^```([a-z]+)\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL))


@pytest.mark.parametrize("file_format", WRITERS)
def test_each_sample_is_what_the_writer_makes_of_the_json_sample(file_format: str) -> None:
    results = {entry.pop("file"): entry for entry in json.loads(BLOCKS["json"])}
    assert BLOCKS[file_format] == WRITERS[file_format](results)


@pytest.mark.usefixtures("bundled_checkpoint")
def test_the_python_block_runs_and_answers_have_the_keys_of_the_sample(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "examples").symlink_to(Path(__file__).parents[1] / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(BLOCKS["python"], "docs/outputs.md", "exec"), names)
    answer = names["answer"]
    assert isinstance(answer, dict)
    (sample,) = json.loads(BLOCKS["json"])
    assert set(answer) >= {"scores", "chunks"} == set(sample) - {"file"}
    assert set(answer["chunks"][0]) >= set(sample["chunks"][0]) - {"speaker"}
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
