import pytest
from hypothesis import given
from hypothesis import strategies as st

from audio_emotion.dataset_scripts.schema import EMOTIONS, dominant_emotion
from audio_emotion.dataset_scripts.soft_labels import (
    NO_CATEGORIES,
    from_intensities,
    from_recognition_rate,
    from_votes,
    graded,
    mask_of,
    smoothed,
)
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

MASKS = st.sets(st.sampled_from(EMOTIONS), min_size=1)
SHARES = st.floats(0, 1)


def share(label, emotion):
    return label.distribution[EMOTIONS.index(emotion)]


def assert_distribution(label, label_mask):
    assert sum(label.distribution) == pytest.approx(1)
    assert all(0 <= value <= 1 for value in label.distribution)
    assert all(inside or value == 0 for value, inside in zip(label.distribution, label_mask, strict=True))


@given(MASKS, st.data())
def test_hard_graded_and_recognised_labels_are_distributions_over_the_mask(emotions, data):
    emotion, label_mask = data.draw(st.sampled_from(sorted(emotions))), mask_of(emotions)
    hard = smoothed(emotion, label_mask)
    assert_distribution(hard, label_mask)
    assert dominant_emotion(hard.distribution) == emotion
    assert_distribution(graded(emotion, data.draw(SHARES), label_mask), label_mask)
    assert_distribution(from_recognition_rate(emotion, data.draw(SHARES), label_mask), label_mask)


def test_smoothing_is_that_of_emo_superb():
    label = smoothed("anger", mask_of(["anger", "happiness", "sadness", "neutral"]))
    assert share(label, "anger") == pytest.approx(0.95)
    assert share(label, "neutral") == pytest.approx(0.05 / 3)
    assert share(label, "fear") == 0


def test_mass_moves_to_neutral_as_intensity_falls():
    label_mask = mask_of(["anger", "sadness", "neutral"])
    labels = [graded("anger", intensity, label_mask) for intensity in (1.0, 0.7, 0.4, 0.0)]
    assert [share(label, "anger") for label in labels] == sorted((share(x, "anger") for x in labels), reverse=True)
    assert share(labels[0], "anger") == pytest.approx(0.95)
    assert share(labels[-1], "neutral") == pytest.approx(0.95)
    assert len({round(share(label, "sadness"), 9) for label in labels}) == 1
    assert (labels[1].source, labels[1].intensity) == ("intensity", 0.7)
    assert share(graded("neutral", 0.5, label_mask), "neutral") == pytest.approx(0.95)


def test_without_a_neutral_class_intensity_is_kept_and_moves_nothing():
    label = graded("anger", 0.3, mask_of(["anger", "sadness"]))
    assert (share(label, "anger"), label.source, label.intensity) == (pytest.approx(0.95), "smoothed", 0.3)


def test_recognition_rate():
    label = from_recognition_rate("anger", 0.8, mask_of(["anger", "sadness", "neutral"]))
    assert label.source == "recognition_rate"
    assert share(label, "anger") == pytest.approx(0.8)
    assert share(label, "sadness") == share(label, "neutral") == pytest.approx(0.1)


def test_votes_with_unmapped_words():
    label = from_votes({"ang": 3, "annoyed": 2, "neu": 5}, {"ang": "anger", "neu": "neutral"})
    assert (share(label, "anger"), share(label, "other"), share(label, "neutral")) == (0.3, 0.2, 0.5)
    assert label.unmapped == {"annoyed": 2}
    assert label.votes == {"ang": 3, "annoyed": 2, "neu": 5}


@pytest.mark.parametrize("votes", [{}, {"ang": 0}, {"ang": 2, "neu": -1}])
def test_impossible_votes(votes):
    with pytest.raises(CorpusError, match="votes"):
        from_votes(votes, {"ang": "anger", "neu": "neutral"})


@given(st.dictionaries(st.sampled_from(EMOTIONS), SHARES))
def test_intensities_are_distributions(intensities):
    assert sum(from_intensities(intensities).distribution) == pytest.approx(1)


def test_intensities_leave_the_rest_to_neutral():
    label = from_intensities({"anger": 0.25, "sadness": 0.25})
    assert (share(label, "anger"), share(label, "neutral"), label.intensity) == (0.25, 0.5, 0.25)
    assert share(from_intensities({"anger": 1.0, "sadness": 1.0}), "anger") == 0.5


def test_impossible_numbers_and_names():
    label_mask = mask_of(["anger", "neutral"])
    for call in (
        lambda: graded("anger", 1.5, label_mask),
        lambda: from_recognition_rate("anger", -0.1, label_mask),
        lambda: from_intensities({"anger": 3.0}),
        lambda: smoothed("fear", label_mask),
        lambda: mask_of(["joy"]),
    ):
        with pytest.raises(CorpusError):
            call()


def test_no_categories():
    assert (sum(NO_CATEGORIES.distribution), NO_CATEGORIES.source) == (0, "none")
