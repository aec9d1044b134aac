"""How well a model says which emotion appears when: EDER on recordings with known shifts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics.bootstrap import bootstrap_clips
from audio_emotion.training.metrics.diarization import DiarizationErrors, emotion_diarization_errors
from audio_emotion.training.shift_set import SEGMENT_COLUMN

WINDOW_S = 1.0
"""The pooled-window way: one answer for each second, what a clip classifier without frames can do."""
ERRORS = ("false_alarm", "missed_emotion", "confusion", "overlap")


def evaluate_shifts(
    pipe: Any, rows: Any, num_resamples: int = 2000, seed: int = 0, on_recording: Callable[[], None] = lambda: None
) -> dict[str, Any]:
    """Measure a pipeline on a set that `write_shift_set` wrote.

    Each recording is heard once and cut in two ways: `segments`, where the frames say that the emotion changes, and
    `windows`, one label for each second. The labels are those that appear in the set.

    Args:
        pipe: An `AudioEmotionPipeline`.
        rows: The set, audio undecoded.
        num_resamples: Bootstrap resamples over speakers.
        seed: Seed of the bootstrap.
        on_recording: Called after each recording.

    Returns:
        `num_recordings`, `num_speakers`, `labels`, and for `segments` and `windows` the `eder` over all time as
        `{"value", "low", "high"}`, its four parts, and `eder_mean`, the mean over recordings.

    Raises:
        AudioEmotionError: The rows have no column of segments.
    """
    if SEGMENT_COLUMN not in rows.column_names:
        raise AudioEmotionError("these rows hold no known shifts: make a set with `audio-emotion corpora shifts`")
    labels = sorted({segment["emotion"] for segments in rows[SEGMENT_COLUMN] for segment in segments})
    errors: dict[str, list[DiarizationErrors]] = {"segments": [], "windows": []}
    for row in rows:
        reference = [(part["start_s"], part["end_s"], part["emotion"]) for part in row[SEGMENT_COLUMN]]
        heard = pipe.score_recording(row["audio"])
        for way, timestamps in (("segments", True), ("windows", WINDOW_S)):
            chunks = pipe.postprocess(heard, return_timestamps=timestamps, labels=labels)["chunks"]
            hypothesis = [(*chunk["timestamp"], chunk["label"]) for chunk in chunks]
            errors[way].append(emotion_diarization_errors(reference, hypothesis, row["duration_s"]))
        on_recording()
    speakers = list(rows["speaker"])
    return {
        "num_recordings": len(rows),
        "num_speakers": len(set(speakers)),
        "labels": labels,
        **{way: summarize_errors(found, speakers, num_resamples, seed) for way, found in errors.items()},
    }


def summarize_errors(
    errors: list[DiarizationErrors], speakers: list[str | None], num_resamples: int, seed: int
) -> dict[str, Any]:
    """EDER of a set of recordings from the errors of each, with its interval by resampling speakers.

    Args:
        errors: One recording each.
        speakers: One recording each.
        num_resamples: Bootstrap resamples.
        seed: Seed of the bootstrap.

    Returns:
        `eder` over all time as `{"value", "low", "high"}`, `eder_mean` over recordings, and the parts in `ERRORS`.
    """
    durations = np.array([error.duration for error in errors])
    wrong = np.array([[getattr(error, part) for part in ERRORS] for error in errors])  # (num_recordings, 4)

    def eder(chosen: Any) -> dict[str, float]:
        return {"eder": float(wrong[chosen].sum() / durations[chosen].sum())}

    low, high = bootstrap_clips(eder, speakers, num_resamples, seed).bounds["eder"]
    return {
        "eder": {"value": eder(slice(None))["eder"], "low": low, "high": high},
        "eder_mean": float(np.mean([error.eder for error in errors])),
        **{part: float(share) for part, share in zip(ERRORS, wrong.sum(axis=0) / durations.sum(), strict=True)},
    }
