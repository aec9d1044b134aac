"""A result of any length as a few columns of time, for every picture of it: plot, notebook, terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .segments_audio_emotion import NO_SPEECH

TICK_STEPS_S = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


@dataclass(frozen=True)
class ScoreColumns:
    """Scores over time, averaged to columns.

    Attributes:
        labels: Names of the scores, in order.
        edges_s: float `(num_columns + 1,)`, where columns begin and end, in seconds.
        scores: float `(num_columns, num_labels)`; NaN where nothing was scored.
        independent: True for intensities, which are scored each on its own; False for shares of one.
    """

    labels: tuple[str, ...]
    edges_s: np.ndarray
    scores: np.ndarray
    independent: bool


def score_columns(answer: Mapping[str, Any], duration_s: float, max_columns: int) -> ScoreColumns:
    """Average what the pipeline answered over at most `max_columns` stretches of time.

    Args:
        answer: An answer with `frames`, with `chunks`, or with both. Frames are finer, chunks say where nobody speaks.
        duration_s: Length of the recording, in seconds.
        max_columns: Most columns of the result.

    Returns:
        The columns, which tile the recording.

    Example:
        >>> chunks = [{"timestamp": (0.0, 1.0), "scores": {"anger": 0.8, "fear": 0.2}, "label": "anger"}]
        >>> score_columns({"chunks": chunks}, 2.0, max_columns=2).scores
        array([[0.8, 0.2],
               [nan, nan]])
    """
    chunks = answer.get("chunks") or []
    if "frames" in answer:
        labels = tuple(answer["labels"])
        edges_s, scores = _average_frames(np.asarray(answer["frames"]), float(answer["frame_period_s"]), max_columns)
        edges_s[-1] = max(duration_s, edges_s[-2])
        silent = _covered_s([chunk for chunk in chunks if chunk["label"] == NO_SPEECH], edges_s)
        scores[silent > 0.5 * np.diff(edges_s)] = np.nan
    else:
        spoken = [chunk for chunk in chunks if chunk["label"] != NO_SPEECH]
        labels = tuple(dict.fromkeys(label for chunk in spoken for label in _scores_of(chunk)))
        edges_s = np.linspace(0, duration_s, max_columns + 1)
        scores = _average_chunks(spoken, labels, edges_s)
    sums = scores[~np.isnan(scores).any(axis=1)].sum(axis=1)
    return ScoreColumns(labels, edges_s, scores, independent=not np.allclose(sums, 1.0, atol=1e-2))


def duration_of(answer: Mapping[str, Any]) -> float:
    """Seconds that an answer covers: its frames, or up to the end of its last chunk."""
    if "frames" in answer:
        return len(answer["frames"]) * float(answer["frame_period_s"])
    return max((float(chunk["timestamp"][1]) for chunk in answer.get("chunks") or []), default=0.0)


def speakers_of(chunks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The speakers of chunks in the order in which they speak first; an empty name for chunks without one.

    Where any chunk has a speaker, those of `no_speech` need none, and do not count as another.
    """
    names = dict.fromkeys(str(chunk.get("speaker") or "") for chunk in chunks)
    silent = [chunk for chunk in chunks if not chunk.get("speaker")]
    if len(names) > 1 and all(chunk["label"] == NO_SPEECH for chunk in silent):
        names.pop("", None)
    return list(names)


def clock(seconds: float, decimals: int = 0) -> str:
    """A moment as people write it, with hours where there are any.

    >>> clock(0), clock(83), clock(3605), clock(59.96, decimals=1)
    ('0:00', '1:23', '1:00:05', '1:00.0')
    """
    parts = 10**decimals
    whole, rest = divmod(round(seconds * parts), parts)
    hours, minutes = divmod(whole // 60, 60)
    text = f"{hours}:{minutes:02d}:{whole % 60:02d}" if hours else f"{minutes}:{whole % 60:02d}"
    return f"{text}.{rest:0{decimals}d}" if decimals else text


def clock_ticks(duration_s: float, max_ticks: int) -> list[tuple[float, str]]:
    """Round moments for the marks of a time axis, and how they are written.

    >>> clock_ticks(95, max_ticks=4)
    [(0, '0:00'), (30, '0:30'), (60, '1:00'), (90, '1:30')]
    """
    step = next((step for step in TICK_STEPS_S if duration_s / step <= max_ticks), 3600 * (1 + duration_s // 36000))
    decimals = 0 if step >= 1 else 1 if step >= 0.1 else 2
    return [(index * step, clock(index * step, decimals)) for index in range(int(duration_s / step + 1e-9) + 1)]


def _average_frames(frames: np.ndarray, frame_period_s: float, max_columns: int) -> tuple[np.ndarray, np.ndarray]:
    """Means over equal runs of frames that are not NaN, and the runs' edges in seconds."""
    bounds = np.unique(np.linspace(0, len(frames), min(max_columns, len(frames)) + 1).astype(int))
    heard = ~np.isnan(frames).any(axis=1)
    sums = np.add.reduceat(np.where(heard[:, None], frames, 0.0), bounds[:-1], axis=0, dtype=np.float64)
    return bounds * frame_period_s, _divide(sums, np.add.reduceat(heard.astype(int), bounds[:-1]))


def _average_chunks(chunks: Sequence[Mapping[str, Any]], labels: Sequence[str], edges_s: np.ndarray) -> np.ndarray:
    """Means of the chunks that touch a column, weighted by how long each does."""
    sums = np.zeros((len(edges_s) - 1, len(labels)))
    weights = np.zeros(len(edges_s) - 1)
    for chunk in chunks:
        by_label = _scores_of(chunk)
        scores = np.array([by_label.get(label, np.nan) for label in labels], dtype=np.float64)
        if np.isfinite(scores).all():
            first, overlaps = _overlaps_s(chunk["timestamp"], edges_s)
            sums[first : first + len(overlaps)] += overlaps[:, None] * scores
            weights[first : first + len(overlaps)] += overlaps
    return _divide(sums, weights)


def _covered_s(chunks: Sequence[Mapping[str, Any]], edges_s: np.ndarray) -> np.ndarray:
    """Seconds of each column that lie in one of the chunks."""
    covered = np.zeros(len(edges_s) - 1)
    for chunk in chunks:
        first, overlaps = _overlaps_s(chunk["timestamp"], edges_s)
        covered[first : first + len(overlaps)] += overlaps
    return covered


def _overlaps_s(timestamp: Sequence[float], edges_s: np.ndarray) -> tuple[int, np.ndarray]:
    """The first column that a span touches, and how long it lasts in that column and in those that follow."""
    start, end = timestamp
    first = max(int(np.searchsorted(edges_s, start, side="right")) - 1, 0)
    last = int(np.searchsorted(edges_s, end, side="left"))
    inside = np.clip(edges_s[first : last + 1], start, end)
    return first, np.diff(inside)


def _divide(sums: np.ndarray, weights: np.ndarray) -> np.ndarray:
    means = np.full(sums.shape, np.nan)
    heard = weights > 0
    means[heard] = sums[heard] / weights[heard, None]
    return means


def _scores_of(chunk: Mapping[str, Any]) -> Mapping[str, float]:
    """Scores by label; of a chunk that has its winner's alone, that one."""
    if chunk.get("scores"):
        return chunk["scores"]  # type: ignore[no-any-return]
    return {chunk["label"]: chunk.get("score", np.nan)}
