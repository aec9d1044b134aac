"""The unified row: its columns, their types, and the check that every row passes before it is written."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from audio_emotion.pipeline.errors_audio_emotion import CorpusError

if TYPE_CHECKING:
    from datasets import Features

EMOTIONS = ("happiness", "sadness", "disgust", "fear", "surprise", "anger", "other", "neutral")
LABEL_SOURCES = ("votes", "intensity", "recognition_rate", "smoothed", "none")
SPLITS = ("train", "validation", "test")
GENDERS = ("female", "male", "other")
SAMPLING_RATE = 16000
TIE = 1e-6  # shares that differ by no more are alike
MIN_SAMPLES = 400  # 25 ms, the shortest clip that the feature extractor accepts

LANGUAGE_TAG = r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?"  # the part of BCP 47 that corpora use
_UNIT_RANGE_COLUMNS = ("intensity", "valence", "arousal", "dominance")


# Arrow types: a word is a scalar, a dict a struct, a list any number of its element, a tuple a fixed number of them.
# `audio` is no `Audio` feature, which would need torchcodec even to write; whoever reads it casts the column to
# `Audio(decode=False)`. `votes` and `targets` are lists of pairs, for their names differ from corpus to corpus.
_COLUMN_TYPES: dict[str, Any] = {
    "audio": {"bytes": "binary", "path": "string"},
    "corpus": "string",
    "id": "string",
    "speaker": "string",
    "gender": "string",
    "age": "int32",
    "language": "string",
    "text": "string",
    "emotion_raw": "string",
    "emotion": "string",
    "distribution": ("float32", len(EMOTIONS)),
    "label_mask": ("bool", len(EMOTIONS)),
    "votes": [{"label": "string", "count": "int32"}],
    "label_source": "string",
    "intensity": "float32",
    "valence": "float32",
    "arousal": "float32",
    "dominance": "float32",
    "targets": [{"name": "string", "intensity": "float32"}],
    "duration_s": "float64",
    "split": "string",
    "license": "string",
}
COLUMNS = tuple(_COLUMN_TYPES)


def corpus_features() -> Features:
    """Build the `datasets` features of the unified row, in the order of its columns."""
    from datasets import Features, List, Value

    def feature(column_type: Any) -> Any:
        if isinstance(column_type, dict):
            return {name: feature(inner) for name, inner in column_type.items()}
        if isinstance(column_type, list):
            return List(feature(column_type[0]))
        if isinstance(column_type, tuple):
            return List(feature(column_type[0]), length=column_type[1])
        return Value(column_type)

    return Features({name: feature(column_type) for name, column_type in _COLUMN_TYPES.items()})


def validate_row(row: Mapping[str, Any]) -> None:
    """Check one row against the schema.

    Args:
        row: A unified row as Python values: `audio` a mapping with FLAC `bytes` and `path`, `distribution` and
            `label_mask` sequences of 8.

    Raises:
        CorpusError: If a column is missing or unknown, a value is out of its range, the distribution does not sum to
            one over the classes of the mask, or `emotion` is not its argmax. The message names corpus, id and column.
    """
    where = f"row {row.get('corpus')}/{row.get('id')}"
    if tuple(row) != COLUMNS:
        missing, unknown = sorted(set(COLUMNS) - set(row)), sorted(set(row) - set(COLUMNS))
        raise CorpusError(f"{where}: missing columns {missing}, unknown columns {unknown}; the order is {COLUMNS}.")
    for column in ("corpus", "id", "license"):
        if not isinstance(row[column], str) or not row[column]:
            raise CorpusError(f"{where}: {column} is {row[column]!r}; it must be a non-empty string.")
    for column, allowed in (("split", SPLITS), ("label_source", LABEL_SOURCES)):
        if row[column] not in allowed:
            raise CorpusError(f"{where}: {column} is {row[column]!r}; it must be one of {', '.join(allowed)}.")
    if row["gender"] is not None and row["gender"] not in GENDERS:
        raise CorpusError(f"{where}: gender is {row['gender']!r}; it must be null or one of {', '.join(GENDERS)}.")
    if row["speaker"] == "":
        raise CorpusError(f"{where}: speaker is an empty string; an unknown speaker is null.")
    if row["age"] is not None and not 0 < row["age"] < 130:
        raise CorpusError(f"{where}: age is {row['age']!r}; it is years, or null.")
    if not re.fullmatch(LANGUAGE_TAG, row["language"] or ""):
        raise CorpusError(f"{where}: language is {row['language']!r}; it must be a BCP 47 tag such as 'en' or 'fr-CA'.")
    for column in _UNIT_RANGE_COLUMNS:
        if row[column] is not None and not 0.0 <= row[column] <= 1.0:
            raise CorpusError(f"{where}: {column} is {row[column]!r}; it must be null or lie in 0..1.")
    for target in row["targets"] or ():
        if not 0.0 <= target["intensity"] <= 1.0:
            raise CorpusError(f"{where}: target {target['name']} is {target['intensity']!r}; it must lie in 0..1.")
    for vote in row["votes"] or ():
        if vote["count"] < 0:
            raise CorpusError(f"{where}: {vote['count']} votes for {vote['label']!r}; a count is 0 or more.")
    if not (math.isfinite(row["duration_s"]) and row["duration_s"] * SAMPLING_RATE >= MIN_SAMPLES):
        raise CorpusError(f"{where}: duration_s is {row['duration_s']!r}; a clip lasts at least 0.025 s.")
    _validate_audio(row["audio"]["bytes"], row["duration_s"], where)
    _validate_label(row["distribution"], row["label_mask"], row["emotion"], where)


def _validate_audio(flac: bytes, duration_s: float, where: str) -> None:
    """Hold the stream's own header (RFC 9639, section 8.2) against the row."""
    if not (flac.startswith(b"fLaC") and len(flac) >= 42):
        raise CorpusError(f"{where}: audio.bytes is not a FLAC stream.")
    facts = int.from_bytes(flac[18:26], "big")  # 20 bits rate, 3 channels - 1, 5 bits a sample - 1, 36 samples
    sampling_rate, num_channels, num_samples = facts >> 44, (facts >> 41 & 0b111) + 1, facts & (1 << 36) - 1
    if (sampling_rate, num_channels) != (SAMPLING_RATE, 1):
        raise CorpusError(f"{where}: audio has {num_channels} channels at {sampling_rate} Hz; it must be 16 kHz mono.")
    if num_samples != round(duration_s * SAMPLING_RATE):
        raise CorpusError(f"{where}: audio has {num_samples} samples, duration_s says {duration_s} s.")


def _validate_label(distribution: Any, label_mask: Any, emotion: str | None, where: str) -> None:
    num_labels = len(EMOTIONS)
    if len(distribution) != num_labels or len(label_mask) != num_labels:
        raise CorpusError(f"{where}: distribution and label_mask have {num_labels} entries each.")
    if any(not 0.0 <= share <= 1.0 for share in distribution):
        raise CorpusError(f"{where}: distribution {list(distribution)} leaves 0..1.")
    outside = [
        name for name, share, inside in zip(EMOTIONS, distribution, label_mask, strict=True) if share and not inside
    ]
    if outside:
        raise CorpusError(f"{where}: distribution gives mass to {', '.join(outside)}, which label_mask excludes.")
    expected_sum = 1.0 if any(label_mask) else 0.0  # a corpus without categories masks everything
    if abs(sum(distribution) - expected_sum) > 1e-4:
        raise CorpusError(f"{where}: distribution sums to {sum(distribution):.6f}; it must sum to {expected_sum:g}.")
    if emotion != dominant_emotion(distribution):
        raise CorpusError(f"{where}: emotion is {emotion!r}; it is the one most likely class, or null in a tie.")


def dominant_emotion(distribution: Any) -> str | None:
    """Name the most likely class of a distribution `(8,)`; None in a tie or where there is no mass.

    >>> dominant_emotion((0.0, 0.1, 0.0, 0.0, 0.0, 0.9, 0.0, 0.0))
    'anger'
    """
    highest = max(distribution)
    winners = [
        name for name, share in zip(EMOTIONS, distribution, strict=True) if math.isclose(share, highest, abs_tol=TIE)
    ]
    return winners[0] if len(winners) == 1 and highest > 0 else None
