"""From a recipe to a model folder: read the corpora, build the model, run the loop, calibrate, save."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import torch
from transformers import set_seed

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.labels_emotion_whisper import EMOTIONS
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.checkpoints import list_checkpoints
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.loop import TrainingLoop
from audio_emotion.training.metrics.distribution import expected_calibration_error
from audio_emotion.training.objectives import TrainingObjective
from audio_emotion.training.recipe import Recipe, save_recipe
from audio_emotion.training.sampling import class_prior, clip_probabilities
from audio_emotion.training.validation import clip_logits, fit_temperature, masked_log_probabilities

_CALIBRATION_FRAMES_PER_BATCH = 3200


def train(recipe: Recipe, resume: bool = False) -> Path:
    """Run a recipe and write the model folder `output_dir/final`.

    Args:
        recipe: the resolved recipe.
        resume: continue from the newest checkpoint of `output_dir`.

    Returns:
        The folder of the best validated model, with class prior, temperature and calibration error in its config.

    Raises:
        RecipeError: if the corpora cannot be trained on, or `output_dir` holds another run and `resume` is False.
        AudioEmotionError: if the loss stops being finite or the disk is full.
    """
    folder = Path(recipe.output_dir)
    if not resume and list_checkpoints(folder / "checkpoints"):
        raise RecipeError(
            f"{folder} holds the checkpoints of a run: continue it with --resume, or choose another output_dir"
        )
    set_seed(recipe.seed)
    training, validation = load_clips(recipe.data, "train"), load_clips(recipe.data, "validation")
    model = build_model(recipe, training)
    extractor = EmotionWhisperFeatureExtractor(
        feature_size=model.model.encoder.num_mel_bins, level_normalization=recipe.model.level_normalization
    )
    folder.mkdir(parents=True, exist_ok=True)
    save_recipe(recipe, folder / "recipe.yaml")
    objective = TrainingObjective(
        model, recipe.objective, num_corpora=len(recipe.data), num_speakers=int(training.speaker_index.max()) + 1
    )
    loop = TrainingLoop(objective, extractor, training, validation, recipe)
    if resume:
        loop.resume()
    best = loop.run()
    final = folder / "final"
    if loop.accelerator.is_main_process:
        finish(best, final, validation)
        save_recipe(recipe, final / "recipe.yaml")
    loop.accelerator.wait_for_everyone()
    return final


def build_model(recipe: Recipe, clips: ClipTable) -> EmotionWhisperForAudioClassification:
    """The model of a recipe, with the class prior of the sampled mix in its config."""
    prior = class_prior(clips, clip_probabilities(clips, recipe.data, recipe.sampling))
    missing = [number for number, share in enumerate(prior) if share <= 0]
    settings = recipe.model
    model = EmotionWhisperForAudioClassification.from_whisper(
        settings.encoder,
        num_layers=settings.num_layers,
        layer_mix=settings.layer_mix,
        pooling=settings.pooling,
        nesting_dims=settings.nesting_dims,
        final_dropout=settings.final_dropout,
        class_prior=prior.tolist(),
        corpora=[corpus.name for corpus in recipe.data],
    )
    if missing:
        names = [EMOTIONS[number] for number in missing]
        raise RecipeError(
            f"no training clip carries {names}: add a corpus that does, or the model could never answer them"
        )
    if settings.continue_from is not None:
        _take_over(model, settings.continue_from)
    return model


def _take_over(model: EmotionWhisperForAudioClassification, source: str) -> None:
    """Load the weights of a trained model into one of the same architecture."""
    try:
        trained = EmotionWhisperForAudioClassification.from_pretrained(source, dtype=torch.float32)
        model.load_state_dict(trained.state_dict())
    except (OSError, ValueError, RuntimeError) as error:
        raise RecipeError(
            f"model.continue_from: {source} does not fit the model section: {error}. "
            "Give the num_layers, layer_mix, pooling and nesting_dims that it was trained with"
        ) from error


def finish(best: Path, final: Path, validation: ClipTable) -> None:
    """Calibrate the best model on validation clips, and write it to `final` in half precision."""
    model = EmotionWhisperForAudioClassification.from_pretrained(best)
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(best)
    logits = clip_logits(model, extractor, validation, _CALIBRATION_FRAMES_PER_BATCH)
    temperature = fit_temperature(logits, validation)
    probabilities = np.exp(masked_log_probabilities(logits / temperature, validation.label_mask))
    model.config.temperature = temperature
    hits = probabilities.argmax(axis=1) == validation.emotion
    model.config.calibration_error = expected_calibration_error(probabilities.max(axis=1), hits)
    model.to(torch.float16).save_pretrained(final)
    model.config.dtype = torch.float32  # half precision is for the disk: loading without a dtype should give full
    model.config.save_pretrained(final)
    extractor.save_pretrained(final)
    summary = {
        "temperature": temperature,
        "calibration_error": model.config.calibration_error,
        "clips": len(validation),
    }
    (final / "calibration.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
