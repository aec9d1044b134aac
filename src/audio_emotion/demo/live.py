"""The live tab's ear: blocks of one browser's microphone in, final frames out."""

from __future__ import annotations

import base64
import binascii
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.pipeline.stream_audio_emotion import EmotionStream

if TYPE_CHECKING:
    from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline

MAX_BLOCK_S = 20.0
"""Longest block: a browser that falls behind sends what has gathered, but never this much."""
SAMPLING_RATES = range(8_000, 192_001)


class LiveEar:
    """One listener's stream; each browser session has its own.

    Args:
        pipe: The pipeline; several ears may share it.
        sampling_rate: Of the microphone, in Hz.

    Raises:
        AudioEmotionError: If no microphone has such a rate.
    """

    def __init__(self, pipe: AudioEmotionPipeline, sampling_rate: object) -> None:
        if isinstance(sampling_rate, bool) or not isinstance(sampling_rate, int) or sampling_rate not in SAMPLING_RATES:
            raise AudioEmotionError(f"The microphone's rate is {sampling_rate!r}; 8000 to 192000 Hz are heard.")
        self.sampling_rate = sampling_rate
        self.stream = EmotionStream(sampling_rate, model=pipe)
        self.num_samples = 0

    def hear(self, pcm: object, is_last: bool) -> dict[str, Any]:
        """Feed one block.

        Args:
            pcm: Little-endian 16-bit samples of one channel, as base64.
            is_last: Whether the microphone was switched off after this block.

        Returns:
            `start_s`, `frames` (num_frames, num_labels), `frame_period_s` and `heard_s`, the seconds fed so far.

        Raises:
            AudioEmotionError: If the block is no such audio, or too long.
        """
        samples = self._decode(pcm)
        self.num_samples += len(samples)
        answers = [self.stream.feed(samples)] if len(samples) else []
        if is_last:
            answers.append(self.stream.flush())
        scores = [answer.scores for answer in answers if len(answer.scores)]
        starts = [answer.start_s for answer in answers if len(answer.scores)]
        return {
            "start_s": starts[0] if starts else 0.0,
            "frames": np.concatenate(scores).astype(float).round(3).tolist() if scores else [],
            "frame_period_s": self.stream.frame_period_s,
            "heard_s": self.num_samples / self.sampling_rate,
        }

    def _decode(self, pcm: object) -> np.ndarray:
        if not isinstance(pcm, str) or len(pcm) > MAX_BLOCK_S * self.sampling_rate * 2 * 4 / 3 + 4:
            raise AudioEmotionError(f"A block of live sound is base64 text of at most {MAX_BLOCK_S:g} s.")
        try:
            data = base64.b64decode(pcm, validate=True)
        except (binascii.Error, ValueError) as error:
            raise AudioEmotionError(f"A block of live sound is not base64: {error}.") from error
        if len(data) % 2:
            raise AudioEmotionError("A block of live sound holds half a sample: 16-bit samples are heard.")
        return np.frombuffer(data, dtype="<i2").astype(np.int16)
