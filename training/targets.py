"""Labels of one's own: intensities and categories of a prepared corpus, and how well a model tells them."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.data import EMOTION_LABELS, ClipTable, LabelRule, read_split
from audio_emotion.training.finetune_recipe import TargetRecipe
from audio_emotion.training.metrics.bootstrap import bootstrap_clips
from audio_emotion.training.metrics.regression import concordance, mean_over_targets, pearson, spearman
from audio_emotion.training.recipe import CorpusRecipe
from audio_emotion.training.validation import Array, Assess, Assessment, assess_emotions

DIMENSIONS = ("valence", "arousal", "dominance")
MEASURES: dict[str, Callable[[Array, Array], Array]] = {
    "spearman": spearman,
    "pearson": pearson,
    "ccc": concordance,
}
_INTENSITY_COLUMNS = ("targets", *DIMENSIONS)
_WORD_COLUMNS = ("emotion_raw", "votes")

Labels = tuple[NDArray[np.float32], NDArray[np.bool_]]


def label_rule(target: TargetRecipe, corpora: list[CorpusRecipe]) -> LabelRule:
    """How the corpora's rows become the labels that a recipe asks for.

    Raises:
        RecipeError: if no training row has one of the labels; the message lists those there are.
    """
    if target.problem == "distribution" and target.labels is None:
        return EMOTION_LABELS
    intensities = target.problem == "intensity"
    columns, read, values = (
        (_INTENSITY_COLUMNS, _read_intensities, _intensities)
        if intensities
        else (_WORD_COLUMNS, _read_words, _word_shares)
    )
    found: dict[str, None] = {}
    for corpus in corpora:
        rows = read_split(corpus, "train", columns)
        for row in rows.select_columns(list(columns)) if rows is not None else ():
            found.update(dict.fromkeys(values(row)))
    names = tuple(target.labels or [name for name in found if name not in DIMENSIONS])
    absent = [name for name in names if name not in found]
    if absent or not names:
        raise RecipeError(
            f"target.labels: no training row has {absent or 'any target'}; there are {list(found)}. "
            "Name some of these in target.labels"
        )
    return LabelRule(names, columns, partial(read, names))


def _intensities(row: dict[str, Any]) -> dict[str, float]:
    known = {dimension: row[dimension] for dimension in DIMENSIONS if row[dimension] is not None}
    return known | {target["name"]: target["intensity"] for target in row["targets"] or ()}


def _word_shares(row: dict[str, Any]) -> dict[str, float]:
    votes = {vote["label"]: float(vote["count"]) for vote in row["votes"] or () if vote["count"] > 0}
    return votes or ({row["emotion_raw"]: 1.0} if row["emotion_raw"] is not None else {})


def _read_intensities(names: tuple[str, ...], rows: Any) -> Labels:
    known = [_intensities(row) for row in rows]
    labels = np.array([[row.get(name, np.nan) for name in names] for row in known], dtype=np.float32)
    label_mask = np.isfinite(labels.reshape(len(known), len(names)))
    return np.nan_to_num(labels.reshape(label_mask.shape)), label_mask


def _read_words(names: tuple[str, ...], rows: Any) -> Labels:
    shares = np.array([[_word_shares(row).get(name, 0.0) for name in names] for row in rows], dtype=np.float32)
    shares = shares.reshape(-1, len(names))
    total = shares.sum(axis=1, keepdims=True)
    labels = np.divide(shares, total, out=np.zeros_like(shares), where=total > 0)
    return labels, np.repeat(total > 0, len(names), axis=1)


def assessment_of(target: TargetRecipe) -> Assess:
    """What validates a run: the mean correlation of intensities, or the recall of categories."""
    return assess_emotions if target.problem == "distribution" else partial(assess_intensities, target.select_by)


def assess_intensities(select_by: str, logits: Array, clips: ClipTable) -> Assessment:
    """Mean correlation of the scores with the known intensities, and each label's."""
    values = correlations(MEASURES[select_by], sigmoid(logits), clips)
    mean = mean_over_targets(values, clips.labels, clips.label_mask)
    mean = 0.0 if np.isnan(mean) else mean  # which would choose no checkpoint at all
    details = ", ".join(f"{name} {value:.3f}" for name, value in zip(clips.label_names, values, strict=True))
    named = {f"{select_by}_{name}": float(value) for name, value in zip(clips.label_names, values, strict=True)}
    return Assessment(mean, {f"validation_{select_by}": mean, **named}, f"mean {select_by} {mean:.4f} ({details})")


def sigmoid(logits: Array) -> Array:
    """Scores in 0..1 of independent logits."""
    return np.asarray(1 / (1 + np.exp(-logits)))


def correlations(
    measure: Callable[[Array, Array], Array],
    scores: Array,
    clips: ClipTable,
    chosen: NDArray[np.int64] | slice = slice(None),
) -> Array:
    """A correlation of every label over the clips that know it, `(num_labels,)`; nan where fewer than two do."""
    labels, known, scores = clips.labels[chosen].astype(np.float64), clips.label_mask[chosen], scores[chosen]
    if len(labels) > 1 and known.all():
        return measure(labels, scores)
    values = np.full(len(clips.label_names), np.nan)
    for number in range(len(values)):
        rows = known[:, number]
        if rows.sum() > 1:
            values[number] = measure(labels[rows, number : number + 1], scores[rows, number : number + 1])[0]
    return values


def measure_intensities(logits: Array, clips: ClipTable, num_resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """Spearman, Pearson and CCC of every label and their means, with 95 % intervals by resampling speakers.

    Returns:
        `{"num_clips", "unit", "spearman": {"mean": {"value", "interval"}, LABEL: ...}, "pearson": ..., "ccc": ...}`;
        `unit` is what was resampled, clips where no speaker is known.
    """
    scores = sigmoid(logits)

    def by_name(chosen: NDArray[np.int64] | slice) -> dict[str, float]:
        named = {}
        for kind, measure in MEASURES.items():
            values = correlations(measure, scores, clips, chosen)
            named[f"{kind}/mean"] = mean_over_targets(values, clips.labels[chosen], clips.label_mask[chosen])
            named |= {f"{kind}/{name}": float(value) for name, value in zip(clips.label_names, values, strict=True)}
        return named

    intervals = bootstrap_clips(by_name, clips.speakers, num_resamples, seed)
    results: dict[str, Any] = {"num_clips": len(clips), "unit": intervals.unit, **{kind: {} for kind in MEASURES}}
    for key, value in by_name(slice(None)).items():
        kind, _, name = key.partition("/")
        results[kind][name] = {"value": value, "interval": list(intervals.bounds[key])}
    return results
