"""Classifiers taught within a corpus are judged on speakers that they never heard, the penalty's choice included."""

import json
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.training.evaluation import HeardCorpus
from benchmarks.within_corpus import taught_by_others

CLASSES = (0, 1, 5, 7)
NUM_SPEAKERS, CLIPS_EACH = 12, 24


def corpus_of(emotions: np.ndarray, speakers: np.ndarray) -> HeardCorpus:
    """A corpus without sound or scores."""
    return HeardCorpus(
        name="made",
        classes=("happiness", "sadness", "anger", "neutral"),
        emotions=emotions,
        distributions=np.eye(8)[emotions],
        speakers=tuple(f"speaker {number}" for number in speakers),
        languages=("de",) * len(emotions),
        logits=np.zeros((len(emotions), 8)),
    )


def accuracy(features: np.ndarray, emotions: np.ndarray, speakers: np.ndarray) -> float:
    scores = taught_by_others(features, corpus_of(emotions, speakers))
    assert set(scores.argmax(axis=1)) <= set(CLASSES)
    return float(np.mean(scores.argmax(axis=1) == emotions))


def test_what_holds_across_speakers_is_learned() -> None:
    rng = np.random.default_rng(0)
    speakers = np.repeat(np.arange(NUM_SPEAKERS), CLIPS_EACH)
    emotions = rng.choice(CLASSES, len(speakers))
    features = np.eye(8)[emotions] + 0.3 * rng.standard_normal((len(speakers), 8))
    assert accuracy(features, emotions, speakers) > 0.9


def test_what_gives_the_speaker_away_is_of_no_use() -> None:
    rng = np.random.default_rng(1)
    speakers = np.repeat(np.arange(NUM_SPEAKERS), CLIPS_EACH)
    favourite = np.repeat(rng.permutation(np.tile(CLASSES, NUM_SPEAKERS // len(CLASSES))), CLIPS_EACH)
    emotions = np.where(rng.random(len(speakers)) < 0.7, favourite, rng.choice(CLASSES, len(speakers)))
    voices = np.eye(NUM_SPEAKERS)[speakers]  # tells whose clip it is and so, of a speaker once heard, its likely class
    assert accuracy(voices, emotions, speakers) < 0.4


@pytest.mark.parametrize("corpus", ["emodb", "urdu"])
def test_the_file_holds_the_shipped_recall(corpus: str) -> None:
    results = Path(__file__).parents[1] / "results"
    found = json.loads((results / "within_corpus.json").read_text(encoding="utf-8"))["uar"][corpus]
    shipped = json.loads((results / "zero_shot.json").read_text(encoding="utf-8"))["corpora"][corpus]["class_sets"]
    for classes, uar in found["zero_shot"].items():
        assert uar == pytest.approx(shipped[classes]["priors"]["train"]["uar"], abs=1e-5)
