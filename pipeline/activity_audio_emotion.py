"""Where somebody speaks: silero-vad, which comes with its weights in its wheel (`pip install 'audio-emotion[vad]'`)."""

from __future__ import annotations

import os
from numbers import Real
from typing import Any

import numpy as np
import torch

from .errors_audio_emotion import AudioEmotionError
from .scores_audio_emotion import SPEECH_HOP_SAMPLES as HOP_SAMPLES

THRESHOLD = 0.5
"""Speech probability that begins a stretch of speech: silero-vad's own default."""
MIN_SILENCE_S = 0.5
"""A shorter pause is part of speaking."""
CONTEXT_SAMPLES = 64
"""Samples before them that it hears as well."""
SAMPLING_RATE = 16000


def check_threshold(vad: Any) -> float | None:
    """The speech threshold that an option `vad` asks for; None for no gate.

    Raises:
        AudioEmotionError: If `vad` is no threshold, or silero-vad is not installed.
    """
    if vad is None or vad is False:
        return None
    if vad is not True and not (isinstance(vad, Real) and 0 < float(vad) < 1):
        raise AudioEmotionError(f"vad is {vad!r}; give True, False, or a speech probability between 0 and 1.")
    _silero()
    return THRESHOLD if vad is True else float(vad)


class SpeechMeter:
    """Hears a recording block by block and notes how probable speech is, every 32 ms."""

    def __init__(self) -> None:
        self._session = _silero().load_silero_vad(sequence=True).session
        self._state = {name: np.zeros((1, 1, 128), dtype=np.float32) for name in ("h", "c")}
        self._heard = np.zeros(CONTEXT_SAMPLES, dtype=np.float32)  # context, then what is short of a hop
        self._probabilities: list[np.ndarray] = []

    def hear(self, samples: np.ndarray) -> None:
        """Take the next samples, float32 `(num_samples,)` at 16 kHz."""
        self._heard = np.concatenate([self._heard, samples])
        num_hops = (len(self._heard) - CONTEXT_SAMPLES) // HOP_SAMPLES
        if num_hops == 0:
            return
        width = CONTEXT_SAMPLES + HOP_SAMPLES
        hops = np.lib.stride_tricks.sliding_window_view(self._heard, width)[::HOP_SAMPLES]  # (num_hops, 576)
        outputs = self._session.run(["speech_probs", "hn", "cn"], {"input": np.ascontiguousarray(hops), **self._state})
        self._state = {"h": outputs[1], "c": outputs[2]}
        self._probabilities.append(outputs[0].reshape(-1))
        self._heard = self._heard[num_hops * HOP_SAMPLES :]

    def probabilities(self) -> np.ndarray:
        """All so far, float32 `(num_hops,)`; a last part of a hop is heard as if silence followed."""
        rest = (len(self._heard) - CONTEXT_SAMPLES) % HOP_SAMPLES
        if rest:
            self.hear(np.zeros(HOP_SAMPLES - rest, dtype=np.float32))
        return np.concatenate([np.zeros(0, dtype=np.float32), *self._probabilities])


def speech_frames(
    probabilities: np.ndarray, threshold: float, num_samples: int, num_frames: int, frame_samples: int
) -> np.ndarray:
    """Which frames hold speech: silero-vad's rule, with its hysteresis, on the probabilities.

    Args:
        probabilities: `(num_hops,)` of a `SpeechMeter`.
        threshold: Probability that begins a stretch of speech; one 0.15 lower ends it.
        num_samples: Length of the recording.
        num_frames: Frames of the recording.
        frame_samples: Samples per frame.

    Returns:
        bool array `(num_frames,)`: a frame is speech where its middle is.
    """
    stretches = _silero().get_speech_timestamps_from_probs(
        probabilities.tolist(),
        sampling_rate=SAMPLING_RATE,
        threshold=threshold,
        min_silence_duration_ms=round(1000 * MIN_SILENCE_S),
        audio_length_samples=num_samples,
    )
    speech = np.zeros(num_frames, dtype=bool)
    for stretch in stretches:
        first, last = ((stretch[bound] + frame_samples // 2) // frame_samples for bound in ("start", "end"))
        speech[first:last] = True
    return speech


def _silero() -> Any:
    """The library; importing it sets torch to one thread, which is undone."""
    num_threads = torch.get_num_threads()
    try:
        os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # else onnxruntime, from 1.29 on, reports to its makers
        import onnxruntime  # noqa: F401  # what runs it, and an extra of silero-vad
        import silero_vad
        from silero_vad import sequence_vad  # noqa: F401  # since 6.2.2
    except ImportError as error:
        raise AudioEmotionError(
            f"vad needs silero-vad and onnxruntime ({error}). Run `pip install 'audio-emotion[vad]'`, or "
            "`pip install 'silero-vad[onnx-cpu]'`."
        ) from error
    finally:
        torch.set_num_threads(num_threads)
    return silero_vad
