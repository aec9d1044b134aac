"""The weights that training changes and their moving average, whole or in shards that several processes hold."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

Weights = dict[str, torch.Tensor]


class MovingAverage:
    """The exponential moving average of a module's trained weights.

    The decay rises to its value as `(1 + n) / (10 + n)` with the number of steps `n`, as in TensorFlow's
    `ExponentialMovingAverage`: else the average of a short run would mostly be of its first weights.

    Attributes:
        weights: by name; each process holds of them what it holds of the module.
    """

    def __init__(self, module: nn.Module, decay: float) -> None:
        self._decay = decay
        self.weights: Weights = {name: tensor.detach().clone() for name, tensor in trained_weights(module).items()}

    @torch.no_grad()
    def update(self, module: nn.Module, num_steps: int) -> None:
        """Take in the module's weights after one more step than `num_steps`; after the first they are the average."""
        current = trained_weights(module)
        decay = min(self._decay, (1 + num_steps) / (10 + num_steps)) if num_steps else 0.0
        torch._foreach_lerp_(list(self.weights.values()), [current[name] for name in self.weights], 1.0 - decay)


def trained_weights(module: nn.Module) -> Weights:
    """What training changes, by name: the frozen weights come with the base model."""
    return {name: parameter for name, parameter in module.named_parameters() if parameter.requires_grad}


def whole_weights(weights: Weights) -> Iterator[tuple[str, torch.Tensor]]:
    """Every weight in one piece; where they are sharded all processes must ask, in the same order."""
    for name, tensor in weights.items():
        whole = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        yield name, whole.detach()


@torch.no_grad()
def put_weights(whole: Weights, into: Weights) -> None:
    """Copy whole weights into those of a module or an average, sharded as they are.

    Raises:
        AudioEmotionError: if one is missing.
    """
    missing = into.keys() - whole.keys()
    if missing:
        raise AudioEmotionError(
            f"the checkpoint lacks {sorted(missing)[:3]} ({len(missing)} weights in all): it is of another recipe; "
            "resume with the recipe.yaml of its run"
        )
    for name, tensor in into.items():
        value = whole[name].to(tensor.device)
        if isinstance(tensor, DTensor):
            value = distribute_tensor(value, tensor.device_mesh, tensor.placements)
        tensor.copy_(value)
