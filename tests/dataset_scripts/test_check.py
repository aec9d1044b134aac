from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion.dataset_scripts.check import check
from audio_emotion.dataset_scripts.corpora import urdu
from audio_emotion.dataset_scripts.corpus import CorpusInfo


@pytest.fixture
def four_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An URDU of four clips, which is what its info expects here."""
    facts = {**vars(urdu.Urdu.info), "num_clips": 4, "num_speakers": 2}
    info = CorpusInfo(**{**facts, "emotion_counts": dict.fromkeys(("Angry", "Happy", "Neutral", "Sad"), 1)})
    monkeypatch.setattr(urdu.Urdu, "info", info)
    for name in ("Angry/SM1_F1_A1", "Happy/SM1_F2_H1", "Neutral/SF1_F1_N1", "Sad/SF1_F2_S1"):
        path = tmp_path / f"{name}.wav"
        path.parent.mkdir()
        soundfile.write(path, np.full(16000, 0.1), 16000)
    return tmp_path


def test_a_sound_corpus(four_clips: Path) -> None:
    result = check("urdu", four_clips)
    assert result.problems() == []
    assert (result.num_clips, result.speakers, result.splits, result.duration_s) == (
        4,
        {"SM1", "SF1"},
        {"test": 4},
        4.0,
    )
    assert result.describe_label("Angry") == "anger 0.95"


def test_everything_that_is_off_is_named(four_clips: Path) -> None:
    (four_clips / "Angry" / "SM1_F1_A1.wav").write_text("no sound")
    (four_clips / "Happy" / "SM1_F2_H1.wav").rename(four_clips / "Happy" / "SM1_F2_H1_new.wav")
    (four_clips / "Sad" / "SM2_F2_S2.wav").write_bytes((four_clips / "Sad" / "SF1_F2_S1.wav").read_bytes())
    result = check("urdu", four_clips)
    assert result.problems() == [
        "3 speakers, 2 expected",
        "0 clips labelled Happy, 1 expected",
        "2 clips labelled Sad, 1 expected",
        "unknown name: 1",
        "bad audio: 1",
    ]
    assert result.duration_s == 3.0


def test_without_decoding_bad_audio_is_not_met(four_clips: Path) -> None:
    (four_clips / "Angry" / "SM1_F1_A1.wav").write_text("no sound")
    result = check("urdu", four_clips, decode=False)
    assert (result.problems(), result.duration_s) == ([], None)


def test_processes_find_the_same(four_clips: Path) -> None:
    (four_clips / "Angry" / "SM1_F1_A1.wav").write_text("no sound")
    done: list[int] = []
    result = check("urdu", four_clips, num_proc=2, progress=done.append)
    assert (result.problems(), result.duration_s, done) == (["bad audio: 1"], 3.0, [1, 2, 3, 4])
