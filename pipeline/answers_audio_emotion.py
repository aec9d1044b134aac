"""The shape of an answer: what was heard in a recording as scores, chunks, frames, speakers and embeddings."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .activity_audio_emotion import speech_frames
from .errors_audio_emotion import AudioEmotionError
from .scores_audio_emotion import ScoredRecording, ScoreRule, pool_weights
from .segments_audio_emotion import NO_SPEECH, Smoothing, Span, spans_from_frames, spans_from_segments, spans_of_length

NO_SPEECH_WARNING = {"code": NO_SPEECH, "message": "Nobody speaks in it: the scores say nothing about an emotion."}


@dataclass(frozen=True)
class Answerer:
    """Shapes what was heard in one recording.

    Attributes:
        recording: What the model heard.
        rule: From logits to scores.
        prior_logits: Logits `(num_labels,)` of knowing nothing; None for intensities, which have no prior.
        speech: bool `(num_frames,)`, the frames that count; None where all do.
        embedding_width: Width of the embeddings to add; None for none.
    """

    recording: ScoredRecording
    rule: ScoreRule
    prior_logits: np.ndarray | None
    speech: np.ndarray | None = None
    embedding_width: int | None = None

    def whole(self, top_k: int | None) -> dict[str, Any]:
        """`scores`, `entropy` and `warnings` of the recording."""
        scores = self.rule.scores(self._logits_of_all())
        warnings = list(self.recording.warnings)
        if self.speech is not None and not self.speech.any():
            warnings.append(NO_SPEECH_WARNING)
        answer = {"scores": ranked(scores, self.rule.labels)[:top_k], "entropy": self.rule.entropy(scores)}
        return answer | {"warnings": warnings}

    def embedding(self) -> dict[str, Any]:
        """The recording's `embedding`, where one was asked for."""
        return self._embedding(np.arange(len(self.recording.frame_logits)))

    def frames(self) -> dict[str, Any]:
        """Every frame's scores, and where asked for its embedding and whether it is speech."""
        recording = self.recording
        answer: dict[str, Any] = {
            "frames": self.rule.frame_scores(recording.frame_logits),
            "frame_period_s": recording.frame_samples / recording.sampling_rate,
            "labels": list(self.rule.labels),
        }
        if self.speech is not None:
            answer["speech"] = self.speech
        if self.embedding_width is not None:
            answer["embeddings"] = _normalized(self._vectors())
        return answer

    def chunks(
        self, return_timestamps: bool | float, segments: Sequence[Mapping[str, Any]] | None, smoothing: Smoothing
    ) -> dict[str, Any]:
        """`chunks`, and `speakers` where the turns name some."""
        recording = self.recording
        timing = (recording.num_samples, recording.frame_samples, recording.sampling_rate)
        if segments is not None:
            spans = spans_from_segments(segments, *timing, recording.name)
        elif return_timestamps is True:
            spans = self._changes(smoothing)
        else:
            spans = spans_of_length(float(return_timestamps), *timing)
        answer: dict[str, Any] = {"chunks": [self._chunk(span) for span in spans]}
        if segments is not None:
            answer["speakers"] = self._speakers(spans)
        return answer

    def _changes(self, smoothing: Smoothing) -> list[Span]:
        """Spans that tile the recording: speech cut where the label changes, and what lies between."""
        recording = self.recording
        scores = self.rule.frame_scores(recording.frame_logits)
        speech = np.ones(len(scores), dtype=bool) if self.speech is None else self.speech
        bounds = [0, *(np.flatnonzero(np.diff(speech)) + 1).tolist(), len(speech)]
        spans = []
        for first, last in itertools.pairwise(bounds):
            start = first * recording.frame_samples
            end = recording.num_samples if last == len(speech) else last * recording.frame_samples
            if not speech[first]:
                spans.append(Span(start, end, speech=False))
                continue
            within = spans_from_frames(
                scores[first:last], end - start, recording.frame_samples, recording.sampling_rate, smoothing
            )
            spans += self._merged([Span(start + span.start, start + span.end) for span in within])
        return spans

    def _merged(self, spans: list[Span]) -> list[Span]:
        """Neighbours whose pooled scores have one label as one: pooling weights may see it otherwise than the path."""
        merged: list[Span] = []
        for span in spans:
            if merged and self._winner(merged[-1]) == self._winner(span):
                span = merged.pop()._replace(end=span.end)
            merged.append(span)
        return merged

    def _winner(self, span: Span) -> int:
        return int(self.rule.scores(self._logits(self.recording.frames_in(span.start, span.end))).argmax())

    def _chunk(self, span: Span) -> dict[str, Any]:
        recording, rule = self.recording, self.rule
        frames = recording.frames_in(span.start, span.end)
        heard = frames if self.speech is None else frames[self.speech[frames]]
        scores = rule.scores(self._logits(heard))
        chunk: dict[str, Any] = {
            "timestamp": (span.start / recording.sampling_rate, span.end / recording.sampling_rate)
        }
        if span.speaker is not None:
            chunk["speaker"] = span.speaker
        if len(heard) == 0:
            hops = recording.speech_probabilities_in(span.start, span.end)
            quiet = float(1 - hops.mean())
            found = {"label": NO_SPEECH, "score": quiet, "confidence": quiet, "peak_s": sum(chunk["timestamp"]) / 2}
        else:
            best = int(scores.argmax())
            frame_scores = rule.scores(recording.frame_logits[heard])
            peak = int(heard[frame_scores[:, best].argmax()])
            middle = int(np.clip((peak + 0.5) * recording.frame_samples, span.start, span.end))
            found = {
                "label": rule.labels[best],
                "score": float(scores[best]),
                "confidence": float((frame_scores.argmax(axis=1) == best).mean()),
                "peak_s": middle / recording.sampling_rate,
            }
        by_label = dict(zip(rule.labels, scores.tolist(), strict=True))
        return chunk | found | {"entropy": rule.entropy(scores), "scores": by_label} | self._embedding(frames)

    def _speakers(self, spans: Iterable[Span]) -> dict[str, dict[str, Any]]:
        """Each speaker's turns as one: time under two turns of a speaker counts once."""
        by_speaker: dict[str, list[Span]] = {}
        for span in spans:
            if span.speaker is not None:
                by_speaker.setdefault(span.speaker, []).append(span)
        speakers = {}
        for speaker, turns in by_speaker.items():
            duration, covered = 0, 0
            for turn in sorted(turns):
                duration += max(0, turn.end - max(turn.start, covered))
                covered = max(covered, turn.end)
            frames = np.unique(np.concatenate([self.recording.frames_in(turn.start, turn.end) for turn in turns]))
            heard = frames if self.speech is None else frames[self.speech[frames]]
            scores = self.rule.scores(self._logits(heard)).tolist()
            speakers[speaker] = {
                "duration_s": duration / self.recording.sampling_rate,
                "scores": dict(zip(self.rule.labels, scores, strict=True)),
            } | self._embedding(frames)
        return speakers

    def _logits_of_all(self) -> np.ndarray:
        if self.speech is None or self.speech.all():
            return self.recording.logits
        return self._logits(np.flatnonzero(self.speech))

    def _logits(self, frames: np.ndarray) -> np.ndarray:
        """Logits pooled over frames that count; without any those of the prior, or as all was heard for intensities."""
        recording = self.recording
        if len(frames):
            return recording.pool(frames)
        return recording.logits if self.prior_logits is None else self.prior_logits

    def _vectors(self) -> np.ndarray:
        vectors = self.recording.frame_vectors
        if vectors is None or vectors.shape[1] < (self.embedding_width or 0):
            raise AudioEmotionError(
                "This recording was heard without embeddings: give score_recording(return_embeddings=...) too."
            )
        return vectors[:, : self.embedding_width]

    def _embedding(self, frames: np.ndarray) -> dict[str, Any]:
        """Frame vectors of speech under the pooling weights, L2-normalised; all of them where there is no speech."""
        if self.embedding_width is None:
            return {}
        if self.speech is not None and self.speech[frames].any():
            frames = frames[self.speech[frames]]
        weights = pool_weights(self.recording.frame_log_weights[frames])
        return {"embedding": _normalized(weights @ self._vectors()[frames])}


def shape_answer(
    answerer: Answerer,
    return_timestamps: bool | float | str,
    top_k: int | None,
    segments: Sequence[Mapping[str, Any]] | None,
    smoothing: Smoothing,
) -> Any:
    """The answer that `AudioEmotionPipeline.__call__` describes."""
    whole = answerer.whole(top_k)
    if segments is None and return_timestamps is False:
        return whole["scores"] if answerer.embedding_width is None else whole | answerer.embedding()
    if segments is None and return_timestamps == "frame":
        return whole | answerer.frames()
    return whole | answerer.chunks(return_timestamps, segments, smoothing)  # type: ignore[arg-type]


def with_speech(answerer: Answerer, threshold: float | None) -> Answerer:
    """The same, with the frames that hold no speech left out where a threshold is given."""
    recording = answerer.recording
    if threshold is None:
        return answerer
    if recording.speech_probabilities is None:
        raise AudioEmotionError("This recording was heard without the gate: give score_recording(vad=...) as well.")
    timing = (recording.num_samples, len(recording.frame_logits), recording.frame_samples)
    return replace(answerer, speech=speech_frames(recording.speech_probabilities, threshold, *timing))


def ranked(scores: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """`{"label", "score"}` of each label, the strongest first."""
    order = np.argsort(-scores, kind="stable")
    return [{"label": labels[index], "score": float(scores[index])} for index in order]


def _normalized(vectors: np.ndarray) -> np.ndarray:
    """Vectors `(..., width)` at length 1, float32."""
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    normalized: np.ndarray = (vectors / np.maximum(lengths, 1e-12)).astype(np.float32)
    return normalized
