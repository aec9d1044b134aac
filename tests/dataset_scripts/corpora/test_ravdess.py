from collections import Counter

import pytest

from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


def share(row, emotion):
    return row["distribution"][EMOTIONS.index(emotion)]


def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "ravdess",
        [
            "Actor_01/03-01-05-01-02-01-01.wav",
            "Actor_02/03-01-05-02-02-01-02.wav",
            "Actor_02/03-01-02-01-01-01-02.wav",
            "Actor_01/03-02-05-01-02-01-01.wav",
            "Actor_01/01-01-05-01-02-01-01.mp4",
            "Actor_01/03-01-09-01-02-01-01.wav",
            "Actor_01/readme.wav",
        ],
    )
    normal, strong = corpus.rows["03-01-05-01-02-01-01"], corpus.rows["03-01-05-02-02-01-02"]
    assert (normal["speaker"], normal["gender"], strong["gender"]) == ("Actor_01", "male", "female")
    assert normal["text"] == "Dogs are sitting by the door."
    assert (normal["emotion_raw"], normal["emotion"], normal["label_source"]) == ("angry", "anger", "intensity")
    assert share(strong, "anger") > share(normal, "anger") > share(normal, "neutral") > share(strong, "neutral")
    assert corpus.rows["03-01-02-01-01-01-02"]["emotion"] == "other"
    assert corpus.problems == [
        ("skipped", "Actor_01/01-01-05-01-02-01-01.mp4"),
        ("unknown name", "Actor_01/03-01-09-01-02-01-01.wav"),
        ("skipped", "Actor_01/03-02-05-01-02-01-01.wav"),
        ("unknown name", "Actor_01/readme.wav"),
    ]


def test_unknown_code_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"Actor_01/03-01-09.*emotion '09' is unknown.*01, 02"):
        get_reader("ravdess")(tmp_path).clip("Actor_01/03-01-09-01-02-01-01.wav")


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("ravdess")(tmp_path)
    found = Counter()
    for path, label in real_names("ravdess"):
        raw = reader.clip(path).annotation.emotion_raw
        assert raw == {"surprise": "surprised"}.get(label.lower(), label.lower())
        found[raw] += 1
    assert found == reader.info.emotion_counts
