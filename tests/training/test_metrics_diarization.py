import numpy as np
import pytest

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.metrics import EmotionDiarizationErrorRate
from audio_emotion.training.metrics.diarization import emotion_diarization_errors

LABELS = ["neutral", "anger", "happiness", "sadness"]
FRAME = 320


def _segments_of_frames(labels: np.ndarray) -> list[tuple[int, int, str]]:
    """One segment a frame, in samples."""
    return [(i * FRAME, (i + 1) * FRAME, LABELS[label]) for i, label in enumerate(labels)]


def _published_eder(
    hypothesis: list[tuple[float, float, str]], emotion: tuple[float, float, str], duration: float
) -> float:
    """The one-segment rate as the recipe of arXiv 2306.12991 computes it: 1 - (rightly labelled time) / duration."""
    start, end, label = emotion
    reference = [(0, start, "neutral"), (start, end, label), (end, duration, "neutral")]
    right = sum(
        max(0, min(r_end, h_end) - max(r_start, h_start))
        for r_start, r_end, r_label in reference
        for h_start, h_end, h_label in hypothesis
        if r_label == h_label
    )
    return 1 - right / duration


@pytest.mark.parametrize("seed", range(20))
def test_one_segment_equals_the_published_definition(seed: int) -> None:
    generator = np.random.default_rng(seed)
    duration = int(generator.integers(30, 90)) * FRAME - int(generator.integers(0, FRAME))
    start, end = sorted(generator.choice(duration, size=2, replace=False).tolist())
    emotion = (start, end, LABELS[int(generator.integers(1, 4))])
    hypothesis = _segments_of_frames(generator.integers(0, 4, size=-(-duration // FRAME)))
    errors = emotion_diarization_errors([emotion], hypothesis, duration)
    assert errors.overlap == 0
    assert errors.eder == pytest.approx(_published_eder(hypothesis, emotion, duration), abs=1e-12)


def test_the_example_of_the_published_code_whose_last_frame_falls_short() -> None:
    hypothesis = [(0.0, 0.6, "neutral"), (0.6, 1.2, "anger")]
    reference = [(0.39, 1.10, "anger")]
    as_published = emotion_diarization_errors(reference, hypothesis, duration=1.22, uncovered="error")
    assert as_published.eder == pytest.approx(0.2704918032786885, abs=1e-12)
    as_defined = emotion_diarization_errors(reference, hypothesis, duration=1.22)
    assert as_defined.eder == pytest.approx((0.10 + 0.21) / 1.22, abs=1e-12)


@pytest.mark.parametrize("seed", range(10))
def test_many_segments_equal_a_count_of_single_samples(seed: int) -> None:
    generator = np.random.default_rng(seed)
    duration = 60
    truth, said = generator.integers(0, 4, size=(2, duration))
    errors = emotion_diarization_errors(
        [(i, i + 1, LABELS[label]) for i, label in enumerate(truth)],
        [(i, i + 1, LABELS[label]) for i, label in enumerate(said)],
        duration,
    )
    assert errors.false_alarm == np.sum((truth == 0) & (said > 0))
    assert errors.missed_emotion == np.sum((truth > 0) & (said == 0))
    assert errors.confusion == np.sum((truth > 0) & (said > 0) & (truth != said))
    assert errors.eder == np.sum(truth != said) / duration
    assert isinstance(errors.confusion, int)  # integer samples stay exact


def test_overlap_is_the_right_emotion_with_another_beside_it() -> None:
    reference = [(0, 10, "anger"), (10, 20, "sadness")]
    hypothesis = [(0, 12, "anger"), (8, 20, "sadness"), (0, 20, "neutral")]
    errors = emotion_diarization_errors(reference, hypothesis, duration=20)
    assert (errors.overlap, errors.confusion, errors.eder) == (4, 0, 0.2)


def test_every_instant_counts_once_at_most() -> None:
    reference = [(0, 4, "anger")]
    hypothesis = [(0, 8, "sadness"), (0, 8, "happiness"), (2, 6, "fear")]
    errors = emotion_diarization_errors(reference, hypothesis, duration=8)
    assert (errors.confusion, errors.false_alarm, errors.eder) == (4, 4, 1.0)


def test_the_order_and_the_splitting_of_segments_do_not_matter() -> None:
    reference = [(3, 9, "anger"), (12, 15, "fear")]
    whole = emotion_diarization_errors(reference, [(2, 10, "anger"), (10, 20, "fear")], duration=18)
    split = emotion_diarization_errors(
        reference[::-1], [(10, 14, "fear"), (14, 25, "fear"), (5, 10, "anger"), (2, 5, "anger")], duration=18
    )
    assert whole == split


def test_a_perfect_and_a_silent_answer() -> None:
    reference = [(2, 6, "anger"), (6, 7, "sadness")]
    assert emotion_diarization_errors(reference, reference, duration=10).eder == 0.0
    assert emotion_diarization_errors(reference, [], duration=10).eder == 0.5


@pytest.mark.parametrize(
    ("reference", "hypothesis", "duration", "message"),
    [
        ([(4, 2, "anger")], [], 10, r"reference segment \(4, 2, 'anger'\) must have 0 <= start < end"),
        ([], [(1, 1, "anger")], 10, "hypothesis segment"),
        ([], [(-1, 1, "anger")], 10, "hypothesis segment"),
        ([], [(float("nan"), 1, "anger")], 10, "hypothesis segment"),
        ([(0, 11, "anger")], [], 10, r"ends after the recording \(10\)"),
        ([(0, 5, "anger"), (4, 6, "fear")], [], 10, "overlap: a reference has one emotion at a time"),
        ([], [], 0, "duration must be positive"),
    ],
)
def test_bad_segments_are_refused(reference: list, hypothesis: list, duration: float, message: str) -> None:
    with pytest.raises(AudioEmotionError, match=message):
        emotion_diarization_errors(reference, hypothesis, duration)


def test_the_metric_averages_over_recordings_as_published_and_pools_their_time() -> None:
    anger = {"start": 0.0, "end": 2.0, "label": "anger"}
    result = EmotionDiarizationErrorRate().compute(
        predictions=[[anger], []], references=[[anger], [anger]], durations=[8.0, 2.0]
    )
    assert result["eder"] == pytest.approx((0.0 + 1.0) / 2)
    assert result["eder_pooled"] == pytest.approx(2 / 10)
    assert result["missed_emotion"] == pytest.approx(2 / 10)
    assert result["false_alarm"] == result["confusion"] == result["overlap"] == 0
    with pytest.raises(AudioEmotionError, match="1 durations"):
        EmotionDiarizationErrorRate().compute(predictions=[[], []], references=[[], []], durations=[1.0])
