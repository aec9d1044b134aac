"""Losses on independent intensities in 0..1: squared error, concordance, Pearson's r and a smooth Spearman's rho.

The last three compare clips with each other, so they say more the more clips a micro-batch holds.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch

from audio_emotion.pipeline.errors_audio_emotion import RecipeError

IntensityLoss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]
"""From scores, targets and a mask of the known targets, `(batch, num_labels)` each, to a scalar."""

RANK_TEMPERATURE = 0.2
"""Softness of a smooth rank, in standard deviations of the values."""

_TINY = 1e-8


def squared_error(scores: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Mean squared error over the known targets."""
    known = known.float()
    return ((scores - targets).square() * known).sum() / known.sum().clamp_min(1)


def concordance_loss(scores: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """1 - CCC (Lin 1989), mean over the labels: order, scale and level all count."""
    (x, mean_x), (y, mean_y) = _centred(scores, known), _centred(targets, known)
    covariance, variance_x, variance_y = _mean(x * y, known), _mean(x * x, known), _mean(y * y, known)
    concordance = 2 * covariance / (variance_x + variance_y + (mean_x - mean_y).square() + _TINY)
    return _mean_loss(concordance, known)


def pearson_loss(scores: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """1 - Pearson's r, mean over the labels: order and proportion count, scale and level do not."""
    (x, _), (y, _) = _centred(scores, known), _centred(targets, known)
    norm = (_mean(x * x, known) * _mean(y * y, known) + _TINY).sqrt()
    return _mean_loss(_mean(x * y, known) / norm, known)


def rank_loss(scores: torch.Tensor, targets: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """1 - Pearson's r of smooth ranks and true ranks, mean over the labels: order alone counts.

    A smooth rank is the sum of sigmoids of the differences to all other clips, as in Qin, Liu and Li, "A general
    approximation framework for direct optimization of information retrieval measures", 2010.
    """
    centred, _ = _centred(scores, known)
    deviation = (_mean(centred * centred, known) + _TINY).sqrt()
    differences = (scores[:, None] - scores[None]) / (RANK_TEMPERATURE * deviation)  # (batch, batch, num_labels)
    order = (targets[:, None] - targets[None]).sign() / 2  # (batch, batch, num_labels)
    others = known[None].float()
    smooth_ranks = (differences.sigmoid() * others).sum(1)  # (batch, num_labels)
    return pearson_loss(smooth_ranks, (order * others).sum(1), known)


_LOSSES: dict[str, IntensityLoss] = {
    "mse": squared_error,
    "ccc": concordance_loss,
    "pearson": pearson_loss,
    "rank": rank_loss,
}


def get_intensity_loss(name: str, anchor: float = 0.0) -> IntensityLoss:
    """Find a loss by its name.

    Args:
        name: `"mse"`, `"ccc"`, `"pearson"` or `"rank"`.
        anchor: weight of a squared error beside `"pearson"` and `"rank"`, which leave the level of the scores open.

    Raises:
        RecipeError: if there is no such loss.

    Example:
        >>> scores = torch.tensor([[0.1], [0.2], [0.9]])
        >>> round(float(get_intensity_loss("ccc")(scores, scores, torch.ones(3, 1, dtype=torch.bool))), 4)
        0.0
    """
    if name not in _LOSSES:
        raise RecipeError(f"no loss is called {name!r}; there are {', '.join(_LOSSES)}")
    loss = _LOSSES[name]
    return partial(_anchored, loss, anchor) if anchor > 0 and name in ("pearson", "rank") else loss


def _anchored(
    loss: IntensityLoss, anchor: float, scores: torch.Tensor, targets: torch.Tensor, known: torch.Tensor
) -> torch.Tensor:
    return loss(scores, targets, known) + anchor * squared_error(scores, targets, known)


def _mean(values: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """Mean over the clips where the label is known, `(num_labels,)`."""
    known = known.float()
    return (values * known).sum(0) / known.sum(0).clamp_min(1)


def _centred(values: torch.Tensor, known: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    mean = _mean(values, known)
    return (values - mean) * known, mean


def _mean_loss(agreement: torch.Tensor, known: torch.Tensor) -> torch.Tensor:
    """1 - agreement, over the labels that at least two clips know; 0 where there is none."""
    comparable = known.sum(0) > 1
    return ((1 - agreement) * comparable).sum() / comparable.sum().clamp_min(1)
