import os
from collections import Counter

import pytest

from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.dataset_scripts.schema import EMOTIONS


def share(row, emotion):
    return row["distribution"][EMOTIONS.index(emotion)]


def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "cafe",
        [
            "CaFE_48k/Colère/Faible/10-C-1-3.wav",
            "CaFE_48k/Colère/Fort/11-C-2-3.wav",
            "CaFE_192k/D\u201ago\u2013t/Fort/12-D-2-6.aiff",  # as the zip's accents arrive
            "CaFE_48k/Neutre/01-N-1-1.wav",
        ],
    )
    weak, strong, disgust, neutral = (corpus.rows[name] for name in ("10-C-1-3", "11-C-2-3", "12-D-2-6", "01-N-1-1"))
    assert (weak["speaker"], weak["gender"], weak["split"], weak["language"]) == ("10", "female", "train", "fr-CA")
    assert (strong["gender"], strong["split"], disgust["split"]) == ("male", "validation", "validation")
    assert (weak["emotion_raw"], weak["emotion"], disgust["emotion"]) == ("Colère", "anger", "disgust")
    assert (weak["label_source"], weak["intensity"]) == ("intensity", pytest.approx(0.6))
    assert share(strong, "anger") == pytest.approx(0.95)
    assert share(strong, "anger") > share(weak, "anger") > share(weak, "neutral") > share(strong, "neutral")
    assert (neutral["label_source"], neutral["intensity"]) == ("smoothed", None)
    assert share(neutral, "neutral") == pytest.approx(0.95)
    assert not corpus.findings


def test_folders_that_are_no_text(read_folder, tmp_path):
    folder = tmp_path / "CaFE_48k" / os.fsdecode(b"D%82go%96t") / "Fort"
    folder.mkdir(parents=True)
    for name in ("12-D-2-6.wav", "12-X-2-6.wav"):
        (folder / name).touch()
    corpus = read_folder("cafe", tmp_path)
    assert list(corpus.rows) == ["12-D-2-6"]
    assert corpus.problems == [("unknown name", "CaFE_48k/D%82go%96t/Fort/12-X-2-6.wav")]


def test_unknown_intensity(read_corpus):
    corpus = read_corpus("cafe", ["10-C-1-3.wav", "10-C-3-3.wav"])
    assert "intensity '3' is unknown" in corpus.findings[0].reason


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("cafe")(tmp_path)
    found = Counter()
    for path, label in real_names("cafe"):
        annotation = reader.clip(path).annotation
        assert annotation.emotion_raw == reader.codes[label.upper()]
        assert (annotation.label.intensity == 1.0) == ("/Fort/" in path)
        found[annotation.emotion_raw] += 1
    assert found == reader.info.emotion_counts
