import numpy as np
import pytest

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics import Accuracy, MacroF1, UnweightedAverageRecall
from audio_emotion.training.metrics.classification import (
    CLASSIFICATION_STATISTICS,
    accuracy,
    confusion_matrix,
    f1_per_class,
    macro_f1,
    recall_per_class,
    unweighted_average_recall,
)


def _recall_and_f1(references: np.ndarray, predictions: np.ndarray, label: int) -> tuple[float, float]:
    """By their definitions, from precision and recall."""
    hits = np.sum((references == label) & (predictions == label))
    recall, precision = hits / np.sum(references == label), hits / max(np.sum(predictions == label), 1)
    return recall, 2 * precision * recall / (precision + recall) if hits else 0.0


@pytest.mark.parametrize("seed", range(5))
def test_the_three_numbers_equal_their_definitions(seed: int) -> None:
    generator = np.random.default_rng(seed)
    references = generator.integers(0, 5, size=200)
    predictions = np.where(generator.random(200) < 0.6, references, generator.integers(0, 5, size=200))
    confusion = confusion_matrix(references, predictions, 5)
    by_class = np.array([_recall_and_f1(references, predictions, label) for label in range(5)])
    assert accuracy(confusion) == pytest.approx(np.mean(references == predictions), abs=1e-12)
    assert unweighted_average_recall(confusion) == pytest.approx(by_class[:, 0].mean(), abs=1e-12)
    assert macro_f1(confusion) == pytest.approx(by_class[:, 1].mean(), abs=1e-12)


def test_a_class_without_reference_clips_leaves_the_means() -> None:
    confusion = confusion_matrix([0, 0, 1, 1], [0, 2, 1, 1], num_classes=3)
    assert recall_per_class(confusion).tolist() == pytest.approx([0.5, 1.0, np.nan], nan_ok=True)
    assert f1_per_class(confusion).tolist() == pytest.approx([2 / 3, 1.0, np.nan], nan_ok=True)
    assert unweighted_average_recall(confusion) == 0.75
    assert macro_f1(confusion) == pytest.approx(5 / 6)


def test_leading_dimensions_are_scored_one_by_one() -> None:
    stack = np.random.default_rng(0).integers(1, 9, size=(3, 4, 5, 5))
    for statistic in CLASSIFICATION_STATISTICS.values():
        whole = statistic(stack)
        assert whole.shape == (3, 4)
        assert whole[2, 1] == pytest.approx(float(statistic(stack[2, 1])))


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [
        ([0, 1], [0], "2 references, 1 predictions"),
        ([], [], "must be a list of class indices"),
        (np.array([], dtype=int), np.array([], dtype=int), "nothing to score"),
        ([0, 3], [0, 1], r"references\[1\] is 3"),
        ([0, 1], [0, -1], r"predictions\[1\] is -1"),
        ([0.0, float("nan")], [0, 1], "class indices, got float64"),
    ],
)
def test_what_is_no_class_is_refused(references: object, predictions: object, message: str) -> None:
    with pytest.raises(AudioEmotionError, match=message):
        confusion_matrix(references, predictions, num_classes=3)  # type: ignore[arg-type]


@pytest.mark.parametrize("metric", [Accuracy, UnweightedAverageRecall, MacroF1])
def test_names_and_indices_give_the_same_number(metric: type[Accuracy]) -> None:
    names = np.array(["anger", "fear", "neutral"])
    references, predictions = [0, 0, 1, 2, 2], [0, 1, 1, 2, 0]
    by_index = metric().compute(predictions=predictions, references=references)
    by_name = metric().compute(predictions=names[predictions].tolist(), references=names[references].tolist())
    assert by_index == by_name
    assert list(by_index) == [metric.name_in_results]


def test_batches_add_up_and_the_metric_can_be_used_again() -> None:
    metric = UnweightedAverageRecall()
    metric.add_batch(predictions=[0, 1], references=[0, 1])
    metric.add(prediction=0, reference=1)
    assert metric.compute() == {"uar": 0.75}
    assert metric.compute(predictions=[0], references=[0]) == {"uar": 1.0}


def test_a_refused_batch_leaves_the_metric_usable() -> None:
    metric = Accuracy()
    with pytest.raises(AudioEmotionError, match="2 predictions, 1 references"):
        metric.compute(predictions=[0, 1], references=[0])
    with pytest.raises(AudioEmotionError, match="references not given"):
        metric.compute(predictions=[0, 1])
    with pytest.raises(AudioEmotionError, match="don't match the expected format"):
        metric.compute(predictions=[[0, 1]], references=[0])
    assert metric.compute(predictions=[0, 1], references=[0, 0]) == {"accuracy": 0.5}


def test_given_labels_are_all_the_labels() -> None:
    with pytest.raises(AudioEmotionError, match=r"unknown label\(s\) joy: the labels are anger, happiness"):
        MacroF1().compute(predictions=["joy"], references=["anger"], labels=["anger", "happiness"])


def test_speakers_add_an_interval_around_the_number() -> None:
    generator = np.random.default_rng(1)
    references = generator.integers(0, 3, size=120)
    predictions = np.where(generator.random(120) < 0.7, references, 0)
    speakers = [f"S{i % 8}" for i in range(120)]
    result = UnweightedAverageRecall().compute(predictions=predictions, references=references, speakers=speakers)
    low, high = result["uar_interval"]
    assert low < result["uar"] < high
    assert result["bootstrap_unit"] == "speaker"
