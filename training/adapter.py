"""A model for new labels: the base with a new head, the adapter that is trained on it, and the two made one again."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from peft import PeftConfig, get_peft_config
from peft.tuners.tuners_utils import BaseTunerLayer
from peft.utils import ModulesToSaveWrapper

from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from audio_emotion.modeling.heads_emotion_whisper import MatryoshkaHead
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import RecipeError

_LEAST_SHARE = 1e-3
_NOT_KEPT = (
    "label2id",
    "problem_type",
    "auto_map",
    "custom_pipelines",
)  # of the old labels, or of the base's repository


def load_base(base: str) -> EmotionWhisperForAudioClassification:
    """The model to start from, in float32.

    Raises:
        RecipeError: if it is no emotion model.
    """
    try:
        model: EmotionWhisperForAudioClassification = EmotionWhisperForAudioClassification.from_pretrained(
            base, dtype=torch.float32
        )
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"base: {base} cannot be loaded ({error}). Give a model folder or Hub id; a plain Whisper becomes one with "
            "EmotionWhisperForAudioClassification.from_whisper(...).save_pretrained(FOLDER)"
        ) from error
    return model


def begin_task(
    model: EmotionWhisperForAudioClassification,
    problem: str,
    labels: Sequence[str],
    means: NDArray[np.float64],
    corpora: list[str],
) -> bool:
    """Give a model the labels of a new task.

    The head starts anew, with the labels' means as its first answer, unless labels and problem are the base's.

    Args:
        model: the base; changed in place.
        problem: `"intensity"` or `"distribution"`.
        labels: names of the outputs.
        means: `(num_labels,)`: mean intensity, or share of each category, in training.
        corpora: what it is trained on now; the config names the base's corpora before them.

    Returns:
        Whether the head is a new one.
    """
    old: Any = model.config
    kept = {name: value for name, value in old.to_dict().items() if name not in _NOT_KEPT}
    same_labels = [old.id2label[index] for index in range(old.num_labels)] == list(labels)
    model.config = EmotionWhisperConfig.from_dict(
        kept
        | {
            "problem": problem,
            "id2label": dict(enumerate(labels)),
            "class_prior": means.tolist() if problem == "distribution" else None,
            "temperature": 1.0,
            "calibration_error": None,
            "corpora": list(dict.fromkeys([*old.corpora, *corpora])),
        }
    )
    if same_labels and old.problem == problem:
        return False
    model.head.resize(len(labels))
    likely = torch.as_tensor(means, dtype=torch.float32).clamp(_LEAST_SHARE, 1 - _LEAST_SHARE)
    bias = likely.logit() if problem == "intensity" else likely.log()
    for classifier in model.head.children():
        torch.nn.init.normal_(classifier.weight, std=model.config.initializer_range)
        classifier.bias.data.copy_(bias)
    return True


def add_adapter(model: EmotionWhisperForAudioClassification, block: dict[str, Any], base_name: str) -> None:
    """Put an untrained adapter on a model, the only part of it that then learns.

    Args:
        model: the model; changed in place.
        block: PEFT's config, as in a recipe.
        base_name: what the adapter will name as its base.

    Raises:
        RecipeError: if PEFT does not know the type, one of the fields, or finds none of the target modules.
    """
    new_parts = [name for name in ("head", "pooling") if getattr(model, name) is not None]
    if model.model.layer_mix is not None:
        new_parts.append("layer_mix")
    settings = {"modules_to_save": new_parts, **block, "base_model_name_or_path": base_name}
    if "head" not in settings["modules_to_save"]:
        raise RecipeError("adapter.modules_to_save lacks the head, which the labels need")
    try:
        config: PeftConfig = get_peft_config({**settings, "peft_type": str(block["peft_type"]).upper()})
        model.add_adapter(config)
    except (TypeError, ValueError, KeyError) as error:
        raise RecipeError(f"adapter: PEFT does not take {block}: {error}") from error
    config.base_model_name_or_path = base_name  # transformers writes the path that the model was loaded from


def trained_head(model: EmotionWhisperForAudioClassification) -> MatryoshkaHead:
    """The head that learns: the adapter's own where there is an adapter, else the model's."""
    head: Any = model.head
    if isinstance(head, ModulesToSaveWrapper):
        head = head.modules_to_save["default"]
    found: MatryoshkaHead = head
    return found


def trainable_share(model: torch.nn.Module) -> float:
    """Trained parameters over all parameters of the base and the adapter."""
    counts = [(parameter.numel(), parameter.requires_grad) for parameter in model.parameters()]
    return sum(number for number, trained in counts if trained) / sum(number for number, _ in counts)


def load_adapted(base: str, adapter: Path) -> EmotionWhisperForAudioClassification:
    """The base with an adapter on it, wherever the adapter says that its base is."""
    model = load_base(base)
    model.load_adapter(str(adapter))
    return model


def merge(base: str, adapter: Path) -> EmotionWhisperForAudioClassification:
    """The base with the adapter's weights added to its own, and the adapter's head and labels: a model like any other.

    PEFT's `merge_and_unload` does this for LoRA alone: other types look for one weight in each part that is replaced.

    Raises:
        RecipeError: if this type of adapter cannot be merged.
    """
    model = load_adapted(base, adapter)
    parts: dict[str, torch.nn.Module] = {}
    for name, module in model.named_modules():
        if any(name.startswith(f"{replaced}.") for replaced in parts):
            continue
        if isinstance(module, ModulesToSaveWrapper):
            parts[name] = module.modules_to_save["default"]
        elif isinstance(module, BaseTunerLayer):
            try:
                module.merge(safe_merge=True)
            except (NotImplementedError, ValueError) as error:
                raise RecipeError(f"{adapter}: this adapter cannot be merged: {error}") from error
            parts[name] = module.get_base_layer()
    for name, part in parts.items():
        model.set_submodule(name, part)
    merged: EmotionWhisperForAudioClassification = EmotionWhisperForAudioClassification(model.config)
    merged.load_state_dict(model.state_dict())
    merged.eval()
    return merged
