"""Many files through a generator, in batches: answers come while later files are still unread.

Usage: python examples/stream_files.py [FOLDER]
"""

import sys
from collections.abc import Iterator
from pathlib import Path

from transformers import pipeline

import audio_emotion  # noqa: F401  (registers the task with transformers)

folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
paths = sorted(path for path in folder.rglob("*") if path.suffix in {".wav", ".flac", ".ogg", ".opus", ".mp3"})


def recordings() -> Iterator[str]:
    """Yields one path at a time; rows of a database or messages of a queue would do as well."""
    yield from map(str, paths)


pipe = pipeline("audio-emotion", batch_size=8)
for path, scores in zip(paths, pipe(recordings(), top_k=2), strict=True):
    print(f"{path.name}: " + ", ".join(f"{row['label']} {row['score']:.2f}" for row in scores))
