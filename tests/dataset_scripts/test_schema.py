import io
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_emotion.dataset_scripts.schema import (
    COLUMNS,
    EMOTIONS,
    LABEL_SOURCES,
    SPLITS,
    corpus_features,
    dominant_emotion,
    validate_row,
)
from audio_emotion.modeling.labels_emotion_whisper import EMOTIONS as MODEL_EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


def flac(num_samples: int, sampling_rate: int, num_channels: int = 1) -> bytes:
    buffer = io.BytesIO()
    soundfile.write(buffer, np.zeros((num_samples, num_channels)), sampling_rate, format="FLAC")
    return buffer.getvalue()


def good_row() -> dict[str, Any]:
    return {
        "audio": {"bytes": flac(16000, 16000), "path": "a.flac"},
        "corpus": "nemo",
        "id": "a",
        "speaker": "s",
        "gender": "female",
        "age": 30,
        "language": "pl",
        "text": None,
        "emotion_raw": "anger",
        "emotion": "anger",
        "distribution": [0.0, 0.0, 0.0, 0.0, 0.0, 0.9, 0.0, 0.1],
        "label_mask": [False, False, False, False, False, True, False, True],
        "votes": [{"label": "ang", "count": 9}, {"label": "neu", "count": 1}],
        "label_source": "votes",
        "intensity": None,
        "valence": 0.1,
        "arousal": 0.9,
        "dominance": None,
        "targets": None,
        "duration_s": 1.0,
        "split": "train",
        "license": "cc-by-4.0",
    }


def test_labels_are_those_of_the_model() -> None:
    assert tuple(MODEL_EMOTIONS) == EMOTIONS


def test_features_hold_a_row_in_order() -> None:
    features = corpus_features()
    assert tuple(features) == COLUMNS == tuple(good_row())
    validate_row(good_row())
    assert features.encode_example(good_row())["distribution"] == good_row()["distribution"]


@pytest.mark.parametrize("language", ["en", "fr-CA", "zh-TW", "es-419", "yue", "zh-Hant-TW"])
def test_language_tags(language: str) -> None:
    validate_row({**good_row(), "language": language})


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("corpus", ""),
        ("id", None),
        ("license", ""),
        ("split", "dev"),
        ("label_source", "guess"),
        ("gender", "F"),
        ("speaker", ""),
        ("age", 0),
        ("language", "English"),
        ("language", None),
        ("valence", 1.2),
        ("arousal", float("nan")),
        ("targets", [{"name": "Anger", "intensity": 2.0}]),
        ("votes", [{"label": "ang", "count": -1}]),
        ("duration_s", 0.02),
        ("duration_s", float("inf")),
        ("duration_s", 1.5),
        ("audio", {"bytes": b"RIFF", "path": "a.wav"}),
        ("audio", {"bytes": b"fLaC", "path": "a.flac"}),
        ("audio", {"bytes": flac(8000, 16000), "path": "a.flac"}),
        ("audio", {"bytes": flac(8000, 8000), "path": "a.flac"}),
        ("audio", {"bytes": flac(16000, 16000, 2), "path": "a.flac"}),
        ("distribution", [0.0] * 7),
        ("distribution", [0.0, 0.0, 0.0, 0.0, 0.0, 0.8, 0.0, 0.1]),
        ("distribution", [0.1, 0.0, 0.0, 0.0, 0.0, 0.8, 0.0, 0.1]),
        ("distribution", [0.0, 0.0, 0.0, 0.0, 0.0, 1.1, 0.0, -0.1]),
        ("distribution", [0.0, 0.0, 0.0, 0.0, 0.0, float("nan"), 0.0, 0.1]),
        ("distribution", [0.0] * 8),
        ("label_mask", [False] * 8),
        ("emotion", "neutral"),
        ("emotion", None),
    ],
)
def test_a_bad_value_is_named_with_its_row(column: str, value: object) -> None:
    with pytest.raises(CorpusError, match=f"^row .*{column.rstrip('s')}"):
        validate_row({**good_row(), column: value})


def test_missing_and_unknown_columns_are_named() -> None:
    row = good_row()
    row["mood"] = row.pop("text")
    with pytest.raises(CorpusError, match=r"missing columns \['text'\], unknown columns \['mood'\]"):
        validate_row(row)


def test_rows_without_categories() -> None:
    row = {**good_row(), "distribution": [0.0] * 8, "label_mask": [False] * 8, "emotion": None, "label_source": "none"}
    validate_row(row)


def test_a_tie_has_no_dominant_emotion() -> None:
    assert dominant_emotion([0.5, 0.5, 0, 0, 0, 0, 0, 0]) is None
    assert dominant_emotion([0.5, 0.3, 0, 0, 0, 0, 0.2, 0]) == "happiness"


def test_words_are_unique() -> None:
    for words in (EMOTIONS, LABEL_SOURCES, SPLITS, COLUMNS):
        assert len(set(words)) == len(words)
