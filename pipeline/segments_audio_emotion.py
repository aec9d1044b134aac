"""Where chunks begin and end: from frame scores, from a fixed length, or from the caller's speaker turns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from .errors_audio_emotion import AudioEmotionError

SMOOTHING_S = 0.5
"""Frame scores are averaged over this long before their labels are compared."""
MIN_CHUNK_S = 0.5
"""A label that lasts for less joins the chunk before it."""


class Span(NamedTuple):
    """A stretch of a recording, in samples; `speaker` where a diarisation names one."""

    start: int
    end: int
    speaker: str | None = None


def spans_from_frames(frame_scores: np.ndarray, num_samples: int, frame_samples: int, sampling_rate: int) -> list[Span]:
    """Cut where the strongest label changes for good.

    Scores are smoothed by a moving average, each frame takes its strongest label, and runs shorter than `MIN_CHUNK_S`
    join the run before them.

    Args:
        frame_scores: float `(num_frames, num_labels)`.
        num_samples: Length of the recording, in samples.
        frame_samples: Samples per frame.
        sampling_rate: Samples per second.

    Returns:
        Spans that tile the recording.
    """
    frames_per_s = sampling_rate / frame_samples
    winners = _moving_average(frame_scores, round(SMOOTHING_S * frames_per_s)).argmax(axis=1)
    changes = np.flatnonzero(np.diff(winners)) + 1
    starts = [0, *changes.tolist()]
    ends = [*changes.tolist(), len(winners)]
    bounds = [0]
    label = None
    for start, end in zip(starts, ends, strict=True):
        if end - start < MIN_CHUNK_S * frames_per_s:
            continue
        if label is not None and winners[start] != label:
            bounds.append(start * frame_samples)
        label = winners[start]
    return _tile(bounds, num_samples)


def spans_of_length(window_s: float, num_samples: int, frame_samples: int, sampling_rate: int) -> list[Span]:
    """Cut into windows of `window_s` seconds; the last is shorter, or up to a frame longer.

    Args:
        window_s: Seconds per window.
        num_samples: Length of the recording, in samples.
        frame_samples: Samples per frame.
        sampling_rate: Samples per second.

    Returns:
        Spans that tile the recording; each bound is rounded on its own, so nothing drifts.

    Example:
        >>> spans_of_length(0.5, 16200, 320, 16000)
        [Span(start=0, end=8000, speaker=None), Span(start=8000, end=16200, speaker=None)]
    """
    num_windows = max(1, math.ceil((num_samples - frame_samples) / (window_s * sampling_rate)))
    return _tile([round(index * window_s * sampling_rate) for index in range(num_windows)], num_samples)


def check_window(window_s: Any, frame_period_s: float) -> float:
    """Answer a fixed window's length in seconds.

    Raises:
        AudioEmotionError: If it is not a number of at least one frame.
    """
    if isinstance(window_s, Real) and math.isfinite(window_s) and float(window_s) >= frame_period_s:
        return float(window_s)
    raise AudioEmotionError(
        f"return_timestamps is {window_s!r}; give True for segments, 'frame' for every frame, or a window in seconds "
        f"of at least {frame_period_s} (one frame)."
    )


def check_segments(segments: Any) -> list[Mapping[str, Any]]:
    """Check what can be checked of `segments` before the audio is heard.

    Args:
        segments: A sequence of mappings with `start` and `end` in seconds, and optionally `speaker`.

    Returns:
        The segments, as a list.

    Raises:
        AudioEmotionError: If one lacks a bound, begins before 0, or ends before it begins.
    """
    if isinstance(segments, (str, Mapping)) or not isinstance(segments, Sequence):
        raise AudioEmotionError(
            f"segments must be a list of {{'start', 'end', 'speaker'}}, got {type(segments).__name__}."
        )
    for index, segment in enumerate(segments):
        if not isinstance(segment, Mapping) or not {"start", "end"} <= segment.keys():
            raise AudioEmotionError(
                f"segments[{index}] is {segment!r}; give a mapping with 'start' and 'end' in seconds."
            )
        start, end = segment["start"], segment["end"]
        if not all(isinstance(bound, Real) and math.isfinite(bound) for bound in (start, end)):
            raise AudioEmotionError(f"segments[{index}] has start {start!r} and end {end!r}; give seconds as numbers.")
        if start < 0 or end <= start:
            raise AudioEmotionError(
                f"segments[{index}] goes from {start} s to {end} s; a segment begins at 0 or later and ends after that."
            )
    return list(segments)


def spans_from_segments(
    segments: Sequence[Mapping[str, Any]], num_samples: int, frame_samples: int, sampling_rate: int, name: str
) -> list[Span]:
    """The caller's segments in samples; an end up to one frame past the recording is taken as its end.

    Args:
        segments: As `check_segments` answers them.
        num_samples: Length of the recording, in samples.
        frame_samples: Samples per frame.
        sampling_rate: Samples per second.
        name: The recording, for messages.

    Returns:
        One span per segment, in the caller's order.

    Raises:
        AudioEmotionError: If a segment lies outside the recording.
    """
    spans = []
    for index, segment in enumerate(segments):
        start, end = round(segment["start"] * sampling_rate), round(segment["end"] * sampling_rate)
        if start >= num_samples or end > num_samples + frame_samples:
            raise AudioEmotionError(
                f"segments[{index}] goes from {segment['start']} s to {segment['end']} s, and {name} ends at "
                f"{num_samples / sampling_rate:.3f} s. Give segments within the recording."
            )
        speaker = segment.get("speaker")
        spans.append(Span(start, min(end, num_samples), None if speaker is None else str(speaker)))
    return spans


def _tile(starts: list[int], num_samples: int) -> list[Span]:
    return [Span(start, end) for start, end in zip(starts, [*starts[1:], num_samples], strict=True)]


def _moving_average(values: np.ndarray, width: int) -> np.ndarray:
    """Centred mean over `width` frames, over fewer at both ends: `(num_frames, num_labels)` -> the same shape."""
    num_frames = len(values)
    sums = np.concatenate([np.zeros((1, values.shape[1])), np.cumsum(values, axis=0, dtype=np.float64)])
    frames = np.arange(num_frames)
    first = np.maximum(frames - width // 2, 0)
    last = np.minimum(frames + width // 2 + 1, num_frames)
    means: np.ndarray = (sums[last] - sums[first]) / (last - first)[:, None]
    return means
