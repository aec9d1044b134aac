"""What stands on the encoder: the mix of its layers, the weight of each frame, and the Matryoshka classifiers."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import nn


class LayerMix(nn.Module):
    """Softmax-weighted mean of the layers' outputs, each brought to zero mean and unit variance; uniform at first."""

    def __init__(self, num_layers: int) -> None:
        super().__init__()
        self.layer_logits = nn.Parameter(torch.zeros(num_layers))

    def forward(self, layer_outputs: Sequence[torch.Tensor]) -> torch.Tensor:
        """Mixes one tensor per layer.

        Args:
            layer_outputs: `num_layers` tensors of shape `(batch, num_frames, d_model)`.

        Returns:
            `(batch, num_frames, d_model)`.
        """
        width = layer_outputs[0].shape[-1:]
        # As the scale of the norm, a weight costs no pass over the frames of its own.
        scales = self.layer_logits.softmax(dim=0)[:, None].expand(-1, *width)  # (num_layers, d_model)
        mixed = nn.functional.layer_norm(layer_outputs[0], width, scales[0])
        for scale, output in zip(scales[1:], layer_outputs[1:], strict=True):
            mixed = mixed + nn.functional.layer_norm(output, width, scale)
        return mixed


class FrameScore(nn.Linear):
    """One number per frame, zero at first: the model's `_init_weights` knows this class."""


class AttentionPooling(nn.Module):
    """A learned weight for each frame: two linear layers with tanh between them; uniform at first."""

    def __init__(self, d_model: int, hidden_dim: int) -> None:
        super().__init__()
        self.hidden = nn.Linear(d_model, hidden_dim)
        self.score = FrameScore(hidden_dim, 1, bias=False)

    def forward(self, frame_vectors: torch.Tensor) -> torch.Tensor:
        """Scores frames.

        Args:
            frame_vectors: `(batch, num_frames, d_model)`.

        Returns:
            Unnormalised log-weights, `(batch, num_frames)`: their softmax over any set of frames pools that set.
        """
        scores: torch.Tensor = self.score(torch.tanh(self.hidden(frame_vectors)))
        return scores.squeeze(-1)  # (batch, num_frames, 1) -> (batch, num_frames)


class MatryoshkaHead(nn.Module):
    """One linear classifier for each prefix of a vector (Matryoshka representation learning, arXiv 2205.13147).

    The layers' names are those of the published checkpoint.
    """

    def __init__(self, nesting_dims: Sequence[int], num_labels: int) -> None:
        super().__init__()
        self.nesting_dims = tuple(nesting_dims)
        self.num_labels = num_labels
        for index, dim in enumerate(self.nesting_dims):
            self.add_module(f"nesting_classifier_{index}", nn.Linear(dim, num_labels))

    def resize(self, num_labels: int) -> None:
        """Takes new random classifiers for another number of labels, on the old ones' device and in their type."""
        for index, dim in enumerate(self.nesting_dims):
            name = f"nesting_classifier_{index}"
            old: Any = self.get_submodule(name)
            new = nn.Linear(dim, num_labels, device=old.weight.device, dtype=old.weight.dtype)
            setattr(self, name, new.requires_grad_(old.weight.requires_grad))
        self.num_labels = num_labels

    def _load_from_state_dict(self, state_dict: dict[str, Any], prefix: str, *args: Any) -> None:
        """Takes over the number of labels in the weights: an adapter that PEFT loads brings labels of its own."""
        weight = state_dict.get(f"{prefix}nesting_classifier_0.weight")
        if weight is not None and len(weight) != self.num_labels:
            self.resize(len(weight))
        super()._load_from_state_dict(state_dict, prefix, *args)

    def forward(self, vectors: torch.Tensor, width: int | None = None) -> torch.Tensor:
        """Classifies with one width.

        Args:
            vectors: `(..., d)` with `d` at least `width`.
            width: One of `nesting_dims`; the last by default.

        Returns:
            Logits, `(..., num_labels)`.

        Raises:
            ValueError: `width` is not one of `nesting_dims`.
        """
        if width is None:
            width = self.nesting_dims[-1]
        if width not in self.nesting_dims:
            raise ValueError(f"width must be one of {list(self.nesting_dims)}, got {width}.")
        classifier = self.get_submodule(f"nesting_classifier_{self.nesting_dims.index(width)}")
        logits: torch.Tensor = classifier(vectors[..., :width])
        return logits

    def all_widths(self, vectors: torch.Tensor) -> list[torch.Tensor]:
        """Classifies with every width.

        Args:
            vectors: `(..., d_model)`.

        Returns:
            One tensor of logits `(..., num_labels)` per entry of `nesting_dims`.
        """
        return [self(vectors, width) for width in self.nesting_dims]
