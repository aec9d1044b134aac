"""Parameter groups of AdamW: layer-wise learning rates, and no decay on biases and norms."""

from __future__ import annotations

import re
from typing import Any

from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.objectives import TrainingObjective
from audio_emotion.training.recipe import OptimizerRecipe

_LAYER = re.compile(r"\.layers\.(\d+)\.")


def parameter_groups(objective: TrainingObjective, recipe: OptimizerRecipe) -> list[dict[str, Any]]:
    """Group the trainable parameters by learning rate and weight decay.

    The head learns at `head_learning_rate`, the topmost encoder layer at `learning_rate`, and every layer below at
    `layer_decay` times the one above it; the convolutions and positions in front of the layers come last.
    `freeze_front` freezes those, `freeze_layers` those and as many of the lowest layers.

    Raises:
        RecipeError: if `freeze_layers` is more than there are.
    """
    num_layers = len(objective.model.model.encoder.layers)
    if recipe.freeze_layers > num_layers:
        raise RecipeError(f"optimizer.freeze_layers is {recipe.freeze_layers}, but the encoder has {num_layers} layers")
    lowest_trained = max(recipe.freeze_layers + 1 if recipe.freeze_layers else 0, int(recipe.freeze_front))
    groups: dict[tuple[float, float], list[Any]] = {}
    for name, parameter in objective.named_parameters():
        if not parameter.requires_grad:
            continue
        if ".encoder." not in name:
            rate = recipe.head_learning_rate
        else:
            layer = _LAYER.search(name)
            front = layer is None and not name.split(".encoder.")[1].startswith("layer_norm")
            depth = int(layer[1]) + 1 if layer else (0 if front else num_layers)  # 0: in front of the layers
            if depth < lowest_trained and (front or layer):
                parameter.requires_grad_(False)
                continue
            rate = recipe.learning_rate * recipe.layer_decay ** (num_layers - depth)
        decay = recipe.weight_decay if parameter.ndim > 1 else 0.0
        groups.setdefault((rate, decay), []).append(parameter)
    return [{"params": members, "lr": rate, "weight_decay": decay} for (rate, decay), members in groups.items()]
