"""What a model must be before it hears anything: no pickle, parts that fit each other, the backend asked for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from .errors_audio_emotion import AudioEmotionError

MODEL_TYPE = "emotion_whisper"


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
    here = ((key, weight) for key, weight in model.named_parameters() if not weight.is_meta)  # others are offloaded
    broken = [key for key, weight in here if not torch.isfinite(weight).all()]
    if broken:
        raise AudioEmotionError(f"{name} holds weights that are NaN or infinite: {', '.join(broken[:5])}.")


def in_backend(model: Any, backend: str) -> Any:
    """The same model in another backend, from the folder or repo that it came from.

    Args:
        model: A loaded model.
        backend: `"torch"` or `"onnx"`.

    Returns:
        The model that runs there.

    Raises:
        AudioEmotionError: If there is no such backend, or the folder or repo holds nothing for it.
    """
    if backend not in ("torch", "onnx"):
        raise AudioEmotionError(f"backend is {backend!r}; it must be 'torch' or 'onnx'.")
    name = getattr(model, "name_or_path", "")
    if backend == "torch":
        raise AudioEmotionError(f"{name} is an exported model, which runs with backend='onnx' alone.")
    if getattr(model.config, "model_type", None) != MODEL_TYPE or not name:
        raise AudioEmotionError("backend='onnx' runs a folder that `audio-emotion export` wrote: give it as `model`.")
    try:
        return type(model).from_pretrained(name, config=model.config, backend=backend)
    except (OSError, ValueError) as error:
        raise AudioEmotionError(f"{name} cannot be loaded with backend={backend!r}: {error}") from error


def cpu_only(device: Any) -> torch.device:
    """Where an ONNX model runs; any other place that was asked for is refused.

    Args:
        device: What the caller asked for, as `pipeline(device=...)` takes it; None for whatever there is.

    Returns:
        The CPU.

    Raises:
        AudioEmotionError: If another device was asked for.
    """
    if device is None or device == -1 or str(device) == "cpu":
        return torch.device("cpu")
    raise AudioEmotionError(f"backend='onnx' runs on the CPU; device is {device!r}. Leave it out, or use 'torch'.")
