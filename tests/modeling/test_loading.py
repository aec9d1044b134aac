"""Saving and loading, transformers' Auto classes and its stock pipeline, and folders that are refused."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import transformers
from packaging.version import Version
from safetensors.torch import load_file, save_file
from transformers import (
    AutoConfig,
    AutoFeatureExtractor,
    AutoModel,
    AutoModelForAudioClassification,
    Wav2Vec2Config,
    Wav2Vec2ForSequenceClassification,
    pipeline,
)

import audio_emotion
from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification, EmotionWhisperModel

MakeModel = Callable[..., EmotionWhisperForAudioClassification]


@pytest.fixture
def save(tmp_path: Path, make_model: MakeModel) -> Callable[..., tuple[Path, EmotionWhisperForAudioClassification]]:
    """Saves a tiny model with its feature extractor; returns the folder and the model."""

    def save_model(**fields: Any) -> tuple[Path, EmotionWhisperForAudioClassification]:
        model = make_model(**fields)
        model.save_pretrained(tmp_path)
        EmotionWhisperFeatureExtractor.from_model_config(model.config).save_pretrained(tmp_path)
        return tmp_path, model

    return save_model


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_round_trip(save: Any, tmp_path: Path, dtype: torch.dtype) -> None:
    folder, model = save(layer_mix=True, pooling="attention")
    model.to(dtype).save_pretrained(folder)
    assert (folder / "model.safetensors").is_file()
    loaded, report = EmotionWhisperForAudioClassification.from_pretrained(folder, output_loading_info=True)
    assert not any(report.values())
    assert loaded.dtype == dtype
    for name, value in loaded.state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    frozen = {name for name, parameter in loaded.named_parameters() if not parameter.requires_grad}
    assert frozen == {name for name, parameter in model.named_parameters() if not parameter.requires_grad}


def test_auto_classes(save: Any) -> None:
    folder, model = save()
    assert audio_emotion.EmotionWhisperConfig is EmotionWhisperConfig
    assert type(AutoConfig.from_pretrained(folder)) is EmotionWhisperConfig
    assert type(AutoFeatureExtractor.from_pretrained(folder)) is EmotionWhisperFeatureExtractor
    whole = AutoModelForAudioClassification.from_pretrained(folder)
    assert type(whole) is EmotionWhisperForAudioClassification
    body = AutoModel.from_pretrained(folder)
    assert type(body) is EmotionWhisperModel
    features = torch.randn(1, 80, 60)
    expected = model(features).frame_vectors
    torch.testing.assert_close(body(features).last_hidden_state, expected, atol=1e-5, rtol=0)
    torch.testing.assert_close(whole(features).frame_vectors, expected, atol=1e-5, rtol=0)


def test_an_encoder_alone_gets_new_heads(save: Any, tmp_path: Path) -> None:
    folder, model = save()
    model.model.save_pretrained(folder)
    loaded = EmotionWhisperForAudioClassification.from_pretrained(folder)
    assert torch.equal(loaded.model.encoder.conv1.weight, model.model.encoder.conv1.weight)
    assert not torch.equal(loaded.head.nesting_classifier_0.weight, model.head.nesting_classifier_0.weight)


def test_new_labels(save: Any) -> None:
    folder, model = save()
    loaded = AutoModelForAudioClassification.from_pretrained(folder, num_labels=3, ignore_mismatched_sizes=True)
    assert loaded(torch.randn(1, 80, 60)).logits.shape == (1, 3)
    assert torch.equal(loaded.model.encoder.conv1.weight, model.model.encoder.conv1.weight)


@pytest.mark.parametrize("fields", [{}, {"problem": "intensity"}, {"pad_to_window": True}])
def test_stock_pipeline(save: Any, make_clip: Any, fields: dict[str, Any]) -> None:
    if fields.get("problem") == "intensity" and Version(transformers.__version__) < Version("5.23"):
        pytest.skip("the stock pipeline reads problem_type from transformers 5.23 on")
    folder, model = save(**fields)
    clips = [make_clip(8000), make_clip(12345, 1)]
    answers = pipeline("audio-classification", model=str(folder), top_k=8)(clips)
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(folder)
    for clip, answer in zip(clips, answers, strict=True):
        with torch.no_grad():
            logits = model(**extractor(clip, return_tensors="pt")).logits[0]
        expected = logits.sigmoid() if fields.get("problem") == "intensity" else logits.softmax(dim=-1)
        scores = {part["label"]: part["score"] for part in answer}
        np.testing.assert_allclose([scores[label] for label in model.config.label2id], expected, atol=1e-5)


def test_stock_pipeline_drops_no_audio(save: Any) -> None:
    folder, _ = save()
    with pytest.raises(ValueError, match="480001 samples"):
        pipeline("audio-classification", model=str(folder))(np.zeros(480001, np.float32))


def test_a_pickle_is_refused(save: Any) -> None:
    folder, model = save()
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    for load in (EmotionWhisperForAudioClassification.from_pretrained, EmotionWhisperModel.from_pretrained):
        with pytest.raises(ValueError, match=r"a pickle is never loaded.*audio-emotion convert"):
            load(folder)
    with pytest.raises(ValueError, match="never loaded"):
        EmotionWhisperForAudioClassification.from_pretrained(folder, use_safetensors=False)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="absent"):
        EmotionWhisperForAudioClassification.from_pretrained(tmp_path / "absent")


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    config = Wav2Vec2Config(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16, num_conv_pos_embeddings=16
    )
    Wav2Vec2ForSequenceClassification(config).save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="'wav2vec2' model, not 'emotion_whisper'"):
        EmotionWhisperForAudioClassification.from_pretrained(tmp_path)


@pytest.mark.parametrize("lost", ["model.encoder.layers.1.fc2.bias", "model.layer_mix.layer_logits"])
def test_a_lost_weight_of_the_encoder_is_named(save: Any, lost: str) -> None:
    folder, _ = save(layer_mix=True)
    weights = load_file(folder / "model.safetensors")
    del weights[lost]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    for load in (EmotionWhisperForAudioClassification.from_pretrained, EmotionWhisperModel.from_pretrained):
        with pytest.raises(ValueError, match=lost.removeprefix("model.")):
            load(folder)
