"""From a recipe to a model folder: read the corpora, build the model, run the loop, calibrate, save."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from transformers import set_seed

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.labels_emotion_whisper import EMOTIONS
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.calibration import finish
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.distillation import load_teachers
from audio_emotion.training.loop import TrainingLoop
from audio_emotion.training.lora import add_lora
from audio_emotion.training.objectives import TrainingObjective
from audio_emotion.training.recipe import Recipe, RunRecipe, save_recipe
from audio_emotion.training.run_folder import RECIPE_NAME, check_same_run, run_folder
from audio_emotion.training.sampling import class_prior, clip_probabilities, embodied_prior
from audio_emotion.training.validation import check_references


def train(recipe: Recipe, resume: bool = False, clips: tuple[ClipTable, ClipTable] | None = None) -> Path:
    """Run a recipe and write the model folder `output_dir/final`.

    Args:
        recipe: the resolved recipe.
        resume: continue from the newest checkpoint of `output_dir`.
        clips: to train and to validate on, where they are at hand; else those of `read_clips`.

    Returns:
        The folder of the best validated model, with class prior, temperature and calibration error in its config.

    Raises:
        RecipeError: if the corpora cannot be trained on, or `output_dir` holds a run and `resume` is False or the
            recipe another one, or another process is writing there.
        AudioEmotionError: if the loss stops being finite or the disk is full.
    """
    folder = Path(recipe.output_dir)
    with run_folder(folder, resume) as processes:
        check_same_run(recipe, folder)
        set_seed(recipe.seed)
        training, validation = clips or read_clips(recipe)
        training = training.labelled(recipe.objective.labels)
        _check_every_corpus_counts(training)
        check_references(validation)
        model = build_model(recipe, training)
        extractor = EmotionWhisperFeatureExtractor(
            feature_size=model.model.encoder.num_mel_bins, level_normalization=recipe.model.level_normalization
        )
        objective = TrainingObjective(
            model,
            recipe.objective,
            num_corpora=len(recipe.data),
            num_speakers=max(1, int(training.speaker_index.max()) + 1),
            class_prior=mix_prior(recipe, training).tolist(),
            teachers=load_teachers(recipe.objective.teachers, model, extractor),
        )
        loop = TrainingLoop(objective, extractor, training, validation, recipe)
        if processes.is_main_process:
            save_recipe(recipe, folder / RECIPE_NAME)
        if resume:
            loop.resume()
        best = loop.run()
        final = folder / "final"
        if processes.is_main_process:
            finish(best, final, validation, recipe.calibration)
            save_recipe(recipe, final / RECIPE_NAME)
    return final


def read_clips(recipe: RunRecipe) -> tuple[ClipTable, ClipTable]:
    """The clips of a recipe's corpora to train and to validate on.

    Raises:
        RecipeError: if a corpus cannot be read, or none has labelled clips in a split.
    """
    return load_clips(recipe.data, "train"), load_clips(recipe.data, "validation")


def _check_every_corpus_counts(clips: ClipTable) -> None:
    """Refuse a corpus that would silently contribute nothing."""
    counts = np.bincount(clips.corpus_index, minlength=len(clips.corpora))
    empty = [name for name, count in zip(clips.corpora, counts, strict=True) if count == 0]
    if empty:
        raise RecipeError(
            f"no clip of {', '.join(empty)} can be trained on: the train split is missing or empty, or label_mask is "
            "all false in it. Look with `audio-emotion corpora check`, or take the corpus out of the recipe's data"
        )


def build_model(recipe: Recipe, clips: ClipTable) -> EmotionWhisperForAudioClassification:
    """The model of a recipe, with the class prior of the sampled mix in its config."""
    prior = mix_prior(recipe, clips)
    missing = [number for number, share in enumerate(prior) if share <= 0]
    settings = recipe.model
    try:
        model = EmotionWhisperForAudioClassification.from_whisper(
            settings.encoder,
            num_layers=settings.num_layers,
            layer_mix=settings.layer_mix,
            pooling=settings.pooling,
            nesting_dims=settings.nesting_dims,
            final_dropout=settings.final_dropout,
            class_prior=embodied_prior(prior, recipe.objective.logit_adjustment).tolist(),
            corpora=[corpus.name for corpus in recipe.data],
        )
    except (OSError, ValueError) as error:
        raise RecipeError(
            f"no model can be made of the model section, whose encoder is {settings.encoder}: {error} -- give the name "
            "of a Whisper on the Hub or its folder: --set model.encoder=openai/whisper-base"
        ) from error
    if missing:
        names = [EMOTIONS[number] for number in missing]
        raise RecipeError(
            f"no training clip carries {names}: add a corpus that does, or the model could never answer them"
        )
    if settings.continue_from is not None:
        _take_over(model, settings.continue_from)
    if settings.lora is not None:
        add_lora(model, settings.lora)
    return model


def _take_over(model: EmotionWhisperForAudioClassification, source: str) -> None:
    """Load the weights of a trained model into one of the same architecture, or of one with more layers to mix.

    The corpora that they were trained on are named before the model's own.
    """
    try:
        trained = EmotionWhisperForAudioClassification.from_pretrained(source, dtype=torch.float32)
        model.load_state_dict(_grown(trained.state_dict(), model))
    except (OSError, ValueError, RuntimeError) as error:
        raise RecipeError(
            f"model.continue_from: {source} does not fit the model section: {error}. "
            "Give the layer_mix, pooling and nesting_dims that it was trained with, and its num_layers "
            "(with layer_mix: or more)"
        ) from error
    model.config.corpora = list(dict.fromkeys([*trained.config.corpora, *model.config.corpora]))


def _grown(trained: dict[str, Tensor], model: EmotionWhisperForAudioClassification) -> dict[str, Tensor]:
    """Trained weights, and for layers above the trained ones the model's own, at a mean share of the layer mix.

    A model without a mix reads its last layer, so that its heads would not know a layer put on top: it gets none.
    """
    mix, depth = "model.layer_mix.layer_logits", len(model.model.encoder.layers)
    if mix not in trained or len(trained[mix]) >= depth:
        return trained
    logits = trained[mix]
    above = tuple(f"model.encoder.layers.{number}." for number in range(len(logits), depth))
    own = {name: tensor for name, tensor in model.state_dict().items() if name.startswith(above)}
    return trained | own | {mix: torch.cat([logits, logits.mean().expand(depth - len(logits))])}


def mix_prior(recipe: RunRecipe, clips: ClipTable) -> NDArray[np.float64]:
    """`(num_labels,)`: the class shares of the mix that the recipe draws."""
    return class_prior(clips, clip_probabilities(clips, recipe.data, recipe.sampling))
