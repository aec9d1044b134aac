"""Logits become scores: temperature, prior and label subset."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from audio_emotion import AudioEmotionError
from audio_emotion.pipeline.scores_audio_emotion import PRIOR_FLOOR, make_score_rule, pool_frames

LABELS = {0: "anger", 1: "joy", 2: "neutral"}
LOGITS = np.array([1.0, 0.5, -0.2])


def config(**fields: Any) -> SimpleNamespace:
    defaults = {
        "id2label": LABELS,
        "num_labels": 3,
        "problem": "distribution",
        "class_prior": [0.5, 0.3, 0.2],
        "temperature": 2.0,
    }
    return SimpleNamespace(**(defaults | fields))


def softmax(values: np.ndarray) -> np.ndarray:
    return np.exp(values) / np.exp(values).sum()


def test_train_prior_is_the_calibrated_softmax() -> None:
    np.testing.assert_allclose(make_score_rule(config()).scores(LOGITS), softmax(LOGITS / 2))


def test_uniform_prior_divides_the_training_shares_out() -> None:
    expected = softmax(LOGITS / 2) / [0.5, 0.3, 0.2]
    np.testing.assert_allclose(make_score_rule(config(), prior="uniform").scores(LOGITS), expected / expected.sum())


def test_the_training_prior_stated_changes_nothing() -> None:
    stated = make_score_rule(config(), prior={"anger": 5, "joy": 3, "neutral": 2}).scores(LOGITS)
    np.testing.assert_allclose(stated, make_score_rule(config()).scores(LOGITS))


def test_a_share_of_zero_rules_a_label_out() -> None:
    scores = make_score_rule(config(), prior={"anger": 0, "joy": 0.5, "neutral": 0.5}).scores(LOGITS)
    assert scores[0] == 0
    assert scores.sum() == pytest.approx(1)


def test_a_label_never_trained_on_is_not_blown_up() -> None:
    rule = make_score_rule(config(class_prior=[0.5, 0.5, 0.0]), prior="uniform")
    np.testing.assert_allclose(rule.offsets[2], -np.log(PRIOR_FLOOR))


@pytest.mark.parametrize("prior", ["train", "uniform", {"neutral": 1, "anger": 3, "joy": 9}])
def test_a_subset_is_renormalised_in_its_own_order(prior: Any) -> None:
    every = make_score_rule(config(), prior=prior)
    some = make_score_rule(config(), labels=["neutral", "anger"], prior=prior)
    kept = every.scores(LOGITS)[[2, 0]]
    np.testing.assert_allclose(some.scores(LOGITS), kept / kept.sum())
    assert some.labels == ("neutral", "anger")


def test_intensities_are_independent() -> None:
    rule = make_score_rule(config(problem="intensity"), labels=["joy", "anger"])
    np.testing.assert_allclose(rule.scores(np.array([0.0, 200.0, -9.0])), [1.0, 0.5])


def test_frames_are_pooled_by_their_weights() -> None:
    logits = np.array([[1.0, 0.0], [3.0, 4.0]], dtype=np.float32)
    np.testing.assert_allclose(pool_frames(logits, np.zeros(2, np.float32)), [2.0, 2.0])
    weights = np.log(np.array([1.0, 3.0], np.float32)) + 90  # log-weights are not normalised
    np.testing.assert_allclose(pool_frames(logits, weights), [2.5, 3.0], rtol=1e-5)


@pytest.mark.parametrize(
    ("labels", "match"),
    [
        (
            ["anger", "boredom"],
            r"\['boredom'\], which this model does not know. Known are \['anger', 'joy', 'neutral'\]",
        ),
        (["anger", "anger"], "names a label twice"),
        ([], "non-empty list"),
        ("anger", "non-empty list"),
        (3, "non-empty list"),
    ],
)
def test_bad_labels(labels: Any, match: str) -> None:
    with pytest.raises(AudioEmotionError, match=match):
        make_score_rule(config(), labels=labels)


@pytest.mark.parametrize(
    ("prior", "match"),
    [
        ("flat", "give 'train', 'uniform'"),
        (None, "give 'train', 'uniform'"),
        ({"anger": 1.0}, r"missing: \['joy', 'neutral'\]"),
        ({"anger": 1, "joy": 1, "neutral": 1, "boredom": 1}, r"Unknown to the model: \['boredom'\]"),
        ({"anger": -1, "joy": 1, "neutral": 1}, "shares of at least 0"),
        ({"anger": 0, "joy": 0, "neutral": 0}, "one of them above 0"),
        ({"anger": "much", "joy": 1, "neutral": 1}, "shares of at least 0"),
        ({"anger": float("nan"), "joy": 1, "neutral": 1}, "shares of at least 0"),
    ],
)
def test_bad_priors(prior: Any, match: str) -> None:
    with pytest.raises(AudioEmotionError, match=match):
        make_score_rule(config(), prior=prior)


def test_a_prior_needs_a_known_training_prior() -> None:
    with pytest.raises(AudioEmotionError, match="config has no class_prior"):
        make_score_rule(config(class_prior=None), prior="uniform")


def test_intensities_have_no_prior() -> None:
    with pytest.raises(AudioEmotionError, match="have no prior"):
        make_score_rule(config(problem="intensity"), prior="uniform")
