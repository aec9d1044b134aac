"""EmoV-DB: Emotional Voices Database."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Speaker
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class EmovDb(CorpusReader):
    """`bea_Amused/amused_1-28_0011.wav` (OpenSLR 115) or `bea/Amused/amused_1-28_0011.wav` (the sorted release).

    Folder = speaker and emotion, file = emotion once more, range of the annotation sheet, sentence. Folder and file
    spell emotions differently (Angry and anger, Disgusted and Disgust, Sleepy and sleepiness) and must mean the same.
    Amused maps to happiness. Sleepy is none of the seven named emotions and maps to other. josh has no anger and no
    disgust. The README counts 7,000 clips, lists of the OpenSLR release 6,887: no number is expected here.
    """

    info = CorpusInfo(
        name="emovdb",
        title="Emotional Voices Database (EmoV-DB)",
        languages=("en",),
        license="other",
        license_note="Non-commercial, by the LICENSE.md of its repository.",
        redistribution=False,
        homepage="https://github.com/numediart/EmoV-DB",
        citation="""
@article{adigwe2018emotional,
  title = {The emotional voices database: Towards controlling the emotion dimension in voice generation systems},
  author = {Adigwe, Adaeze and Tits, No{\\'e} and Haddad, Kevin El and Ostadabbas, Sarah and Dutoit, Thierry},
  journal = {arXiv preprint arXiv:1806.09514}, year = {2018}
}""",
        label_note="Acted label, smoothed; amused is happiness, sleepy is other.",
        split_note="No official split. bea is validation, the other three train.",
        num_speakers=4,
    )
    grammar = r"(?P<speaker>bea|jenie|josh|sam)[_/](?P<folder>[A-Za-z]+)/(?P<emotion>[A-Za-z]+)_[^/]+"
    example = "bea_Amused/amused_1-28_0011.wav"
    codes = {
        "amused": "Amused",
        "angry": "Angry",
        "anger": "Angry",
        "disgusted": "Disgusted",
        "disgust": "Disgusted",
        "neutral": "Neutral",
        "sleepy": "Sleepy",
        "sleepiness": "Sleepy",
    }
    labels = {
        "Amused": "happiness",
        "Angry": "anger",
        "Disgusted": "disgust",
        "Neutral": "neutral",
        "Sleepy": "other",
    }
    speakers = {
        "bea": Speaker("female"),
        "jenie": Speaker("female"),
        "josh": Speaker("male"),
        "sam": Speaker("male"),
    }
    splits = ListedSpeakers(validation=("bea",))

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Hold the file's emotion against the folder's."""
        named = {**name, "emotion": name["emotion"].lower()}
        self.agree("folder", self.word(name["folder"].lower()), self.word(named["emotion"]))
        return self.annotation(named)
