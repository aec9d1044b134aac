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
BLOCK_FRAMES = 16_384
"""Frames that are scored at once, in float64: 5 minutes."""
SPEECH_HOP_SAMPLES = 512
"""Samples per answer of the voice-activity gate."""


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
        frame_vectors: float32 `(num_frames, width)`, where embeddings were asked for.
        speech_probabilities: float32 `(num_hops,)`, one per 32 ms, where a voice-activity gate listened.
        warnings: `{"code", "message"}` of what speaks against the scores.
    """

    name: str
    num_samples: int
    sampling_rate: int
    frame_samples: int
    logits: np.ndarray
    frame_logits: np.ndarray
    frame_log_weights: np.ndarray
    frame_vectors: np.ndarray | None = None
    speech_probabilities: np.ndarray | None = None
    warnings: Sequence[Mapping[str, str]] = ()

    @property
    def duration_s(self) -> float:
        """Length of the recording, in seconds."""
        return self.num_samples / self.sampling_rate

    def frames_in(self, start: int, end: int) -> np.ndarray:
        """Indices of the frames of the samples from `start` to `end`, at least one.

        Args:
            start: First sample.
            end: Sample after the last.

        Returns:
            int64 array `(num_frames,)`.
        """
        first = min(nearest_frame(start, self.frame_samples), len(self.frame_logits) - 1)
        last = max(nearest_frame(end, self.frame_samples), first + 1)
        return np.arange(first, min(last, len(self.frame_logits)))

    def pool(self, frames: np.ndarray) -> np.ndarray:
        """Logits of some frames, given by index: their weighted mean, float64 `(num_labels,)`."""
        return pool_frames(self.frame_logits[frames], self.frame_log_weights[frames])

    def speech_probabilities_in(self, start: int, end: int) -> np.ndarray:
        """What the gate heard from sample `start` to `end`, at least one probability."""
        probabilities = np.zeros(1, np.float32) if self.speech_probabilities is None else self.speech_probabilities
        first = min(start // SPEECH_HOP_SAMPLES, len(probabilities) - 1)
        return probabilities[first : max(first + 1, end // SPEECH_HOP_SAMPLES)]


def pool_frames(frame_logits: np.ndarray, frame_log_weights: np.ndarray) -> np.ndarray:
    """Mean of frame logits `(num_frames, num_labels)` under the softmax of their log-weights -> `(num_labels,)`."""
    # Unlike `@`, einsum widens the frames to float64 a buffer at a time.
    pooled: np.ndarray = np.einsum("f,fl->l", pool_weights(frame_log_weights), frame_logits)
    return pooled


def pool_weights(frame_log_weights: np.ndarray) -> np.ndarray:
    """Softmax of log-weights `(num_frames,)`, float64."""
    weights = np.exp(frame_log_weights.astype(np.float64) - frame_log_weights.max())
    return weights / weights.sum()  # type: ignore[no-any-return]


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

    def frame_scores(self, frame_logits: np.ndarray) -> np.ndarray:
        """Scores `(num_frames, len(labels))`, float32, of the frames of a recording of any length."""
        scores = np.empty((len(frame_logits), len(self.labels)), dtype=np.float32)
        for start in range(0, len(scores), BLOCK_FRAMES):
            scores[start : start + BLOCK_FRAMES] = self.scores(frame_logits[start : start + BLOCK_FRAMES])
        return scores

    def entropy(self, scores: np.ndarray) -> float:
        """How undecided scores `(len(labels),)` are: 0 for certain, 1 for no idea.

        The Shannon entropy over its maximum; for intensities the mean over labels of each one's binary entropy.
        """
        if self.independent:
            return float(np.mean(_surprise(scores) + _surprise(1 - scores)) / np.log(2))
        return float(_surprise(scores).sum() / np.log(len(scores))) if len(scores) > 1 else 0.0


def _surprise(scores: np.ndarray) -> np.ndarray:
    surprise: np.ndarray = -scores * np.log(np.maximum(scores, 1e-300))
    return surprise


def prior_logits(config: Any) -> np.ndarray:
    """Logits that score as the training prior, float32 `(num_labels,)`."""
    prior = config.class_prior or [1 / config.num_labels] * config.num_labels
    logits: np.ndarray = (config.temperature * np.log(np.maximum(prior, 1e-12))).astype(np.float32)
    return logits


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
