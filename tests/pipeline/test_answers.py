"""What an answer holds beside scores: speakers, the voice-activity gate, embeddings, warnings."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from audio_emotion import AudioEmotionError, AudioEmotionPipeline, decode_audio
from audio_emotion.pipeline.activity_audio_emotion import SpeechMeter
from audio_emotion.pipeline.trust_audio_emotion import SignalMeter

EXAMPLE = Path(__file__).parents[2] / "examples" / "emotion_shifts.flac"


def codes(samples: np.ndarray, step: int = 5000) -> set[str]:
    meter = SignalMeter(16000)
    for start in range(0, len(samples), step):
        meter.hear(samples[start : start + step])
    return {warning["code"] for warning in meter.warnings()}


def test_a_good_recording_has_no_warning(speech: Any) -> None:
    assert codes(speech(3.0)) == set()
    assert codes(decode_audio(EXAMPLE)) == set()


@pytest.mark.parametrize("step", [100, 512, 48000])
def test_each_fault_has_its_warning(speech: Any, step: int) -> None:
    voice = speech(3.0)
    spectrum = np.fft.rfft(voice)
    spectrum[(3 * 3400) :] = 0
    assert codes(voice[:8000], step) == {"too_short"}
    assert codes(0.0005 * voice, step) == {"too_quiet"}
    assert codes(np.clip(20 * voice, -1, 1), step) == {"clipped"}
    assert codes(np.fft.irfft(spectrum).astype(np.float32), step) == {"narrow_band"}


def test_warnings_are_in_the_answer_and_the_log(pipe: AudioEmotionPipeline, speech: Any) -> None:
    answer = pipe(speech(0.5), return_timestamps=True)
    assert [warning["code"] for warning in answer["warnings"]] == ["too_short"]


def test_speakers_count_time_once(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    turns = [
        {"start": 0.5, "end": 1.5, "speaker": "A"},
        {"start": 0.0, "end": 1.0, "speaker": "A"},
        {"start": 1.5, "end": 2.0, "speaker": "B"},
        {"start": 0.0, "end": 2.0},
    ]
    speakers = pipe(call_wav, segments=turns)["speakers"]
    assert {name: entry["duration_s"] for name, entry in speakers.items()} == {"A": 1.5, "B": 0.5}
    joined = pipe(call_wav, segments=[{"start": 0.0, "end": 1.5}])["chunks"][0]
    assert speakers["A"]["scores"] == pytest.approx(joined["scores"])


def test_an_rttm_serves_a_list_and_is_matched_before_work(
    pipe: AudioEmotionPipeline, call_wav: Path, tmp_path: Path
) -> None:
    path = tmp_path / "turns.rttm"
    path.write_text("SPEAKER call 1 0.5 1.0 <NA> <NA> Ann <NA> <NA>\n")
    assert pipe(call_wav, segments=str(path))["chunks"][0]["speaker"] == "Ann"
    with pytest.raises(AudioEmotionError, match="holds no turns"):
        pipe([call_wav, "no-such-file.wav"], segments=path)


def test_an_rttm_of_one_recording_serves_one_that_has_no_name(
    pipe: AudioEmotionPipeline, speech: Any, tmp_path: Path
) -> None:
    paths = [tmp_path / f"{name}.rttm" for name in ("Ann", "Bo")]
    for path in paths:
        path.write_text(f"SPEAKER meeting 1 0 1 <NA> <NA> {path.stem} <NA> <NA>\n")
    sound = speech(1.0)
    assert pipe(sound, segments=paths[0])["chunks"][0]["speaker"] == "Ann"
    answers = pipe([sound, sound], segments=paths)
    assert [answer["chunks"][0]["speaker"] for answer in answers] == ["Ann", "Bo"]
    for several in ([sound, sound], (samples for samples in [sound, sound])):
        with pytest.raises(AudioEmotionError, match="not heard alone"):
            list(pipe(several, segments=paths[0]))


def test_the_gate_hears_blocks_as_one() -> None:
    samples = decode_audio(EXAMPLE)
    whole, cut = SpeechMeter(), SpeechMeter()
    whole.hear(samples)
    for block in np.array_split(samples, 37):
        cut.hear(block)
    np.testing.assert_allclose(whole.probabilities(), cut.probabilities(), atol=1e-5)
    assert len(whole.probabilities()) == -(-len(samples) // 512)


def test_the_gate_keeps_torchs_threads() -> None:
    before = torch.get_num_threads()
    SpeechMeter()
    assert torch.get_num_threads() == before


def test_silence_around_speech_is_left_out(pipe: AudioEmotionPipeline) -> None:
    voice = decode_audio(EXAMPLE)[: 16000 * 3]
    noise = 0.001 * np.random.default_rng(0).standard_normal(16000 * 3).astype(np.float32)
    answer = pipe(np.concatenate([noise, voice, noise]), vad=True, return_timestamps=True)
    chunks = answer["chunks"]
    assert chunks[0]["label"] == chunks[-1]["label"] == "no_speech"
    assert chunks[0]["timestamp"][1] == pytest.approx(3.0, abs=0.4)
    assert any(chunk["label"] != "no_speech" for chunk in chunks)
    assert all(a["timestamp"][1] == b["timestamp"][0] for a, b in itertools.pairwise(chunks))
    frames = pipe(np.concatenate([noise, voice, noise]), vad=True, return_timestamps="frame")
    assert frames["speech"].dtype == bool and frames["speech"].shape == (450,)
    assert not frames["speech"][:120].any() and frames["speech"][200:250].any()


def test_no_speech_at_all_is_the_prior(pipe: AudioEmotionPipeline) -> None:
    noise = 0.01 * np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    answer = pipe(noise, vad=True, return_timestamps=True)
    assert "no_speech" in {warning["code"] for warning in answer["warnings"]}
    prior = sorted(pipe.model.config.class_prior, reverse=True)
    assert [entry["score"] for entry in answer["scores"]] == pytest.approx(prior, abs=1e-5)
    assert [chunk["label"] for chunk in answer["chunks"]] == ["no_speech"]


@pytest.mark.parametrize("vad", [0, 1.0, -1, "yes", float("nan")])
def test_bad_gates(pipe: AudioEmotionPipeline, vad: Any) -> None:
    with pytest.raises(AudioEmotionError, match="speech probability"):
        pipe("no-such-file.wav", vad=vad)


def test_embeddings(pipe: AudioEmotionPipeline, speech: Any) -> None:
    width = pipe.model.config.nesting_dims[0]
    samples = speech(36.0)
    whole = pipe(samples, return_embeddings=width)
    frames = pipe(samples, return_embeddings=width, return_timestamps="frame")
    chunk = pipe(samples, return_embeddings=width, return_timestamps=100.0)["chunks"][0]
    assert whole["embedding"].shape == (width,) and frames["embeddings"].shape == (1800, width)
    np.testing.assert_allclose(np.linalg.norm(frames["embeddings"], axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(whole["embedding"], chunk["embedding"], atol=1e-6)
    assert pipe(samples[:400], return_embeddings=True)["embedding"].shape == (pipe.model.config.d_model,)
    with pytest.raises(AudioEmotionError, match=r"embeddings of the widths \["):
        pipe("no-such-file.wav", return_embeddings=7)


def test_a_file_embedding_is_the_models_own(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    features = pipe.feature_extractor(decode_audio(call_wav), sampling_rate=16000, return_tensors="pt")
    with torch.no_grad():
        expected = pipe.model(**features).embeddings[0]
    expected = torch.nn.functional.normalize(expected, dim=0).numpy()
    np.testing.assert_allclose(pipe(call_wav, return_embeddings=True)["embedding"], expected, atol=1e-5)


def test_intensities_keep_their_scores_without_speech(tiny_model_dir: Path) -> None:
    other = AudioEmotionPipeline.from_pretrained(tiny_model_dir, device="cpu")
    other.model.config.problem = "intensity"
    noise = 0.01 * np.random.default_rng(0).standard_normal(32000).astype(np.float32)
    gated = other(noise, vad=True, return_timestamps=True)
    assert gated["scores"] == other(noise)
    assert [chunk["label"] for chunk in gated["chunks"]] == ["no_speech"]
    chunk = other(noise, return_timestamps=100.0)["chunks"][0]
    values = np.array(list(chunk["scores"].values()))
    binary = -values * np.log2(values) - (1 - values) * np.log2(1 - values)
    assert chunk["entropy"] == pytest.approx(binary.mean())
