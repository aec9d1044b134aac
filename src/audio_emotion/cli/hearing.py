"""Recordings through the pipeline, in their order: short ones together; a fault of one does not touch the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from audio_emotion.cli.recordings import Recording
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

if TYPE_CHECKING:
    from audio_emotion.cli.progress import ListeningProgress
    from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
    from audio_emotion.pipeline.scores_audio_emotion import ScoredRecording

SHORT_TOGETHER = 8
"""Recordings of at most one window that are heard in one batch, unless told otherwise."""


def hear(
    pipe: AudioEmotionPipeline,
    recordings: Sequence[Recording],
    batch_size: int | None,
    progress: ListeningProgress,
    vad: bool = False,
) -> Iterator[tuple[Recording, ScoredRecording | AudioEmotionError]]:
    """Hear recordings; those that follow each other and are short share a batch.

    Args:
        pipe: The pipeline.
        recordings: What to hear.
        batch_size: Windows per forward pass; None takes `SHORT_TOGETHER` for short recordings, 1 for a long one.
        progress: Told what is being heard.
        vad: Whether the voice-activity gate listens as well.

    Yields:
        Each recording, in order, with what was heard or why it could not be.
    """
    for group in _groups(recordings, _window_s(pipe), batch_size or SHORT_TOGETHER):
        with progress.of([recording.name for recording, _ in group], _sum(group)) as advance:
            if len(group) > 1:
                yield from _hear_together(pipe, [recording for recording, _ in group], advance, vad)
            else:
                recording = group[0][0]
                yield recording, _attempt(pipe, recording.source, batch_size or 1, advance, vad)


def _groups(
    recordings: Sequence[Recording], window_s: float, most: int
) -> Iterator[list[tuple[Recording, float | None]]]:
    """Runs of at most `most` short recordings, and each other recording by itself; with durations where known."""
    from audio_emotion.pipeline.containers_audio_emotion import probe_duration_s

    group: list[tuple[Recording, float | None]] = []
    for recording in recordings:
        duration_s = probe_duration_s(recording.path)
        is_short = duration_s is not None and duration_s <= window_s
        if group and (not is_short or len(group) == most):
            yield group
            group = []
        group.append((recording, duration_s))
        if not is_short:
            yield group
            group = []
    if group:
        yield group


def _hear_together(
    pipe: AudioEmotionPipeline, recordings: Sequence[Recording], advance: Callable[[float], None], vad: bool
) -> Iterator[tuple[Recording, ScoredRecording | AudioEmotionError]]:
    """One batch of short recordings; they are decoded first, so that one that cannot be read leaves the batch."""
    decoded = [_decode(pipe, recording) for recording in recordings]
    together = [sound for sound in decoded if isinstance(sound, dict)]
    heard = pipe.score_recordings(together, len(together), advance, vad=vad) if together else iter(())
    for recording, sound in zip(recordings, decoded, strict=True):
        yield recording, next(heard) if isinstance(sound, dict) else sound


def _decode(pipe: AudioEmotionPipeline, recording: Recording) -> dict[str, Any] | AudioEmotionError:
    """A short recording as an array that can be heard, or why there is none."""
    from audio_emotion.pipeline.batching_audio_emotion import MIN_DURATION_S
    from audio_emotion.pipeline.decoding_audio_emotion import decode_audio

    sampling_rate = int(pipe.feature_extractor.sampling_rate)
    try:
        samples = decode_audio(recording.source, sampling_rate)
        sound = {"array": samples, "sampling_rate": sampling_rate, "path": recording.name}
        if len(samples) < MIN_DURATION_S * sampling_rate:
            pipe.score_recording(sound)  # which says so
    except AudioEmotionError as error:
        return error
    return sound


def _attempt(
    pipe: AudioEmotionPipeline, source: Any, batch_size: int, advance: Callable[[float], None], vad: bool
) -> ScoredRecording | AudioEmotionError:
    try:
        return pipe.score_recording(source, batch_size, advance, vad=vad)
    except AudioEmotionError as error:
        return error


def _window_s(pipe: AudioEmotionPipeline) -> float:
    return float(pipe.model.config.window_samples / pipe.feature_extractor.sampling_rate)


def _sum(group: Sequence[tuple[Recording, float | None]]) -> float | None:
    durations = [duration_s for _, duration_s in group]
    return None if None in durations else sum(duration_s or 0.0 for duration_s in durations)
