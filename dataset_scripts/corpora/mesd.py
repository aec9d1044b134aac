"""MESD: Mexican Emotional Speech Database."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers

_GENDERS = {"F": "female", "M": "male"}


class Mesd(CorpusReader):
    """`Anger_F_A_tarde.wav` = emotion, voice (Female, Male, Child), word list (A or B), one word.

    Names tell the kind of voice and not who speaks, so the speaker is unknown, and a child's gender too. Some words
    are two (`basta_ya`). There is no surprise.
    """

    info = CorpusInfo(
        name="mesd",
        title="Mexican Emotional Speech Database (MESD)",
        languages=("es-MX",),
        license="cc-by-4.0",
        redistribution=True,
        homepage="https://data.mendeley.com/datasets/cy34mh68j9",
        citation="""
@article{duville2021mexican,
  title = {Mexican Emotional Speech Database Based on Semantic, Frequency, Familiarity, Concreteness, and Cultural
           Shaping of Affective Prosody},
  author = {Duville, Mathilde Marie and Alonso-Valerdi, Luz Mar{\\'i}a and Ibarra-Zarate, David I.},
  journal = {Data}, volume = {6}, number = {12}, pages = {130}, year = {2021}
}""",
        label_note="Acted label, smoothed.",
        split_note="All train: nobody can tell which of the eleven speakers a clip has.",
        num_clips=862,
        emotion_counts={
            "Anger": 143,
            "Disgust": 144,
            "Fear": 144,
            "Happiness": 144,
            "Neutral": 143,
            "Sadness": 144,
        },
    )
    grammar = r"(?P<emotion>[A-Z][a-z]+)_(?P<voice>[FMC])_[AB]_(?P<word>[^/]+)"
    example = "Mexican Emotional Speech Database (MESD)/Anger_F_A_tarde.wav"
    labels = {
        "Anger": "anger",
        "Disgust": "disgust",
        "Fear": "fear",
        "Happiness": "happiness",
        "Neutral": "neutral",
        "Sadness": "sadness",
    }
    splits = ListedSpeakers()

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Take the gender of grown-up voices, and the words."""
        return self.annotation(name, gender=_GENDERS.get(name["voice"]), text=name["word"].replace("_", " "))
