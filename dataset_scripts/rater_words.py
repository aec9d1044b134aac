"""What raters write where no option fits ("Other-Concerned", "annoyed ?"), brought to one spelling and to emotions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

# Adjectives and nouns by the basic emotion under which Shaver, Schwartz, Kirson and O'Connor (1987), "Emotion
# knowledge: further exploration of a prototype approach", figure 1, sort them. Choices of ours: disgust is a class of
# its own here; frustration and contempt stay out, for corpora offer them as options beside anger; so do words of love.
_WORDS = {
    "happiness": "amused amusement amusing cheerful delight delighted eager elated enjoyment enthusiasm enthusiastic "
    "excited excitement exciting glad happiness happy hope hopeful joy joyful laughing optimism optimistic pleased "
    "pride proud relief relieved satisfaction satisfied thrilled",
    "sadness": "ashamed depressed depressing depression despair disappointed disappointment embarrassed embarrassment "
    "grief guilt guilty hopeless hurt lonely melancholy regret regretful remorse sad sadness sorrow unhappy upset",
    "disgust": "disgust disgusted disgusting revulsion",
    "fear": "afraid anxiety anxious apprehensive dread fear fearful frightened horrified nervous panic panicked scared "
    "tense terrified uneasy worried worry",
    "surprise": "amazed amazement astonished astonishment shocked surprise surprised",
    "anger": "aggravated agitated anger angry annoyance annoyed bitter exasperated furious hostile irritated "
    "irritation mad outraged rage resentful resentment",
    "neutral": "emotionless neutral unemotional",
}
EMOTION_OF_WORD: Mapping[str, str] = {word: emotion for emotion, words in _WORDS.items() for word in words.split()}


@lru_cache(maxsize=4096)
def rater_word(text: str, options: tuple[str, ...]) -> str:
    """Bring what a rater chose or wrote to one spelling.

    Args:
        text: An option, or "Other" with anything behind it, or anything at all.
        options: What the raters could choose from, with "Other" among them.

    Returns:
        The option, or the rater's own words in small letters without punctuation.

    >>> [rater_word(text, ("Happy", "Other")) for text in ("happy", "Other-  CONCERNED?", "Other", "Other (happy)")]
    ['Happy', 'concerned', 'Other', 'Happy']
    """
    option_of = {option.lower(): option for option in options}
    words = re.sub(r"[\W_]+", " ", text).strip().lower()
    return option_of.get(words) or option_of.get(own := words.removeprefix("other ")) or own or "Other"


def word_table(labels: Mapping[str, str]) -> dict[str, str]:
    """Emotion of each option and of the words that raters write; a class without an option counts as other."""
    offered = set(labels.values())
    return {word: emotion if emotion in offered else "other" for word, emotion in EMOTION_OF_WORD.items()} | dict(
        labels
    )
