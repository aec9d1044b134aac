"""How well predicted distributions fit soft labels (Jensen-Shannon, Kullback-Leibler) and how honest they are (ECE).

Divergences are in bits. 0 log 0 counts as 0; a class that the reference gives mass and the prediction gives none makes
the Kullback-Leibler divergence infinite, which is its value. The Jensen-Shannon divergence stays at most one bit.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

import evaluate
import numpy as np
import numpy.typing as npt
from datasets import Features, Value
from datasets import Sequence as SequenceFeature

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics.classification import label_indices
from audio_emotion.training.metrics.local_metric import (
    FloatArray,
    IntArray,
    LocalMetric,
    check_same_length,
    finite_array,
)

NUM_CALIBRATION_BINS = 15
_SUM_TOLERANCE = 1e-3


def distributions(name: str, values: npt.ArrayLike) -> FloatArray:
    """Reads probability vectors and gives them the sum of exactly one.

    Args:
        name: What to call them in an error.
        values (`(num_clips, num_classes)`): Probabilities; a sum within 0.001 of one is rounding (float16 scores).

    Returns:
        `(num_clips, num_classes)` float64 rows that sum to one.

    Raises:
        AudioEmotionError: A value is negative or not finite, or a row does not sum to one.
    """
    rows = finite_array(name, values, ndim=2)
    negative = np.argwhere(rows < 0)
    if len(negative):
        clip, label = (int(i) for i in negative[0])
        raise AudioEmotionError(f"{name}[{clip}, {label}] is {rows[clip, label]}: a probability cannot be negative")
    sums = rows.sum(axis=1)
    off = np.flatnonzero(np.abs(sums - 1) > _SUM_TOLERANCE)
    if len(off):
        raise AudioEmotionError(
            f"{name}[{off[0]}] sums to {sums[off[0]]:.6g}, not 1: renormalise over the classes scored"
        )
    return np.asarray(rows / sums[:, None], dtype=np.float64)


def kullback_leibler(references: npt.ArrayLike, predictions: npt.ArrayLike) -> FloatArray:
    """Kullback-Leibler divergence of each prediction from its reference, KL(reference || prediction), in bits.

    Args:
        references (`(num_clips, num_classes)`): Soft labels.
        predictions (`(num_clips, num_classes)`): Predicted distributions.

    Returns:
        `(num_clips,)` bits, infinite where a class with reference mass is predicted as impossible.

    Raises:
        AudioEmotionError: The shapes differ or a row is no distribution.

    Example:
        >>> kullback_leibler([[1.0, 0.0]], [[0.5, 0.5]]).tolist()
        [1.0]
    """
    target, predicted = _pair(references, predictions)
    return _relative_entropy(target, predicted)


def jensen_shannon(references: npt.ArrayLike, predictions: npt.ArrayLike) -> FloatArray:
    """Jensen-Shannon divergence between each prediction and its reference, in bits (0 to 1).

    Args:
        references (`(num_clips, num_classes)`): Soft labels.
        predictions (`(num_clips, num_classes)`): Predicted distributions.

    Returns:
        `(num_clips,)` bits.

    Raises:
        AudioEmotionError: The shapes differ or a row is no distribution.

    Example:
        >>> jensen_shannon([[1.0, 0.0]], [[0.0, 1.0]]).tolist()
        [1.0]
    """
    target, predicted = _pair(references, predictions)
    middle = (target + predicted) / 2
    divergence = (_relative_entropy(target, middle) + _relative_entropy(predicted, middle)) / 2
    return np.clip(divergence, 0.0, 1.0)  # rounding alone leaves the range


class CalibrationBins(NamedTuple):
    """The reliability diagram of a set of predictions.

    Attributes:
        confidence (`(num_bins,)`): Mean confidence in each bin, nan where it is empty.
        correctness (`(num_bins,)`): Mean correctness in each bin, nan where it is empty.
        counts (`(num_bins,)`): Number of clips in each bin.
    """

    confidence: FloatArray
    correctness: FloatArray
    counts: IntArray


def calibration_bins(
    confidence: npt.ArrayLike, correctness: npt.ArrayLike, num_bins: int = NUM_CALIBRATION_BINS
) -> CalibrationBins:
    """Sorts clips into equal-width bins of confidence: bin i holds `(i / num_bins, (i + 1) / num_bins]`, bin 0 also 0.

    Args:
        confidence (`(num_clips,)`): Probability of the predicted class, in 0..1.
        correctness (`(num_clips,)`): 1 where the prediction is right and 0 where not, or its mass in the soft label.
        num_bins: Number of bins.

    Returns:
        Means and counts by bin.

    Raises:
        AudioEmotionError: The lengths differ, or a value is not in 0..1.
    """
    sure, right = finite_array("confidence", confidence, ndim=1), finite_array("correctness", correctness, ndim=1)
    check_same_length(confidence=sure, correctness=right)
    for name, values in (("confidence", sure), ("correctness", right)):
        outside = np.flatnonzero((values < 0) | (values > 1))
        if len(outside):
            raise AudioEmotionError(f"{name}[{outside[0]}] is {values[outside[0]]}, outside 0..1")
    bins = np.clip(np.ceil(sure * num_bins).astype(np.int64) - 1, 0, num_bins - 1)
    counts = np.bincount(bins, minlength=num_bins)
    held = np.where(counts > 0, counts, np.nan)
    return CalibrationBins(
        np.bincount(bins, weights=sure, minlength=num_bins) / held,
        np.bincount(bins, weights=right, minlength=num_bins) / held,
        counts.astype(np.int64),
    )


def expected_calibration_error(
    confidence: npt.ArrayLike, correctness: npt.ArrayLike, num_bins: int = NUM_CALIBRATION_BINS
) -> float:
    """ECE: the mean distance between confidence and correctness over equal-width bins, weighted by their clips.

    Guo et al., "On Calibration of Modern Neural Networks", 2017 (15 bins).

    Args:
        confidence (`(num_clips,)`): Probability of the predicted class, in 0..1.
        correctness (`(num_clips,)`): 1 where the prediction is right and 0 where not, or its mass in the soft label.
        num_bins: Number of bins.

    Returns:
        The error in 0..1.

    Raises:
        AudioEmotionError: The lengths differ, or a value is not in 0..1.

    Example:
        >>> round(expected_calibration_error([0.9, 0.9], [1, 0]), 3)
        0.4
    """
    bins = calibration_bins(confidence, correctness, num_bins)
    filled = bins.counts > 0
    gaps = np.abs(bins.confidence - bins.correctness)[filled]
    return float(np.sum(gaps * bins.counts[filled]) / bins.counts.sum())


def _pair(references: npt.ArrayLike, predictions: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    target, predicted = distributions("references", references), distributions("predictions", predictions)
    check_same_length(references=target, predictions=predicted)
    if target.shape != predicted.shape:
        raise AudioEmotionError(
            f"references have {target.shape[1]} classes and predictions {predicted.shape[1]}: "
            "score both over one class set"
        )
    return target, predicted


def _relative_entropy(above: FloatArray, below: FloatArray) -> FloatArray:
    held = above > 0
    with np.errstate(divide="ignore"):
        ratio = np.log2(np.where(held, above, 1.0)) - np.log2(np.where(held, below, 1.0))
    return np.asarray(np.sum(np.where(held, above * ratio, 0.0), axis=1), dtype=np.float64)


class _DivergenceMetric(LocalMetric):
    """The mean over clips of a divergence between soft labels and predicted distributions."""

    def _info(self) -> evaluate.MetricInfo:
        row = SequenceFeature(Value("float64"))
        return evaluate.MetricInfo(
            description=type(self).__doc__,
            citation="",
            inputs_description="predictions, references: one distribution over the same classes a clip.",
            features=Features({"predictions": row, "references": row}),
        )


class JensenShannon(_DivergenceMetric):
    """The mean Jensen-Shannon divergence to the soft labels, in bits (0 to 1).

    Example:
        >>> JensenShannon().compute(predictions=[[0.5, 0.5]], references=[[0.5, 0.5]])
        {'jensen_shannon': 0.0}
    """

    def _compute(self, *, predictions: Any, references: Any) -> dict[str, float]:
        return {"jensen_shannon": float(jensen_shannon(references, predictions).mean())}


class KullbackLeibler(_DivergenceMetric):
    """The mean Kullback-Leibler divergence KL(reference || prediction), in bits.

    Example:
        >>> KullbackLeibler().compute(predictions=[[0.5, 0.5]], references=[[1.0, 0.0]])
        {'kullback_leibler': 1.0}
    """

    def _compute(self, *, predictions: Any, references: Any) -> dict[str, float]:
        return {"kullback_leibler": float(kullback_leibler(references, predictions).mean())}


class ExpectedCalibrationError(LocalMetric):
    """ECE over 15 equal-width bins of the predicted class's probability.

    Example:
        >>> ExpectedCalibrationError().compute(predictions=[[1.0, 0.0], [0.0, 1.0]], references=[0, 1])
        {'ece': 0.0}
    """

    def _info(self) -> evaluate.MetricInfo:
        return evaluate.MetricInfo(
            description=type(self).__doc__,
            citation="",
            inputs_description="predictions: one distribution a clip. references: one class index a clip.",
            features=Features({"predictions": SequenceFeature(Value("float64")), "references": Value("int64")}),
            reference_urls=["https://arxiv.org/abs/1706.04599"],
        )

    def _compute(
        self, *, predictions: Any, references: Sequence[int], num_bins: int = NUM_CALIBRATION_BINS
    ) -> dict[str, float]:
        scores = distributions("predictions", predictions)
        right = scores.argmax(axis=1) == label_indices("references", references, scores.shape[1])
        return {"ece": expected_calibration_error(scores.max(axis=1), right, num_bins)}
