import time

import numpy as np
import pytest

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics.bootstrap import (
    bootstrap_clips,
    bootstrap_confusion,
    confusion_by_speaker,
    speaker_indices,
)
from audio_emotion.training.metrics.classification import (
    CLASSIFICATION_STATISTICS,
    confusion_matrix,
    unweighted_average_recall,
)


def _clips(num_speakers: int, num_clips: int = 400) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Clips whose speakers differ in how well they are recognised."""
    generator = np.random.default_rng(3)
    numbers = generator.integers(0, num_speakers, size=num_clips)
    skill = np.linspace(0.2, 0.95, num_speakers)[numbers]
    references = generator.integers(0, 4, size=num_clips)
    predictions = np.where(generator.random(num_clips) < skill, references, generator.integers(0, 4, size=num_clips))
    return references, predictions, [f"S{number}" for number in numbers]


def test_the_speakers_matrices_add_up_to_the_confusion_matrix() -> None:
    references, predictions, speakers = _clips(10)
    by_speaker = confusion_by_speaker(references, predictions, speakers, 4)
    assert by_speaker.shape == (10, 4, 4)
    assert np.array_equal(by_speaker.sum(axis=0), confusion_matrix(references, predictions, 4))
    chosen = np.array([speaker == "S3" for speaker in speakers])
    assert np.array_equal(by_speaker[3], confusion_matrix(references[chosen], predictions[chosen], 4))


def test_the_matrix_bootstrap_agrees_with_drawing_clips_speaker_by_speaker() -> None:
    references, predictions, speakers = _clips(10)
    by_speaker = confusion_by_speaker(references, predictions, speakers, 4)
    quick = bootstrap_confusion(by_speaker, {"uar": unweighted_average_recall}, num_resamples=4000)

    def uar(clips: np.ndarray) -> dict[str, float]:
        return {"uar": float(unweighted_average_recall(confusion_matrix(references[clips], predictions[clips], 4)))}

    plain = bootstrap_clips(uar, speakers, num_resamples=2000)
    assert quick.bounds["uar"] == pytest.approx(plain.bounds["uar"], abs=0.02)
    assert (quick.unit, quick.num_units) == (plain.unit, plain.num_units) == ("speaker", 10)


def test_speakers_who_differ_widen_the_interval_beyond_that_of_clips() -> None:
    references, predictions, speakers = _clips(10)
    by_speaker = confusion_by_speaker(references, predictions, speakers, 4)
    pooled = by_speaker.sum(axis=0, keepdims=True)
    widths = []
    for confusions in (by_speaker, pooled):
        low, high = bootstrap_confusion(confusions, {"uar": unweighted_average_recall}).bounds["uar"]
        widths.append(high - low)
    assert widths[0] > 1.5 * widths[1]


def test_one_speaker_says_that_clips_were_drawn() -> None:
    references, predictions, _ = _clips(10, num_clips=60)
    by_speaker = confusion_by_speaker(references, predictions, ["only"] * 60, 4)
    result = bootstrap_confusion(by_speaker, CLASSIFICATION_STATISTICS)
    assert (result.unit, result.num_units) == ("clip", 60)
    for name, (low, high) in result.bounds.items():
        assert low < CLASSIFICATION_STATISTICS[name](by_speaker.sum(axis=0)) < high
    plain = bootstrap_clips(lambda clips: {"mean": float(references[clips].mean())}, ["only"] * 60)
    assert (plain.unit, plain.num_units) == ("clip", 60)


def test_the_seed_decides_the_draws() -> None:
    by_speaker = confusion_by_speaker(*_clips(6), 4)
    runs = [bootstrap_confusion(by_speaker, CLASSIFICATION_STATISTICS, seed=seed).bounds for seed in (0, 0, 1)]
    assert runs[0] == runs[1] != runs[2]


def test_a_class_that_a_resample_misses_does_not_break_it() -> None:
    by_speaker = confusion_by_speaker([0, 0, 1, 1, 2], [0, 0, 1, 0, 2], ["a", "a", "b", "b", "c"], 3)
    low, high = bootstrap_confusion(by_speaker, {"uar": unweighted_average_recall}).bounds["uar"]
    assert 0 <= low <= high <= 1


def test_two_thousand_resamples_are_quick() -> None:
    by_speaker = confusion_by_speaker(*_clips(200, num_clips=20000), 4)
    begun = time.perf_counter()
    bootstrap_confusion(by_speaker, CLASSIFICATION_STATISTICS, num_resamples=2000)
    assert time.perf_counter() - begun < 1.0


def test_unknown_speakers_count_as_one() -> None:
    assert speaker_indices(["b", None, "a", None]).tolist() == [2, 0, 1, 0]


def test_bad_settings_are_refused() -> None:
    by_speaker = confusion_by_speaker([0, 1], [0, 1], ["a", "b"], 2)
    with pytest.raises(AudioEmotionError, match="level must lie between 0 and 1"):
        bootstrap_confusion(by_speaker, CLASSIFICATION_STATISTICS, level=95)
    with pytest.raises(AudioEmotionError, match="num_resamples must be at least 1"):
        bootstrap_clips(lambda clips: {"n": 1.0}, ["a"], num_resamples=0)
    with pytest.raises(AudioEmotionError, match="hold no clip"):
        bootstrap_confusion(np.zeros_like(by_speaker), CLASSIFICATION_STATISTICS)
    with pytest.raises(AudioEmotionError, match="2 references, 2 predictions, 1 speakers"):
        confusion_by_speaker([0, 1], [0, 1], ["a"], 2)
