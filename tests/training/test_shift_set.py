"""Shift sets: exact boundaries, repeatable bytes, and an error rate that knows a right answer from a wrong one."""

import io
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import soundfile

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError, CorpusError, RecipeError
from audio_emotion.training import shift_set as shift_set_module
from audio_emotion.training.evaluation_run import read_corpora
from audio_emotion.training.shift_evaluation import evaluate_shifts
from audio_emotion.training.shift_set import ShiftSetRecipe, write_shift_set

SMALL = ShiftSetRecipe(num_recordings=12, min_segments=2, max_segments=4)


@pytest.fixture(scope="module")
def shift_set(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shifts")
    assert write_shift_set(prepared, "alpha", "train", out, SMALL) == "alpha_shifts"
    write_shift_set(prepared, "beta", "validation", out, SMALL)
    return out


def test_segments_tile_the_recording_and_neighbours_differ(shift_set: Path) -> None:
    corpora, _ = read_corpora([shift_set], split="all")
    assert sorted(corpora) == ["alpha_shifts", "beta_shifts"]
    for row in corpora["alpha_shifts"]:
        segments = row["segments"]
        assert 2 <= len(segments) <= 4
        assert segments[0]["start_s"] == 0
        assert segments[-1]["end_s"] == row["duration_s"]
        assert len(soundfile.read(io.BytesIO(row["audio"]["bytes"]))[0]) == round(row["duration_s"] * 16_000)
        for before, after in itertools.pairwise(segments):
            assert before["end_s"] == after["start_s"]
            assert before["emotion"] != after["emotion"]


def test_the_same_seed_writes_the_same_bytes(prepared: Path, shift_set: Path, tmp_path: Path) -> None:
    file = Path("alpha_shifts", "train-00000-of-00001.parquet")
    write_shift_set(prepared, "alpha", "train", tmp_path, SMALL)
    assert (tmp_path / file).read_bytes() == (shift_set / file).read_bytes()
    write_shift_set(prepared, "alpha", "train", tmp_path, ShiftSetRecipe(num_recordings=12, seed=1))
    assert (tmp_path / file).read_bytes() != (shift_set / file).read_bytes()


def test_what_cannot_be_joined_is_refused(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no test split"):
        write_shift_set(prepared, "alpha", "test", tmp_path, SMALL)
    with pytest.raises(RecipeError, match="gamma"):
        write_shift_set(prepared, "gamma", "train", tmp_path, SMALL)
    with pytest.raises(CorpusError, match="min_segments"):
        ShiftSetRecipe(min_segments=3, max_segments=2)


def test_the_splits_of_one_corpus_are_one_set(prepared: Path, tmp_path: Path) -> None:
    for split in ("validation", "train", "validation"):
        write_shift_set(prepared, "alpha", split, tmp_path, SMALL)
    for split in ("train", "validation"):
        rows = read_corpora([tmp_path], ["alpha_shifts"], split)[0]["alpha_shifts"]
        assert set(rows["speaker"]) == ({"s3"} if split == "validation" else {"s0", "s1", "s2"})


def test_the_card_of_something_else_is_kept(prepared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shift_set_module, "_choose", lambda *_: pytest.fail("work was done in vain"))
    card = tmp_path / "README.md"
    card.write_bytes(b"---\nlicense: mit\n---\n\n# Prepared corpora, caf\xe9\n")
    with pytest.raises(CorpusError, match=r"README.md was not written by `corpora shifts`.*another --out"):
        write_shift_set(prepared, "alpha", "train", tmp_path, SMALL)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"] and b"# Prepared corpora" in card.read_bytes()


class Oracle:
    """Answers with the truth, or always with one emotion; one label a second is the truth at the window's middle."""

    def __init__(self, rows: Any, always: str | None = None) -> None:
        self.truth = {row["audio"]["bytes"]: row for row in rows}
        self.always = always

    def score_recording(self, audio: Mapping[str, bytes]) -> Any:
        return self.truth[audio["bytes"]]

    def postprocess(self, row: Any, return_timestamps: bool | float, labels: list[str]) -> Any:
        segments = [(part["start_s"], part["end_s"], self.always or part["emotion"]) for part in row["segments"]]
        if return_timestamps is not True:
            starts = itertools.takewhile(lambda start: start < row["duration_s"], itertools.count(0, return_timestamps))
            middles = [(start, min(start + return_timestamps, row["duration_s"])) for start in starts]
            segments = [
                (start, end, next(label for s, e, label in segments if s <= (start + end) / 2 < e))
                for start, end in middles
            ]
        return {"chunks": [{"timestamp": (start, end), "label": label} for start, end, label in segments]}


def test_the_truth_has_no_error_and_silence_about_emotions_misses_them(shift_set: Path) -> None:
    rows = read_corpora([shift_set], ["alpha_shifts"], split="all")[0]["alpha_shifts"]
    right = evaluate_shifts(Oracle(rows), rows, num_resamples=50)
    assert right["segments"]["eder"] == {"value": 0.0, "low": 0.0, "high": 0.0}
    assert 0 < right["windows"]["eder"]["value"] < 0.5
    neutral = evaluate_shifts(Oracle(rows, "neutral"), rows, num_resamples=50)
    emotional = sum(
        part["end_s"] - part["start_s"] for row in rows for part in row["segments"] if part["emotion"] != "neutral"
    )
    assert neutral["segments"]["missed_emotion"] == pytest.approx(emotional / sum(rows["duration_s"]))
    assert neutral["segments"]["eder"]["value"] == pytest.approx(neutral["segments"]["missed_emotion"])


def test_rows_without_segments_are_refused(prepared: Path) -> None:
    rows = read_corpora([prepared], ["alpha"], split="all")[0]["alpha"]
    with pytest.raises(AudioEmotionError, match="corpora shifts"):
        evaluate_shifts(Oracle([]), rows)
