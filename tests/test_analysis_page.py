"""The examples of docs/analysis.md run, in the order of the page."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def test_the_examples_run(
    bundled_checkpoint: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(ROOT)
    page = (ROOT / "docs" / "analysis.md").read_text(encoding="utf-8")
    names: dict[str, object] = {}
    for code in re.findall(r"```python\n(.*?)```", page, re.DOTALL):
        exec(code, names)
    assert "(0.0, " in capsys.readouterr().out
