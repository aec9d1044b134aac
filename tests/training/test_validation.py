"""The numbers that choose and calibrate a checkpoint, against their definitions."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score  # type: ignore[import-untyped]

from audio_emotion.dataset_scripts.schema import EMOTIONS, dominant_emotion
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.recipe import CalibrationRecipe, Recipe
from audio_emotion.training.validation import (
    assess_emotions,
    calibration_error,
    fit_temperature,
    hard_label_loss,
    masked_log_probabilities,
    recall_by_corpus,
    soft_label_loss,
    weighted_recall,
)


@pytest.fixture
def clips(recipe: Recipe) -> ClipTable:
    return load_clips(recipe.data, "validation")


def test_recall_is_the_mean_over_classes_of_each_corpus(clips: ClipTable) -> None:
    logits = np.random.default_rng(0).standard_normal(clips.labels.shape)
    recalls = recall_by_corpus(logits, clips)
    predicted = masked_log_probabilities(logits, clips.label_mask).argmax(axis=1)
    for number, name in enumerate(clips.corpora):
        members = clips.corpus_index == number
        assert recalls[name] == pytest.approx(balanced_accuracy_score(clips.emotion[members], predicted[members]))


def test_masked_classes_have_no_probability(clips: ClipTable) -> None:
    logits = np.full(clips.labels.shape, 1e4)
    probabilities = np.exp(masked_log_probabilities(logits, clips.label_mask))
    assert np.allclose(probabilities.sum(axis=1), 1)
    assert not probabilities[~clips.label_mask].any()


def test_a_larger_corpus_weighs_by_the_root_of_its_size(clips: ClipTable) -> None:
    sizes = [np.sum(clips.corpus_index == number) for number in range(2)]
    expected = sizes[1] ** 0.5 / (sizes[0] ** 0.5 + sizes[1] ** 0.5)
    assert weighted_recall({"alpha": 0.0, "beta": 1.0}, clips) == pytest.approx(expected)


@pytest.mark.parametrize("weighting", ["clips", "corpora", "median"])
@pytest.mark.parametrize("sharpness", [0.5, 1.0, 3.0])
def test_the_temperature_undoes_a_scaling_of_the_logits(clips: ClipTable, sharpness: float, weighting: str) -> None:
    logits = np.log(np.where(clips.label_mask, clips.labels, 1.0)) * sharpness
    soft = CalibrationRecipe(target="soft", weighting=weighting)
    assert fit_temperature(logits, clips, soft) == pytest.approx(sharpness, rel=0.01)
    entropy = -np.sum(clips.labels * np.log(np.where(clips.label_mask, clips.labels, 1.0)), axis=1)
    by_corpus = [entropy[clips.corpus_index == number].mean() for number in range(2)]
    assert soft_label_loss(logits, clips, sharpness) == pytest.approx(np.mean(by_corpus), rel=1e-4)


def with_ties(clips: ClipTable, members: np.ndarray) -> ClipTable:
    """Half of these clips' votes for anger, half for neutral."""
    tie = np.array([0.5 * (emotion in ("anger", "neutral")) for emotion in EMOTIONS], dtype=np.float32)
    return replace(clips, labels=np.where(members[:, None], tie, clips.labels))


def test_ties_are_no_references(clips: ClipTable) -> None:
    """As in the corpora's own `emotion`, which is null there."""
    logits = 3 * np.random.default_rng(0).standard_normal(clips.labels.shape)
    tied = np.arange(len(clips)) % 3 == 0
    clips = with_ties(clips, tied)
    assert [dominant_emotion(label) is None for label in clips.labels] == tied.tolist() == (~clips.has_emotion).tolist()
    rest, others = clips.select(~tied), logits[~tied]
    recalls = recall_by_corpus(logits, clips)
    assert recalls == recall_by_corpus(others, rest)
    assert weighted_recall(recalls, clips) == weighted_recall(recalls, rest)
    assert calibration_error(logits, clips) == calibration_error(others, rest)
    assert hard_label_loss(logits, clips) == hard_label_loss(others, rest)
    assert fit_temperature(logits, clips) == fit_temperature(others, rest)


def test_a_corpus_of_ties_alone_has_no_recall(clips: ClipTable) -> None:
    logits = np.random.default_rng(0).standard_normal(clips.labels.shape)
    beta = clips.corpus_index == 1
    tied = with_ties(clips, beta)
    assessed, alone = assess_emotions(logits, tied), assess_emotions(logits[~beta], clips.select(~beta))
    assert assessed.score == alone.score == assessed.values["uar_alpha"]
    assert "uar_beta" not in assessed.values
    assert np.isfinite(list(assessed.values.values())).all()
    for weighting in ("clips", "corpora", "median"):
        rule = CalibrationRecipe(weighting=weighting)
        assert fit_temperature(logits, tied, rule) == fit_temperature(logits[~beta], clips.select(~beta), rule)
