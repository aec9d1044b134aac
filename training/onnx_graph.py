"""One ONNX graph of a model, for any batch and length, with what a program without torch needs to know as metadata."""

from __future__ import annotations

import json
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, eager_mask
from transformers.modeling_utils import ALL_ATTENTION_FUNCTIONS

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.logging_emotion_whisper import without_warnings
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification

OUTPUTS = ("logits", "frame_logits", "frame_log_weights", "embeddings", "frame_vectors")
OPSET = 20
"""The first with Gelu as one operator; onnxruntime 1.18 and later run it."""
FORMAT = 1
ATTENTION = "emotion_whisper_graph"
EXAMPLE_FRAMES = (200, 300)
"""Mel frames of the two clips that the model is traced on; the graph takes any."""


class _Outputs(nn.Module):
    """The model's outputs as a tuple, as a graph has them."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_features: torch.Tensor, attention_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs = self.model(input_features, attention_mask)
        return tuple(outputs[name] for name in OUTPUTS)


def write_graph(
    model: EmotionWhisperForAudioClassification, feature_extractor: EmotionWhisperFeatureExtractor, path: Path
) -> None:
    """Writes the graph of a model.

    Args:
        model: In float32, on the CPU, in evaluation mode.
        feature_extractor: Its features, whose settings go into the metadata.
        path: The file, `model.onnx`; weights above 1.5 GB go into `model.onnx.data` beside it.
    """
    num_mel_frames = 2 * model.config.encoder_config.max_source_positions
    if not model.config.pad_to_window:
        num_mel_frames = min(num_mel_frames, EXAMPLE_FRAMES[1])
    features = torch.zeros(2, model.config.encoder_config.num_mel_bins, num_mel_frames)
    real = torch.tensor([[min(EXAMPLE_FRAMES[0], num_mel_frames - 1)], [num_mel_frames]])
    mask = (torch.arange(num_mel_frames) < real).long()  # (2, num_mel_frames)
    any_size = torch.export.Dim.DYNAMIC
    with _graph_attention(model), _quiet():
        program: Any = torch.onnx.export(
            _Outputs(model),
            (features, mask),
            dynamo=True,
            dynamic_shapes=({0: any_size, 2: any_size}, {0: any_size, 1: any_size}),
            input_names=["input_features", "attention_mask"],
            output_names=list(OUTPUTS),
            opset_version=OPSET,
            verbose=False,
        )
    program.model.metadata_props.update(graph_metadata(model, feature_extractor))
    program.save(path)


def graph_metadata(
    model: EmotionWhisperForAudioClassification, feature_extractor: EmotionWhisperFeatureExtractor
) -> dict[str, str]:
    """What the graph's numbers mean and what its features are, each value as JSON.

    Args:
        model: The model.
        feature_extractor: Its features.

    Returns:
        `labels`, `problem`, `temperature`, `class_prior`, timing (`sampling_rate`, `hop_length`, `frame_period_s`,
        `window_s`), `num_parameters`, and `features`: the settings of the log-mel.
    """
    config = model.config
    features = {
        name: getattr(feature_extractor, name)
        for name in (
            *("feature_size", "n_fft", "pad_to_window"),
            *("level_normalization", "level_target", "level_floor"),
        )
    }
    id2label: Any = config.id2label
    values = {
        "format": FORMAT,
        "labels": [id2label[index] for index in range(config.num_labels or 0)],
        "problem": config.problem,
        "temperature": config.temperature,
        "class_prior": config.class_prior,
        "sampling_rate": config.sampling_rate,
        "hop_length": config.hop_length,
        "frame_period_s": config.frame_period_s,
        "window_s": config.window_samples / config.sampling_rate,
        "num_parameters": model.num_parameters(),
        "features": features,
    }
    return {name: json.dumps(value, ensure_ascii=False) for name, value in values.items()}


def _attention(
    module: nn.Module,
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    attention_mask: torch.Tensor | None,
    scaling: float = 1.0,
    **_: Any,
) -> tuple[torch.Tensor, None]:
    """Attention in plain operators, `(batch, num_heads, num_frames, head_dim)` each.

    torch's own becomes a graph that looks for NaN in every weight, a third of the time at 30 s.
    """
    scores = query @ key.transpose(2, 3) * scaling  # (batch, num_heads, num_frames, num_frames)
    if attention_mask is not None:
        scores = scores + attention_mask[:, :, :1]  # (batch, 1, 1, num_frames): padding is the same for every query
    return (scores.softmax(dim=-1) @ value).transpose(1, 2), None


@contextmanager
def _graph_attention(model: EmotionWhisperForAudioClassification) -> Iterator[None]:
    ALL_ATTENTION_FUNCTIONS.register(ATTENTION, _attention)
    ALL_MASK_ATTENTION_FUNCTIONS.register(ATTENTION, eager_mask)
    before = model.config._attn_implementation
    model.set_attn_implementation(ATTENTION)
    try:
        yield
    finally:
        model.set_attn_implementation(before)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the exporter's notes on packages that are not there."""
    with without_warnings("torch.onnx"), warnings.catch_warnings(), redirect_stdout(StringIO()):
        warnings.simplefilter("ignore")
        yield
