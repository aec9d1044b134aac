"""`audio-emotion demo` before it serves: what it refuses, and what it warns of."""

import importlib.util
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from audio_emotion.cli import app
from audio_emotion.demo import server


@pytest.fixture
def demo(monkeypatch: pytest.MonkeyPatch) -> Any:
    calls: list[tuple[Any, ...]] = []
    monkeypatch.setattr(server, "serve", lambda *arguments: calls.append(arguments))

    def run(*options: str) -> tuple[Result, list[tuple[Any, ...]]]:
        return CliRunner().invoke(app, ["demo", *options], env={"COLUMNS": "200"}), calls

    return run


def test_without_gradio_it_names_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "gradio" else find(name))
    result = CliRunner().invoke(app, ["demo"])
    assert result.exit_code == 1
    assert "pip install 'audio-emotion[demo]'" in result.stderr


@pytest.mark.parametrize(
    ("options", "warning"),
    [((), ""), (("--host", "0.0.0.0"), "every machine that reaches 0.0.0.0"), (("--share",), "anyone on the internet")],
)
def test_it_warns_when_others_are_let_in(demo: Any, options: tuple[str, ...], warning: str) -> None:
    pytest.importorskip("gradio")
    result, calls = demo(*options)
    assert result.exit_code == 0, result.output
    assert warning in result.stderr and ("warning" in result.stderr) == bool(warning)
    assert calls[0][1] == ("0.0.0.0" if "--host" in options else "127.0.0.1")


@pytest.mark.parametrize("options", [("--max-mb", "0"), ("--max-minutes", "-1"), ("--max-mb", "nan")])
def test_limits_below_zero(demo: Any, options: tuple[str, ...]) -> None:
    pytest.importorskip("gradio")
    result, calls = demo(*options)
    assert result.exit_code == 1 and "above 0" in result.stderr and not calls
