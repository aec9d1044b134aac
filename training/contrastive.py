"""Two views of one item: their posteriors should agree, and embeddings of like emotion should lie together."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional

from audio_emotion.modeling.losses_emotion_whisper import masked_log_softmax


def posterior_disagreement(first: torch.Tensor, second: torch.Tensor, label_mask: torch.Tensor) -> torch.Tensor:
    """Jensen-Shannon divergence `(...)` between the posteriors of two views, in nats.

    Args:
        first: logits of one view, `(..., num_labels)`.
        second: logits of the other.
        label_mask: broadcastable to them; the classes in the softmax.
    """
    posteriors = [masked_log_softmax(logits, label_mask).exp() for logits in (first, second)]
    mean = sum(posteriors) / 2
    entropies: list[torch.Tensor] = [torch.special.entr(posterior).sum(-1) for posterior in (mean, *posteriors)]
    return entropies[0] - (entropies[1] + entropies[2]) / 2


class SoftContrast(nn.Module):
    """Supervised contrastive loss (arXiv 2004.11362) whose positives weigh by how alike their soft labels are.

    Two items are alike by the cosine of their distributions, to a power that keeps what is nearly the same and drops
    the rest. The projection exists in training only.
    """

    def __init__(
        self, hidden_size: int, temperature: float, projection_size: int = 128, sharpness: float = 4.0
    ) -> None:
        super().__init__()
        self.projection = nn.Sequential(
            nn.Linear(hidden_size, hidden_size), nn.GELU(), nn.Linear(hidden_size, projection_size)
        )
        self.temperature = temperature
        self.sharpness = sharpness

    def forward(self, embeddings: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """Contrast every item with every other of the batch.

        Args:
            embeddings: `(batch, hidden_size)`.
            labels: soft labels, `(batch, num_labels)`.

        Returns:
            `(batch,)`; 0 where the batch has one item.
        """
        batch = len(embeddings)
        if batch < 2:
            return embeddings.new_zeros(batch)
        projected = functional.normalize(self.projection(embeddings).float(), dim=-1)
        itself = torch.eye(batch, dtype=torch.bool, device=embeddings.device)
        similarity = (projected @ projected.T / self.temperature).masked_fill(itself, -torch.inf)  # (batch, batch)
        log_share = similarity.log_softmax(-1).masked_fill(itself, 0.0)
        directions = functional.normalize(labels.float(), dim=-1)
        alike = (directions @ directions.T).clamp_min(0).pow(self.sharpness).masked_fill(itself, 0.0)
        return -(alike * log_share).sum(-1) / alike.sum(-1).clamp_min(1e-6)
