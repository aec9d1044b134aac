"""Accuracy, unweighted average recall and macro-F1, all read off confusion matrices.

The functions take any number of leading dimensions, so that thousands of bootstrap resamples are scored in one call. A
class without a reference clip has no recall and no F1: it leaves the means (what is predicted as that class still costs
the recall of the true one).
"""

from collections.abc import Sequence
from typing import Any

import evaluate
import numpy as np
import numpy.typing as npt
from datasets import Features, Value

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics.bootstrap import ConfusionStatistic, bootstrap_confusion, confusion_by_speaker
from audio_emotion.training.metrics.local_metric import FloatArray, IntArray, LocalMetric, check_same_length

_LABELS = (
    Features({"predictions": Value("int64"), "references": Value("int64")}),
    Features({"predictions": Value("string"), "references": Value("string")}),
)


def label_indices(name: str, values: npt.ArrayLike, num_classes: int) -> IntArray:
    """Reads class indices and refuses what is not an integer in `0..num_classes - 1`.

    Raises:
        AudioEmotionError: With the place of the first value that is no class.
    """
    array = np.asarray(values)
    if array.ndim != 1 or not (np.issubdtype(array.dtype, np.integer) or array.dtype == np.bool_):
        raise AudioEmotionError(f"{name} must be a list of class indices, got {array.dtype} of shape {array.shape}")
    outside = np.flatnonzero((array < 0) | (array >= num_classes))
    if len(outside):
        raise AudioEmotionError(
            f"{name}[{outside[0]}] is {array[outside[0]]}, but the classes are 0..{num_classes - 1}"
        )
    return array.astype(np.int64)


def confusion_matrix(references: npt.ArrayLike, predictions: npt.ArrayLike, num_classes: int) -> IntArray:
    """Counts clips by reference class (rows) and predicted class (columns).

    Args:
        references (`(num_clips,)`): Class indices.
        predictions (`(num_clips,)`): Class indices.
        num_classes: Number of classes.

    Returns:
        `(num_classes, num_classes)` int64 counts.

    Raises:
        AudioEmotionError: The lengths differ, there is no clip, or a value is no class.

    Example:
        >>> confusion_matrix([0, 0, 1], [0, 1, 1], num_classes=2).tolist()
        [[1, 1], [0, 1]]
    """
    rows = label_indices("references", references, num_classes)
    columns = label_indices("predictions", predictions, num_classes)
    check_same_length(references=rows, predictions=columns)
    counts = np.bincount(rows * num_classes + columns, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def accuracy(confusion: npt.NDArray[Any]) -> FloatArray:
    """Share of clips that are right ("weighted accuracy" in the field's words).

    Args:
        confusion (`(..., num_classes, num_classes)`): Counts by reference (rows) and prediction (columns).

    Returns:
        `(...,)` in 0..1.
    """
    correct = np.trace(confusion, axis1=-2, axis2=-1)
    return np.asarray(correct / confusion.sum(axis=(-2, -1)), dtype=np.float64)


def recall_per_class(confusion: npt.NDArray[Any]) -> FloatArray:
    """Recall of each class; nan where the references hold no clip of it.

    Args:
        confusion (`(..., num_classes, num_classes)`): Counts by reference (rows) and prediction (columns).

    Returns:
        `(..., num_classes)` in 0..1 or nan.
    """
    return _ratio_where_present(np.diagonal(confusion, axis1=-2, axis2=-1), confusion.sum(axis=-1), confusion)


def f1_per_class(confusion: npt.NDArray[Any]) -> FloatArray:
    """F1 of each class; nan where the references hold no clip of it.

    Args:
        confusion (`(..., num_classes, num_classes)`): Counts by reference (rows) and prediction (columns).

    Returns:
        `(..., num_classes)` in 0..1 or nan.
    """
    twice_correct = 2 * np.diagonal(confusion, axis1=-2, axis2=-1)
    return _ratio_where_present(twice_correct, confusion.sum(axis=-1) + confusion.sum(axis=-2), confusion)


def unweighted_average_recall(confusion: npt.NDArray[Any]) -> FloatArray:
    """UAR: the mean recall over the classes present in the references (balanced accuracy).

    Args:
        confusion (`(..., num_classes, num_classes)`): Counts by reference (rows) and prediction (columns).

    Returns:
        `(...,)` in 0..1.

    Example:
        >>> float(unweighted_average_recall(np.array([[3, 1], [0, 2]])))
        0.875
    """
    return np.asarray(np.nanmean(recall_per_class(confusion), axis=-1), dtype=np.float64)


def macro_f1(confusion: npt.NDArray[Any]) -> FloatArray:
    """The mean F1 over the classes present in the references.

    Args:
        confusion (`(..., num_classes, num_classes)`): Counts by reference (rows) and prediction (columns).

    Returns:
        `(...,)` in 0..1.
    """
    return np.asarray(np.nanmean(f1_per_class(confusion), axis=-1), dtype=np.float64)


CLASSIFICATION_STATISTICS: dict[str, ConfusionStatistic] = {
    "uar": unweighted_average_recall,
    "macro_f1": macro_f1,
    "accuracy": accuracy,
}
"""The three numbers of every results table, by their name in the JSON."""


def _ratio_where_present(above: FloatArray, below: FloatArray, confusion: npt.NDArray[Any]) -> FloatArray:
    present = confusion.sum(axis=-1) > 0
    return np.where(present, above / np.where(present, below, 1), np.nan)


class _ConfusionMetric(LocalMetric):
    """A metric of class labels, given as integers or as names."""

    name_in_results: str

    def _info(self) -> evaluate.MetricInfo:
        statistic = CLASSIFICATION_STATISTICS[self.name_in_results]
        return evaluate.MetricInfo(
            description=statistic.__doc__,
            citation="",
            inputs_description=(
                "predictions, references: one class index or class name a clip. labels: all classes, where some may be "
                "absent. speakers: one id a clip; adds the 95 % speaker-bootstrap interval."
            ),
            features=list(_LABELS),
        )

    def _compute(
        self,
        *,
        predictions: Sequence[int | str],
        references: Sequence[int | str],
        labels: Sequence[int | str] | None = None,
        speakers: Sequence[str | None] | None = None,
        num_resamples: int = 2000,
        seed: int = 0,
    ) -> dict[str, float | list[float] | str]:
        known = sorted({*references, *predictions}, key=str) if labels is None else list(labels)
        index = {label: i for i, label in enumerate(known)}
        unknown = sorted({str(label) for label in (*references, *predictions) if label not in index})
        if unknown:
            raise AudioEmotionError(
                f"unknown label(s) {', '.join(unknown)}: the labels are {', '.join(map(str, known))}"
            )
        rows, columns = [index[label] for label in references], [index[label] for label in predictions]
        name, statistic = self.name_in_results, CLASSIFICATION_STATISTICS[self.name_in_results]
        result: dict[str, float | list[float] | str] = {
            name: float(statistic(confusion_matrix(rows, columns, len(known))))
        }
        if speakers is not None:
            by_speaker = confusion_by_speaker(rows, columns, speakers, len(known))
            interval = bootstrap_confusion(by_speaker, {name: statistic}, num_resamples=num_resamples, seed=seed)
            result[f"{name}_interval"] = list(interval.bounds[name])
            result["bootstrap_unit"] = interval.unit
        return result


class Accuracy(_ConfusionMetric):
    """Share of clips that are right; the field also calls it weighted accuracy.

    Example:
        >>> Accuracy().compute(predictions=[0, 1, 1], references=[0, 1, 0])["accuracy"]
        0.6666666666666666
    """

    name_in_results = "accuracy"


class UnweightedAverageRecall(_ConfusionMetric):
    """UAR: the mean recall over the classes present in the references.

    Example:
        >>> UnweightedAverageRecall().compute(predictions=["anger", "fear"], references=["anger", "anger"])
        {'uar': 0.5}
    """

    name_in_results = "uar"


class MacroF1(_ConfusionMetric):
    """The mean F1 over the classes present in the references.

    Example:
        >>> MacroF1().compute(predictions=[0, 1, 1], references=[0, 1, 1])
        {'macro_f1': 1.0}
    """

    name_in_results = "macro_f1"
