"""One clip's file into 16 kHz mono FLAC bytes: the work of one process. Imports neither datasets nor pyarrow."""

from __future__ import annotations

import io
import os
from dataclasses import dataclass

import numpy as np
import soundfile

from audio_emotion.dataset_scripts.schema import MIN_SAMPLES, SAMPLING_RATE
from audio_emotion.pipeline.decoding_audio_emotion import decode_audio
from audio_emotion.pipeline.errors_audio_emotion import AudioDecodingError


@dataclass(frozen=True, slots=True)
class EncodedClip:
    """FLAC bytes of a clip and its length in samples at 16 kHz."""

    flac: bytes
    num_samples: int


@dataclass(frozen=True, slots=True)
class BadAudio:
    """Why a file gives no clip."""

    reason: str


def encode_clip(path: str | os.PathLike[str]) -> EncodedClip | BadAudio:
    """Decode a file, mix it to mono at 16 kHz, and encode it as 16-bit FLAC. Never raises on bad audio."""
    samples = read_samples(path)
    return samples if isinstance(samples, BadAudio) else encode_samples(samples)


def encode_samples(samples: np.ndarray) -> EncodedClip:
    """Encode float samples `(num_samples,)` at 16 kHz, full scale at 1.0, as 16-bit FLAC."""
    pcm = np.clip(np.rint(samples * 32768.0), -32768, 32767).astype(np.int16)
    buffer = io.BytesIO()
    soundfile.write(buffer, pcm, SAMPLING_RATE, format="FLAC", subtype="PCM_16")
    return EncodedClip(buffer.getvalue(), len(pcm))


def measure_clip(path: str | os.PathLike[str]) -> float | BadAudio:
    """Decode a file and give its duration in seconds."""
    samples = read_samples(path)
    return samples if isinstance(samples, BadAudio) else len(samples) / SAMPLING_RATE


def read_samples(path: str | os.PathLike[str]) -> np.ndarray | BadAudio:
    """Decode a file to float32 `(num_samples,)` at 16 kHz, or say why it is no clip."""
    try:
        samples = decode_audio(path, SAMPLING_RATE)
    except AudioDecodingError as error:
        return BadAudio(str(error))
    if len(samples) < MIN_SAMPLES:
        return BadAudio(f"{len(samples) / SAMPLING_RATE:.3f} s is too short; a clip lasts at least 0.025 s.")
    return samples
