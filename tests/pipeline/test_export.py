"""Each format holds the chunks of a result, as a reader of that format finds them."""

import csv
import io
import itertools
import json
import re
from typing import Any

import pytest

from audio_emotion import AudioEmotionError
from audio_emotion.pipeline.export_audio_emotion import (
    WRITERS,
    to_audacity,
    to_csv,
    to_json,
    to_rttm,
    to_textgrid,
)


def chunk(start: float, end: float, label: str, speaker: str | None = None) -> dict[str, Any]:
    named = {} if speaker is None else {"speaker": speaker}
    scores = {"anger": 0.1, "neutral": 0.2, label: 0.7}
    return {"timestamp": (start, end), **named, "label": label, "score": 0.7, "scores": scores}


def result(*chunks: dict[str, Any]) -> dict[str, Any]:
    return {"scores": [{"label": "anger", "score": 0.7}], "chunks": list(chunks)}


TILED = {"dir/my call.wav": result(chunk(0.0, 1.5, "anger"), chunk(1.5, 3.24, "neutral"))}
TURNS = {
    "a.wav": result(
        chunk(0.5, 2.0, "anger", "A"), chunk(1.0, 3.0, "neutral", "B"), chunk(1.5, 2.5, "anger", 'A "the first"')
    )
}


def read_textgrid(text: str) -> dict[str, list[tuple[float, float, str]]]:
    """Tiers of a long TextGrid, by Praat's rule that only numbers and quoted strings count."""
    tokens = re.findall(r'"(?:[^"]|"")*"|(?<![\w\[])-?\d+(?:\.\d+)?(?![\w\]])', text.split("<exists>")[1])
    values = [token[1:-1].replace('""', '"') if token[0] == '"' else float(token) for token in tokens]
    tiers, position = {}, 1
    for _ in range(int(values[0])):
        kind, name, start, end, size = values[position : position + 5]
        assert kind == "IntervalTier"
        flat = values[position + 5 : position + 5 + 3 * int(size)]
        intervals = list(zip(flat[::3], flat[1::3], flat[2::3], strict=True))
        assert intervals[0][0] == start
        assert intervals[-1][1] == end
        assert all(before[1] == after[0] for before, after in itertools.pairwise(intervals))
        tiers[name] = intervals
        position += 5 + 3 * int(size)
    assert position == len(values)
    return tiers


def test_json() -> None:
    (entry,) = json.loads(to_json(TILED))
    assert entry["file"] == "dir/my call.wav"
    assert entry["chunks"][1]["timestamp"] == [1.5, 3.24]
    assert entry["scores"][0] == {"label": "anger", "score": 0.7}


def test_csv() -> None:
    rows = list(csv.DictReader(io.StringIO(to_csv(TILED | TURNS))))
    assert [row["label"] for row in rows] == ["anger", "neutral", "anger", "neutral", "anger"]
    assert rows[0]["file"] == "dir/my call.wav"
    assert (rows[1]["start_s"], rows[1]["end_s"], float(rows[1]["score_neutral"])) == ("1.500", "3.240", 0.7)
    assert [row["speaker"] for row in rows] == ["", "", "A", "B", 'A "the first"']


def test_textgrid_of_a_tiled_recording() -> None:
    assert read_textgrid(to_textgrid(TILED)) == {"emotion": [(0.0, 1.5, "anger"), (1.5, 3.24, "neutral")]}


def test_textgrid_of_turns_has_a_tier_per_speaker() -> None:
    tiers = read_textgrid(to_textgrid(TURNS))
    assert list(tiers) == ["A", "B", 'A "the first"']
    assert tiers["A"] == [(0.0, 0.5, ""), (0.5, 2.0, "anger"), (2.0, 3.0, "")]
    assert tiers["B"] == [(0.0, 1.0, ""), (1.0, 3.0, "neutral")]


def test_textgrid_gives_overlapping_turns_of_a_speaker_two_tiers() -> None:
    tiers = read_textgrid(to_textgrid({"a": result(chunk(0, 2, "anger", "A"), chunk(1, 3, "neutral", "A"))}))
    assert list(tiers) == ["A", "A (2)"]


def test_audacity() -> None:
    lines = to_audacity(TILED).splitlines()
    assert lines == ["0.000000\t1.500000\tanger", "1.500000\t3.240000\tneutral"]
    assert to_audacity(TURNS).splitlines()[1].endswith("\tB: neutral")


def test_rttm() -> None:
    fields = [line.split(" ") for line in to_rttm(TILED).splitlines()]
    assert fields[1] == ["SPEAKER", "my_call", "1", "1.500", "1.740", "<NA>", "<NA>", "neutral", "0.7000", "<NA>"]


@pytest.mark.parametrize("file_format", ["textgrid", "audacity"])
def test_formats_of_one_recording_refuse_two(file_format: str) -> None:
    with pytest.raises(AudioEmotionError, match="describes one recording, and 2 were given"):
        WRITERS[file_format](TILED | TURNS)


@pytest.mark.parametrize("file_format", WRITERS)
def test_a_result_without_chunks_is_refused(file_format: str) -> None:
    with pytest.raises(AudioEmotionError, match="The result of a has no chunks"):
        WRITERS[file_format]({"a": [{"label": "anger", "score": 1.0}]})


@pytest.mark.parametrize("file_format", WRITERS)
def test_a_recording_without_chunks_is_written(file_format: str) -> None:
    assert isinstance(WRITERS[file_format]({"a": result()}), str)
