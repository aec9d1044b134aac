"""The colour of each emotion, the same in plots, notebooks, terminals and web pages."""

from __future__ import annotations

from collections.abc import Sequence

# Okabe and Ito, "Color Universal Design" (2008): told apart with any of the common colour vision deficiencies.
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#4D4D4D", "#BBBBBB")
COLORS = {
    "happiness": "#F0E442",
    "sadness": "#0072B2",
    "disgust": "#009E73",
    "fear": "#CC79A7",
    "surprise": "#56B4E9",
    "anger": "#D55E00",
    "other": "#4D4D4D",
    "neutral": "#BBBBBB",
}
"""Colours of the canonical labels; others take those of `OKABE_ITO` in turn."""


def label_colors(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label, the same for a canonical emotion everywhere."""
    return {label: COLORS.get(label, OKABE_ITO[index % len(OKABE_ITO)]) for index, label in enumerate(labels)}


def ink_on(color: str, threshold: float = 0.4) -> str:
    """Black or white, whichever is read more easily on `color`: black from a luma (BT.709's weights) of `threshold`.

    >>> ink_on("#F0E442"), ink_on("#0072B2")
    ('black', 'white')
    """
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > threshold else "white"
