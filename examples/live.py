"""Emotions of live sound, twice a second: a file as if it were live, or raw PCM (16 bit, mono, 16 kHz) from stdin.

Usage: python examples/live.py [FILE]
       arecord -q -t raw -f S16_LE -r 16000 | python examples/live.py -
"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from audio_emotion import EmotionStream, decode_audio

SAMPLING_RATE = 16_000
BLOCK = SAMPLING_RATE // 10


def microphone(path: str) -> Iterator[Any]:
    """Yields blocks of 0.1 s, (num_samples,)."""
    if path == "-":
        while data := sys.stdin.buffer.read(2 * BLOCK):
            yield np.frombuffer(data, dtype=np.int16, count=len(data) // 2)
    else:
        samples = decode_audio(path, SAMPLING_RATE)
        yield from np.split(samples, range(BLOCK, len(samples), BLOCK))


path = sys.argv[1] if len(sys.argv) > 1 else str(Path(__file__).with_name("emotion_shifts.flac"))
stream = EmotionStream(SAMPLING_RATE)
for frames in stream.iter_frames(microphone(path)):
    scores = frames.scores.mean(axis=0)  # (num_labels,)
    best = int(scores.argmax())
    print(
        f"{frames.start_s:6.2f} s  {frames.labels[best]:10} {scores[best]:.2f} {'#' * int(30 * scores[best])}",
        flush=True,
    )
