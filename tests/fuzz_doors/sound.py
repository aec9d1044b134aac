"""Recordings, in every container that is read."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from conftest import speech_like

from fuzz_doors.door import Door

FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "wav-adpcm": ("WAV", "IMA_ADPCM"),
    "wav-float": ("WAV", "FLOAT"),
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "ULAW"),
    "caf": ("CAF", "ALAC_16"),
    "w64": ("W64", "PCM_16"),
}
VIDEO_FORMATS = {"m4a": ("ipod", "aac"), "webm": ("webm", "libopus")}


def _sound(name: str) -> Callable[[Path], list[bytes]]:
    def seeds(_: Path) -> list[bytes]:
        kind, subtype = FORMATS[name]
        files = []
        for sampling_rate, num_channels in ((16000, 1), (48000, 2)):
            buffer = io.BytesIO()
            samples = np.stack([speech_like(0.3, sampling_rate)] * num_channels, axis=1)
            soundfile.write(buffer, samples, sampling_rate, format=kind, subtype=subtype)
            files.append(buffer.getvalue())
        return files

    return seeds


def _film(name: str) -> Callable[[Path], list[bytes]]:
    def seeds(_: Path) -> list[bytes]:
        import av

        container_format, codec = VIDEO_FORMATS[name]
        buffer = io.BytesIO()
        with av.open(buffer, "w", format=container_format) as container:
            stream: Any = container.add_stream(codec, rate=48000, layout="mono")
            samples = speech_like(0.3, 48000)[None]
            for start in range(0, samples.shape[1] - 960, 960):
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(samples[:, start : start + 960]), format="fltp", layout="mono"
                )
                frame.sample_rate = 48000
                frame = next(iter(av.AudioResampler(format=stream.format.name).resample(frame)))
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return [buffer.getvalue()]

    return seeds


def _decode(content: bytes, _: Path) -> None:
    from audio_emotion.pipeline.decoding_audio_emotion import iter_audio_blocks

    for block in iter_audio_blocks(content):
        assert block.dtype == np.float32 and block.ndim == 1 and np.isfinite(block).all()


def _films() -> dict[str, Door]:
    try:
        import av  # noqa: F401
    except ImportError:
        return {}
    return {f"sound-{name}": Door(_film(name), _decode, weight=2) for name in VIDEO_FORMATS}


DOORS = {f"sound-{name}": Door(_sound(name), _decode, weight=3) for name in FORMATS} | _films()
