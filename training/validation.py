"""Scores of whole clips while training: what chooses a checkpoint, and the temperature that calibrates it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.data import ClipTable
from audio_emotion.training.metrics.classification import confusion_matrix, unweighted_average_recall
from audio_emotion.training.metrics.distribution import expected_calibration_error
from audio_emotion.training.recipe import CalibrationRecipe

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Assessment:
    """What validation says of a model.

    Attributes:
        score: what chooses among checkpoints; higher is better.
        values: numbers for the log, by name.
        text: the same for people.
    """

    score: float
    values: dict[str, float]
    text: str


Assess = Callable[[Array, ClipTable], Assessment]
"""From pooled logits `(num_clips, num_labels)` of validation clips to an `Assessment`."""


def assess_emotions(logits: Array, clips: ClipTable) -> Assessment:
    """Unweighted average recall and soft-label loss over the corpora."""
    recalls = recall_by_corpus(logits, clips)
    score, loss = weighted_recall(recalls, clips), soft_label_loss(logits, clips)
    values = {"validation_loss": loss, "validation_uar": score, **{f"uar_{name}": uar for name, uar in recalls.items()}}
    details = ", ".join(f"{name} {value:.3f}" for name, value in recalls.items())
    return Assessment(score, values, f"validation loss {loss:.4f}, UAR {score:.4f} ({details})")


def clip_logits(
    model: EmotionWhisperForAudioClassification,
    extractor: EmotionWhisperFeatureExtractor,
    clips: ClipTable,
    frames_per_batch: int,
) -> Array:
    """Pooled logits of every clip, `(num_clips, num_labels)`, scored in batches of similar length, as they are."""
    return clip_outputs(model, extractor, clips, np.arange(len(clips)), "logits", frames_per_batch)


@torch.inference_mode()
def clip_outputs(
    model: EmotionWhisperForAudioClassification,
    extractor: EmotionWhisperFeatureExtractor,
    clips: ClipTable,
    chosen: NDArray[np.int64],
    name: str,
    frames_per_batch: int,
) -> Array:
    """One of the model's outputs that has a row for each clip, `(num_chosen, ...)`, for the clips `chosen`."""
    was_training = model.training
    model.train(False)
    rows: dict[int, Array] = {}
    for numbers in _by_length(clips.duration_s[chosen], frames_per_batch):
        waveforms = [clips.waveform(int(chosen[number]))[: model.config.window_samples] for number in numbers]
        encoded = extractor(waveforms, sampling_rate=model.config.sampling_rate, return_tensors="pt")
        outputs = model(**encoded.to(model.device))
        rows |= zip(numbers, outputs[name].cpu().double().numpy(), strict=True)
    model.train(was_training)
    return np.stack([rows[number] for number in range(len(chosen))])


def _by_length(duration_s: NDArray[np.float64], frames_per_batch: int) -> Iterator[list[int]]:
    batch: list[int] = []
    for index in np.argsort(duration_s, kind="stable"):
        if batch and (len(batch) + 1) * int(duration_s[index] * 50 + 1) > frames_per_batch:
            yield batch
            batch = []
        batch.append(int(index))
    if batch:
        yield batch


def masked_log_probabilities(logits: Array, label_mask: NDArray[np.bool_]) -> Array:
    """Log-softmax over each clip's own classes; the others are minus infinity. Shapes `(num_clips, num_labels)`."""
    allowed = np.where(label_mask, logits, -np.inf)
    highest = allowed.max(axis=1, keepdims=True)
    normalizer = highest + np.log(np.exp(allowed - highest).sum(axis=1, keepdims=True))
    return np.asarray(allowed - normalizer)


def check_references(clips: ClipTable) -> None:
    """Refuse validation clips that nothing can be right or wrong about.

    Raises:
        RecipeError: if each of them is a tie.
    """
    if not clips.has_emotion.any():
        raise RecipeError(
            f"no validation clip of {', '.join(clips.corpora)} has one most probable class: ties choose no checkpoint "
            "and no temperature. Put other clips into the validation split, or add a corpus that has some there"
        )


def recall_by_corpus(logits: Array, clips: ClipTable) -> dict[str, float]:
    """Unweighted average recall of every corpus, over the classes its clips carry; ties are left out.

    A corpus of ties alone has none.
    """
    predicted = masked_log_probabilities(logits, clips.label_mask).argmax(axis=1)
    scores = {}
    for number, name in enumerate(clips.corpora):
        members = (clips.corpus_index == number) & clips.has_emotion
        if members.any():
            confusion = confusion_matrix(clips.emotion[members], predicted[members], logits.shape[1])
            scores[name] = float(unweighted_average_recall(confusion))
    return scores


def weighted_recall(recalls: dict[str, float], clips: ClipTable) -> float:
    """One number from `recall_by_corpus`: a corpus of `n` such clips weighs `sqrt(n)`, as a handful says little."""
    numbers = clips.corpus_index[clips.has_emotion]
    weights = [np.sqrt(np.sum(numbers == clips.corpora.index(name))) for name in recalls]
    return float(np.average(list(recalls.values()), weights=weights))


def soft_label_loss(logits: Array, clips: ClipTable, temperature: float = 1.0, per_corpus: bool = True) -> float:
    """Mean cross-entropy to the soft labels, every corpus or every clip weighing the same."""
    log_probabilities = masked_log_probabilities(logits / temperature, clips.label_mask)
    losses = -np.where(clips.label_mask, clips.labels * np.where(clips.label_mask, log_probabilities, 0.0), 0.0).sum(1)
    return _mean_loss(losses, clips, per_corpus)


def hard_label_loss(logits: Array, clips: ClipTable, temperature: float = 1.0, per_corpus: bool = True) -> float:
    """Mean negative log-likelihood of each clip's most probable class, every corpus or every clip weighing the same.

    Ties are left out.
    """
    logits, clips = logits[clips.has_emotion], clips.select(clips.has_emotion)
    log_probabilities = masked_log_probabilities(logits / temperature, clips.label_mask)
    return _mean_loss(-log_probabilities[np.arange(len(clips)), clips.emotion], clips, per_corpus)


def _mean_loss(losses: Array, clips: ClipTable, per_corpus: bool) -> float:
    if not per_corpus:
        return float(losses.mean())
    return float(np.mean([losses[clips.corpus_index == number].mean() for number in np.unique(clips.corpus_index)]))


def calibration_error(logits: Array, clips: ClipTable) -> float:
    """ECE against the most probable class, over all clips that are no tie."""
    logits, clips = logits[clips.has_emotion], clips.select(clips.has_emotion)
    probabilities = np.exp(masked_log_probabilities(logits, clips.label_mask))
    return float(expected_calibration_error(probabilities.max(axis=1), probabilities.argmax(axis=1) == clips.emotion))


def fit_temperature(logits: Array, clips: ClipTable, recipe: CalibrationRecipe | None = None) -> float:
    """The temperature of the lowest loss, searched between 0.2 and 5 (arXiv 1706.04599).

    Args:
        logits: `(num_clips, num_labels)`.
        clips: their labels.
        recipe: which loss, and what weighs alike; None takes the defaults.
    """
    recipe = recipe or CalibrationRecipe()
    if recipe.weighting == "median":
        whole = recipe.model_copy(update={"weighting": "clips"})
        usable = clips.has_emotion if recipe.target == "hard" else np.ones(len(clips), dtype=bool)
        corpora = [clips.corpus_index == number for number in np.unique(clips.corpus_index[usable])]
        wanted = [fit_temperature(logits[members], clips.select(members), whole) for members in corpora]
        return float(np.exp(np.median(np.log(wanted))))
    loss = {"soft": soft_label_loss, "hard": hard_label_loss}[recipe.target]
    per_corpus = recipe.weighting == "corpora"
    best = minimize_scalar(
        lambda log_t: loss(logits, clips, float(np.exp(log_t)), per_corpus), bounds=np.log([0.2, 5.0]), method="bounded"
    )
    return float(np.exp(best.x))
