"""Adversarial terms: features that forget corpus and speaker, posteriors that small perturbations cannot move."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.nn import functional

from audio_emotion.modeling.losses_emotion_whisper import masked_log_softmax

UNKNOWN_IDENTITY = -100


class _ReverseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor) -> torch.Tensor:
        return hidden.view_as(hidden)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> torch.Tensor:
        return -gradient


class IdentityAdversary(nn.Module):
    """Guesses an identity (corpus, speaker) from embeddings, while reversed gradients teach the encoder to hide it.

    Source: domain-adversarial training, arXiv 1505.07818.
    """

    def __init__(self, hidden_size: int, num_identities: int) -> None:
        super().__init__()
        self.classifier = nn.Sequential(nn.Linear(hidden_size, 128), nn.GELU(), nn.Linear(128, num_identities))

    def forward(self, embeddings: torch.Tensor, identity: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the guess.

        Args:
            embeddings: `(batch, hidden_size)`.
            identity: `(batch,)`, integers; `UNKNOWN_IDENTITY` counts for nothing.

        Returns:
            `(batch,)`.
        """
        reversed_: torch.Tensor = _ReverseGradient.apply(embeddings)
        return functional.cross_entropy(
            self.classifier(reversed_), identity, ignore_index=UNKNOWN_IDENTITY, reduction="none"
        )


def divergence(logits: torch.Tensor, target_logits: torch.Tensor, label_mask: torch.Tensor) -> torch.Tensor:
    """Kullback-Leibler divergence `(...)` from fixed target posteriors to those of `logits (..., num_labels)`, in nats.

    Args:
        logits: `(..., num_labels)`.
        target_logits: `(..., num_labels)`; no gradient reaches them.
        label_mask: broadcastable to `logits`; the classes in the softmax.
    """
    log_posteriors = masked_log_softmax(logits, label_mask).nan_to_num(neginf=0.0)
    log_targets = masked_log_softmax(target_logits.detach(), label_mask)
    targets = log_targets.exp()
    return (targets * (log_targets.nan_to_num(neginf=0.0) - log_posteriors)).sum(-1)


def virtual_adversarial_loss(
    logits_of: Callable[[torch.Tensor], torch.Tensor],
    features: torch.Tensor,
    logits: torch.Tensor,
    label_mask: torch.Tensor,
    radius: float,
    probe: float = 1e-2,
) -> torch.Tensor:
    """How far the worst small perturbation of the features moves the posterior (arXiv 1704.03976, one power iteration).

    Args:
        logits_of: maps features `(batch, num_mel_bins, num_mel_frames)` to pooled logits `(batch, num_labels)`.
        features: the clean features.
        logits: their pooled logits.
        label_mask: `(batch, num_labels)`.
        radius: root-mean-square size of the perturbation, in units of the features.
        probe: size of the probe that finds its direction.

    Returns:
        Divergence `(batch,)` in nats.
    """
    direction = _unit(torch.randn_like(features)).requires_grad_()
    moved = divergence(logits_of(features + probe * direction), logits, label_mask).sum()
    (gradient,) = torch.autograd.grad(moved, direction)
    return divergence(logits_of(features + radius * _unit(gradient)), logits, label_mask)


def _unit(perturbation: torch.Tensor) -> torch.Tensor:
    """Scale every item's perturbation to a root-mean-square of 1."""
    size = perturbation.square().mean(dim=(1, 2), keepdim=True).sqrt()
    return (perturbation / size.clamp_min(1e-12)).detach()
