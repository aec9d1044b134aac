"""Each format holds the chunks of a result, as an independent reader of that format finds them."""

import csv
import io
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import webvtt
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from praatio import textgrid

from audio_emotion import AudioEmotionError
from audio_emotion.pipeline.export_audio_emotion import (
    CHUNK_COLUMNS,
    ONE_RECORDING_EACH,
    WRITERS,
    csv_header,
    csv_rows,
    to_audacity,
    to_csv,
    to_dataframe,
    to_json,
    to_jsonl,
    to_rttm,
    to_textgrid,
    to_webvtt,
)
from audio_emotion.pipeline.timeline_audio_emotion import EmotionTimeline

NASTY = 'Ann "A", <b>&\n\t--> \u2028 Zoë 王;\r\n,x'
ONE_LINE = " ".join(NASTY.split())


def chunk(start: float, end: float, label: str, speaker: str | None = None, **more: Any) -> dict[str, Any]:
    named = {} if speaker is None else {"speaker": speaker}
    scores = {"anger": 0.1, "neutral": 0.2, label: 0.7}
    return {"timestamp": (start, end), **named, "label": label, "score": 0.7, "scores": scores, **more}


def result(*chunks: dict[str, Any]) -> dict[str, Any]:
    return {"scores": [{"label": "anger", "score": 0.7}], "chunks": list(chunks)}


TILED = {"dir/my call.wav": result(chunk(0.0, 1.5, "anger"), chunk(1.5, 3.24, "neutral"))}
TURNS = {
    "a.wav": result(
        chunk(0.5, 2.0, "anger", "A"), chunk(1.0, 3.0, "neutral", "B"), chunk(1.5, 2.5, "anger", NASTY, confidence=0.4)
    )
}
GATED = {"a.wav": result(chunk(0, 1, "anger"), {"timestamp": (1.0, 2.0), "label": "no_speech", "score": math.nan})}
LONG = {"long.wav": result(*(chunk(i / 2, i / 2 + 0.5, ("anger", "fear")[i % 2], "AB"[i % 2]) for i in range(4_000)))}
texts = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


def read_textgrid(text: str, folder: Path) -> dict[str, list[tuple[float, float, str]]]:
    """The tiers as praatio reads them."""
    path = folder / "a.TextGrid"
    path.write_bytes(text.encode("utf-8"))
    grid = textgrid.openTextgrid(str(path), includeEmptyIntervals=True, reportingMode="error")
    return {name: [tuple(entry) for entry in grid.getTier(name).entries] for name in grid.tierNames}


def read_rttm(text: str) -> list[tuple[str, float, float, str, float]]:
    """Recording, start, end, name and confidence of SPEAKER lines, strictly by NIST's ten fields."""
    turns = []
    for line in text.split("\n")[:-1]:
        kind, recording, channel, start, duration, ortho, subtype, name, confidence, look_ahead = line.split(" ")
        assert (kind, channel, ortho, subtype, look_ahead) == ("SPEAKER", "1", "<NA>", "<NA>", "<NA>")
        assert all(field == field.strip() and field for field in (recording, name))
        turns.append((recording, float(start), float(start) + float(duration), name, float(confidence)))
    return turns


def read_csv(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline="")))


def test_json() -> None:
    (entry,) = json.loads(to_json(TILED))
    assert entry["file"] == "dir/my call.wav"
    assert entry["chunks"][1]["timestamp"] == [1.5, 3.24]
    assert entry["scores"][0] == {"label": "anger", "score": 0.7}


def test_json_holds_whatever_an_answer_holds() -> None:
    more = {"speakers": {"A": {"duration_s": np.float32(1.5), "scores": {"anger": math.nan}}}, "warnings": ["quiet"]}
    answer = {**GATED["a.wav"], **more, "embedding": np.ones(3, np.float32)}
    (entry,) = json.loads(to_json({"a.wav": answer}), parse_constant=pytest.fail)
    assert entry["speakers"] == {"A": {"duration_s": 1.5, "scores": {"anger": None}}}
    assert entry["embedding"] == [1.0, 1.0, 1.0]
    assert entry["chunks"][1] == {"timestamp": [1.0, 2.0], "label": "no_speech", "score": None}


def test_json_lines_are_the_objects_of_json_one_a_line_for_every_reader() -> None:
    text = to_jsonl(TILED | TURNS)
    assert [json.loads(line) for line in text.splitlines()] == json.loads(to_json(TILED | TURNS))
    frame = pandas.read_json(io.StringIO(text), lines=True)
    assert list(frame["file"]) == ["dir/my call.wav", "a.wav"]


def test_csv() -> None:
    rows = read_csv(to_csv(TILED | TURNS | {"b.wav": GATED["a.wav"]}))
    assert [row["label"] for row in rows] == ["anger", "neutral", "anger", "neutral", "anger", "anger", "no_speech"]
    assert rows[0]["file"] == "dir/my call.wav"
    assert (rows[1]["start_s"], rows[1]["end_s"], float(rows[1]["score_neutral"])) == ("1.500", "3.240", 0.7)
    assert [row["speaker"] for row in rows[:5]] == ["", "", "A", "B", NASTY]
    assert [row["confidence"] for row in rows[3:5]] == ["", "0.400000"]
    assert (rows[-1]["score"], rows[-1]["score_anger"]) == ("", "")


def test_csv_of_any_chunks_has_the_same_columns() -> None:
    assert to_csv({"a": result()}) == csv_header([]) == ",".join(CHUNK_COLUMNS) + "\n"
    assert to_csv(TILED | TURNS) == csv_header(["anger", "neutral"]) + "".join(
        csv_rows(name, answer, ["anger", "neutral"]) for name, answer in (TILED | TURNS).items()
    )
    with pytest.raises(AudioEmotionError, match=r"a has values without a column: \['score_fear'\]"):
        csv_rows("a", result(chunk(0, 1, "fear")), ["anger", "neutral"])


def test_pandas_reads_the_csv_as_the_dataframe() -> None:
    results = TILED | TURNS | LONG
    frame = to_dataframe(results)
    assert list(frame.columns[: len(CHUNK_COLUMNS)]) == list(CHUNK_COLUMNS)
    assert len(frame) == 4_005
    read = pandas.read_csv(io.StringIO(to_csv(results)), dtype={"speaker": "object"})
    pandas.testing.assert_frame_equal(read, frame, check_dtype=False, atol=1e-6)
    assert frame["score"].dtype == frame["confidence"].dtype == "float64"
    assert to_dataframe({"a": result()}).empty


def test_textgrid_of_a_tiled_recording(tmp_path: Path) -> None:
    assert read_textgrid(to_textgrid(TILED), tmp_path) == {"emotion": [(0.0, 1.5, "anger"), (1.5, 3.24, "neutral")]}


def test_textgrid_of_turns_has_a_tier_per_speaker(tmp_path: Path) -> None:
    tiers = read_textgrid(to_textgrid(TURNS), tmp_path)
    assert list(tiers) == ["A", "B", ONE_LINE]
    assert tiers["A"] == [(0.0, 0.5, ""), (0.5, 2.0, "anger"), (2.0, 3.0, "")]
    assert tiers["B"] == [(0.0, 1.0, ""), (1.0, 3.0, "neutral")]


def test_textgrid_gives_overlapping_turns_of_a_speaker_tiers_of_their_own(tmp_path: Path) -> None:
    turns = result(chunk(0, 2, "anger", "A"), chunk(1, 3, "neutral", "A"), chunk(0, 3, "fear", "A (2)"))
    tiers = read_textgrid(to_textgrid({"a": turns}), tmp_path)
    assert {name: [entry[2] for entry in entries if entry[2]] for name, entries in tiers.items()} == {
        "A": ["anger"],
        "A (2)": ["fear"],
        "A (2)'": ["neutral"],
    }


def test_textgrid_lasts_as_long_as_the_recording(tmp_path: Path) -> None:
    silent_end = EmotionTimeline(result(chunk(0.25, 1, "anger", "A")), "a.wav", duration_s=2.5)
    assert read_textgrid(to_textgrid({"a": silent_end}), tmp_path)["A"][-1] == (1.0, 2.5, "")
    empty = EmotionTimeline(result(), "a.wav", duration_s=2.5)
    assert read_textgrid(to_textgrid({"a": empty}), tmp_path) == {"emotion": [(0.0, 2.5, "")]}


def test_audacity() -> None:
    lines = to_audacity(TILED).splitlines()
    assert lines == ["0.000000\t1.500000\tanger", "1.500000\t3.240000\tneutral"]
    assert to_audacity(TURNS).split("\n")[1:] == [
        "1.000000\t3.000000\tB: neutral",
        f"1.500000\t2.500000\t{ONE_LINE}: anger",
        "",
    ]


def test_rttm() -> None:
    assert read_rttm(to_rttm(TILED))[1] == ("my_call", 1.5, 3.24, "neutral", 0.7)
    assert [turn[3] for turn in read_rttm(to_rttm(TURNS))] == [
        "A/anger",
        "B/neutral",
        f"{'_'.join(NASTY.split())}/anger",
    ]
    assert [turn[3] for turn in read_rttm(to_rttm(GATED))] == ["anger"]


def test_webvtt() -> None:
    cues = webvtt.from_string(to_webvtt(TURNS)).captions
    assert [(cue.start, cue.end, cue.text) for cue in cues[:2]] == [
        ("00:00:00.500", "00:00:02.000", "anger 0.70"),
        ("00:00:01.000", "00:00:03.000", "neutral 0.70"),
    ]
    assert [cue.voice for cue in cues[:2]] == ["A", "B"]
    assert len(cues) == 3
    assert len(webvtt.from_string(to_webvtt(GATED)).captions) == 1
    assert webvtt.from_string(to_webvtt({"a": result(chunk(3599.9999, 3600.00001, "anger"))})).captions[0].start == (
        "01:00:00.000"
    )


def test_hours_of_chunks(tmp_path: Path) -> None:
    assert len(webvtt.from_string(to_webvtt(LONG)).captions) == 4_000
    assert len(read_rttm(to_rttm(LONG))) == len(to_audacity(LONG).splitlines()) == 4_000
    assert [len(entries) for entries in read_textgrid(to_textgrid(LONG), tmp_path).values()] == [4_000, 4_000]


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    name=texts,
    turns=st.lists(
        st.tuples(st.floats(0, 1e5), st.floats(0.001, 1e3), texts, st.none() | texts), min_size=1, max_size=6
    ),
)
def test_any_names_and_times_are_read_back(tmp_path: Path, name: str, turns: list[Any]) -> None:
    chunks = [chunk(start, start + length, label, speaker) for start, length, label, speaker in turns]
    results = {name: result(*chunks)}
    rows = read_csv(to_csv(results))
    assert [(row["file"], row["label"], row["speaker"]) for row in rows] == [
        tuple(text.replace("\0", "\ufffd") for text in (name, turn["label"], turn.get("speaker", "")))
        for turn in chunks
    ]
    assert [json.loads(line)["file"] for line in to_jsonl(results).splitlines()] == [name]
    assert len(read_rttm(to_rttm(results))) == len(chunks)
    cues = webvtt.from_string(to_webvtt(results)).captions
    assert sorted(cue.start_in_seconds for cue in cues) == sorted(int(turn["timestamp"][0] + 5e-4) for turn in chunks)
    assert all(line.count("\t") == 2 for line in to_audacity(results).split("\n")[:-1])
    tiers = read_textgrid(to_textgrid(results), tmp_path)
    assert sum(bool(entry[2]) for entries in tiers.values() for entry in entries) == sum(
        bool(turn["label"].strip()) for turn in chunks
    )


@pytest.mark.parametrize("file_format", sorted(ONE_RECORDING_EACH))
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
