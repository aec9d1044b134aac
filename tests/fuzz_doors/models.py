"""The files of model and adapter folders, published checkpoints, and requests to an endpoint that serves a model."""

from __future__ import annotations

import contextlib
import io
import json
import shutil
from functools import cache
from pathlib import Path
from typing import Any

from conftest import speech_like

from fuzz_doors.door import Door

REQUESTS = [
    b'{"inputs": {"array": [0.0, 0.1, -0.1, 0.2], "sampling_rate": 8000}, "parameters": {"top_k": 2}}',
    b'{"inputs": "UklGRiQAAABXQVZF", "parameters": {"return_timestamps": true, "labels": ["anger", "fear"]}}',
    json.dumps(
        {
            "inputs": {"array": [0.1, -0.2] * 400, "sampling_rate": 16000},
            "parameters": {"return_timestamps": 0.5, "prior": {"anger": 1.0}, "segments": [{"start": 0, "end": 0.04}]},
        }
    ).encode(),
]


@cache
def tiny_model(folder: Path) -> Path:
    """A tiny model folder, and an adapter of it."""
    import torch
    from peft import LoraConfig, get_peft_model

    from audio_emotion import (
        EmotionWhisperConfig,
        EmotionWhisperFeatureExtractor,
        EmotionWhisperForAudioClassification,
    )

    sizes = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 16}
    config = EmotionWhisperConfig(encoder_config=sizes | {"max_source_positions": 150}, class_prior=[1 / 8] * 8)
    model = EmotionWhisperForAudioClassification(config)
    whole = folder / "whole"
    model.save_pretrained(whole)
    extractor = EmotionWhisperFeatureExtractor.from_model_config(config)
    extractor.save_pretrained(whole)
    adapted: Any = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["head"]))
    adapter = folder / "adapter"
    adapted.peft_config["default"].base_model_name_or_path = str(whole)
    adapted.save_pretrained(adapter)
    extractor.save_pretrained(adapter)
    fields = {"problem": "distribution", "id2label": {str(index): name for index, name in enumerate("abcdefgh")}}
    (adapter / "label_config.json").write_text(json.dumps(fields))
    torch.set_num_threads(1)
    return folder


def _model_file(part: str, name: str, weight: int = 1) -> Door:
    """One file of a model's or an adapter's folder, the others whole."""

    def seeds(folder: Path) -> list[bytes]:
        return [(tiny_model(folder) / part / name).read_bytes()]

    def load(content: bytes, folder: Path) -> None:
        from audio_emotion import AudioEmotionPipeline

        broken = folder / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(tiny_model(folder) / part, broken)
        (broken / name).write_bytes(content)
        pipe = AudioEmotionPipeline.from_pretrained(broken, device="cpu")
        for sound in (speech_like(0.5), speech_like(4.0)):
            answer = pipe(sound, return_timestamps=True)
            assert answer["chunks"], "an answer without chunks"

    return Door(seeds, load, weight=weight)


def _load_config(content: bytes, folder: Path) -> None:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig, AutoFeatureExtractor

    for name, auto in (("config.json", AutoConfig), ("preprocessor_config.json", AutoFeatureExtractor)):
        broken = folder / "config"
        shutil.rmtree(broken, ignore_errors=True)
        broken.mkdir()
        (broken / name).write_bytes(content)
        with contextlib.suppress(ValueError, OSError, StrictDataclassError):  # as every config of transformers
            auto.from_pretrained(broken)


def _checkpoint_seeds(folder: Path) -> list[bytes]:
    import torch

    weights = {
        "encoder.conv1.weight": torch.zeros(16, 80, 3),
        "encoder.layers.0.fc1.weight": torch.zeros(16, 16),
        "encoder.embed_positions.weight": torch.zeros(15, 16),
        "head.weight": torch.zeros(8, 16),
        "logit_scaling": torch.full((8,), 1 / 8),
    }
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    return [buffer.getvalue()]


def _convert(content: bytes, folder: Path) -> None:
    from audio_emotion.modeling.convert_emotion_whisper import convert

    (folder / "checkpoint.pt").write_bytes(content)
    convert(folder / "checkpoint.pt", folder / "converted")


def _handle_request(content: bytes, folder: Path) -> None:
    """A request to an Inference Endpoint, whose toolkit answers 400 to any ValueError."""
    from audio_emotion.pipeline.handler_audio_emotion import EndpointHandler

    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return  # the toolkit's own
    if not isinstance(data, dict):
        return
    handler = EndpointHandler.__new__(EndpointHandler)
    handler.pipeline = _whole_pipeline(folder)
    json.dumps(handler(data), allow_nan=False)


@cache
def _whole_pipeline(folder: Path) -> Any:
    from audio_emotion import AudioEmotionPipeline

    return AudioEmotionPipeline.from_pretrained(tiny_model(folder) / "whole", device="cpu")


DOORS = {
    "model-config": _model_file("whole", "config.json", weight=2),
    "model-preprocessor": _model_file("whole", "preprocessor_config.json", weight=2),
    "model-weights": _model_file("whole", "model.safetensors", weight=2),
    "adapter-config": _model_file("adapter", "adapter_config.json"),
    "adapter-labels": _model_file("adapter", "label_config.json"),
    "adapter-weights": _model_file("adapter", "adapter_model.safetensors"),
    "auto-config": Door(
        lambda folder: [
            (tiny_model(folder) / "whole" / name).read_bytes() for name in ("config.json", "preprocessor_config.json")
        ],
        _load_config,
        weight=2,
    ),
    "checkpoint": Door(_checkpoint_seeds, _convert, allowed=(ValueError,)),
    "endpoint": Door(lambda _: REQUESTS, _handle_request, allowed=(ValueError,)),
}
