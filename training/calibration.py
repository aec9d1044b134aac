"""The last step of a run, and a command of its own: fit the temperature on validation clips, and write the model."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from accelerate import PartialState

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError, RecipeError
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.model_folder import written_whole
from audio_emotion.training.recipe import CalibrationRecipe, CorpusRecipe
from audio_emotion.training.validation import calibration_error, check_references, clip_logits, fit_temperature

_FRAMES_PER_BATCH = 3200


def calibrate(model: str | Path, corpora: list[CorpusRecipe], out: Path, recipe: CalibrationRecipe) -> dict[str, float]:
    """Fit the temperature of a trained model anew, on the validation split of corpora, and write it to `out`.

    Args:
        model: folder or Hub id.
        corpora: prepared corpora; the model's class order must be that of the eight emotions.
        out: folder to write; it may be the model's own.
        recipe: what is fitted.

    Returns:
        What `finish` returns.

    Raises:
        RecipeError: if no corpus has a validation split, or all clips in it are ties.
        AudioEmotionError: if `model` is no emotion model of the eight emotions.
    """
    return finish(model, out, load_clips(corpora, "validation"), recipe)


def finish(
    best: str | Path, final: Path, validation: ClipTable, recipe: CalibrationRecipe | None = None
) -> dict[str, float]:
    """Calibrate a model on validation clips, and write it to `final` in half precision.

    Returns:
        `temperature`; `calibration_error`, the ECE against the most probable class over all clips that are no tie, and
        `calibration_error_before` with a temperature of 1; and the number of `clips`. They lie in `calibration.json`.
    """
    recipe = recipe or CalibrationRecipe()
    try:
        model = EmotionWhisperForAudioClassification.from_pretrained(best, dtype=torch.float32)
        extractor = EmotionWhisperFeatureExtractor.from_pretrained(best)
    except (OSError, ValueError) as error:
        raise AudioEmotionError(f"{best} cannot be loaded: {error}. Give a model folder or Hub id") from error
    labels = tuple(model.config.id2label[index] for index in range(model.config.num_labels))
    if model.config.problem != "distribution" or labels != validation.label_names:
        raise RecipeError(f"{best} answers {list(labels)} ({model.config.problem}), not {list(validation.label_names)}")
    check_references(validation)
    model.to(PartialState().device)
    logits = clip_logits(model, extractor, validation, _FRAMES_PER_BATCH)
    temperature = fit_temperature(logits, validation, recipe)
    summary = {
        "temperature": temperature,
        "calibration_error": calibration_error(logits / temperature, validation),
        "calibration_error_before": calibration_error(logits, validation),
        "clips": len(validation),
        **recipe.model_dump(),
    }
    model.config.temperature = temperature
    model.config.calibration_error = summary["calibration_error"]
    with written_whole(final) as folder:
        model.to(torch.float16).save_pretrained(folder)
        model.config.dtype = torch.float32  # half precision is for the disk: loading without a dtype should give full
        model.config.save_pretrained(folder)
        extractor.save_pretrained(folder)
        (folder / "calibration.json").write_text(json.dumps(summary, indent=2) + "\n", encoding="utf-8")
    return summary
