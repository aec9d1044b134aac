"""Render planned micro-batches into tensors, in the loop or in worker processes."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import Dataset

from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.training.augmentation import mask_features, mix_statistics
from audio_emotion.training.data import ClipTable
from audio_emotion.training.objectives import Batch
from audio_emotion.training.recipe import RunRecipe
from audio_emotion.training.sampling import MicroBatch
from audio_emotion.training.shifts import Rendered, render


class TrainingBatches(Dataset[Batch]):
    """The micro-batches that one process renders, in order."""

    def __init__(
        self,
        micro_batches: Sequence[MicroBatch],
        clips: ClipTable,
        recipe: RunRecipe,
        config: EmotionWhisperConfig,
        extractor: EmotionWhisperFeatureExtractor,
    ) -> None:
        self._micro_batches = micro_batches
        self._clips = clips
        self._recipe = recipe
        self._config = config
        self._extractor = extractor

    def __len__(self) -> int:
        return len(self._micro_batches)

    def __getitem__(self, index: int) -> Batch:
        """Render one micro-batch; see `TrainingObjective.forward` for its tensors."""
        items = self._micro_batches[index]
        recipe, num_views = self._recipe, self._recipe.objective.num_views
        rendered = [
            render(item, self._clips, recipe.shifts, recipe.augmentation, self._config, num_views) for item in items
        ]
        views = [self._features(items, [one.views[view] for one in rendered], view) for view in range(num_views)]
        first = [item.clips[0] for item in items]
        return {
            "input_features": torch.from_numpy(np.stack([features for features, _ in views])),
            "attention_mask": torch.from_numpy(views[0][1]),
            "labels": torch.from_numpy(np.stack([one.label for one in rendered])),
            "label_mask": torch.from_numpy(np.stack([one.label_mask for one in rendered])),
            "frame_labels": torch.from_numpy(_pad_frames(rendered)),
            "corpus": torch.from_numpy(self._clips.corpus_index[first]),
            "speaker": torch.from_numpy(self._clips.speaker_index[first]),
        }

    def _features(
        self, items: MicroBatch, waveforms: list[NDArray[np.float32]], view: int
    ) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """Masked features `(batch, num_mel_bins, num_mel_frames)` of one view, and their attention mask."""
        config = self._config
        encoded = self._extractor(waveforms, sampling_rate=config.sampling_rate)
        features = np.asarray(encoded["input_features"], dtype=np.float32)
        attention_mask = np.asarray(encoded["attention_mask"], dtype=np.int64)
        if self._recipe.augmentation.statistics_mix > 0:
            rng = np.random.default_rng((*items[0].seed, 0, view))
            lengths = attention_mask.sum(axis=1)
            features = mix_statistics(features, lengths, self._recipe.augmentation.statistics_mix, rng)
        frames_per_second = config.sampling_rate / config.hop_length
        for row, (item, length) in enumerate(zip(items, attention_mask.sum(axis=1), strict=True)):
            rng = np.random.default_rng((*item.seed, 1 + view))
            clip = features[row, :, :length]
            features[row, :, :length] = mask_features(clip, frames_per_second, self._recipe.augmentation, rng)
        return features, attention_mask


def _pad_frames(rendered: Sequence[Rendered]) -> NDArray[np.float32]:
    num_frames = max(len(one.frame_labels) for one in rendered)
    return np.stack([np.pad(one.frame_labels, ((0, num_frames - len(one.frame_labels)), (0, 0))) for one in rendered])
