"""Starting from a Whisper: any layout of it, and never with a random encoder."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import (
    Wav2Vec2Config,
    WhisperConfig,
    WhisperForConditionalGeneration,
    WhisperModel,
    WhisperPreTrainedModel,
)
from transformers.models.whisper.modeling_whisper import WhisperEncoder
from transformers.utils import logging

from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification

SaveWhisper = Callable[..., tuple[Path, WhisperEncoder]]


@pytest.fixture
def save_whisper(
    tmp_path: Path, whisper_config: Callable[..., WhisperConfig], shuffle_weights: Callable[[nn.Module], None]
) -> SaveWhisper:
    """Saves a tiny random Whisper; returns its folder and its encoder."""

    def save(
        model_class: type[WhisperPreTrainedModel] = WhisperEncoder, shards: str = "5GB", **fields: Any
    ) -> tuple[Path, WhisperEncoder]:
        model = model_class(whisper_config(**fields)).eval()
        shuffle_weights(model)
        model.save_pretrained(tmp_path, max_shard_size=shards)
        return tmp_path, model if isinstance(model, WhisperEncoder) else model.get_encoder()

    return save


@pytest.fixture
def warnings_of_transformers(caplog: pytest.LogCaptureFixture) -> Iterator[pytest.LogCaptureFixture]:
    logging.enable_propagation()
    yield caplog
    logging.disable_propagation()


@pytest.mark.parametrize("num_mel_bins", [80, 128])
@pytest.mark.parametrize("model_class", [WhisperForConditionalGeneration, WhisperModel, WhisperEncoder])
@torch.no_grad()
def test_any_layout_gives_its_encoder(
    save_whisper: SaveWhisper,
    warnings_of_transformers: pytest.LogCaptureFixture,
    model_class: type[WhisperPreTrainedModel],
    num_mel_bins: int,
) -> None:
    folder, encoder = save_whisper(model_class, num_mel_bins=num_mel_bins)
    model = EmotionWhisperForAudioClassification.from_whisper(folder, pooling="attention")
    assert not model.training
    assert model.config.pooling == "attention"
    assert model.config.encoder_config is model.model.encoder.config
    features = torch.randn(1, num_mel_bins, 3000)
    answer = model(features).frame_vectors
    torch.testing.assert_close(answer, encoder(features).last_hidden_state, atol=1e-5, rtol=0)
    assert not warnings_of_transformers.records


@torch.no_grad()
def test_the_first_layers_under_the_final_norm(save_whisper: SaveWhisper) -> None:
    folder, encoder = save_whisper(WhisperForConditionalGeneration, encoder_layers=3)
    features = torch.randn(1, 80, 3000)
    states = encoder(features, output_hidden_states=True).hidden_states
    for num_layers in (1, 2):
        model = EmotionWhisperForAudioClassification.from_whisper(folder, num_layers=num_layers)
        assert model.config.encoder_config.encoder_layers == len(model.model.encoder.layers) == num_layers
        expected = encoder.layer_norm(states[num_layers])
        torch.testing.assert_close(model(features).frame_vectors, expected, atol=1e-5, rtol=0)


@torch.no_grad()
def test_layer_mix_of_a_whisper(save_whisper: SaveWhisper) -> None:
    folder, encoder = save_whisper(encoder_layers=3)
    model = EmotionWhisperForAudioClassification.from_whisper(folder, num_layers=2, layer_mix=True)
    features = torch.randn(1, 80, 3000)
    states = encoder(features, output_hidden_states=True).hidden_states[1:3]
    expected = sum(nn.functional.layer_norm(state, (32,)) for state in states) / 2
    torch.testing.assert_close(model(features).frame_vectors, expected, atol=1e-5, rtol=0)
    assert not model.model.encoder.layer_norm.weight.requires_grad


def test_weights_are_float32_unless_asked(save_whisper: SaveWhisper) -> None:
    folder, _ = save_whisper()
    WhisperEncoder.from_pretrained(folder, dtype=torch.float16).save_pretrained(folder)
    model = EmotionWhisperForAudioClassification.from_whisper(folder)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.float32}
    assert model.config.dtype == model.config.encoder_config.dtype == torch.float32
    model = EmotionWhisperForAudioClassification.from_whisper(folder, dtype=torch.bfloat16)
    assert {parameter.dtype for parameter in model.parameters()} == {torch.bfloat16}


def test_only_the_positions_are_frozen(save_whisper: SaveWhisper) -> None:
    folder, _ = save_whisper()
    model = EmotionWhisperForAudioClassification.from_whisper(folder)
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    assert frozen == ["model.encoder.embed_positions.weight"]


def test_shards(save_whisper: SaveWhisper) -> None:
    folder, encoder = save_whisper(WhisperForConditionalGeneration, shards="100KB")
    assert not (folder / "model.safetensors").exists()
    model = EmotionWhisperForAudioClassification.from_whisper(folder)
    assert torch.equal(model.model.encoder.conv1.weight, encoder.conv1.weight)


def test_attention_can_be_chosen(save_whisper: SaveWhisper) -> None:
    folder, _ = save_whisper()
    model = EmotionWhisperForAudioClassification.from_whisper(folder, attn_implementation="eager")
    assert model.config._attn_implementation == model.model.encoder.config._attn_implementation == "eager"


@pytest.mark.parametrize("model_class", [WhisperForConditionalGeneration, WhisperEncoder])
def test_a_missing_weight_is_named(save_whisper: SaveWhisper, model_class: type[WhisperPreTrainedModel]) -> None:
    folder, _ = save_whisper(model_class)
    weights = load_file(folder / "model.safetensors")
    lost = next(name for name in weights if name.endswith("layers.1.fc1.weight") and "decoder" not in name)
    del weights[lost]
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match=r"lacks weights of Whisper's encoder: layers\.1\.fc1\.weight\."):
        EmotionWhisperForAudioClassification.from_whisper(folder)


def test_a_folder_without_an_encoder_is_refused(save_whisper: SaveWhisper) -> None:
    folder, _ = save_whisper(WhisperForConditionalGeneration)
    weights = load_file(folder / "model.safetensors")
    decoder = {name: value for name, value in weights.items() if "encoder.layers" not in name}
    save_file(decoder, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(ValueError, match="lacks weights of Whisper's encoder: layers"):
        EmotionWhisperForAudioClassification.from_whisper(folder)


def test_weights_of_another_shape_are_refused(save_whisper: SaveWhisper) -> None:
    folder, _ = save_whisper()
    weights = load_file(folder / "model.safetensors")
    weights["conv1.weight"] = torch.zeros(32, 128, 3)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    with pytest.raises(RuntimeError):
        EmotionWhisperForAudioClassification.from_whisper(folder)


def test_pickled_weights_are_refused(save_whisper: SaveWhisper) -> None:
    folder, _ = save_whisper()
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(ValueError, match="no Whisper weights in safetensors"):
        EmotionWhisperForAudioClassification.from_whisper(folder)


def test_another_architecture_is_refused(tmp_path: Path) -> None:
    Wav2Vec2Config().save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="'wav2vec2' model: expected a 'whisper'"):
        EmotionWhisperForAudioClassification.from_whisper(tmp_path)


@pytest.mark.parametrize("num_layers", [0, 3])
def test_more_layers_than_there_are(save_whisper: SaveWhisper, num_layers: int) -> None:
    folder, _ = save_whisper()
    with pytest.raises(ValueError, match=f"1 to 2, got {num_layers}"):
        EmotionWhisperForAudioClassification.from_whisper(folder, num_layers=num_layers)
