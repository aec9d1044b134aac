"""A result in a terminal can be read with and without colours, in any width."""

import io
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from audio_emotion.cli.timeline_table import _clock, print_timeline

LABELS = ["anger", "fear"]


def turn(start: float, end: float, label: str, **more: Any) -> dict[str, Any]:
    scores = {"anger": 1.0, "fear": 0.0} if label == "anger" else {"anger": 0.0, "fear": 1.0}
    return {"timestamp": (start, end), "label": label, "score": 1.0, "scores": scores, **more}


def shown(chunks: list[dict[str, Any]], width: int = 80, encoding: str = "utf-8", **more: Any) -> str:
    """What a console shows of two seconds, the first of anger and the second of fear."""
    frames = {"labels": LABELS, "frame_period_s": 0.02, "frames": np.repeat(np.eye(2), 50, axis=0)}
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    answer = {"scores": [{"label": "anger", "score": 0.5}], "chunks": chunks, **more}
    print_timeline(Console(file=file, width=width), "a [b].wav", answer, frames, 2.0)
    file.seek(0)
    return file.read()


def lines_of(text: str, label: str) -> str:
    return next(line for line in text.splitlines() if line.strip().startswith(label)).strip()


def test_each_emotion_has_its_own_sparkline_which_needs_no_colour() -> None:
    text = shown([turn(0, 1, "anger"), turn(1, 2, "fear")])
    anger, fear = (lines_of(text, label).removeprefix(label).strip() for label in LABELS)
    assert anger == "█" * 28 + "▁" * 28
    assert fear == "▁" * 28 + "█" * 28
    assert "0:00.0" in text
    assert "a [b].wav" in text


def test_an_emotion_that_never_leads_has_no_line() -> None:
    text = shown([turn(0, 2, "anger")])
    assert "▁" in lines_of(text, "anger")
    assert not any(line.strip().startswith("fear") for line in text.splitlines())


def test_silence_is_blank_and_named() -> None:
    text = shown([turn(0, 1, "anger"), {"timestamp": (1.0, 2.0), "label": "no_speech", "score": float("nan")}])
    assert lines_of(text, "anger").removeprefix("anger").strip() == "█" * 28
    assert "no speech" in text


def test_speakers_and_warnings_are_told() -> None:
    more = {
        "speakers": {"[red]Ann": {"duration_s": 1.0, "scores": {"anger": 0.75, "fear": 0.25}}},
        "warnings": ["quiet"],
    }
    text = shown([turn(0, 1, "anger", speaker="[red]Ann"), turn(1, 2, "fear", speaker="Bo")], **more)
    assert "Speaker" in text
    assert "[red]Ann, 00:01.00: anger 0.75, fear 0.25" in text
    assert "Note: quiet" in text


def test_a_terminal_without_unicode_gets_ascii() -> None:
    text = shown([turn(0, 1, "anger"), turn(1, 2, "fear")], encoding="ascii")
    assert text.isascii()
    assert "@" * 28 + "_" * 28 in text


@pytest.mark.parametrize("width", [40, 80, 200])
def test_no_line_is_longer_than_the_terminal(width: int) -> None:
    chunks = [turn(index / 50, index / 50 + 0.02, LABELS[index % 2]) for index in range(100)]
    assert max(map(len, shown(chunks, width).splitlines())) <= width


def test_nothing_to_show_is_shown() -> None:
    assert "Whole recording: anger 0.50" in shown([])


def test_clock() -> None:
    assert [_clock(seconds) for seconds in (0, 59.999, 3599.99, 3600, 36061.5)] == [
        "00:00.00",
        "01:00.00",
        "59:59.99",
        "1:00:00.00",
        "10:01:01.50",
    ]
