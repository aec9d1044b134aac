"""Published checkpoints (github.com/spaghettiSystems/emotion_whisper) to model folders. No model needs it to run."""

import os
import pickle
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from transformers.modeling_utils import load_state_dict

from .configuration_emotion_whisper import EmotionWhisperConfig
from .feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from .labels_emotion_whisper import EMOTIONS
from .modeling_emotion_whisper import EmotionWhisperForAudioClassification

WHISPER_HEAD_DIM = 64
"""Width of an attention head in every Whisper, tiny to large: weights do not tell the number of heads."""

LAYOUTS = (
    "Expected encoder.*, logit_scaling, and head.weight with head.bias (first release) or "
    "head.nesting_classifier_0 to _N with weight and bias (newer release)."
)


def convert(checkpoint: str | Path, out: str | Path) -> EmotionWhisperForAudioClassification:
    """Writes a published checkpoint as a model folder: config, safetensors and preprocessor.

    Args:
        checkpoint: State dict of either release: a torch file (read without running its code) or safetensors.
        out: Folder to write, made if need be.

    Returns:
        The model that was written.

    Raises:
        ValueError: The file cannot be read as a state dict, or its layout is neither release's.
    """
    model = load_published_checkpoint(checkpoint)
    model.save_pretrained(out)
    EmotionWhisperFeatureExtractor.from_model_config(model.config).save_pretrained(out)
    return model


def load_published_checkpoint(checkpoint: str | Path) -> EmotionWhisperForAudioClassification:
    """Builds the model of a published checkpoint, in float32, without `global_head`: the release never calls it.

    Args:
        checkpoint: As in `convert`.

    Returns:
        The model, in evaluation mode. `config.pad_to_window` is set: the release pads every clip to 30 s.

    Raises:
        ValueError: As in `convert`.
    """
    weights = _read(Path(checkpoint))
    try:
        config = _config(weights)
    except KeyError as error:
        raise ValueError(f"{checkpoint} is no published checkpoint: it lacks {error}. {LAYOUTS}") from error
    model = EmotionWhisperForAudioClassification(config)
    renamed = {_new_name(name): value for name, value in weights.items() if not name.startswith("global_head.")}
    renamed.pop("logit_scaling")
    try:
        model.load_state_dict(renamed)
    except RuntimeError as error:
        raise ValueError(f"{checkpoint} does not fit its own shapes: {error} {LAYOUTS}") from error
    model.eval()
    return model


def _read(checkpoint: Path) -> dict[str, torch.Tensor]:
    if not os.path.isfile(checkpoint):  # noqa: PTH113  (Path.is_file raises where a name is too long)
        raise ValueError(f"{checkpoint} is not a file. Pass the release's checkpoint file.")
    try:
        weights: Any = load_state_dict(checkpoint, weights_only=True)
    except pickle.UnpicklingError as error:
        raise ValueError(
            f"{checkpoint} holds more than tensors, and code in a pickle is never run. Save its state dict first: "
            "torch.save(model.state_dict(), file), where you trust the file."
        ) from error
    except Exception as error:  # torch and safetensors raise many kinds on a broken file
        raise ValueError(f"{checkpoint} cannot be read as a torch or safetensors file: {error}") from error
    if not isinstance(weights, Mapping) or not all(isinstance(value, torch.Tensor) for value in weights.values()):
        raise ValueError(f"{checkpoint} is not a state dict of tensors. {LAYOUTS}")
    return dict(weights)


def _config(weights: Mapping[str, torch.Tensor]) -> EmotionWhisperConfig:
    """Reads every size off the weights' shapes; KeyError names a weight that is not there."""
    d_model, num_mel_bins, _ = weights["encoder.conv1.weight"].shape
    ffn_dim, _ = weights["encoder.layers.0.fc1.weight"].shape
    num_layers = len([name for name in weights if re.fullmatch(r"encoder\.layers\.\d+\.fc1\.weight", name)])
    heads = [name for name in weights if re.fullmatch(r"head\.(nesting_classifier_\d+\.)?weight", name)]
    if not heads:
        raise KeyError("head.weight")
    if wrong := [name for name in heads if len(weights[name]) != len(EMOTIONS)]:
        raise ValueError(
            f"{wrong[0]} has {len(weights[wrong[0]])} rows: expected one for each of {', '.join(EMOTIONS)}."
        )
    prior = weights["logit_scaling"].float().flatten().tolist()
    if len(prior) != len(EMOTIONS):
        raise ValueError(f"logit_scaling has {len(prior)} values: expected one for each of {', '.join(EMOTIONS)}.")
    return EmotionWhisperConfig(
        encoder_config={
            "num_mel_bins": num_mel_bins,
            "d_model": d_model,
            "encoder_layers": num_layers,
            "encoder_attention_heads": max(1, d_model // WHISPER_HEAD_DIM),
            "encoder_ffn_dim": ffn_dim,
            "max_source_positions": weights["encoder.embed_positions.weight"].shape[0],
        },
        nesting_dims=sorted(weights[name].shape[1] for name in heads),
        class_prior=prior,
        pad_to_window=True,
    )


def _new_name(name: str) -> str:
    """A published weight's name in our model."""
    if name in ("head.weight", "head.bias"):
        return name.replace("head.", "head.nesting_classifier_0.")
    return f"model.{name}" if name.startswith("encoder.") else name
