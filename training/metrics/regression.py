"""Spearman's rho, Pearson's r and Lin's concordance (CCC) for intensities and dimensions, per target and as a mean.

The rule for constants. A target whose references do not vary has no order to recover: its value is nan and it leaves
the mean. A prediction that does not vary where the references do has an undefined correlation: its value is nan too (as
in scipy), and it enters the mean as 0, so that a collapsed output cannot raise the mean. CCC is defined there: it is 0.
"""

from collections.abc import Callable, Sequence
from typing import Any

import evaluate
import numpy as np
import numpy.typing as npt
from datasets import Features, Value
from datasets import Sequence as SequenceFeature
from scipy.stats import rankdata

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics.bootstrap import bootstrap_clips
from audio_emotion.training.metrics.local_metric import (
    FloatArray,
    IntArray,
    LocalMetric,
    check_same_length,
    finite_array,
)

Correlation = Callable[[npt.ArrayLike, npt.ArrayLike], FloatArray]


def pearson(references: npt.ArrayLike, predictions: npt.ArrayLike) -> FloatArray:
    """Pearson's r of each target.

    Args:
        references (`(num_clips, num_targets)`): What the listeners said.
        predictions (`(num_clips, num_targets)`): What the model says.

    Returns:
        `(num_targets,)` in -1..1, nan where either side does not vary.

    Raises:
        AudioEmotionError: The shapes differ, a value is not finite, or there are fewer than two clips.
    """
    target, predicted = _pair(references, predictions)
    return _correlation(target, predicted)


def spearman(references: npt.ArrayLike, predictions: npt.ArrayLike) -> FloatArray:
    """Spearman's rho of each target: Pearson's r of the ranks, ties sharing their mean rank.

    Args:
        references (`(num_clips, num_targets)`): What the listeners said.
        predictions (`(num_clips, num_targets)`): What the model says.

    Returns:
        `(num_targets,)` in -1..1, nan where either side does not vary.

    Raises:
        AudioEmotionError: The shapes differ, a value is not finite, or there are fewer than two clips.
    """
    target, predicted = _pair(references, predictions)
    return _correlation(rankdata(target, axis=0), rankdata(predicted, axis=0))


def concordance(references: npt.ArrayLike, predictions: npt.ArrayLike) -> FloatArray:
    """Lin's concordance correlation coefficient (CCC) of each target, with population (1 / num_clips) moments.

    Lin, "A Concordance Correlation Coefficient to Evaluate Reproducibility", 1989.

    Args:
        references (`(num_clips, num_targets)`): What the listeners said.
        predictions (`(num_clips, num_targets)`): What the model says.

    Returns:
        `(num_targets,)` in -1..1, nan where the references do not vary.

    Raises:
        AudioEmotionError: The shapes differ, a value is not finite, or there are fewer than two clips.
    """
    target, predicted = _pair(references, predictions)
    shift = target.mean(axis=0) - predicted.mean(axis=0)
    covariance = np.mean((target - target.mean(axis=0)) * (predicted - predicted.mean(axis=0)), axis=0)
    spread = target.var(axis=0) + predicted.var(axis=0) + shift**2
    varies = _varies(target)
    return np.where(varies, 2 * covariance / np.where(varies, spread, 1.0), np.nan)


def mean_over_targets(values: FloatArray, references: npt.ArrayLike, known: npt.ArrayLike = True) -> float:
    """The mean of per-target values under the module's rule for constants.

    Args:
        values (`(num_targets,)`): What `spearman`, `pearson` or `concordance` gave for `references`.
        references (`(num_clips, num_targets)`): What the listeners said.
        known (`(num_clips, num_targets)`): Which of the references there are; all by default.

    Returns:
        The mean over the targets that vary, a constant prediction counted as 0; nan if no target varies.
    """
    varies = _varies(np.asarray(references, dtype=np.float64), known)
    return float(np.nan_to_num(values[varies]).mean()) if varies.any() else float("nan")


def _pair(references: npt.ArrayLike, predictions: npt.ArrayLike) -> tuple[FloatArray, FloatArray]:
    target = finite_array("references", references, ndim=2)
    predicted = finite_array("predictions", predictions, ndim=2)
    num_clips = check_same_length(references=target, predictions=predicted)
    if target.shape != predicted.shape:
        raise AudioEmotionError(
            f"references have {target.shape[1]} target(s) and predictions {predicted.shape[1]}: "
            "give the same targets in the same order"
        )
    if num_clips < 2:
        raise AudioEmotionError("a correlation needs at least two clips, got 1")
    return target, predicted


def _varies(values: FloatArray, known: npt.ArrayLike = True) -> npt.NDArray[np.bool_]:
    highest = np.where(known, values, -np.inf).max(axis=0)
    lowest = np.where(known, values, np.inf).min(axis=0)
    return np.asarray(highest > lowest)  # exact, where a variance leaves rounding behind


def _correlation(target: FloatArray, predicted: FloatArray) -> FloatArray:
    varies = _varies(target) & _varies(predicted)
    x, y = target - target.mean(axis=0), predicted - predicted.mean(axis=0)
    norm = np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=0)
    r = np.where(varies, np.sum(x * y, axis=0) / np.where(varies, norm, 1.0), np.nan)
    return np.clip(r, -1.0, 1.0)


class _TargetMetric(LocalMetric):
    """A correlation of named targets; a single target may be given as plain numbers."""

    name_in_results: str
    correlation: Correlation

    def _info(self) -> evaluate.MetricInfo:
        row = SequenceFeature(Value("float64"))
        return evaluate.MetricInfo(
            description=type(self).__doc__,
            citation="",
            inputs_description=(
                "predictions, references: one row of targets a clip, or one number a clip. target_names: what the "
                "targets' values go by. speakers: one id a clip; adds the 95 % speaker-bootstrap intervals."
            ),
            features=[
                Features({"predictions": row, "references": row}),
                Features({"predictions": Value("float64"), "references": Value("float64")}),
            ],
        )

    def _compute(
        self,
        *,
        predictions: Any,
        references: Any,
        target_names: Sequence[str] | None = None,
        speakers: Sequence[str | None] | None = None,
        num_resamples: int = 1000,
        seed: int = 0,
    ) -> dict[str, Any]:
        target, predicted = (_as_columns(n, v) for n, v in (("references", references), ("predictions", predictions)))
        num_targets = target.shape[1]
        names = [str(i) for i in range(num_targets)] if target_names is None else list(target_names)
        if len(names) != num_targets:
            raise AudioEmotionError(f"{len(names)} target_names for {num_targets} target(s): {', '.join(names)}")
        metric, correlation = self.name_in_results, type(self).correlation

        def by_name(clips: IntArray | slice) -> dict[str, float]:
            values = correlation(target[clips], predicted[clips])
            means = {metric: mean_over_targets(values, target[clips])}
            return means | {f"{metric}_{name}": float(value) for name, value in zip(names, values, strict=True)}

        result: dict[str, Any] = dict(by_name(slice(None)))
        if speakers is not None:
            check_same_length(references=target, speakers=speakers)
            intervals = bootstrap_clips(by_name, speakers, num_resamples, seed)
            result |= {f"{name}_interval": list(bounds) for name, bounds in intervals.bounds.items()}
            result["bootstrap_unit"] = intervals.unit
        return result


def _as_columns(name: str, values: Any) -> FloatArray:
    array = finite_array(name, values)
    return array[:, None] if array.ndim == 1 else array  # (num_clips, num_targets)


class Spearman(_TargetMetric):
    """Spearman's rho: the mean over the targets, and each target's.

    Example:
        >>> round(Spearman().compute(predictions=[0.1, 0.2, 0.4], references=[1, 2, 3])["spearman"], 9)
        1.0
    """

    name_in_results = "spearman"
    correlation = staticmethod(spearman)


class Pearson(_TargetMetric):
    """Pearson's r: the mean over the targets, and each target's.

    Example:
        >>> round(Pearson().compute(predictions=[[2.0], [4.0]], references=[[1.0], [2.0]])["pearson"], 9)
        1.0
    """

    name_in_results = "pearson"
    correlation = staticmethod(pearson)


class ConcordanceCorrelation(_TargetMetric):
    """Lin's concordance (CCC): the mean over the targets, and each target's.

    Example:
        >>> ConcordanceCorrelation().compute(predictions=[0.5, 0.5, 0.5], references=[0.1, 0.2, 0.3])["ccc"]
        0.0
    """

    name_in_results = "ccc"
    correlation = staticmethod(concordance)
