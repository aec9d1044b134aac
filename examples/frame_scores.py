"""Probabilities 50 times a second, and an embedding of a clip.

Usage: python examples/frame_scores.py [FILE]
"""

import sys
from pathlib import Path

import torch
from transformers import pipeline

from audio_emotion import decode_audio

path = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).with_name("emotion_shifts.flac")
pipe = pipeline("audio-emotion")

answer = pipe(str(path), return_timestamps="frame")
frames = answer["frames"]  # float32 (num_frames, num_labels); every row sums to 1
print(f"{len(frames)} frames of {answer['frame_period_s']} s")
for label, scores in zip(answer["labels"], frames.T, strict=True):
    peak_s = scores.argmax() * answer["frame_period_s"]
    print(f"{label:10} mean {scores.mean():.2f}, peak {scores.max():.2f} at {peak_s:.2f} s")

clip = decode_audio(path, pipe.feature_extractor.sampling_rate)[: pipe.model.config.window_samples]  # (num_samples,)
features = pipe.feature_extractor(clip, return_tensors="pt").to(pipe.device)
with torch.inference_mode():
    embeddings = pipe.model(**features).embeddings  # (1, d_model); any nesting width is a prefix
print(
    f"embedding of width {embeddings.shape[1]}, norm {embeddings.norm():.2f}; widths {pipe.model.config.nesting_dims}"
)
