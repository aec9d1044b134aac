"""ASED: Amharic Speech Emotional Dataset."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers

_WOMEN_WITH_ONE_WRONG_NAME = frozenset({"09", "15", "21", "23", "25"})


class Ased(CorpusReader):
    """`01Neutral/n1-01-01-01-01.wav` = emotion letter and folder digit, sentence, repetition, gender, speaker.

    The grammar is that of the corpus's README. One stem begins with a capital letter (`S4-04-02-01-29`). Speakers 09,
    15, 21, 23 and 25 have one file each with the other gender's digit; the many other files of each say female.
    """

    info = CorpusInfo(
        name="ased",
        title="Amharic Speech Emotional Dataset (ASED) v1",
        languages=("am",),
        license="unknown",
        license_note="None stated; the README asks for citation.",
        redistribution=False,
        homepage="https://github.com/Ethio2021/ASED_V1",
        citation="""
@article{retta2022ased,
  title = {A New Amharic Speech Emotion Dataset and Classification Benchmark},
  author = {Retta, Ephrem Afele and Almekhlafi, Eiad and Sutcliffe, Richard and Mhamed, Mustafa and Ali, Haider and
            Feng, Jun},
  journal = {ACM Transactions on Asian and Low-Resource Language Information Processing}, year = {2022}
}""",
        label_note="Acted label that at least five of eight judges accepted, smoothed.",
        split_note="No official split. Four women and four men are validation, the other 57 speakers train.",
        num_clips=2470,
        num_speakers=65,
        emotion_counts={"Neutral": 521, "Fearful": 510, "Happy": 485, "Sad": 469, "Angry": 485},
    )
    grammar = r"(?P<emotion>[nfhsaNFHSA])(?P<folder>[1-5])-\d\d-\d\d-(?P<gender>\d\d)-(?P<speaker>\d\d)"
    example = "01Neutral/n1-01-01-01-01.wav"
    codes = {"n": "Neutral", "f": "Fearful", "h": "Happy", "s": "Sad", "a": "Angry"}
    labels = {"Neutral": "neutral", "Fearful": "fear", "Happy": "happiness", "Sad": "sadness", "Angry": "anger"}
    genders = {"01": "female", "02": "male"}
    splits = ListedSpeakers(validation=("19", "27", "48", "58", "28", "32", "51", "60"))

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Put capital letters and the five wrong gender digits right."""
        named = {**name, "emotion": name["emotion"].lower()}
        if name["speaker"] in _WOMEN_WITH_ONE_WRONG_NAME:
            named["gender"] = "01"
        return self.annotation(named)
