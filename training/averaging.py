"""Average the weights of runs that started alike ("model soup", arXiv 2203.05482): one model, better than each."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch
from transformers import AutoModelForAudioClassification

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.model_folder import written_whole


def average_models(folders: Sequence[str | Path], target: str | Path) -> Path:
    """Write the mean of several models' weights as a model folder.

    The runs must share their start: fine-tuned from the same weights, they lie in one valley of the loss, and their
    mean lies in it too; models that began apart average to noise. The config and the feature extractor are the first
    model's, but the corpora are those of all; its temperature is that of another model and is set back to 1.

    Args:
        folders: model folders or Hub ids, two or more, of one architecture and with the same labels.
        target: the folder to write.

    Returns:
        `target`.

    Raises:
        AudioEmotionError: if there are fewer than two models, one cannot be read, or they differ in architecture,
            labels or features.
    """
    if len(folders) < 2:
        raise AudioEmotionError(f"give two models or more to average, got {len(folders)}")
    models = [_load(folder) for folder in folders]
    extractors = [EmotionWhisperFeatureExtractor.from_pretrained(folder).to_dict() for folder in folders]
    first, states = models[0], [model.state_dict() for model in models]
    for folder, model, state, extractor in zip(folders, models, states, extractors, strict=True):
        shapes = [{name: tensor.shape for name, tensor in weights.items()} for weights in (states[0], state)]
        if shapes[0] != shapes[1] or model.config.id2label != first.config.id2label or extractor != extractors[0]:
            raise AudioEmotionError(
                f"{folder} and {folders[0]} differ in architecture, labels or features: average runs of one recipe"
            )
    mean = {name: torch.stack([state[name] for state in states]).mean(0) for name in states[0]}
    first.load_state_dict(mean)
    first.config.temperature, first.config.calibration_error = 1.0, None
    first.config.corpora = list(dict.fromkeys(name for model in models for name in model.config.corpora))
    with written_whole(Path(target)) as folder:
        first.save_pretrained(folder)
        EmotionWhisperFeatureExtractor.from_pretrained(folders[0]).save_pretrained(folder)
    return Path(target)


def _load(folder: str | Path) -> EmotionWhisperForAudioClassification:
    try:
        model = AutoModelForAudioClassification.from_pretrained(folder, dtype=torch.float32)
    except (OSError, ValueError) as error:
        raise AudioEmotionError(f"{folder} cannot be loaded as a model: {error}") from error
    if not isinstance(model, EmotionWhisperForAudioClassification):
        raise AudioEmotionError(f"{folder} holds a {model.config.model_type!r} model; only emotion_whisper is averaged")
    return model
