"""Losses on soft labels, with a mask for the classes that a corpus cannot express. All of them compute in float32."""

import torch
from torch import nn


def masked_log_softmax(logits: torch.Tensor, label_mask: torch.Tensor | None = None) -> torch.Tensor:
    """Log-probabilities over the allowed classes alone.

    Args:
        logits: `(..., num_labels)`.
        label_mask: Broadcastable to `logits`; nonzero where the class is allowed. Default: every class.

    Returns:
        `(..., num_labels)` in float32: -inf on masked classes, the others' probabilities sum to 1.
    """
    logits = logits.float()
    if label_mask is None:
        return logits.log_softmax(dim=-1)
    allowed = label_mask.bool().expand_as(logits)
    nothing_allowed = ~allowed.any(dim=-1, keepdim=True)  # its softmax would be NaN, in the gradient too
    log_probabilities = logits.masked_fill(~(allowed | nothing_allowed), -torch.inf).log_softmax(dim=-1)
    return log_probabilities.masked_fill(~allowed, -torch.inf)


def soft_cross_entropy(
    logits: torch.Tensor,
    distribution: torch.Tensor,
    label_mask: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Cross-entropy against soft labels, averaged over the rows that have one.

    Masked classes leave the softmax, and what the target gives them is shared out over the others in proportion. A row
    whose target is empty, or is on masked classes alone, counts neither in the sum nor in the number of rows.

    Args:
        logits: `(..., num_labels)`.
        distribution: `(..., num_labels)`, not negative; each row is scaled to sum to 1.
        label_mask: Broadcastable to `logits`; nonzero where the class is allowed. Default: every class.
        weights: `(...)`, a weight for each row. Default: 1.

    Returns:
        A float32 scalar; 0 if no row counts.
    """
    log_probabilities = masked_log_softmax(logits, label_mask)
    target = distribution.float()
    if label_mask is not None:
        target = target.masked_fill(~label_mask.bool(), 0.0)
    total = target.sum(dim=-1)
    target = target / total.clamp(min=torch.finfo(torch.float32).tiny)[..., None]
    losses = -(target * log_probabilities.masked_fill(log_probabilities == -torch.inf, 0.0)).sum(dim=-1)
    return _weighted_mean(losses, total > 0, weights)


def intensity_loss(
    logits: torch.Tensor,
    targets: torch.Tensor,
    label_mask: torch.Tensor | None = None,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Binary cross-entropy of independent intensities, averaged over allowed classes, then over rows that have one.

    Args:
        logits: `(..., num_labels)`; their sigmoid is the intensity.
        targets: `(..., num_labels)`, in 0..1.
        label_mask: Broadcastable to `logits`; nonzero where the target is known. Default: everywhere.
        weights: `(...)`, a weight for each row. Default: 1.

    Returns:
        A float32 scalar; 0 if no row counts.
    """
    known = torch.ones_like(logits, dtype=torch.bool) if label_mask is None else label_mask.bool().expand_as(logits)
    targets = targets.float().masked_fill(~known, 0.0)
    losses = nn.functional.binary_cross_entropy_with_logits(logits.float(), targets, reduction="none")
    number = known.sum(dim=-1)
    losses = losses.masked_fill(~known, 0.0).sum(dim=-1) / number.clamp(min=1)
    return _weighted_mean(losses, number > 0, weights)


def _weighted_mean(losses: torch.Tensor, counts: torch.Tensor, weights: torch.Tensor | None) -> torch.Tensor:
    """Mean of `losses` over the rows where `counts`, weighted; 0 where the weights sum to 0."""
    row_weights = counts.float() if weights is None else counts * weights.float()
    total = row_weights.sum()
    return (losses * row_weights).sum() / torch.where(total > 0, total, torch.ones_like(total))
