"""LoRA against a ridge regression on frozen features, on a stand-in for Hume-Prosody made of real speech.

The real corpus is licence-gated. The stand-in has its layout, RAVDESS's clips without the silence around them, and nine
intensities by the rule below. What is measured here says that the machinery learns, nothing about Hume-Prosody itself.
"""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hume_standin import RATE, Clip, write_standin
from scipy.signal import correlate
from sklearn.linear_model import RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from typer.testing import CliRunner

from audio_emotion import EmotionWhisperFeatureExtractor, EmotionWhisperForAudioClassification, decode_audio
from audio_emotion.cli import app
from audio_emotion.dataset_scripts.corpora.humeprosody import TARGETS
from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.training.augmentation import active_range
from audio_emotion.training.metrics.regression import spearman

# How much of each intensity (columns in the order of TARGETS) a fully expressed emotion gives.
EMOTION_GIVES = {
    "neutral": (0.0, 0.6, 0.5, 0.5, 0.1, 0.0, 0.1, 0.1, 0.3),
    "calm": (0.0, 0.3, 0.9, 0.4, 0.1, 0.0, 0.2, 0.2, 0.4),
    "happy": (0.0, 0.0, 0.1, 0.1, 0.4, 0.8, 0.6, 0.0, 0.0),
    "sad": (0.0, 0.2, 0.1, 0.1, 0.0, 0.0, 0.0, 0.9, 0.5),
    "angry": (0.9, 0.0, 0.0, 0.2, 0.6, 0.3, 0.1, 0.0, 0.0),
    "fearful": (0.1, 0.0, 0.0, 0.3, 0.0, 0.4, 0.2, 0.4, 0.0),
    "disgust": (0.5, 0.3, 0.0, 0.1, 0.3, 0.0, 0.0, 0.2, 0.1),
    "surprised": (0.0, 0.0, 0.0, 0.1, 0.1, 0.7, 0.8, 0.0, 0.0),
}
PITCH_GIVES = (0.0, -0.1, -0.1, -0.05, 0.0, 0.15, 0.1, 0.0, -0.1)  # of the median pitch, as a share of all clips
ENERGY_GIVES = (0.1, -0.1, -0.1, 0.0, 0.15, 0.1, 0.0, -0.05, -0.1)  # of the spread of the level in dB, likewise
NORMAL_STRENGTH = 0.65  # of the clips that RAVDESS calls normal; the strong ones have 1
LISTENERS, LISTENER_NOISE = 5, 0.15
EPOCHS = 8
MARGIN, MOST_TRAINED = 0.10, 0.03

SPLITS = {"train": range(1, 17), "devel": range(17, 21), "test": range(21, 25)}  # actors


def median_pitch(waveform: np.ndarray) -> float:
    """Median over 40 ms windows of the strongest autocorrelation lag of 70 to 500 Hz, in octaves."""
    lags = slice(RATE // 500, RATE // 70)
    windows = waveform[: len(waveform) // 640 * 640].reshape(-1, 640)
    loud = windows[np.square(windows).mean(1) > np.square(waveform).mean()]
    best = [int(correlate(window, window)[639:][lags].argmax()) + lags.start for window in loud]
    return float(np.log2(RATE / np.median(best)))


def level_spread(waveform: np.ndarray) -> float:
    """Standard deviation of the level of 20 ms windows, in dB."""
    windows = waveform[: len(waveform) // 320 * 320].reshape(-1, 320)
    return float(np.std(10 * np.log10(np.square(windows).mean(1) + 1e-8)))


def standin_clips(ravdess: Path) -> dict[str, list[Clip]]:
    """RAVDESS's clips with nine intensities, speaker-disjoint."""
    clips = list(get_reader("ravdess")(ravdess).clips())
    waveforms = []
    for clip in clips:
        waveform = decode_audio(clip.path)
        start, end = active_range(waveform, RATE)
        waveforms.append(waveform[start:end])
    ranks = [
        np.argsort(np.argsort([measure(waveform) for waveform in waveforms])) / (len(clips) - 1)
        for measure in (median_pitch, level_spread)
    ]
    rng = np.random.default_rng(0)
    found: dict[str, list[Clip]] = {split: [] for split in SPLITS}
    for clip, waveform, pitch, energy in zip(clips, waveforms, *ranks, strict=True):
        actor, strong = int(clip.id[-2:]), clip.id.split("-")[3] == "02"
        strength = 1.0 if strong or clip.annotation.emotion_raw == "neutral" else NORMAL_STRENGTH
        expressed = strength * np.array(EMOTION_GIVES[str(clip.annotation.emotion_raw)])
        rated = 0.1 + expressed + (pitch - 0.5) * np.array(PITCH_GIVES) + (energy - 0.5) * np.array(ENERGY_GIVES)
        noise = rng.normal(0, LISTENER_NOISE, (LISTENERS, len(TARGETS))).mean(axis=0)
        split = next(split for split, actors in SPLITS.items() if actor in actors)
        found[split].append((waveform, np.clip(rated + noise, 0, 1)))
    return found


def frozen_features(base: Path, clips: list[Clip], batch_size: int = 16) -> np.ndarray:
    """Mean-pooled frame vectors of the base, `(num_clips, d_model)`."""
    model = EmotionWhisperForAudioClassification.from_pretrained(base)
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(base)
    pooled = []
    for start in range(0, len(clips), batch_size):
        waveforms = [waveform for waveform, _ in clips[start : start + batch_size]]
        with torch.inference_mode():
            outputs = model(**extractor(waveforms, sampling_rate=RATE, return_tensors="pt"))
        real = outputs.frame_mask[..., None]
        pooled.append((outputs.frame_vectors * real).sum(1) / real.sum(1))
    return torch.cat(pooled).numpy()


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_lora_beats_ridge_on_frozen_features(shared_dir: Path, tmp_path: Path) -> None:
    base, source, out = tmp_path / "base", tmp_path / "corpus", tmp_path / "run"
    torch.manual_seed(0)
    EmotionWhisperForAudioClassification.from_whisper(
        shared_dir / "encoders" / "whisper-base", num_layers=3, layer_mix=True, pooling="attention"
    ).save_pretrained(base)
    EmotionWhisperFeatureExtractor(level_normalization=True).save_pretrained(base)
    clips = standin_clips(shared_dir / "corpora" / "ravdess")
    truth = write_standin(source, clips)

    ridge = make_pipeline(StandardScaler(), RidgeCV(np.logspace(0, 6, 13)))
    ridge.fit(frozen_features(base, clips["train"]), truth["train"])
    ridge_rho = spearman(truth["test"], ridge.predict(frozen_features(base, clips["test"])))

    settings = {
        "base": base,
        "output_dir": out,
        "note": '"The numbers are on a stand-in made of RAVDESS, not on Hume-Prosody."',
        "augmentation.speed": 0,  # it would change the pitch that the rule measured
        "augmentation.reverb": 0,
        "loop.epochs": EPOCHS,
        "loop.validate_every": 60,
        "loop.frames_per_batch": 3200,
        "num_resamples": 200,
    }
    options = [f"--set={key}={value}" for key, value in settings.items()]
    tuned = CliRunner().invoke(
        app, ["finetune", "--config", "recipes/hume_prosody.yaml", "--source", str(source), *options]
    )
    assert tuned.exit_code == 0, tuned.output
    predictions = tmp_path / "predictions.csv"
    answer = CliRunner().invoke(
        app, ["predict", "--model", str(out / "final"), "--source", str(source), "--out", str(predictions)]
    )
    assert answer.exit_code == 0, answer.output
    with predictions.open(newline="") as file:
        scores = np.array([[float(row[name]) for name in TARGETS] for row in csv.DictReader(file)])
    lora_rho = spearman(truth["test"], scores)
    trained = json.loads((out / "final" / "results.json").read_text())["trainable_share"]
    sizes = [(out / "final" / "adapter_model.safetensors").stat().st_size, (base / "model.safetensors").stat().st_size]
    print(f"\nmean rho on the test actors: LoRA {lora_rho.mean():.3f}, ridge {ridge_rho.mean():.3f}")
    print(f"{trained:.2%} trained; the adapter has {sizes[0] / 1e6:.2f} MB, its base {sizes[1] / 1e6:.1f} MB")
    for name, ours, theirs in zip(TARGETS, lora_rho, ridge_rho, strict=True):
        print(f"| {name} | {ours:.3f} | {theirs:.3f} |")
    assert lora_rho.mean() >= ridge_rho.mean() + MARGIN
    assert trained <= MOST_TRAINED
    assert sizes[0] <= 0.05 * sizes[1]
