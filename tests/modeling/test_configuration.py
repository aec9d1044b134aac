"""The configuration: defaults, the time base, and what it refuses."""

from pathlib import Path
from typing import Any

import pytest
from huggingface_hub.errors import StrictDataclassClassValidationError, StrictDataclassFieldValidationError
from transformers import BertConfig, WhisperConfig

from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig, default_nesting_dims
from audio_emotion.modeling.labels_emotion_whisper import EMOTIONS, PUBLISHED_CLASS_PRIOR

SMALL = {"d_model": 64, "encoder_attention_heads": 4}


def test_defaults() -> None:
    config = EmotionWhisperConfig(encoder_config=SMALL)
    assert list(config.id2label.values()) == list(EMOTIONS)
    assert config.label2id["neutral"] == 7
    assert config.nesting_dims == [8, 16, 32, 64]
    assert (config.hidden_size, config.problem_type, config.temperature) == (64, None, 1.0)


@pytest.mark.parametrize(
    ("d_model", "expected"),
    [
        (8, [8]),
        (32, [8, 16, 32]),
        (384, [8, 16, 32, 64, 128, 256, 384]),
        (1024, [8, 16, 32, 64, 128, 256, 512, 1024]),
        (1280, [8, 16, 32, 64, 128, 256, 512, 1024, 1280]),
    ],
)
def test_default_nesting_dims(d_model: int, expected: list[int]) -> None:
    assert default_nesting_dims(d_model) == expected


def test_time_base() -> None:
    config = EmotionWhisperConfig(encoder_config=SMALL)
    assert (config.frame_samples, config.frame_period_s, config.window_samples) == (320, 0.02, 480000)
    assert [config.num_frames(n) for n in (400, 480, 639, 640, 16000, 16160, 480000)] == [1, 2, 2, 2, 50, 51, 1500]


def test_time_base_of_the_padded_mode_is_the_published_one() -> None:
    config = EmotionWhisperConfig(encoder_config=SMALL, pad_to_window=True)
    for num_samples in (400, 480, 640, 16160, 480000):
        assert config.num_frames(num_samples) == num_samples // 160 // 2


def test_round_trip(tmp_path: Path) -> None:
    config = EmotionWhisperConfig(
        encoder_config=SMALL,
        nesting_dims=[4, 64],
        class_prior=list(PUBLISHED_CLASS_PRIOR),
        corpora=["emodb", "urdu"],
        temperature=1.7,
        calibration_error=0.03,
        layer_mix=True,
        pooling="attention",
        pad_to_window=True,
    )
    config.save_pretrained(tmp_path)
    loaded = EmotionWhisperConfig.from_pretrained(tmp_path)
    assert loaded.to_dict() == config.to_dict()


@pytest.mark.parametrize("num_labels", [1, 2, 3, 8])
def test_round_trip_of_labels_without_names(num_labels: int, tmp_path: Path) -> None:
    config = EmotionWhisperConfig(encoder_config=SMALL, num_labels=num_labels)
    config.save_pretrained(tmp_path)
    loaded = EmotionWhisperConfig.from_pretrained(tmp_path)
    assert (loaded.id2label, loaded.label2id) == (config.id2label, config.label2id)
    assert len(loaded.id2label) == num_labels
    assert isinstance(loaded.encoder_config, WhisperConfig)


def test_labels_of_ones_own() -> None:
    config = EmotionWhisperConfig(encoder_config=SMALL, id2label={"0": "calm", "1": "tense"})
    assert config.num_labels == 2
    assert config.label2id == {"calm": 0, "tense": 1}
    assert EmotionWhisperConfig(encoder_config=SMALL, num_labels=3).num_labels == 3
    assert EmotionWhisperConfig(encoder_config=SMALL, num_labels=8).id2label[0] == "happiness"


def test_intensity_tells_stock_pipelines_to_use_sigmoid() -> None:
    config = EmotionWhisperConfig(encoder_config=SMALL, problem="intensity")
    assert config.problem_type == "multi_label_classification"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"nesting_dims": [8, 4, 64]}, "ascending"),
        ({"nesting_dims": [8, 8, 64]}, "ascending"),
        ({"nesting_dims": [0, 64]}, "positive"),
        ({"nesting_dims": [8, 32]}, "d_model=64"),
        ({"nesting_dims": [8, 128]}, "d_model=64"),
        ({"nesting_dims": []}, "nesting_dims"),
        ({"class_prior": [0.5, 0.5]}, "2 values for 8 labels"),
        ({"class_prior": [0.5] * 8}, "sum 4.0"),
        ({"class_prior": [1.5, -0.5, 0, 0, 0, 0, 0, 0]}, r"0\.\.1"),
        ({"temperature": 0.0}, "temperature"),
        ({"temperature": float("nan")}, "temperature"),
        ({"final_dropout": 1.0}, "final_dropout"),
        ({"calibration_error": 2.0}, "calibration_error"),
        ({"hop_length": 0}, "hop_length"),
        ({"layer_mix": True, "encoder_config": {**SMALL, "encoder_layerdrop": 0.1}}, "encoder_layerdrop"),
    ],
)
def test_refuses(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        EmotionWhisperConfig(**{"encoder_config": SMALL, **fields})


@pytest.mark.parametrize("fields", [{"pooling": "max"}, {"problem": "regression"}, {"layer_mix": "yes"}])
def test_refuses_a_wrong_type_or_word(fields: dict[str, Any]) -> None:
    with pytest.raises(StrictDataclassFieldValidationError, match=next(iter(fields))):
        EmotionWhisperConfig(encoder_config=SMALL, **fields)


def test_refuses_to_save_what_was_made_wrong(tmp_path: Path) -> None:
    config = EmotionWhisperConfig(encoder_config=SMALL)
    config.temperature = -1.0
    with pytest.raises(StrictDataclassClassValidationError, match="temperature"):
        config.save_pretrained(tmp_path)


def test_refuses_another_architecture(tmp_path: Path) -> None:
    BertConfig().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="'bert' model"):
        EmotionWhisperConfig.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    "asked",
    [
        {"num_labels": 2},
        {"id2label": {0: "calm", 1: "upset"}},
        {"num_labels": 2, "id2label": {0: "calm", 1: "upset"}, "label2id": {"calm": 0, "upset": 1}},
    ],
)
def test_new_labels_leave_out_what_belongs_to_the_old_heads(asked: dict[str, Any], tmp_path: Path) -> None:
    trained = {"class_prior": list(PUBLISHED_CLASS_PRIOR), "temperature": 1.7, "calibration_error": 0.03}
    EmotionWhisperConfig(encoder_config=SMALL, corpora=["emodb"], **trained).save_pretrained(tmp_path)
    loaded = EmotionWhisperConfig.from_pretrained(tmp_path, **asked)
    assert (loaded.class_prior, loaded.temperature, loaded.calibration_error) == (None, 1.0, None)
    assert loaded.num_labels == 2
    assert loaded.label2id == {label: index for index, label in loaded.id2label.items()}
    assert loaded.corpora == ["emodb"]
    assert EmotionWhisperConfig.from_pretrained(tmp_path, class_prior=[0.5, 0.5], **asked).class_prior == [0.5, 0.5]


def test_new_names_keep_what_was_trained(tmp_path: Path) -> None:
    EmotionWhisperConfig(encoder_config=SMALL, temperature=1.7).save_pretrained(tmp_path)
    names = dict(enumerate("abcdefgh"))
    assert EmotionWhisperConfig.from_pretrained(tmp_path, num_labels=None).temperature == 1.7
    loaded = EmotionWhisperConfig.from_pretrained(tmp_path, id2label=names)
    assert (loaded.temperature, loaded.id2label, loaded.label2id["h"]) == (1.7, names, 7)
