"""An answer is a plain dictionary that also draws and writes itself; a notebook shows it as a small picture."""

import copy
import json
import pickle
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
from praatio import textgrid

from audio_emotion import AudioEmotionError, AudioEmotionPipeline
from audio_emotion.pipeline.columns_audio_emotion import score_columns, speakers_of
from audio_emotion.pipeline.timeline_audio_emotion import EmotionTimeline


class Reader(HTMLParser):
    """Tags, attributes and texts of a piece of HTML; fails if tags do not close as they opened."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open, self.tags, self.values, self.texts = [], [], [], []  # type: ignore[var-annotated]
        self.feed(html)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.open.append(tag)
        self.tags.append(tag)
        self.values += [value for _, value in attrs]

    def handle_startendtag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)
        self.values += [value for _, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def turn(start: float, end: float, label: str, speaker: str | None = None) -> dict[str, Any]:
    scores = {"anger": 0.75, "fear": 0.25} if label == "anger" else {"anger": 0.25, "fear": 0.75}
    return {"timestamp": (start, end), "label": label, "score": 0.75, "scores": scores, "speaker": speaker}


@pytest.fixture(scope="module")
def chunked(pipe: AudioEmotionPipeline, call_wav: Path) -> EmotionTimeline:
    return pipe(str(call_wav), return_timestamps=0.5)  # type: ignore[no-any-return]


@pytest.fixture(scope="module")
def framed(pipe: AudioEmotionPipeline, call_wav: Path) -> EmotionTimeline:
    return pipe(str(call_wav), return_timestamps="frame")  # type: ignore[no-any-return]


def test_an_answer_is_the_dictionary_that_it_was(chunked: EmotionTimeline) -> None:
    plain = {key: chunked[key] for key in ("scores", "entropy", "warnings", "chunks")}
    assert isinstance(chunked, dict)
    assert chunked == plain
    assert repr(chunked) == repr(plain)
    assert json.dumps(chunked) == json.dumps(plain)
    for twin in (copy.deepcopy(chunked), pickle.loads(pickle.dumps(chunked))):
        assert (twin, twin.name, twin.duration_s) == (plain, chunked.name, 2.0)


def test_an_answer_knows_its_recording(chunked: EmotionTimeline, framed: EmotionTimeline, call_wav: Path) -> None:
    assert chunked.name == framed.name == str(call_wav)
    assert chunked.duration_s == framed.duration_s == 2.0


def test_turns_do_not_shorten_the_recording(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    answer = pipe(str(call_wav), segments=[{"start": 0.5, "end": 1.0}])
    assert answer.duration_s == 2.0


def test_dataframes_of_chunks_and_of_frames(chunked: EmotionTimeline, framed: EmotionTimeline, call_wav: Path) -> None:
    table = chunked.to_dataframe()
    assert list(table["end_s"]) == [0.5, 1.0, 1.5, 2.0]
    assert set(table["file"]) == {str(call_wav)}
    frames = framed.to_dataframe()
    assert list(frames.columns) == ["start_s", "end_s", *framed["labels"]]
    np.testing.assert_allclose(frames[framed["labels"]].sum(axis=1), 1.0, atol=1e-5)
    assert frames["end_s"].iloc[-1] == pytest.approx(2.0)


def test_save_writes_what_the_suffix_says(chunked: EmotionTimeline, framed: EmotionTimeline, tmp_path: Path) -> None:
    chunked.save(tmp_path / "a.csv")
    assert len(pandas.read_csv(tmp_path / "a.csv")) == 4
    chunked.save(tmp_path / "a.textgrid")
    assert textgrid.openTextgrid(str(tmp_path / "a.textgrid"), includeEmptyIntervals=True).maxTimestamp == 2.0
    chunked.save(tmp_path / "b.txt", file_format="json")
    assert json.loads((tmp_path / "b.txt").read_text())[0]["scores"] == chunked["scores"]
    with pytest.raises(AudioEmotionError, match=r"a\.docx names no format.*'\.TextGrid'"):
        chunked.save(tmp_path / "a.docx")
    with pytest.raises(AudioEmotionError, match="cannot be written: No such file"):
        chunked.save(tmp_path / "missing" / "a.csv")
    with pytest.raises(AudioEmotionError, match="has no chunks to write"):
        framed.save(tmp_path / "frames.csv")


def test_plot_with_and_without_sound(
    chunked: EmotionTimeline, framed: EmotionTimeline, call_wav: Path, tmp_path: Path
) -> None:
    chunked.plot(tmp_path / "a.svg")
    framed.plot(tmp_path / "b.svg", audio=str(call_wav), title="mine")
    assert "call.wav" in (tmp_path / "a.svg").read_text()
    assert ">Sound<" not in (tmp_path / "a.svg").read_text()
    assert ">Sound<" in (tmp_path / "b.svg").read_text()


def test_a_notebook_shows_the_timeline(chunked: EmotionTimeline, framed: EmotionTimeline) -> None:
    for answer in (chunked, framed):
        page = Reader(answer._repr_html_())
        assert {"svg", "path", "text"} <= set(page.tags)
        assert {"call.wav", "0:00.0", "0:02.0", " neutral"} <= set(page.texts)


def test_a_notebook_loads_nothing_and_runs_nothing() -> None:
    evil = '"><script>alert(1)</script><img src=http://x/y onerror=z>'
    answer = EmotionTimeline({"scores": [{"label": evil, "score": 1.0}], "chunks": [turn(0, 9, "anger", evil)]}, evil)
    answer["chunks"].append({"timestamp": (9, 18), "label": evil, "score": 1.0, "scores": {evil: 1.0}})
    page = Reader(answer._repr_html_())
    assert not {"script", "img", "link", "image", "use"} & set(page.tags)
    assert [value for value in page.values if value.startswith("http")] == ["http://www.w3.org/2000/svg"]
    assert evil in page.texts


def test_a_notebook_shows_speakers_and_silence() -> None:
    turns = [
        turn(0, 4, "anger", "Ann"),
        {"timestamp": (4, 8), "label": "no_speech", "score": 0.0},
        turn(8, 9, "fear", "Bo"),
    ]
    page = Reader(EmotionTimeline({"scores": [], "chunks": turns})._repr_html_())
    assert {"Ann", "Bo", "anger", "no speech", "Ann: anger, 0:00.0 to 0:04.0"} <= set(page.texts)


def test_a_notebook_draws_intensities_as_lines() -> None:
    frames = {"frames": np.full((50, 2), 0.9, np.float32), "frame_period_s": 0.02, "labels": ["awe", "joy"]}
    assert Reader(EmotionTimeline({"scores": [], **frames})._repr_html_()).tags.count("polyline") == 2


def test_three_hours_stay_small_and_nothing_stays_valid() -> None:
    chunks = [turn(index * 3, index * 3 + 3, ("anger", "fear")[index % 2], "AB"[index % 2]) for index in range(3600)]
    assert len(EmotionTimeline({"scores": [], "chunks": chunks})._repr_html_()) < 100_000
    Reader(EmotionTimeline({"scores": [], "chunks": []})._repr_html_())


def test_columns_keep_the_means_of_frames_and_of_overlapping_turns() -> None:
    frames = np.random.default_rng(0).dirichlet(np.ones(2), 1000).astype(np.float32)
    answer = {"frames": frames, "frame_period_s": 0.02, "labels": ["anger", "fear"]}
    columns = score_columns(answer, 20.0, max_columns=10)
    np.testing.assert_allclose(columns.scores, frames.reshape(10, 100, 2).mean(axis=1), atol=1e-6)
    both = score_columns({"chunks": [turn(0, 2, "anger"), turn(1, 2, "fear")]}, 3.0, max_columns=3)
    np.testing.assert_allclose(both.scores, [[0.75, 0.25], [0.5, 0.5], [np.nan, np.nan]])
    assert not columns.independent


def test_columns_leave_out_frames_that_are_nan_or_without_speech() -> None:
    frames = np.array([[0.5, 0.5], [np.nan, np.nan], [0.7, 0.3], [0.1, 0.9]])
    answer = {"frames": frames, "frame_period_s": 1.0, "labels": ["anger", "fear"]}
    silent = {"timestamp": (2.9, 4.0), "label": "no_speech"}
    scores = score_columns({**answer, "chunks": [silent]}, 4.0, max_columns=4).scores
    np.testing.assert_allclose(scores[[0, 2]], frames[[0, 2]])
    assert np.isnan(scores[[1, 3]]).all()


def test_a_silent_stretch_is_no_speaker() -> None:
    silent = {"timestamp": (0, 1), "label": "no_speech"}
    assert speakers_of([silent, turn(1, 2, "anger", "A")]) == ["A"]
    assert speakers_of([silent]) == speakers_of([turn(1, 2, "anger")]) == [""]
