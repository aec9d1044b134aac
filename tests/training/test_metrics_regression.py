import numpy as np
import pytest
from scipy import stats

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics import ConcordanceCorrelation, Pearson, Spearman
from audio_emotion.training.metrics.regression import concordance, mean_over_targets, pearson, spearman


def _targets(seed: int, num_clips: int = 120) -> tuple[np.ndarray, np.ndarray]:
    """Three targets with ties, noise and a shift."""
    generator = np.random.default_rng(seed)
    references = np.round(generator.random((num_clips, 3)), 1)
    return references, 0.5 * references + 0.3 * generator.random((num_clips, 3)) + 0.2


@pytest.mark.parametrize("seed", range(3))
def test_correlations_equal_scipy(seed: int) -> None:
    references, predictions = _targets(seed)
    for i in range(3):
        x, y = references[:, i], predictions[:, i]
        assert spearman(references, predictions)[i] == pytest.approx(stats.spearmanr(x, y).statistic, abs=1e-9)
        assert pearson(references, predictions)[i] == pytest.approx(stats.pearsonr(x, y).statistic, abs=1e-9)
        r = stats.pearsonr(x, y).statistic
        ccc = 2 * r * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2)
        assert concordance(references, predictions)[i] == pytest.approx(ccc, abs=1e-9)


def test_ccc_is_one_only_where_the_values_agree() -> None:
    references, _ = _targets(0)
    assert concordance(references, references) == pytest.approx(1.0, abs=1e-12)
    assert pearson(references, references + 1) == pytest.approx(1.0, abs=1e-12)
    assert (concordance(references, references + 1) < 0.3).all()


def test_constants_are_undefined_and_a_collapsed_prediction_cannot_raise_the_mean() -> None:
    references, predictions = _targets(0)
    references[:, 0] = 0.3  # nothing to recover: leaves the mean
    predictions[:, 1] = 0.1  # collapsed: counts as 0
    for measure in (spearman, pearson):
        values = measure(references, predictions)
        assert np.isnan(values[:2]).all()
        assert mean_over_targets(values, references) == pytest.approx(values[2] / 2)
    values = concordance(references, predictions)
    assert np.isnan(values[0])
    assert values[1] == pytest.approx(0.0, abs=1e-12)
    assert np.isnan(mean_over_targets(spearman(references[:, :1], predictions[:, :1]), references[:, :1]))


def test_a_target_varies_where_it_is_known() -> None:
    references, known = np.array([[0.1, 0.2], [0.9, 0.8]]), np.array([[True, True], [False, True]])
    assert mean_over_targets(np.array([np.nan, 0.5]), references, known) == 0.5


@pytest.mark.parametrize(
    ("references", "predictions", "message"),
    [
        ([[0.1], [0.2]], [[0.1]], "2 references, 1 predictions"),
        ([[0.1], [0.2]], [[0.1, 0.2], [0.3, 0.4]], r"1 target\(s\) and predictions 2"),
        ([[0.1], [np.nan]], [[0.1], [0.2]], r"references\[1, 0\] is nan"),
        ([[0.1]], [[0.1]], "at least two clips"),
    ],
)
def test_what_cannot_be_correlated_is_refused(references: list, predictions: list, message: str) -> None:
    for measure in (spearman, pearson, concordance):
        with pytest.raises(AudioEmotionError, match=message):
            measure(references, predictions)


@pytest.mark.parametrize(
    ("metric", "measure"), [(Spearman, spearman), (Pearson, pearson), (ConcordanceCorrelation, concordance)]
)
def test_metric_classes_name_their_targets(metric: type[Spearman], measure: object) -> None:
    references, predictions = _targets(2)
    names = ["Anger", "Boredom", "Calmness"]
    result = metric().compute(predictions=predictions, references=references, target_names=names)
    values = measure(references, predictions)  # type: ignore[operator]
    key = metric.name_in_results
    assert result == {key: pytest.approx(values.mean())} | {
        f"{key}_{name}": pytest.approx(value) for name, value in zip(names, values, strict=True)
    }
    with pytest.raises(AudioEmotionError, match=r"1 target_names for 3 target\(s\)"):
        metric().compute(predictions=predictions, references=references, target_names=["Anger"])


def test_plain_numbers_are_one_target_and_speakers_add_intervals() -> None:
    references, predictions = (column[:, 0] for column in _targets(2))
    speakers = [f"S{i % 10}" for i in range(len(references))]
    result = Spearman().compute(
        predictions=predictions, references=references, speakers=speakers, num_resamples=200, target_names=["valence"]
    )
    low, high = result["spearman_interval"]
    assert low < result["spearman"] == result["spearman_valence"] < high
    assert result["bootstrap_unit"] == "speaker"


def _scipy_ccc(x: np.ndarray, y: np.ndarray) -> float:
    r = stats.pearsonr(x, y).statistic
    return float(2 * r * x.std() * y.std() / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))


@pytest.mark.parametrize(
    ("metric", "of_scipy"),
    [
        (Spearman, lambda x, y: stats.spearmanr(x, y).statistic),
        (Pearson, lambda x, y: stats.pearsonr(x, y).statistic),
        (ConcordanceCorrelation, _scipy_ccc),
    ],
)
def test_intervals_equal_those_of_scipys_bootstrap_over_speakers(metric: type, of_scipy: object) -> None:
    references, predictions = _targets(4)
    speakers = np.arange(len(references)) % 12
    result = metric().compute(
        predictions=predictions, references=references, speakers=speakers.astype(str).tolist(), num_resamples=60, seed=3
    )
    clips_of = {
        number: np.flatnonzero(speakers == int(name)) for number, name in enumerate(sorted(map(str, range(12))))
    }

    def of_each(drawn: np.ndarray) -> np.ndarray:
        clips = np.concatenate([clips_of[number] for number in drawn])
        values = [of_scipy(references[clips, i], predictions[clips, i]) for i in range(3)]  # type: ignore[operator]
        return np.array([np.mean(values), *values])

    key = metric.name_in_results
    for place, name in enumerate((key, *(f"{key}_{i}" for i in range(3)))):
        expected = stats.bootstrap(
            (np.arange(12),),
            lambda drawn, place=place: of_each(drawn)[place],
            n_resamples=60,
            batch=1,
            vectorized=False,
            method="percentile",
            rng=np.random.default_rng(3),
        ).confidence_interval
        assert result[f"{name}_interval"] == pytest.approx([expected.low, expected.high], abs=1e-9)
        assert result[name] == pytest.approx(of_each(np.arange(12))[place], abs=1e-9)
