import numpy as np
import pytest
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics import ExpectedCalibrationError, JensenShannon, KullbackLeibler
from audio_emotion.training.metrics.distribution import (
    calibration_bins,
    expected_calibration_error,
    jensen_shannon,
    kullback_leibler,
)


def _rows(seed: int, num_clips: int = 50, num_classes: int = 6) -> np.ndarray:
    return np.random.default_rng(seed).dirichlet(np.ones(num_classes) / 2, size=num_clips)


def test_divergences_equal_scipy() -> None:
    references, predictions = _rows(0), _rows(1)
    assert kullback_leibler(references, predictions) == pytest.approx(
        entropy(references, predictions, base=2, axis=1), abs=1e-9
    )
    assert jensen_shannon(references, predictions) == pytest.approx(
        jensenshannon(references, predictions, base=2, axis=1) ** 2, abs=1e-9
    )


def test_divergences_of_certain_labels_need_no_logarithm_of_zero() -> None:
    hard, even = [[1.0, 0.0, 0.0]], [[1 / 3, 1 / 3, 1 / 3]]
    with np.errstate(all="raise"):
        assert kullback_leibler(hard, even) == pytest.approx([np.log2(3)])
        assert kullback_leibler(hard, hard) == jensen_shannon(hard, hard) == [0.0]
    assert kullback_leibler(even, hard) == [np.inf]
    assert jensen_shannon([[1.0, 0.0]], [[0.0, 1.0]]) == [1.0]


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [
        ([[0.5, 0.5]], [[0.5, 0.5], [1.0, 0.0]], "1 references, 2 predictions"),
        ([[0.5, 0.5]], [[0.5, 0.25, 0.25]], "2 classes and predictions 3"),
        ([[0.5, 0.4]], [[0.5, 0.5]], r"references\[0\] sums to 0.9"),
        ([[0.5, 0.5]], [[1.5, -0.5]], r"predictions\[0, 1\] is -0.5"),
        ([[0.5, 0.5]], [[np.nan, 0.5]], r"predictions\[0, 0\] is nan"),
        ([[0.5, 0.5], [1.0]], [[0.5, 0.5]], "rows of one length"),
        ([0.5, 0.5], [[0.5, 0.5]], "must have 2 dimension"),
    ],
)
def test_what_is_no_distribution_is_refused(references: list, predictions: list, message: str) -> None:
    with pytest.raises(AudioEmotionError, match=message):
        jensen_shannon(references, predictions)


def test_calibration_error_of_a_known_case() -> None:
    # Bin 14 holds 0.95 and 0.99 (one of two right), bin 8 holds 0.6 (right), by hand: (2 * 0.47 + 0.4) / 3.
    confidence, right = [0.95, 0.99, 0.6], [1, 0, 1]
    assert expected_calibration_error(confidence, right) == pytest.approx((2 * abs(0.97 - 0.5) + 0.4) / 3)
    bins = calibration_bins(confidence, right)
    assert bins.counts[[8, 14]].tolist() == [1, 2]
    assert bins.counts.sum() == 3
    assert np.isnan(bins.confidence[0])


def test_bins_hold_their_upper_edge_and_the_first_also_zero() -> None:
    assert calibration_bins([0.0, 0.5, 0.51, 1.0], [0, 0, 0, 0], num_bins=2).counts.tolist() == [2, 2]


def test_a_model_that_draws_from_its_own_scores_is_calibrated() -> None:
    generator = np.random.default_rng(0)
    confidence = generator.uniform(0.3, 1.0, size=20000)
    honest = generator.random(20000) < confidence
    assert expected_calibration_error(confidence, honest) < 0.02
    assert expected_calibration_error(np.sqrt(confidence), honest) > 0.1


def test_soft_correctness_is_allowed_and_other_values_are_not() -> None:
    assert expected_calibration_error([0.7, 0.7], [0.7, 0.7]) == pytest.approx(0.0)
    with pytest.raises(AudioEmotionError, match=r"correctness\[1\] is 2.0, outside 0..1"):
        calibration_bins([0.5, 0.5], [1, 2])


def test_metric_classes_give_the_means_of_the_functions() -> None:
    references, predictions = _rows(0), _rows(1)
    assert JensenShannon().compute(predictions=predictions, references=references) == {
        "jensen_shannon": pytest.approx(jensen_shannon(references, predictions).mean())
    }
    assert KullbackLeibler().compute(predictions=predictions, references=references) == {
        "kullback_leibler": pytest.approx(kullback_leibler(references, predictions).mean())
    }
    labels = references.argmax(axis=1)
    right = predictions.argmax(axis=1) == labels
    assert ExpectedCalibrationError().compute(predictions=predictions, references=labels) == {
        "ece": pytest.approx(expected_calibration_error(predictions.max(axis=1), right))
    }
    with pytest.raises(AudioEmotionError, match=r"references\[0\] is 9"):
        ExpectedCalibrationError().compute(predictions=[[0.5, 0.5]], references=[9])
