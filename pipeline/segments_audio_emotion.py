"""Where chunks begin and end: from frame scores, from a fixed length, or from the caller's speaker turns."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, NamedTuple

import numpy as np

from .errors_audio_emotion import AudioEmotionError
from .viterbi_audio_emotion import SCORE_FLOOR, viterbi_path

SWITCH_COST_S = 0.1
"""Default price of a change of label: the best of the grid that `python -m benchmarks.segmentation` tries."""
NO_SPEECH = "no_speech"
"""Label of a chunk in which the voice-activity gate heard nobody speak."""
MIN_CHUNK_S = 0.5
"""A label that lasts for less joins the chunk before it: 0 has 0.2 points fewer errors there, and many splinters."""
HYSTERESIS = 0.0
"""By how much a new label must lead the one before: more than 0 brings nothing there."""


class Span(NamedTuple):
    """A stretch of a recording, in samples; `speaker` where a diarisation names one, `speech` where a gate heard it."""

    start: int
    end: int
    speaker: str | None = None
    speech: bool = True


@dataclass(frozen=True)
class Smoothing:
    """How frame scores become chunks.

    Attributes:
        switch_cost_s: Price of a change of label: the new label must be e (2.7) times as likely as the old one for so
            many seconds, or e squared times for half as long.
        min_chunk_s: A label that lasts for less joins the chunk before it.
        hysteresis: A chunk whose mean score leads that of the label before it by less joins it.
    """

    switch_cost_s: float = SWITCH_COST_S
    min_chunk_s: float = MIN_CHUNK_S
    hysteresis: float = HYSTERESIS

    def __post_init__(self) -> None:
        for name, upper in (("switch_cost_s", math.inf), ("min_chunk_s", math.inf), ("hysteresis", 1.0)):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, Real) or not 0 <= float(value) <= upper:
                limits = "at least 0" if upper == math.inf else f"from 0 to {upper:g}"
                raise AudioEmotionError(f"{name} is {value!r}; give a number {limits}.")


def spans_from_frames(
    frame_scores: np.ndarray,
    num_samples: int,
    frame_samples: int,
    sampling_rate: int,
    smoothing: Smoothing | None = None,
) -> list[Span]:
    """Cut where the label changes for good.

    The labels are the Viterbi path through the frame scores (`viterbi_path`); runs shorter than `min_chunk_s` and
    changes with less of a lead than `hysteresis` join the run before them.

    Args:
        frame_scores: float `(num_frames, num_labels)`.
        num_samples: Length of the recording, in samples.
        frame_samples: Samples per frame.
        sampling_rate: Samples per second.
        smoothing: Switching cost, minimum length, hysteresis; None takes the defaults.

    Returns:
        Spans that tile the recording.
    """
    smoothing = smoothing or Smoothing()
    frames_per_s = sampling_rate / frame_samples
    path = viterbi_path(
        frame_scores, min(smoothing.switch_cost_s * frames_per_s, -np.log(SCORE_FLOOR) * len(frame_scores))
    )
    changes = np.flatnonzero(np.diff(path)) + 1
    starts = np.concatenate([[0], changes])
    lengths = np.diff(np.concatenate([starts, [len(path)]]))
    means = np.add.reduceat(frame_scores, starts, axis=0) / lengths[:, None]  # (num_runs, num_labels)
    bounds = [0]
    label = None
    for start, length, mean in zip(starts.tolist(), lengths.tolist(), means, strict=True):
        winner = path[start]
        if length < smoothing.min_chunk_s * frames_per_s:
            continue
        if label is not None:
            if winner == label or mean[winner] - mean[label] < smoothing.hysteresis:
                continue
            bounds.append(start * frame_samples)
        label = winner
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
        >>> [(span.start, span.end) for span in spans_of_length(0.5, 16200, 320, 16000)]
        [(0, 8000), (8000, 16200)]
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
        spans.append(Span(start, min(max(end, start + 1), num_samples), None if speaker is None else str(speaker)))
    return spans


def _tile(starts: list[int], num_samples: int) -> list[Span]:
    return [Span(start, end) for start, end in zip(starts, [*starts[1:], num_samples], strict=True)]
