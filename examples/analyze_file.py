"""Emotions over time of one file: who shifts where, and how sure the model is.

Usage: python examples/analyze_file.py [FILE]
"""

import sys
from pathlib import Path

from transformers import pipeline

import audio_emotion  # noqa: F401  (registers the task with transformers)

path = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("emotion_shifts.flac")
pipe = pipeline("audio-emotion")
answer = pipe(str(path), return_timestamps=True)

print("whole recording:", ", ".join(f"{row['label']} {row['score']:.2f}" for row in answer["scores"][:3]))
for chunk in answer["chunks"]:
    start_s, end_s = chunk["timestamp"]
    print(f"{start_s:6.2f} to {end_s:6.2f} s  {chunk['label']:10} {chunk['score']:.2f}")
