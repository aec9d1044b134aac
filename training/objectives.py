"""What is minimised: the loss of clips and frames at every Matryoshka width, and the terms a recipe adds."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

from audio_emotion.modeling.losses_emotion_whisper import soft_cross_entropy
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification, EmotionWhisperOutput
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.adversarial import IdentityAdversary, virtual_adversarial_loss
from audio_emotion.training.contrastive import SoftContrast, posterior_disagreement
from audio_emotion.training.distillation import Teachers
from audio_emotion.training.intensity_losses import IntensityLoss
from audio_emotion.training.recipe import ObjectiveRecipe

Batch = dict[str, torch.Tensor]
_LEAST_SHARE = 1e-3


class TrainingObjective(nn.Module):
    """The model and its loss terms in one module, so that data-parallel wrappers see one forward pass.

    Args:
        model: the model, whose labels are distributions or, with `intensity_loss`, intensities.
        recipe: weights of the terms.
        num_corpora: for the adversary.
        num_speakers: for the adversary.
        intensity_loss: of the pooled scores against independent intensities, in place of the cross-entropies.
        class_prior: `(num_labels,)`, the class shares of the training mix, for `logit_adjustment`.
        teachers: for `distillation`.

    Raises:
        RecipeError: if the recipe adjusts logits, but there is no class prior, or distils, but there is no teacher.
    """

    def __init__(
        self,
        model: EmotionWhisperForAudioClassification,
        recipe: ObjectiveRecipe,
        num_corpora: int,
        num_speakers: int,
        intensity_loss: IntensityLoss | None = None,
        class_prior: Sequence[float] | None = None,
        teachers: Teachers | None = None,
    ) -> None:
        super().__init__()
        self.model = model
        self.intensity_loss = intensity_loss
        self.recipe = recipe
        self._adjustment: torch.Tensor | None
        self.register_buffer("_adjustment", None, persistent=False)
        if recipe.logit_adjustment > 0:
            if class_prior is None:
                raise RecipeError("objective.logit_adjustment needs the class shares of a distribution over labels")
            log_prior = torch.tensor(list(class_prior), dtype=torch.float64).clamp_min(_LEAST_SHARE).log().float()
            self._adjustment = recipe.logit_adjustment * log_prior
        if recipe.distillation > 0 and teachers is None:
            raise RecipeError("objective.distillation needs objective.teachers")
        self.teachers = teachers
        width = model.config.d_model
        self.corpus_adversary = IdentityAdversary(width, num_corpora) if recipe.corpus_adversarial > 0 else None
        self.speaker_adversary = IdentityAdversary(width, num_speakers) if recipe.speaker_adversarial > 0 else None
        self.contrast = SoftContrast(width, recipe.contrastive_temperature) if recipe.contrastive > 0 else None

    def forward(self, batch: Batch) -> dict[str, torch.Tensor]:
        """The weighted loss terms, each summed over the batch's items.

        Args:
            batch: `input_features (num_views, batch, num_mel_bins, num_mel_frames)`, `attention_mask (batch,
                num_mel_frames)`, `labels` and `label_mask (batch, num_labels)`, `corpus` and `speaker (batch,)`, and
                `frame_labels (batch, num_frames, num_labels)`, a row of zeros where a frame has no target.

        Returns:
            Scalars by the name of the term; their sum is what is minimised. A term with weight 0 is left out.
        """
        recipe = self.recipe
        views = [
            self.model(input_features=view, attention_mask=batch["attention_mask"]) for view in batch["input_features"]
        ]
        terms = self._supervised(views, batch)
        if recipe.consistency > 0:
            terms["consistency"] = self._consistency(views[0], views[1], batch["label_mask"])
        if self.contrast is not None:
            embeddings = torch.cat([view.embeddings for view in views])
            terms["contrastive"] = self.contrast(embeddings, batch["labels"].repeat(len(views), 1)).sum() / len(views)
        if self.corpus_adversary is not None:
            terms["corpus_adversarial"] = self.corpus_adversary(views[0].embeddings, batch["corpus"]).sum()
        if self.speaker_adversary is not None:
            terms["speaker_adversarial"] = self.speaker_adversary(views[0].embeddings, batch["speaker"]).sum()
        if recipe.virtual_adversarial > 0:
            terms["virtual_adversarial"] = virtual_adversarial_loss(
                lambda features: self.model(input_features=features, attention_mask=batch["attention_mask"]).logits,
                batch["input_features"][0],
                views[0].logits,
                batch["label_mask"],
                recipe.virtual_adversarial_radius,
            ).sum()
        if self.teachers is not None:
            terms["distillation"] = self._distillation(views, batch, self.teachers)
        return {name: getattr(recipe, name) * term for name, term in terms.items() if getattr(recipe, name) > 0}

    def _supervised(self, views: list[EmotionWhisperOutput], batch: Batch) -> dict[str, torch.Tensor]:
        """Pooled and frame losses, means over views and widths, times the rows that each mean is over."""
        if self.intensity_loss is not None:
            return {"pooled": self._intensities(views, batch, self.intensity_loss)}
        labels, frame_labels, label_mask = batch["labels"], batch["frame_labels"], batch["label_mask"]
        labelled = frame_labels.sum(-1) > 0  # (batch, num_frames)
        frame_share = labelled / labelled.sum(1, keepdim=True).clamp_min(1)  # sums to 1 an item
        losses = [self._cross_entropies(view, labels, frame_labels, frame_share, label_mask) for view in views]
        means = torch.stack(losses).mean(0)
        return {"pooled": means[0] * len(labels), "frame": means[1] * frame_share.sum()}

    def _distillation(self, views: list[EmotionWhisperOutput], batch: Batch, teachers: Teachers) -> torch.Tensor:
        """Pooled and frame losses against the teachers' scores of the same view, over all classes."""
        losses = []
        for view, features in zip(views, batch["input_features"], strict=True):
            taught = teachers(features, batch["attention_mask"])
            losses.append(self._cross_entropies(view, taught.pooled, taught.frame, taught.frame_share))
        means = torch.stack(losses).mean(0)
        return (self.recipe.pooled * means[0] + self.recipe.frame * means[1]) * len(batch["labels"])

    def _cross_entropies(
        self,
        view: EmotionWhisperOutput,
        targets: torch.Tensor,
        frame_targets: torch.Tensor,
        frame_share: torch.Tensor,
        label_mask: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """`(2,)`: the pooled and the frame loss, means over the rows with a target and over widths.

        Args:
            view: the model's answer.
            targets: `(batch, num_labels)`.
            frame_targets: `(batch, num_frames, num_labels)`, a row of zeros where a frame has none.
            frame_share: `(batch, num_frames)`, the weight of a frame.
            label_mask: `(batch, num_labels)`; None allows every class.
        """
        head, frame_mask = self.model.head, None if label_mask is None else label_mask.unsqueeze(1)
        pooled = [
            soft_cross_entropy(self._adjusted(logits), targets, label_mask)
            for logits in head.all_widths(view.embeddings)
        ]
        frame = [
            soft_cross_entropy(self._adjusted(logits), frame_targets, frame_mask, frame_share)
            for logits in head.all_widths(view.frame_vectors)
        ]
        return torch.stack([torch.stack(pooled).mean(), torch.stack(frame).mean()])

    def _adjusted(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits `(..., num_labels)` as the cross-entropies see them."""
        return logits if self._adjustment is None else logits.float() + self._adjustment

    def _intensities(
        self, views: list[EmotionWhisperOutput], batch: Batch, intensity_loss: IntensityLoss
    ) -> torch.Tensor:
        """The loss of the pooled scores alone: a frame has no intensity of its own."""
        losses = [
            intensity_loss(logits.float().sigmoid(), batch["labels"], batch["label_mask"])
            for view in views
            for logits in self.model.head.all_widths(view.embeddings)
        ]
        return torch.stack(losses).mean() * len(batch["labels"])

    @staticmethod
    def _consistency(
        first: EmotionWhisperOutput, second: EmotionWhisperOutput, label_mask: torch.Tensor
    ) -> torch.Tensor:
        disagreement = posterior_disagreement(first.frame_logits, second.frame_logits, label_mask.unsqueeze(1))
        share = first.frame_mask / first.frame_mask.sum(1, keepdim=True)  # (batch, num_frames)
        return (disagreement * share).sum()
