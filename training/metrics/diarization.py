"""Emotion diarization error rate (EDER): how much of a recording carries the wrong emotion.

Wang et al., "Speech Emotion Diarization: Which Emotion Appears When?", arXiv 2306.12991:

    EDER = (false alarm + missed emotion + confusion + overlap) / duration

- false alarm: neutral time that is given an emotion;
- missed emotion: emotional time that is called neutral;
- confusion: emotional time that is given another emotion only;
- overlap: emotional time that is given the right emotion and another one beside it.

The authors' code allows one emotional segment a recording; here any number may follow each other, and each instant is
counted at most once, so that the rate lies in 0..1. Times may be integer samples (exact) or seconds.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Literal, NamedTuple

import evaluate
from datasets import Features, Value

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics.local_metric import LocalMetric, check_same_length

NEUTRAL = "neutral"
Uncovered = Literal["neutral", "error"]


class EmotionSegment(NamedTuple):
    """One emotion from `start` to `end`, in samples or in seconds.

    Attributes:
        start: First instant.
        end: First instant after it.
        label: The emotion.
    """

    start: float
    end: float
    label: str


@dataclass(frozen=True)
class DiarizationErrors:
    """Durations of the four errors of one recording, in the unit of its segments.

    Attributes:
        false_alarm: Neutral time that was given an emotion.
        missed_emotion: Emotional time that was called neutral.
        confusion: Emotional time that was given another emotion.
        overlap: Emotional time that was given a second emotion beside the right one.
        duration: Length of the recording.
    """

    false_alarm: float
    missed_emotion: float
    confusion: float
    overlap: float
    duration: float

    @property
    def eder(self) -> float:
        """The emotion diarization error rate, 0..1."""
        return (self.false_alarm + self.missed_emotion + self.confusion + self.overlap) / self.duration


def emotion_diarization_errors(
    reference: Iterable[tuple[float, float, str]],
    hypothesis: Iterable[tuple[float, float, str]],
    duration: float,
    neutral: str = NEUTRAL,
    uncovered: Uncovered = "neutral",
) -> DiarizationErrors:
    """Compares who feels what when.

    Args:
        reference: (start, end, label) of what is in the recording, one emotion at a time; the rest is neutral.
        hypothesis: (start, end, label) of what the system says; labels may overlap. What lies past the end of the
            recording is not counted (a last frame may reach over it).
        duration: Length of the recording, in the unit of the segments.
        neutral: The label that is no emotion.
        uncovered: What time that the hypothesis leaves out counts as: "neutral", as in the definition, or "error", as
            in SpeechBrain's code (a false alarm where the reference is neutral, else a missed emotion).

    Returns:
        The four error durations; exact where all times are integers.

    Raises:
        AudioEmotionError: A segment is reversed, empty or negative, a reference reaches past the end or overlaps
            another one, or the duration is not positive.

    Example:
        >>> errors = emotion_diarization_errors([(2, 6, "anger")], [(0, 4, "neutral"), (4, 8, "anger")], duration=8)
        >>> errors.missed_emotion, errors.false_alarm, errors.eder
        (2, 2, 0.5)
    """
    if not 0 < duration < float("inf"):
        raise AudioEmotionError(f"duration must be positive and finite, got {duration}")
    expected = _checked("reference", reference)
    given = [_cut(segment, duration) for segment in _checked("hypothesis", hypothesis) if segment.start < duration]
    for segment in expected:
        if segment.end > duration:
            raise AudioEmotionError(f"reference segment {tuple(segment)} ends after the recording ({duration})")
    for first, second in pairwise(expected):
        if second.start < first.end:
            raise AudioEmotionError(
                f"reference segments {tuple(first)} and {tuple(second)} overlap: a reference has one emotion at a time"
            )

    totals: dict[str, float] = {"false_alarm": 0, "missed_emotion": 0, "confusion": 0, "overlap": 0}
    instants = sorted({0, duration, *(t for s in (*expected, *given) for t in (s.start, s.end))})
    for start, end in pairwise(instants):
        true = next((s.label for s in expected if s.start <= start < s.end), neutral)
        said = {s.label for s in given if s.start <= start < s.end}
        error = _error(true, said, neutral, uncovered)
        if error is not None:
            totals[error] += end - start
    return DiarizationErrors(**totals, duration=duration)


def _error(true: str, said: set[str], neutral: str, uncovered: Uncovered) -> str | None:
    """Names the error of an instant at which the reference is `true` and the hypothesis holds the labels `said`."""
    emotions = said - {neutral}
    if true == neutral:
        return "false_alarm" if emotions or (not said and uncovered == "error") else None
    if not emotions:
        return "missed_emotion"
    if true not in emotions:
        return "confusion"
    return "overlap" if len(emotions) > 1 else None


def _checked(name: str, segments: Iterable[tuple[float, float, str]]) -> list[EmotionSegment]:
    checked = sorted((EmotionSegment(*segment) for segment in segments), key=lambda segment: segment[:2])
    for segment in checked:
        if not 0 <= segment.start < segment.end < float("inf"):  # false for NaN too
            raise AudioEmotionError(f"{name} segment {tuple(segment)} must have 0 <= start < end")
    return checked


def _cut(segment: EmotionSegment, duration: float) -> EmotionSegment:
    return segment._replace(end=min(segment.end, duration))


class EmotionDiarizationErrorRate(LocalMetric):
    """EDER: the mean over recordings (as published), the rate of their pooled time, and its four parts.

    Example:
        >>> EmotionDiarizationErrorRate().compute(
        ...     predictions=[[{"start": 0.0, "end": 3.0, "label": "anger"}]],
        ...     references=[[{"start": 1.0, "end": 4.0, "label": "anger"}]],
        ...     durations=[4.0],
        ... )["eder"]
        0.5
    """

    def _info(self) -> evaluate.MetricInfo:
        segments = [{"start": Value("float64"), "end": Value("float64"), "label": Value("string")}]
        return evaluate.MetricInfo(
            description=type(self).__doc__,
            citation="",
            inputs_description=(
                "predictions, references: one list of {start, end, label} a recording. durations: one number a "
                "recording, in the same unit (seconds, or samples)."
            ),
            features=Features({"predictions": segments, "references": segments, "durations": Value("float64")}),
            reference_urls=["https://arxiv.org/abs/2306.12991"],
        )

    def _compute(
        self,
        *,
        predictions: Sequence[Sequence[Mapping[str, Any]]],
        references: Sequence[Sequence[Mapping[str, Any]]],
        durations: Sequence[float],
        neutral: str = NEUTRAL,
        uncovered: Uncovered = "neutral",
    ) -> dict[str, float]:
        check_same_length(predictions=predictions, references=references, durations=durations)
        errors = [
            emotion_diarization_errors(_segments(reference), _segments(hypothesis), duration, neutral, uncovered)
            for reference, hypothesis, duration in zip(references, predictions, durations, strict=True)
        ]
        total = sum(error.duration for error in errors)
        parts = {
            name: sum(getattr(error, name) for error in errors) / total
            for name in ("false_alarm", "missed_emotion", "confusion", "overlap")
        }
        return {"eder": sum(error.eder for error in errors) / len(errors), "eder_pooled": sum(parts.values()), **parts}


def _segments(rows: Sequence[Mapping[str, Any]]) -> list[EmotionSegment]:
    return [EmotionSegment(row["start"], row["end"], row["label"]) for row in rows]
