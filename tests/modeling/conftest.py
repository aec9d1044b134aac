"""Tiny random models and clips, made on the spot."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from transformers import WhisperConfig

from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification

TINY_ENCODER = {
    "d_model": 32,
    "encoder_layers": 2,
    "encoder_attention_heads": 4,
    "encoder_ffn_dim": 64,
    "decoder_layers": 1,
    "decoder_attention_heads": 4,
    "decoder_ffn_dim": 64,
    "vocab_size": 100,
    "pad_token_id": 0,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "decoder_start_token_id": 0,
}

ModelMaker = Callable[..., EmotionWhisperForAudioClassification]
ClipMaker = Callable[..., np.ndarray]


@pytest.fixture
def whisper_config() -> Callable[..., WhisperConfig]:
    """Makes the configuration of a tiny Whisper; keywords change fields."""
    return lambda **fields: WhisperConfig(**{**TINY_ENCODER, **fields})


@pytest.fixture
def shuffle_weights() -> Callable[[nn.Module], None]:
    """Moves every weight away from its initial value, so that no bias is zero and no pooling is uniform."""

    def shuffle(module: nn.Module) -> None:
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for parameter in module.parameters():
                if parameter.requires_grad:
                    parameter += 0.1 * torch.randn(parameter.shape, generator=generator)

    return shuffle


@pytest.fixture
def make_model(shuffle_weights: Callable[[nn.Module], None]) -> ModelMaker:
    """Makes a tiny model in evaluation mode; keywords are the config's, `encoder` those of the Whisper."""

    def make(encoder: dict[str, Any] | None = None, **fields: Any) -> EmotionWhisperForAudioClassification:
        torch.manual_seed(0)
        config = EmotionWhisperConfig(encoder_config={**TINY_ENCODER, **(encoder or {})}, **fields)
        model = EmotionWhisperForAudioClassification(config)
        shuffle_weights(model)
        return model.eval()

    return make


@pytest.fixture
def make_clip() -> ClipMaker:
    """Makes a clip of a swelling tone in noise, `(num_samples,)` at 16 kHz."""

    def make(num_samples: int, seed: int = 0) -> np.ndarray:
        generator = np.random.default_rng(seed)
        time_s = np.arange(num_samples) / 16000
        tone = np.sin(2 * np.pi * (200 + 50 * seed) * time_s) * np.hanning(num_samples)
        return (0.2 * tone + 0.02 * generator.standard_normal(num_samples)).astype(np.float32)

    return make
