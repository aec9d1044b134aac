"""Recordings longer than the model's 30 s: same frames as its windows, joined without a seam, in constant memory."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_emotion import AudioEmotionPipeline

WINDOW = 480_000


def frames(pipe: AudioEmotionPipeline, samples: np.ndarray) -> np.ndarray:
    return pipe(samples, return_timestamps="frame")["frames"]


def test_exactly_30_s_is_one_window(pipe: AudioEmotionPipeline, speech: Any) -> None:
    samples = speech(30.0)
    recording = pipe.score_recording(samples)
    features = pipe.feature_extractor(samples, sampling_rate=16000, return_tensors="pt")
    expected = pipe.forward(dict(features))["frame_logits"][0]
    np.testing.assert_allclose(recording.frame_logits, expected, atol=1e-5)
    assert recording.frame_logits.shape == (1500, 8)


def test_one_sample_more_changes_only_the_overlap(pipe: AudioEmotionPipeline, speech: Any) -> None:
    samples = speech(30.1)
    longer = frames(pipe, samples[: WINDOW + 1])
    assert longer.shape == (1500, 8)
    np.testing.assert_allclose(longer[:1300], frames(pipe, samples[:WINDOW])[:1300], atol=1e-5)


@pytest.mark.parametrize(
    "num_samples", [WINDOW + 159, WINDOW + 160, 31 * 16000, 55 * 16000, 55 * 16000 + 1, 75 * 16000]
)
def test_each_frame_comes_from_the_windows_over_it(pipe: AudioEmotionPipeline, speech: Any, num_samples: int) -> None:
    samples = speech(75.0)[:num_samples]
    recording = pipe.score_recording(samples)
    assert recording.num_samples == num_samples
    assert len(recording.frame_logits) == pipe.model.config.num_frames(num_samples)
    for start in range(0, num_samples - 80_000, 400_000):
        alone = pipe.score_recording(samples[start : start + WINDOW]).frame_logits
        first, last = start // 320, start // 320 + len(alone)
        is_last = start + WINDOW >= num_samples
        own = slice(first + (200 if start else 0), last if is_last else last - 200)
        np.testing.assert_allclose(recording.frame_logits[own], alone[own.start - first : own.stop - first], atol=1e-5)


def test_blended_frames_lie_between_the_windows(pipe: AudioEmotionPipeline, speech: Any) -> None:
    samples = speech(50.0)
    blended = pipe.score_recording(samples).frame_logits[1250:1500]
    earlier = pipe.score_recording(samples[:WINDOW]).frame_logits[1250:]
    later = pipe.score_recording(samples[400_000:]).frame_logits[:250]
    assert not np.allclose(earlier, later, atol=1e-3)
    assert (blended >= np.minimum(earlier, later) - 1e-5).all()
    assert (blended <= np.maximum(earlier, later) + 1e-5).all()


def test_scores_pool_all_frames(pipe: AudioEmotionPipeline, speech: Any) -> None:
    recording = pipe.score_recording(speech(47.0))
    weights = np.exp(recording.frame_log_weights - recording.frame_log_weights.max())
    expected = (weights[:, None] * recording.frame_logits).sum(axis=0) / weights.sum()
    np.testing.assert_allclose(recording.logits, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("sampling_rate", [8000, 44100])
def test_a_file_is_heard_as_its_array(
    pipe: AudioEmotionPipeline, tmp_path: Path, speech: Any, sampling_rate: int
) -> None:
    samples = speech(41.7, sampling_rate)
    soundfile.write(tmp_path / "call.wav", samples, sampling_rate, subtype="FLOAT")
    from_file = pipe(tmp_path / "call.wav", return_timestamps="frame")["frames"]
    from_array = pipe({"array": samples, "sampling_rate": sampling_rate}, return_timestamps="frame")["frames"]
    np.testing.assert_allclose(from_file, from_array, atol=1e-4)


@pytest.mark.slow
def test_an_hour_of_six_channels_stays_below_one_and_a_half_gigabytes(
    tiny_model_dir: Path, tmp_path: Path, speech: Any
) -> None:
    path = tmp_path / "hour.wav"
    minute = np.stack([speech(60.0, 48000)] * 6, axis=1)
    with soundfile.SoundFile(path, "w", 48000, 6) as file:
        for _ in range(60):
            file.write(minute)
    script = (
        "import resource, sys; from audio_emotion import AudioEmotionPipeline\n"
        "answer = AudioEmotionPipeline.from_pretrained(sys.argv[1])(sys.argv[2], return_timestamps=True)\n"
        "print(answer['chunks'][-1]['timestamp'][1], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
    )
    output = subprocess.check_output([sys.executable, "-c", script, tiny_model_dir, path], text=True)
    duration_s, peak_kib = output.split()
    assert float(duration_s) == 3600.0
    assert int(peak_kib) < 1.5e9 / 1024
