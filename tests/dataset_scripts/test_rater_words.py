import pytest

from audio_emotion.dataset_scripts.rater_words import EMOTION_OF_WORD, rater_word, word_table
from audio_emotion.dataset_scripts.schema import EMOTIONS

OPTIONS = ("Angry", "Happy", "Neutral", "Other")


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("Happy", "Happy"),
        (" happy ", "Happy"),
        ("Other", "Other"),
        ("Other-", "Other"),
        ("???", "Other"),
        ("Other-Concerned", "concerned"),
        ("Other - a little  UPSET!!", "a little upset"),
        ("Other (angry)", "Angry"),
        ("otherworldly", "otherworldly"),
        ("Other-好奇", "好奇"),
    ],
)
def test_one_spelling(text, word):
    assert rater_word(text, OPTIONS) == word


def test_words_count_for_classes_that_were_an_option():
    table = word_table({"Angry": "anger", "Other": "other"})
    assert (table["annoyed"], table["amused"], table["Angry"]) == ("anger", "other", "anger")
    assert "concerned" not in table  # no word of the seven: counted for other, and reported


def test_every_word_has_one_emotion_in_one_spelling():
    assert set(EMOTION_OF_WORD.values()) == set(EMOTIONS) - {"other"}
    assert all(rater_word(word, ("Other",)) == word for word in EMOTION_OF_WORD)
