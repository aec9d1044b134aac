"""Percentile intervals by resampling speakers: clips of one voice are not independent, voices nearly are.

With a single speaker there is nothing to resample but clips: the result then says `unit == "clip"`, and such an
interval says nothing about other voices.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics.local_metric import FloatArray, IntArray, check_same_length

ConfusionStatistic = Callable[[npt.NDArray[Any]], FloatArray]
Unit = Literal["speaker", "clip"]


@dataclass(frozen=True)
class BootstrapIntervals:
    """The intervals of one bootstrap.

    Attributes:
        bounds: Lower and upper bound by the statistic's name.
        unit: What was resampled.
        num_units: How many speakers (or clips) there were to draw from.
        num_resamples: How many resamples were drawn.
        level: The share of resamples within the bounds.
    """

    bounds: dict[str, tuple[float, float]]
    unit: Unit
    num_units: int
    num_resamples: int
    level: float


def speaker_indices(speakers: Sequence[str | None]) -> IntArray:
    """Numbers the speakers `0..num_speakers - 1`; clips without an id count together as one speaker.

    Args:
        speakers: One id a clip, or None where it is unknown.

    Returns:
        `(num_clips,)` speaker number of each clip.
    """
    keys = [("", False) if speaker is None else (str(speaker), True) for speaker in speakers]
    number = {key: i for i, key in enumerate(sorted(set(keys)))}
    return np.array([number[key] for key in keys], dtype=np.int64)


def confusion_by_speaker(
    references: npt.ArrayLike, predictions: npt.ArrayLike, speakers: Sequence[str | None], num_classes: int
) -> IntArray:
    """Counts clips by speaker, reference class and predicted class.

    Args:
        references (`(num_clips,)`): Class indices in `0..num_classes - 1`.
        predictions (`(num_clips,)`): Class indices in `0..num_classes - 1`.
        speakers: One id a clip, or None.
        num_classes: Number of classes.

    Returns:
        `(num_speakers, num_classes, num_classes)` int64 counts.

    Raises:
        AudioEmotionError: The lengths differ or there is no clip.
    """
    rows, columns = np.asarray(references, dtype=np.int64), np.asarray(predictions, dtype=np.int64)
    check_same_length(references=rows, predictions=columns, speakers=speakers)
    numbers = speaker_indices(speakers)
    counts = np.zeros((int(numbers.max()) + 1, num_classes, num_classes), dtype=np.int64)
    np.add.at(counts, (numbers, rows, columns), 1)
    return counts


def bootstrap_confusion(
    confusions: IntArray,
    statistics: Mapping[str, ConfusionStatistic],
    num_resamples: int = 2000,
    seed: int = 0,
    level: float = 0.95,
) -> BootstrapIntervals:
    """Bootstraps statistics of the confusion matrix by resampling speakers with replacement.

    A resample is one weighting of the speakers' matrices: all of them are one matrix product and one call of each
    statistic.

    Args:
        confusions (`(num_speakers, num_classes, num_classes)`): Counts by speaker, see `confusion_by_speaker`.
        statistics: Functions from `(num_resamples, num_classes, num_classes)` to `(num_resamples,)`, by name.
        num_resamples: Number of resamples.
        seed: Seed of the draws; the same seed gives the same intervals.
        level: Coverage in 0..1.

    Returns:
        The percentile intervals.

    Raises:
        AudioEmotionError: There is no clip, or `level` or `num_resamples` is out of range.
    """
    _check_settings(num_resamples, level)
    filled = confusions[confusions.sum(axis=(-2, -1)) > 0]
    num_speakers, num_classes = len(filled), confusions.shape[-1]
    if num_speakers == 0:
        raise AudioEmotionError("nothing to bootstrap: the confusion matrices hold no clip")
    generator = np.random.default_rng(seed)
    flat = filled.reshape(num_speakers, num_classes**2)
    unit: Unit = "speaker" if num_speakers > 1 else "clip"
    if unit == "speaker":
        draws = generator.multinomial(num_speakers, np.full(num_speakers, 1 / num_speakers), size=num_resamples)
        resamples = draws @ flat  # (num_resamples, num_classes ** 2)
        num_units = num_speakers
    else:
        num_units = int(flat.sum())
        resamples = generator.multinomial(num_units, flat[0] / num_units, size=num_resamples)
    resamples = resamples.reshape(num_resamples, num_classes, num_classes)
    bounds = {name: _percentile_bounds(statistic(resamples), level) for name, statistic in statistics.items()}
    return BootstrapIntervals(bounds, unit, num_units, num_resamples, level)


def bootstrap_clips(
    statistics: Callable[[IntArray], Mapping[str, float]],
    speakers: Sequence[str | None],
    num_resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> BootstrapIntervals:
    """Bootstraps any statistics of clips by resampling speakers with replacement.

    For what no confusion matrix can give (rank correlations): `statistics` is called once a resample.

    Args:
        statistics: From clip indices (with repeats) to numbers by name.
        speakers: One id a clip, or None.
        num_resamples: Number of resamples.
        seed: Seed of the draws; the same seed gives the same intervals.
        level: Coverage in 0..1.

    Returns:
        The percentile intervals; resamples in which a statistic is nan do not count for it.

    Raises:
        AudioEmotionError: There is no clip, or `level` or `num_resamples` is out of range.
    """
    _check_settings(num_resamples, level)
    check_same_length(speakers=speakers)
    numbers = speaker_indices(speakers)
    num_speakers = int(numbers.max()) + 1
    unit: Unit = "speaker" if num_speakers > 1 else "clip"
    groups = (
        [np.flatnonzero(numbers == speaker) for speaker in range(num_speakers)]
        if unit == "speaker"
        else [np.array([clip]) for clip in range(len(numbers))]
    )
    generator = np.random.default_rng(seed)
    drawn: dict[str, list[float]] = {}
    for _ in range(num_resamples):
        chosen = generator.integers(len(groups), size=len(groups))
        for name, value in statistics(np.concatenate([groups[group] for group in chosen])).items():
            drawn.setdefault(name, []).append(value)
    bounds = {name: _percentile_bounds(np.array(values), level) for name, values in drawn.items()}
    return BootstrapIntervals(bounds, unit, len(groups), num_resamples, level)


def _percentile_bounds(values: FloatArray, level: float) -> tuple[float, float]:
    if np.all(np.isnan(values)):
        return float("nan"), float("nan")
    low, high = np.nanquantile(values, [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def _check_settings(num_resamples: int, level: float) -> None:
    if num_resamples < 1:
        raise AudioEmotionError(f"num_resamples must be at least 1, got {num_resamples}")
    if not 0 < level < 1:
        raise AudioEmotionError(f"level must lie between 0 and 1 (0.95 for a 95 % interval), got {level}")
