"""Trained models as teachers: their mean scores are targets beside the labels (arXiv 1503.02531)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import nn

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import RecipeError


class TaughtScores(NamedTuple):
    """What teachers say of a batch.

    Attributes:
        pooled: `(batch, num_labels)`, each row sums to 1.
        frame: `(batch, num_frames, num_labels)`, each row sums to 1 but for padded frames, which are zero.
        frame_share: `(batch, num_frames)`: the weight of a frame, 0 on padded ones; sums to 1 an item.
    """

    pooled: torch.Tensor
    frame: torch.Tensor
    frame_share: torch.Tensor


class Teachers(nn.Module):
    """Models that answer and do not learn, dropout off; their calibrated scores are averaged."""

    def __init__(self, models: Sequence[EmotionWhisperForAudioClassification]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)
        self._temperatures = [model.config.temperature for model in models]
        self.requires_grad_(False)
        self.train(False)

    def train(self, mode: bool = True) -> Teachers:
        """Stay in evaluation mode, whatever the module around is in."""
        return super().train(False)

    @torch.no_grad()
    def forward(self, input_features: torch.Tensor, attention_mask: torch.Tensor) -> TaughtScores:
        """Mean scores.

        Args:
            input_features: `(batch, num_mel_bins, num_mel_frames)`.
            attention_mask: `(batch, num_mel_frames)`.
        """
        outputs = [model(input_features=input_features, attention_mask=attention_mask) for model in self.models]
        mask = outputs[0].frame_mask
        pairs = list(zip(outputs, self._temperatures, strict=True))
        pooled = torch.stack([(one.logits.float() / heat).softmax(-1) for one, heat in pairs]).mean(0)
        frame = torch.stack([(one.frame_logits.float() / heat).softmax(-1) for one, heat in pairs]).mean(0)
        return TaughtScores(pooled, frame * mask.unsqueeze(-1), mask / mask.sum(1, keepdim=True).clamp_min(1))


def load_teachers(
    sources: Sequence[str], model: EmotionWhisperForAudioClassification, extractor: EmotionWhisperFeatureExtractor
) -> Teachers | None:
    """The teachers of a recipe, or None where it names none.

    Args:
        sources: Hub ids or folders.
        model: who is taught.
        extractor: whose features all of them read.

    Raises:
        RecipeError: if a teacher cannot be loaded, has other labels than the model, or reads other features.
    """
    teachers = []
    for source in sources:
        try:
            teacher = EmotionWhisperForAudioClassification.from_pretrained(source, dtype=torch.float32)
            features = EmotionWhisperFeatureExtractor.from_pretrained(source).to_dict()
        except (OSError, ValueError, RuntimeError) as error:
            raise RecipeError(
                f"objective.teachers: {source} is no emotion model's folder or Hub id: {error}"
            ) from error
        if _answers(teacher) != _answers(model):
            raise RecipeError(
                f"objective.teachers: {source} answers with {_answers(teacher)}, the model with {_answers(model)}: a "
                "teacher must have the model's labels"
            )
        own = extractor.to_dict()
        if differing := [name for name in own if features.get(name) != own[name]]:
            raise RecipeError(
                f"objective.teachers: {source} reads other features, {', '.join(differing)} differing: take a teacher "
                "that hears what the model hears, or train the model on the teacher's features "
                "(model.level_normalization)"
            )
        teachers.append(teacher)
    return Teachers(teachers) if teachers else None


def _answers(model: EmotionWhisperForAudioClassification) -> str:
    """A model's labels in their order, and what its scores are."""
    config: Any = model.config  # its id2label is typed for every model there is
    return f"{', '.join(config.id2label[number] for number in range(config.num_labels))} ({config.problem})"
