"""The unified row of a clip: its annotation and its encoded audio side by side."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from audio_emotion.dataset_scripts.corpus import Clip, CorpusInfo
from audio_emotion.dataset_scripts.encoding import EncodedClip
from audio_emotion.dataset_scripts.schema import SAMPLING_RATE, dominant_emotion


def make_row(info: CorpusInfo, clip: Clip, audio: EncodedClip) -> dict[str, Any]:
    """Put a clip, its annotation and its audio into the columns of `schema.COLUMNS`."""
    annotation = clip.annotation
    label = annotation.label
    return {
        "audio": {"bytes": audio.flac, "path": f"{clip.id}.flac"},
        "corpus": info.name,
        "id": clip.id,
        "speaker": annotation.speaker,
        "gender": annotation.gender,
        "age": annotation.age,
        "language": clip.language,
        "text": annotation.text,
        "emotion_raw": annotation.emotion_raw,
        "emotion": dominant_emotion(label.distribution),
        "distribution": list(label.distribution),
        "label_mask": list(clip.label_mask),
        "votes": _pairs(label.votes, "label", "count"),
        "label_source": label.source,
        "intensity": label.intensity,
        "valence": annotation.valence,
        "arousal": annotation.arousal,
        "dominance": annotation.dominance,
        "targets": _pairs(annotation.targets, "name", "intensity"),
        "duration_s": audio.num_samples / SAMPLING_RATE,
        "split": clip.split,
        "license": info.license,
    }


def _pairs(values: Mapping[str, float] | None, key: str, value: str) -> list[dict[str, Any]] | None:
    return None if values is None else [{key: name, value: number} for name, number in values.items()]
