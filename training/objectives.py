"""What is minimised: soft cross-entropy of clips and frames at every Matryoshka width, and the corpus adversary."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn import functional

from audio_emotion.modeling.losses_emotion_whisper import soft_cross_entropy
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.training.recipe import ObjectiveRecipe

Batch = dict[str, torch.Tensor]


class _ReverseGradient(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, hidden: torch.Tensor, strength: float) -> torch.Tensor:
        ctx.strength = strength
        return hidden.view_as(hidden)

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[torch.Tensor, None]:
        return -ctx.strength * gradient, None


class CorpusAdversary(nn.Module):
    """Guesses the corpus from the pooled frame vector, while reversed gradients teach the encoder to hide it.

    Source: domain-adversarial training, arXiv 1505.07818.
    """

    def __init__(self, hidden_size: int, num_corpora: int) -> None:
        super().__init__()
        self.classifier = nn.Sequential(nn.Linear(hidden_size, 128), nn.GELU(), nn.Linear(128, num_corpora))

    def forward(self, embeddings: torch.Tensor, corpus: torch.Tensor, strength: float) -> torch.Tensor:
        """Cross-entropy `(batch,)` of the guess from `embeddings (batch, hidden_size)`, given the `corpus (batch,)`."""
        reversed_: torch.Tensor = _ReverseGradient.apply(embeddings, strength)  # type: ignore[no-untyped-call]
        guess = self.classifier(reversed_)
        return functional.cross_entropy(guess, corpus, reduction="none")


class TrainingObjective(nn.Module):
    """The model and its loss terms in one module, so that data-parallel wrappers see one forward pass."""

    def __init__(self, model: EmotionWhisperForAudioClassification, recipe: ObjectiveRecipe, num_corpora: int) -> None:
        super().__init__()
        self.model = model
        self.recipe = recipe
        self.adversary = CorpusAdversary(model.config.d_model, num_corpora) if recipe.adversarial > 0 else None

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        """The weighted loss terms, each summed over the batch's items.

        Args:
            batch: `input_features (batch, num_mel_bins, num_mel_frames)`, `attention_mask (batch, num_mel_frames)`,
                `labels (batch, num_labels)`, `label_mask (batch, num_labels)`, `corpus (batch,)` and
                `frame_labels (batch, num_frames, num_labels)`, a row of zeros where a frame has no target.

        Returns:
            Scalars by the name of the term; their sum is what is minimised.
        """
        outputs = self.model(input_features=batch["input_features"], attention_mask=batch["attention_mask"])
        labels, label_mask = batch["labels"], batch["label_mask"]
        labelled = batch["frame_labels"].sum(-1) > 0  # (batch, num_frames)
        frame_share = labelled / labelled.sum(1, keepdim=True).clamp_min(1)
        head = self.model.head
        pooled = [soft_cross_entropy(logits, labels, label_mask) for logits in head.all_widths(outputs.embeddings)]
        frame = [
            soft_cross_entropy(frame_logits, batch["frame_labels"], label_mask.unsqueeze(1), frame_share)
            for frame_logits in head.all_widths(outputs.frame_vectors)
        ]
        weighted = {  # the losses are means over items, or over their frame shares, which sum to 1 an item
            "pooled": self.recipe.pooled * torch.stack(pooled).mean() * len(labels),
            "frame": self.recipe.frame * torch.stack(frame).mean() * frame_share.sum(),
        }
        if self.adversary is not None:
            weighted["adversarial"] = self.adversary(outputs.embeddings, batch["corpus"], self.recipe.adversarial).sum()
        return weighted
