"""Names of files, labels and speakers reach the terminal as text: nothing in them is obeyed."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import soundfile
from rich.table import Table
from rich.text import Text
from typer.testing import CliRunner

from audio_emotion.cli import app
from audio_emotion.cli.terminal import Terminal

HOSTILE = "a\x1b[2Jb\x1b]0;title\x07\x9bc\u202ed\u2066e\x00f"
NAMES = ["a\x1b[2J.wav", "b\nerror: c.wav", "[bold]x[blink].wav", "\udcff\udcfe.wav", "\u202egpj.wav"]


def shown(*printed: Any, **options: Any) -> str:
    out = io.StringIO()
    Terminal(file=out, force_terminal=True, width=200, highlight=False, **options).print(*printed)
    return out.getvalue()


def test_control_characters_are_shown_as_escapes() -> None:
    table = Table(HOSTILE)
    table.add_row(Text(HOSTILE))
    for text in (shown(HOSTILE), shown(Text(HOSTILE)), shown(table), shown("\udcff \ud83d")):
        assert not {"\x1b[2J", "\x1b]", "\x07", "\x9b", "\u202e", "\u2066", "\x00"} & set(text)
        assert "\x1b[2J" not in text and "\x1b]0" not in text
        text.encode()
    assert "a\\x1b[2Jb" in shown(HOSTILE)


def test_colours_and_other_scripts_stay() -> None:
    assert "\x1b[31mred" in shown("[red]red[/red]", color_system="standard")
    assert shown("żółć 語 \u200c👍🏽", markup=False).strip() == "żółć 語 \u200c👍🏽"


@pytest.mark.parametrize("name", NAMES)
def test_analyze_names_of_files(tiny_model_dir: Path, tmp_path: Path, speech: Any, name: str) -> None:
    soundfile.write(tmp_path / "plain.wav", speech(0.5), 16000)
    (tmp_path / "plain.wav").rename(tmp_path / name)
    (tmp_path / "turns.rttm").write_text("SPEAKER x 1 0 0.4 <NA> <NA> =\x1b[2J<b>[/red] <NA> <NA>\n")
    arguments = ["analyze", str(tmp_path), "--model", str(tiny_model_dir)]
    table = CliRunner().invoke(app, arguments)
    assert table.exit_code == 0, table.output
    assert "\x1b" not in table.output and "\u202e" not in table.output
    answer = CliRunner().invoke(app, [*arguments, "--json", "-q"])
    assert json.loads(answer.stdout)["file"]
    broken = tmp_path / "empty"
    broken.mkdir()
    (broken / name).touch()
    failed = CliRunner().invoke(app, ["analyze", str(broken), "--model", str(tiny_model_dir)])
    assert failed.exit_code == 1 and "is empty" in failed.output
    assert "\x1b" not in failed.output and "\u202e" not in failed.output
