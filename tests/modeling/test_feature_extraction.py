"""The features: Whisper's numbers, one clip at a time, at any level."""

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import WhisperFeatureExtractor

from audio_emotion.modeling import feature_extraction_emotion_whisper
from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor

MakeClip = Callable[..., np.ndarray]


@pytest.mark.parametrize("num_mel_bins", [80, 128])
@pytest.mark.parametrize("num_samples", [400, 16000, 47999, 480000])
def test_padded_features_are_whispers(make_clip: MakeClip, num_mel_bins: int, num_samples: int) -> None:
    clip = make_clip(num_samples)
    ours = EmotionWhisperFeatureExtractor(num_mel_bins, pad_to_window=True)(clip)
    theirs = WhisperFeatureExtractor(num_mel_bins)(clip, sampling_rate=16000, return_tensors="np")
    assert ours["input_features"].shape == (1, num_mel_bins, 3000)
    np.testing.assert_allclose(ours["input_features"], theirs["input_features"], atol=1e-4)
    assert ours["attention_mask"].sum() == num_samples // 160


def test_unpadded_features_are_whispers_on_the_clip_alone(make_clip: MakeClip) -> None:
    clip = make_clip(16160)
    ours = EmotionWhisperFeatureExtractor()(clip)
    theirs = WhisperFeatureExtractor()(clip, sampling_rate=16000, padding="do_not_pad", return_tensors="np")
    np.testing.assert_allclose(ours["input_features"], theirs["input_features"], atol=1e-4)


@pytest.mark.parametrize("pad_to_window", [False, True])
def test_a_batch_holds_what_its_clips_give_alone(make_clip: MakeClip, pad_to_window: bool) -> None:
    extractor = EmotionWhisperFeatureExtractor(pad_to_window=pad_to_window)
    clips = [make_clip(num_samples, seed) for seed, num_samples in enumerate((8000, 400, 30001))]
    batch = extractor(clips)
    for row, mask, clip in zip(batch["input_features"], batch["attention_mask"], clips, strict=True):
        alone = extractor(clip)["input_features"][0]
        np.testing.assert_array_equal(row[:, : alone.shape[1]], alone)
        np.testing.assert_array_equal(mask, np.arange(len(mask)) < len(clip) // 160)
        if not pad_to_window:
            assert not row[:, alone.shape[1] :].any()


@pytest.mark.parametrize("num_samples", [400, 479, 480, 16000])
def test_number_of_frames(make_clip: MakeClip, num_samples: int) -> None:
    features = EmotionWhisperFeatureExtractor()(make_clip(num_samples), return_tensors="pt")
    assert features["input_features"].shape == (1, 80, num_samples // 160)
    assert features["input_features"].dtype == torch.float32
    assert features["attention_mask"].tolist() == [[1] * (num_samples // 160)]


@pytest.mark.parametrize("gain", [0.01, 0.1, 0.999, 5.0])
@pytest.mark.parametrize("pad_to_window", [False, True])
def test_level_normalization_takes_out_any_gain(make_clip: MakeClip, gain: float, pad_to_window: bool) -> None:
    extractor = EmotionWhisperFeatureExtractor(level_normalization=True, pad_to_window=pad_to_window)
    clip = make_clip(16000)
    features = extractor(clip)["input_features"]
    np.testing.assert_allclose(extractor(gain * clip)["input_features"], features, atol=1e-4)
    assert features.max() == pytest.approx((extractor.level_target + 4) / 4, abs=1e-5)


def test_without_level_normalization_a_gain_is_heard(make_clip: MakeClip) -> None:
    extractor = EmotionWhisperFeatureExtractor()
    clip = make_clip(16000)
    assert abs(extractor(0.1 * clip)["input_features"] - extractor(clip)["input_features"]).max() > 0.1


def test_level_normalization_leaves_silence_silent(make_clip: MakeClip) -> None:
    extractor = EmotionWhisperFeatureExtractor(level_normalization=True)
    floor = (extractor.level_target - 8 + 4) / 4
    np.testing.assert_allclose(extractor(np.zeros(16000, np.float32))["input_features"], floor, atol=1e-6)
    faint = extractor(1e-5 * make_clip(16000))["input_features"]
    assert floor < faint.max() < (extractor.level_target + 4) / 4 - 0.5


def test_save_and_load(tmp_path: Path, make_clip: MakeClip) -> None:
    extractor = EmotionWhisperFeatureExtractor(128, level_normalization=True, level_target=0.25, level_floor=-4.0)
    extractor.save_pretrained(tmp_path)
    loaded = EmotionWhisperFeatureExtractor.from_pretrained(tmp_path)
    assert loaded.to_dict() == extractor.to_dict()
    assert len(json.loads((tmp_path / "preprocessor_config.json").read_text())) < 20  # no tables in the file
    clip = make_clip(8000)
    np.testing.assert_array_equal(loaded(clip)["input_features"], extractor(clip)["input_features"])


def test_from_model_config() -> None:
    config = EmotionWhisperConfig(encoder_config={"num_mel_bins": 128}, pad_to_window=True)
    extractor = EmotionWhisperFeatureExtractor.from_model_config(config, level_normalization=True)
    assert (extractor.feature_size, extractor.pad_to_window, extractor.level_normalization) == (128, True, True)
    assert extractor.max_samples == config.window_samples
    with pytest.raises(ValueError, match=r"windows of 1\.5 s"):
        EmotionWhisperFeatureExtractor.from_model_config(
            EmotionWhisperConfig(encoder_config={"max_source_positions": 75})
        )


def test_takes_every_kind_of_float_waveform(make_clip: MakeClip) -> None:
    extractor = EmotionWhisperFeatureExtractor()
    clip = make_clip(800)
    read_only = clip.copy()
    read_only.flags.writeable = False
    expected = extractor(clip)["input_features"]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        learned = torch.from_numpy(clip).requires_grad_()
        for same in (clip.astype(np.float64), clip.tolist(), list(clip), [clip], (clip,), learned, read_only):
            np.testing.assert_array_equal(extractor(same)["input_features"], expected)
        np.testing.assert_array_equal(
            extractor(clip[::-1])["input_features"], extractor(clip[::-1].copy())["input_features"]
        )
    rounded = torch.from_numpy(clip).bfloat16()
    for name, values in extractor(rounded.float()).items():
        np.testing.assert_array_equal(extractor(rounded)[name], values)


def test_what_it_does_not_know_is_said(make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    monkeypatch.setattr(feature_extraction_emotion_whisper.logger, "warning", said.append)
    EmotionWhisperFeatureExtractor()(make_clip(800), sampling_rate=16000, samplingrate=8000)
    assert said == ["The feature extractor does not know ['samplingrate'], and goes without."]


def test_truncation_and_padding_to_a_length(make_clip: MakeClip) -> None:
    extractor = EmotionWhisperFeatureExtractor()
    long, short = make_clip(8000), make_clip(4000, 1)
    cut = extractor([long, short], max_length=6000, truncation=True)
    for name, values in extractor([long[:6000], short]).items():
        np.testing.assert_array_equal(cut[name], values)
    padded = extractor([short], padding="max_length", max_length=6000)
    np.testing.assert_array_equal(padded["input_features"][0, :, :25], extractor(short)["input_features"][0])
    assert padded["input_features"].shape == (1, 80, 37)
    assert padded["attention_mask"].sum() == 25
    assert extractor(short, padding="max_length")["input_features"].shape == (1, 80, 3000)
    assert extractor(np.zeros(480001, np.float32), truncation=True)["attention_mask"].sum() == 3000
    np.testing.assert_array_equal(
        extractor([long, long], padding=False)["input_features"], extractor([long, long])["input_features"]
    )


@pytest.mark.parametrize("return_tensors", [None, "np", "pt"])
@pytest.mark.parametrize("fields", [{}, {"level_normalization": True}, {"padding_value": -1.0}])
def test_clips_heard_one_by_one_are_padded_to_their_batch(
    make_clip: MakeClip, return_tensors: str | None, fields: dict[str, Any]
) -> None:
    extractor = EmotionWhisperFeatureExtractor(**fields)
    clips = [make_clip(num_samples, seed) for seed, num_samples in enumerate((3000, 12800, 8000))]
    rows = [{name: values[0] for name, values in extractor(clip).items()} | {"labels": 3} for clip in clips]
    padded = extractor.pad(rows, return_tensors=return_tensors)
    for name, values in extractor(clips, return_tensors=return_tensors).items():
        assert type(padded[name]) is type(values)
        np.testing.assert_array_equal(padded[name], values)
    assert np.asarray(padded["labels"]).tolist() == [3, 3, 3]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    np.testing.assert_array_equal(extractor.pad(columns)["input_features"], padded["input_features"])


def test_clips_of_several_lengths_are_not_stacked_without_padding(make_clip: MakeClip) -> None:
    extractor = EmotionWhisperFeatureExtractor()
    rows = [{name: values[0] for name, values in extractor(make_clip(length)).items()} for length in (3000, 8000)]
    with pytest.raises(ValueError, match="padding"):
        extractor.pad(rows, padding=False)


def test_features_with_time_first_are_padded_as_elsewhere_in_transformers() -> None:
    rows = [np.full((num_frames, 80), 1.0, np.float32) for num_frames in (5, 9)]
    padded = EmotionWhisperFeatureExtractor().pad({"input_features": rows}, return_tensors="np")
    assert padded["input_features"].shape == (2, 9, 80)
    assert padded["input_features"][0].sum() == 5 * 80


@pytest.mark.parametrize("stack", [np.stack, lambda clips: torch.from_numpy(np.stack(clips))], ids=["array", "tensor"])
def test_rows_are_clips(make_clip: MakeClip, stack: Any) -> None:
    extractor = EmotionWhisperFeatureExtractor()
    clips = [make_clip(8000, seed) for seed in range(3)]
    for name, values in extractor(clips).items():
        np.testing.assert_array_equal(extractor(stack(clips))[name], values)


@pytest.mark.parametrize(
    ("raw_speech", "fields", "message"),
    [
        (np.zeros(399, np.float32), {}, "399 samples"),
        (np.zeros(480001, np.float32), {}, "480001 samples.*pipeline"),
        (np.zeros(0, np.float32), {}, "0 samples"),
        (np.zeros((1, 2, 16000), np.float32), {}, r"shape \(1, 2, 16000\).*mono"),
        ([np.zeros((2, 16000), np.float32)], {}, r"Clip 0 has shape \(2, 16000\).*mono"),
        (np.zeros((16000, 2), np.float32), {}, "Clip 0 has 2 samples"),
        (np.float32(0), {}, r"shape \(\)"),
        (np.zeros(16000, np.int16), {}, "int16"),
        (np.full(16000, np.nan, np.float32), {}, "NaN"),
        (np.full(16000, np.inf, np.float32), {}, "infinite"),
        (np.full(16000, 1e300), {}, "infinite"),
        ([], {}, "empty list"),
        (np.zeros(16000, np.float32), {"sampling_rate": 8000}, "16000 Hz, got 8000 Hz"),
        (np.zeros(16000, np.float32), {"padding": "left"}, "longest.*max_length.*do_not_pad"),
        (np.zeros(16000, np.float32), {"max_length": 399}, "400 to 480000 whole samples, got 399"),
        (np.zeros(16000, np.float32), {"max_length": 480001}, "got 480001"),
        (np.zeros(16000, np.float32), {"max_length": "30"}, "got '30'"),
        ([np.zeros(16000, np.float32), np.zeros(8000, np.float32)], {"padding": False}, "one length only"),
        ([np.zeros(16000, np.float32), np.zeros(3, np.float32)], {}, "Clip 1 has 3 samples"),
    ],
)
def test_refuses(raw_speech: Any, fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message), np.errstate(over="ignore"):
        EmotionWhisperFeatureExtractor()(raw_speech, **fields)
