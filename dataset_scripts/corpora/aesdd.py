"""AESDD: Acted Emotional Speech Dynamic Database, Greek."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class Aesdd(CorpusReader):
    """`anger/a03 (3).wav` = emotion letter, utterance, speaker; a second take of speaker 5 ends in a or b.

    The first version has five actors, three of them women, and more were added: the names hold six numbers, about a
    hundred clips each. Five of speaker 1 are written `(01)`. Who is a woman is not told. There is no neutral and no
    surprise.
    """

    info = CorpusInfo(
        name="aesdd",
        title="Acted Emotional Speech Dynamic Database (AESDD)",
        languages=("el",),
        license="unknown",
        license_note="None stated.",
        redistribution=False,
        homepage="http://m3c.web.auth.gr/research/aesdd-speech-emotion-recognition/",
        citation="""
@article{vryzas2018speech,
  title = {Speech Emotion Recognition for Performance Interaction},
  author = {Vryzas, Nikolaos and Kotsakis, Rigas and Liatsou, Aikaterini and Dimoulas, Charalampos A. and Kalliris,
            George},
  journal = {Journal of the Audio Engineering Society}, volume = {66}, number = {6}, pages = {457--467}, year = {2018}
}""",
        label_note="Acted label, smoothed.",
        split_note="No official split. Speaker 6 is validation, the other five train.",
        num_clips=604,
        num_speakers=6,
        emotion_counts={"anger": 121, "disgust": 122, "fear": 120, "happiness": 119, "sadness": 122},
    )
    grammar = r"(?P<emotion>[a-z])\d\d \((?P<number>\d+)\)[a-z]?"
    example = "anger/a03 (3).wav"
    codes = {"a": "anger", "d": "disgust", "f": "fear", "h": "happiness", "s": "sadness"}
    labels = {
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happiness": "happiness",
        "sadness": "sadness",
    }
    splits = ListedSpeakers(validation=("6",))

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Write speaker 01 as speaker 1."""
        return self.annotation(name, speaker=str(int(name["number"])))
