"""Where a new head starts: at the answer that fits the frozen model best, before anything else moves.

Linear probing, then fine-tuning (arXiv 2202.10054): under a random head the first steps bend the encoder's features
away from what they know already.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.losses_emotion_whisper import intensity_loss, soft_cross_entropy
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.training.adapter import trained_head
from audio_emotion.training.data import ClipTable
from audio_emotion.training.validation import clip_outputs

MOST_CLIPS = 4000
"""Clips of a split that the head is fitted to: a linear layer gains little from more."""

PENALTIES = (1e-3, 3e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
_NUM_ITERATIONS = 100

_Loss = Callable[[torch.Tensor, torch.Tensor, torch.Tensor], torch.Tensor]


def fit_head(
    model: EmotionWhisperForAudioClassification,
    extractor: EmotionWhisperFeatureExtractor,
    training: ClipTable,
    validation: ClipTable,
    frames_per_batch: int,
) -> None:
    """Fit every width of the head that learns to training clips as they are; validation clips choose the penalty.

    Args:
        model: a model whose head has the labels of the clips; the head is changed in place.
        extractor: the model's.
        training: clips to fit.
        validation: clips whose loss chooses among `PENALTIES` on squared weights.
        frames_per_batch: most padded frames in one forward pass.
    """
    loss: _Loss = intensity_loss if model.config.problem == "intensity" else soft_cross_entropy
    vectors, labels, known = _examples(model, extractor, training, frames_per_batch)
    mean, deviation = vectors.mean(0), vectors.std(0, correction=0).clamp_min(1e-6)
    vectors = (vectors - mean) / deviation
    unseen, *unseen_labels = _examples(model, extractor, validation, frames_per_batch)
    unseen = (unseen - mean) / deviation

    def unseen_loss(penalty: float) -> float:
        weight, bias = _fit(loss, vectors, labels, known, penalty)
        return float(loss(unseen @ weight.T + bias, *unseen_labels))

    penalty = min(PENALTIES, key=unseen_loss)
    head = trained_head(model)
    for width, classifier in zip(head.nesting_dims, head.children(), strict=True):
        weight, bias = _fit(loss, vectors[:, :width], labels, known, penalty)
        weight = weight / deviation[:width]
        classifier.weight.data.copy_(weight)  # type: ignore[operator]
        classifier.bias.data.copy_(bias - weight @ mean[:width])  # type: ignore[operator]


def _examples(
    model: EmotionWhisperForAudioClassification,
    extractor: EmotionWhisperFeatureExtractor,
    clips: ClipTable,
    frames_per_batch: int,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Pooled vectors `(num_clips, d_model)`, labels and their mask `(num_clips, num_labels)`, on the CPU."""
    chosen = np.random.default_rng(0).permutation(len(clips))[:MOST_CLIPS]
    vectors = clip_outputs(model, extractor, clips, chosen, "embeddings", frames_per_batch)
    return (
        torch.from_numpy(vectors).float(),
        torch.from_numpy(clips.labels[chosen]),
        torch.from_numpy(clips.label_mask[chosen]),
    )


def _fit(
    loss: _Loss, vectors: torch.Tensor, labels: torch.Tensor, known: torch.Tensor, penalty: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Weight `(num_labels, width)` and bias `(num_labels,)` of the lowest penalised loss, which is convex."""
    weight = torch.zeros(labels.shape[1], vectors.shape[1], requires_grad=True)
    bias = torch.zeros(labels.shape[1], requires_grad=True)
    optimizer = torch.optim.LBFGS([weight, bias], max_iter=_NUM_ITERATIONS, line_search_fn="strong_wolfe")

    def closure() -> float:
        optimizer.zero_grad()
        value = loss(vectors @ weight.T + bias, labels, known) + penalty * weight.square().sum()
        value.backward()
        return value.item()

    optimizer.step(closure)
    return weight.detach(), bias.detach()
