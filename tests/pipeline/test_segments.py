"""Chunks tile a recording, follow its emotion, and refuse impossible bounds."""

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audio_emotion import AudioEmotionError
from audio_emotion.pipeline.export_audio_emotion import to_rttm
from audio_emotion.pipeline.segments_audio_emotion import (
    Smoothing,
    Span,
    check_window,
    spans_from_frames,
    spans_from_segments,
    spans_of_length,
)
from audio_emotion.pipeline.speakers_audio_emotion import RttmTurns, check_all_segments, check_segments
from audio_emotion.pipeline.viterbi_audio_emotion import SCORE_FLOOR, viterbi_path


def one_hot(winners: list[int]) -> np.ndarray:
    return np.eye(3)[winners]


def assert_tiles(spans: list[Span], num_samples: int) -> None:
    assert spans[0].start == 0
    assert spans[-1].end == num_samples
    assert all(before.end == after.start for before, after in itertools.pairwise(spans))
    assert all(span.end > span.start for span in spans)


def test_a_lasting_change_is_a_cut() -> None:
    spans = spans_from_frames(one_hot([0] * 100 + [1] * 60 + [0] * 90), 80_123, 320, 16000)
    assert spans == [Span(0, 32_000), Span(32_000, 51_200), Span(51_200, 80_123)]


def test_a_short_flicker_is_not() -> None:
    assert len(spans_from_frames(one_hot([0] * 100 + [1] * 10 + [0] * 100), 67_200, 320, 16000)) == 1
    assert len(spans_from_frames(one_hot([0, 1, 2] * 30), 28_800, 320, 16000)) == 1


@given(st.lists(st.integers(0, 2), min_size=1, max_size=400), st.integers(0, 319))
@settings(max_examples=60, deadline=None)
def test_spans_from_frames_tile(winners: list[int], rest: int) -> None:
    num_samples = 320 * len(winners) + rest
    assert_tiles(spans_from_frames(one_hot(winners), num_samples, 320, 16000), num_samples)


@given(st.floats(0.02, 50), st.integers(400, 800_000))
@settings(max_examples=200, deadline=None)
def test_spans_of_length_tile_and_do_not_drift(window_s: float, num_samples: int) -> None:
    spans = spans_of_length(window_s, num_samples, 320, 16000)
    assert_tiles(spans, num_samples)
    assert all(span.start == round(index * window_s * 16000) for index, span in enumerate(spans))
    assert spans[-1].end - spans[-1].start <= window_s * 16000 + 321


@pytest.mark.parametrize("window", [0, -1, 0.019, float("nan"), float("inf"), "words", None])
def test_bad_windows(window: Any) -> None:
    with pytest.raises(AudioEmotionError, match=r"give True for segments, 'frame' .* at least 0\.02"):
        check_window(window, 0.02)


def test_segments_keep_order_and_speaker() -> None:
    segments = check_segments([{"start": 1.0, "end": 2.0, "speaker": 7}, {"start": 0, "end": 1.5}])
    assert spans_from_segments(segments, 32_000, 320, 16000, "a.wav") == [Span(16000, 32000, "7"), Span(0, 24000)]


def test_an_end_a_hair_past_the_recording_is_its_end() -> None:
    assert spans_from_segments([{"start": 0, "end": 2.02}], 32_000, 320, 16000, "a.wav") == [Span(0, 32_000)]


@pytest.mark.parametrize("segment", [{"start": 2.0, "end": 2.01}, {"start": 0, "end": 2.03}, {"start": 9, "end": 10}])
def test_segments_out_of_range(segment: dict[str, float]) -> None:
    with pytest.raises(AudioEmotionError, match=r"segments\[0\] .* a\.wav ends at 2\.000 s"):
        spans_from_segments([segment], 32_000, 320, 16000, "a.wav")


@pytest.mark.parametrize(
    ("segments", "match"),
    [
        ([{"start": 0, "end": 1}, {"start": 2, "end": 1}], r"segments\[1\] goes from 2 s to 1 s"),
        ([{"start": 1, "end": 1}], "ends after that"),
        ([{"start": -0.1, "end": 1}], "begins at 0 or later"),
        ([{"start": 0}], r"segments\[0\] .* mapping with 'start' and 'end'"),
        ([(0, 1)], "mapping with 'start' and 'end'"),
        ([{"start": "0", "end": 1}], "seconds as numbers"),
        ([{"start": 0, "end": float("nan")}], "seconds as numbers"),
        ({"start": 0, "end": 1}, "must be a list"),
        ("turns.txt", "must be a list"),
        ("gone.rttm", r"gone\.rttm cannot be read"),
        (pd.DataFrame({"begin": [0]}), r"without the columns \['start', 'end'\]"),
    ],
)
def test_bad_segments(segments: Any, match: str) -> None:
    with pytest.raises(AudioEmotionError, match=match):
        check_segments(segments)


def plain_viterbi(scores: np.ndarray, cost: float) -> float:
    """The best total of any path, by the textbook's recursion over pairs of labels."""
    gains = np.log(np.maximum(scores, SCORE_FLOOR))
    change = cost * (1 - np.eye(scores.shape[1]))
    totals = gains[0]
    for gain in gains[1:]:
        totals = (totals[:, None] - change).max(axis=0) + gain
    return float(totals.max())


@given(st.integers(1, 600), st.integers(1, 5), st.floats(0, 30), st.integers(0, 2**31))
@settings(max_examples=25, deadline=None)
def test_no_path_is_better(num_frames: int, num_labels: int, cost: float, seed: int) -> None:
    scores = np.random.default_rng(seed).dirichlet(np.full(num_labels, 0.5), num_frames)
    path = viterbi_path(scores, cost)
    total = (
        np.log(np.maximum(scores, SCORE_FLOOR))[np.arange(num_frames), path].sum() - cost * (np.diff(path) != 0).sum()
    )
    assert total == pytest.approx(plain_viterbi(scores, cost), abs=1e-6)


def test_hysteresis_wants_a_lead() -> None:
    scores = np.array([[0.6, 0.4]] * 200 + [[0.4, 0.6]] * 200)
    assert len(spans_from_frames(scores, 128_000, 320, 16000, Smoothing(hysteresis=0.1))) == 2
    assert len(spans_from_frames(scores, 128_000, 320, 16000, Smoothing(hysteresis=0.3))) == 1


@pytest.mark.parametrize("option", ["switch_cost_s", "min_chunk_s", "hysteresis"])
@pytest.mark.parametrize("value", [-0.1, float("nan"), "1", None, True])
def test_bad_smoothing(option: str, value: Any) -> None:
    with pytest.raises(AudioEmotionError, match=option):
        Smoothing(**{option: value})


def test_rttm_by_stem_and_broken_lines(tmp_path: Path) -> None:
    path = tmp_path / "turns.rttm"
    path.write_text(
        ";; two calls\nSPEAKER a 1 0.5 1.0 <NA> <NA> Ann <NA> <NA>\n\nSPEAKER b 1 0 2 <NA> <NA> Bo <NA> <NA>\n"
    )
    turns = check_segments(path)
    assert isinstance(turns, RttmTurns)
    assert turns.of("calls/a.wav") == [{"start": 0.5, "end": 1.5, "speaker": "Ann"}]
    with pytest.raises(AudioEmotionError, match=r"no SPEAKER line names 'c'"):
        turns.of("c.wav")
    with pytest.raises(AudioEmotionError, match="no file, and not heard alone"):
        turns.of("the audio given as bytes")
    for broken in ("SPEAKER a 1 0.5", "SPEAKER a 1 x 1 <NA> <NA> A", "SPEAKER a 1 0 -1 <NA> <NA> A", "a,b"):
        path.write_text(f";; comment\n{broken}\n")
        with pytest.raises(AudioEmotionError, match=r"turns\.rttm, line 2"):
            check_segments(path)


@pytest.mark.parametrize("name", ["calls/my call.wav", "https://host/a.wav?key=1.5", "no suffix", "a.b.c.flac"])
def test_a_recording_is_called_as_a_written_rttm_calls_it(name: str, tmp_path: Path) -> None:
    chunk = {"timestamp": (0.0, 1.0), "label": "anger", "score": 0.9}
    path = tmp_path / "turns.rttm"
    path.write_text(to_rttm({name: {"chunks": [chunk]}}))
    assert RttmTurns(path).of(name) == [{"start": 0.0, "end": 1.0, "speaker": "anger"}]


def test_tables_and_annotations() -> None:
    class Annotation:
        def itertracks(self, yield_label: bool) -> Any:
            assert yield_label
            yield SimpleNamespace(start=0.0, end=1.0), "track", "A"

    turns = [{"start": 0.0, "end": 1.0, "speaker": "A"}]
    assert check_segments(pd.DataFrame(turns)) == check_segments(Annotation()) == turns
    assert check_segments(pd.DataFrame(turns).assign(speaker=np.nan))[0]["speaker"] is None
    assert check_all_segments([Annotation(), turns]) == [turns, turns]
