"""Scores of a recording of up to 30 s with onnxruntime alone: no torch, no transformers, none of this package.

Usage: python examples/onnx_without_torch.py FOLDER [RECORDING]   (FOLDER: what `audio-emotion export --out` wrote)
"""

import json
import os
import sys
from pathlib import Path

os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")  # read when onnxruntime is imported
import numpy as np
import onnxruntime
import soundfile as sf

folder = Path(sys.argv[1])
recording = Path(sys.argv[2]) if len(sys.argv) > 2 else Path(__file__).with_name("emotion_shifts.flac")
session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
about = {name: json.loads(value) for name, value in session.get_modelmeta().custom_metadata_map.items()}
mel, rate, hop = about["features"], about["sampling_rate"], about["hop_length"]
samples, its_rate = sf.read(recording, dtype="float32", always_2d=True)
assert its_rate == rate and not mel["pad_to_window"], f"resample to {rate} Hz first; this shows models that hear clips"

# Slaney's mel scale: linear up to 1 kHz, logarithmic above; triangles of equal area.
mels = np.linspace(0, 15 + 27 * np.log(8) / np.log(6.4), mel["feature_size"] + 2)
hz = np.where(mels < 15, mels * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mels - 15)))[:, None]
slopes = hz - np.linspace(0, rate / 2, mel["n_fft"] // 2 + 1)  # (num_mel_bins + 2, num_frequencies)
rising, falling = -slopes[:-2] / np.diff(hz, axis=0)[:-1], slopes[2:] / np.diff(hz, axis=0)[1:]
filters = np.maximum(0, np.minimum(rising, falling)) * 2 / (hz[2:] - hz[:-2])
padded = np.pad(samples.mean(axis=1), mel["n_fft"] // 2, mode="reflect")
frames = np.lib.stride_tricks.sliding_window_view(padded, mel["n_fft"])[::hop][: len(samples) // hop]
power = np.abs(np.fft.rfft(frames * np.hanning(mel["n_fft"] + 1)[:-1])) ** 2  # (num_mel_frames, num_frequencies)
level = mel["level_normalization"]
log_mel = np.log10(np.maximum(filters @ power.T, 10 ** (mel["level_floor"] - 8) if level else 1e-10))
peak = log_mel.max()
log_mel = np.maximum(log_mel, peak - 8) + (mel["level_target"] - max(peak, mel["level_floor"]) if level else 0)
features = ((log_mel + 4) / 4).astype(np.float32)[None]  # (1, num_mel_bins, num_mel_frames)
inputs = {"input_features": features, "attention_mask": np.ones((1, features.shape[2]), np.int64)}
odds = np.exp(session.run(["logits"], inputs)[0][0] / about["temperature"])
print("\n".join(f"{label:10} {score:.4f}" for label, score in zip(about["labels"], odds / odds.sum(), strict=True)))
