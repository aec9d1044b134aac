"""From logits to scores: pooling over frames, temperature, label prior, label subset."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np

from .errors_audio_emotion import AudioEmotionError

PRIOR_FLOOR = 1e-3
"""Least training share that a changed prior divides by: a class hardly trained on is not blown up."""


@dataclass(frozen=True)
class ScoredRecording:
    """What the model heard in one recording, before any choice of labels, prior or segments.

    Attributes:
        name: Where the audio came from, for messages.
        num_samples: Length of the recording at `sampling_rate`.
        sampling_rate: Samples per second.
        frame_samples: Samples per frame.
        logits: float32 `(num_labels,)`, pooled over the recording.
        frame_logits: float32 `(num_frames, num_labels)`.
        frame_log_weights: float32 `(num_frames,)`, log of each frame's weight in any pooling, not normalised.
    """

    name: str
    num_samples: int
    sampling_rate: int
    frame_samples: int
    logits: np.ndarray
    frame_logits: np.ndarray
    frame_log_weights: np.ndarray

    @property
    def duration_s(self) -> float:
        """Length of the recording, in seconds."""
        return self.num_samples / self.sampling_rate

    def pool(self, start: int, end: int) -> np.ndarray:
        """Logits of the samples from `start` to `end`: the weighted mean over their frames, at least one.

        Args:
            start: First sample.
            end: Sample after the last.

        Returns:
            float64 array `(num_labels,)`.
        """
        first = min(nearest_frame(start, self.frame_samples), len(self.frame_logits) - 1)
        last = max(nearest_frame(end, self.frame_samples), first + 1)
        return pool_frames(self.frame_logits[first:last], self.frame_log_weights[first:last])


def pool_frames(frame_logits: np.ndarray, frame_log_weights: np.ndarray) -> np.ndarray:
    """Mean of frame logits `(num_frames, num_labels)` under the softmax of their log-weights -> `(num_labels,)`."""
    weights = np.exp(frame_log_weights.astype(np.float64) - frame_log_weights.max())
    pooled: np.ndarray = weights @ frame_logits.astype(np.float64) / weights.sum()
    return pooled


def nearest_frame(sample: int, frame_samples: int) -> int:
    """Index of the frame boundary nearest to a sample; halves go up, as the frame count of a recording does.

    >>> nearest_frame(160, 320), nearest_frame(159, 320)
    (1, 0)
    """
    return (sample + frame_samples // 2) // frame_samples


@dataclass(frozen=True)
class ScoreRule:
    """Turns logits into scores of the chosen labels.

    Attributes:
        labels: Names of the scores, in order.
        columns: int `(len(labels),)`, where each label stands in the model's output.
        offsets: float64 `(len(labels),)`, added to the calibrated logits: log of new prior over training prior.
        temperature: Divides the logits.
        independent: True for intensities (sigmoid each), False for one distribution (softmax).
    """

    labels: tuple[str, ...]
    columns: np.ndarray
    offsets: np.ndarray
    temperature: float
    independent: bool

    def scores(self, logits: np.ndarray) -> np.ndarray:
        """Scores `(..., len(labels))`, float64, of logits `(..., num_labels)`."""
        calibrated = logits[..., self.columns].astype(np.float64) / self.temperature + self.offsets
        if self.independent:
            independent: np.ndarray = 1.0 / (1.0 + np.exp(-np.clip(calibrated, -60.0, 60.0)))
            return independent
        exponents = np.exp(calibrated - calibrated.max(axis=-1, keepdims=True))
        distribution: np.ndarray = exponents / exponents.sum(axis=-1, keepdims=True)
        return distribution


def make_score_rule(
    config: Any, labels: Sequence[str] | None = None, prior: str | Mapping[str, float] = "train"
) -> ScoreRule:
    """Check the caller's choices against the model and make the rule.

    Args:
        config: The model's config (`id2label`, `problem`, `class_prior`, `temperature`).
        labels: Labels to keep, renormalised among themselves; None keeps all.
        prior: `"train"` keeps the label shares of the training mix, `"uniform"` makes all labels equally likely
            beforehand, a mapping from every kept label to its share states them.

    Returns:
        The rule.

    Raises:
        AudioEmotionError: If a label is unknown, twice or missing, or the prior does not fit the model.
    """
    known = [config.id2label[index] for index in range(config.num_labels)]
    kept = _checked_labels(labels, known)
    columns = np.array([known.index(label) for label in kept])
    return ScoreRule(
        labels=kept,
        columns=columns,
        offsets=_prior_offsets(config, prior, kept, known),
        temperature=float(config.temperature),
        independent=config.problem == "intensity",
    )


def _checked_labels(labels: Sequence[str] | None, known: list[str]) -> tuple[str, ...]:
    if labels is None:
        return tuple(known)
    if isinstance(labels, str) or not isinstance(labels, Sequence) or not labels:
        raise AudioEmotionError(f"labels must be a non-empty list of labels, got {labels!r}. Known are {known}.")
    unknown = [label for label in labels if label not in known]
    if unknown:
        raise AudioEmotionError(f"labels holds {unknown}, which this model does not know. Known are {known}.")
    if len(set(labels)) < len(labels):
        raise AudioEmotionError(f"labels names a label twice: {list(labels)}. Give each once.")
    return tuple(labels)


def _prior_offsets(
    config: Any, prior: str | Mapping[str, float], labels: tuple[str, ...], known: list[str]
) -> np.ndarray:
    """Log of the new prior over the training prior, `(len(labels),)`; zeros for `"train"`."""
    if isinstance(prior, str) and prior == "train":
        return np.zeros(len(labels))
    if config.problem == "intensity":
        raise AudioEmotionError("This model scores independent intensities, which have no prior. Leave prior='train'.")
    if config.class_prior is None:
        raise AudioEmotionError(
            "prior can only be changed where the training prior is known, and this model's config has no class_prior. "
            "Leave prior='train', or set config.class_prior to the label shares of the training mix."
        )
    if isinstance(prior, str) and prior == "uniform":
        shares = np.ones(len(labels))
    elif isinstance(prior, Mapping):
        shares = _checked_shares(prior, labels, known)
    else:
        raise AudioEmotionError(f"prior is {prior!r}; give 'train', 'uniform', or a mapping from label to share.")
    train_shares = np.array([max(config.class_prior[known.index(label)], PRIOR_FLOOR) for label in labels])
    with np.errstate(divide="ignore"):
        offsets: np.ndarray = np.log(shares) - np.log(train_shares)
    return offsets


def _checked_shares(prior: Mapping[str, float], labels: tuple[str, ...], known: list[str]) -> np.ndarray:
    unknown = [label for label in prior if label not in known]
    missing = [label for label in labels if label not in prior]
    if unknown or missing:
        raise AudioEmotionError(
            f"prior must give every scored label a share. Unknown to the model: {unknown}; missing: {missing}. "
            f"Scored are {list(labels)}."
        )
    shares = [prior[label] for label in labels]
    if not all(isinstance(share, Real) and math.isfinite(share) and share >= 0 for share in shares) or sum(shares) <= 0:
        raise AudioEmotionError(f"prior must hold shares of at least 0, one of them above 0, got {dict(prior)}.")
    return np.array(shares, dtype=np.float64)
