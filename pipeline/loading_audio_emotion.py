"""What a model folder must be before it hears anything: weights that are no pickle, and parts that fit each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .errors_audio_emotion import AudioEmotionError


def check_model_folder(name: str) -> None:
    """Say what is wrong with a local folder in the words of this package; a Hub repo passes.

    Args:
        name: Folder or repo id.

    Raises:
        AudioEmotionError: If it is a file, or holds no weights, or a pickle in their place.
    """
    try:
        folder = Path(name).expanduser()
        if not folder.exists():
            return
    except (OSError, RuntimeError) as error:  # a name too long, a ~user who is not
        raise AudioEmotionError(f"{name!r} is no model: {error}. Give a model folder, or a Hub repo's name.") from error
    if not folder.is_dir():
        raise AudioEmotionError(f"{name} is a file; a model is a folder with config.json and model.safetensors.")
    files = {path.name for path in folder.iterdir()}
    if not any(file.endswith((".safetensors", ".onnx")) for file in files):
        pickles = sorted(file for file in files if file.endswith((".bin", ".pt", ".pth", ".ckpt", ".pkl")))
        if pickles:
            raise AudioEmotionError(
                f"{name} holds its weights as a pickle ({pickles[0]}), which could run code and is not loaded. "
                f"Make a safetensors folder of it once: audio-emotion convert {folder / pickles[0]} --out FOLDER"
            )
        raise AudioEmotionError(f"{name} holds no model.safetensors. Give a model folder, or the name of a Hub repo.")


def check_parts(model: Any, feature_extractor: Any) -> None:
    """Hold the feature extractor and the weights against the model's config.

    Args:
        model: The network, or its graph.
        feature_extractor: Makes its features.

    Raises:
        AudioEmotionError: If the extractor makes other features than the config describes, or a weight is NaN or
            infinite: every score would be.
    """
    config = model.config
    fields = {
        "sampling_rate": config.sampling_rate,
        "hop_length": config.hop_length,
        "feature_size": config.encoder_config.num_mel_bins,
        "max_samples": config.window_samples,
        "pad_to_window": config.pad_to_window,
    }
    name = config.name_or_path or type(model).__name__
    for field, expected in fields.items():
        found = getattr(feature_extractor, field, None)
        if found != expected:
            raise AudioEmotionError(
                f"{name}: preprocessor_config.json gives a feature extractor with {field}={found!r}, and config.json "
                f"asks for {expected!r}. Take both files from the same model."
            )
    broken = [key for key, weight in model.named_parameters() if not torch.isfinite(weight).all()]
    if broken:
        raise AudioEmotionError(f"{name} holds weights that are NaN or infinite: {', '.join(broken[:5])}.")
