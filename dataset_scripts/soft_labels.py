"""From what a corpus says about a clip to probabilities over the 8 emotions, and the mask of classes it can express.

In the order of trust of the design: listener votes, graded intensity, recognition rates, a smoothed hard label.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

SMOOTHING = 0.05


@dataclass(frozen=True, slots=True)
class SoftLabel:
    """A soft label and where it comes from.

    Attributes:
        distribution: Probabilities `(8,)` in the order of `EMOTIONS`; they sum to one, or are all zero where the corpus
            has no categories.
        source: One of `schema.LABEL_SOURCES`.
        votes: Raw counts by the corpus's own words, or None.
        intensity: Strength of the emotion on 0..1, or None.
        unmapped: Votes by words that the label table lacks; their mass lies on `other`.
    """

    distribution: tuple[float, ...]
    source: str
    votes: Mapping[str, int] | None = None
    intensity: float | None = None
    unmapped: Mapping[str, int] | None = None


NO_CATEGORIES = SoftLabel((0.0,) * len(EMOTIONS), "none")


def mask_of(emotions: Iterable[str]) -> tuple[bool, ...]:
    """Turn class names into a label mask `(8,)`.

    >>> mask_of(["anger", "neutral"])
    (False, False, False, False, False, True, False, True)
    """
    expressible = set(emotions)
    unknown = sorted(expressible - set(EMOTIONS))
    if unknown:
        raise CorpusError(f"unknown emotions {', '.join(unknown)}; valid are {', '.join(EMOTIONS)}.")
    return tuple(emotion in expressible for emotion in EMOTIONS)


def smoothed(emotion: str, label_mask: tuple[bool, ...], smoothing: float = SMOOTHING) -> SoftLabel:
    """One hard label; `smoothing` of its mass is shared evenly by the other classes of the mask.

    The rule and the 0.05 are those of EMO-SUPERB (Wu et al. 2024, arXiv 2402.13018): 0.95 on the label, 0.05 / (K - 1)
    on each other class.

    >>> smoothed("anger", mask_of(["anger", "neutral"])).distribution[EMOTIONS.index("anger")]
    0.95
    """
    return SoftLabel(_smooth({emotion: 1.0}, label_mask, smoothing), "smoothed")


def graded(emotion: str, intensity: float, label_mask: tuple[bool, ...], smoothing: float = SMOOTHING) -> SoftLabel:
    """A label acted or rated at an intensity in 0..1: that share stays on the emotion, the rest moves to neutral.

    The classes are then smoothed as in `smoothed`. Where the corpus has no neutral the rest has nowhere to go and the
    label is a smoothed one that keeps its intensity. This is our reading of the paper's "gradational emotional
    intensity".
    """
    if not 0.0 <= intensity <= 1.0:
        raise CorpusError(f"intensity is {intensity}; it must lie in 0..1.")
    if not label_mask[EMOTIONS.index("neutral")]:
        return SoftLabel(_smooth({emotion: 1.0}, label_mask, smoothing), "smoothed", intensity=intensity)
    shares = {emotion: intensity, "neutral": 1.0 - intensity} if emotion != "neutral" else {"neutral": 1.0}
    return SoftLabel(_smooth(shares, label_mask, smoothing), "intensity", intensity=intensity)


def from_recognition_rate(emotion: str, rate: float, label_mask: tuple[bool, ...]) -> SoftLabel:
    """The share `rate` of listeners who heard the intended emotion; what the others heard is unknown.

    The least presuming choice (maximum entropy) shares the rest evenly among the other classes of the mask.
    """
    if not 0.0 <= rate <= 1.0:
        raise CorpusError(f"recognition rate is {rate}; it must lie in 0..1.")
    return SoftLabel(_smooth({emotion: 1.0}, label_mask, 1.0 - rate), "recognition_rate")


def from_votes(votes: Mapping[str, int], labels: Mapping[str, str]) -> SoftLabel:
    """Vote shares of listeners.

    Args:
        votes: Count by the corpus's own word or code.
        labels: Emotion of each word. A vote for a word that the table lacks counts for `other` and is reported.

    Raises:
        CorpusError: If nobody voted, or a count is negative.
    """
    total = sum(votes.values())
    if total == 0 or min(votes.values()) < 0:
        raise CorpusError(
            f"the votes are {dict(votes)}; at least one listener must have voted, and none less than once."
        )
    shares = dict.fromkeys(EMOTIONS, 0.0)
    for word, count in votes.items():
        shares[labels.get(word, "other")] += count / total
    unmapped = {word: count for word, count in votes.items() if word not in labels}
    return SoftLabel(tuple(shares.values()), "votes", votes=dict(votes), unmapped=unmapped or None)


def from_intensities(intensities: Mapping[str, float]) -> SoftLabel:
    """Several emotions rated at once, each in 0..1: their sum, at most one, is emotional; the rest is neutral.

    >>> label = from_intensities({"sadness": 0.5, "anger": 0.25})
    >>> dict(zip(EMOTIONS, label.distribution))["neutral"]
    0.25
    """
    if any(not 0.0 <= intensity <= 1.0 for intensity in intensities.values()):
        raise CorpusError(f"intensities are {dict(intensities)}; each must lie in 0..1.")
    total = sum(intensities.values())
    shares = dict.fromkeys(EMOTIONS, 0.0)
    for emotion, intensity in intensities.items():
        shares[emotion] += intensity / max(1.0, total)
    shares["neutral"] += max(0.0, 1.0 - total)
    return SoftLabel(tuple(shares.values()), "intensity", intensity=max(intensities.values(), default=0.0))


def _smooth(shares: Mapping[str, float], label_mask: tuple[bool, ...], smoothing: float) -> tuple[float, ...]:
    """Move `smoothing` of each class's mass evenly to the other classes of the mask."""
    num_others = sum(label_mask) - 1
    for emotion in shares:
        if not label_mask[EMOTIONS.index(emotion)]:
            raise CorpusError(f"{emotion} has mass but the label mask excludes it.")
    if num_others == 0:
        smoothing = 0.0
    distribution = [0.0] * len(EMOTIONS)
    for emotion, share in shares.items():
        for index, inside in enumerate(label_mask):
            if EMOTIONS[index] == emotion:
                distribution[index] += share * (1.0 - smoothing)
            elif inside:
                distribution[index] += share * smoothing / num_others
    return tuple(distribution)
