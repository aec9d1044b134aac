"""RAVDESS: Ryerson Audio-Visual Database of Emotional Speech and Song (speech part)."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Skip
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class Ravdess(CorpusReader):
    """`Actor_18/03-01-05-01-02-01-18.wav` = modality, channel, emotion, intensity, statement, repetition, actor.

    Codes and the parity of the actor's number (even = female) are those of the Zenodo record. Every clip was acted at
    normal (01) or strong (02) intensity; a normal one keeps 0.7 of its mass and gives the rest to neutral. The 0.7 is
    our reading, no published number.

    `calm` is a class of its own: the authors recorded it as a second baseline beside neutral, for performers' neutral
    may sound mildly negative (Livingstone and Russo 2018). It is none of the seven named emotions, so its mass lies on
    `other`, and the grading gives 0.3 of a normally intense calm to neutral, the condition it is nearest to.

    `03-01-03-01-02-01-07` and `03-01-03-01-02-02-07` are the same sound; both stay, in one split.
    """

    info = CorpusInfo(
        name="ravdess",
        title="RAVDESS",
        languages=("en",),
        license="cc-by-nc-sa-4.0",
        redistribution=True,
        homepage="https://zenodo.org/records/1188976",
        citation="""
@article{livingstone2018ravdess,
  title = {The Ryerson Audio-Visual Database of Emotional Speech and Song (RAVDESS): A dynamic, multimodal set of facial
           and vocal expressions in North American English},
  author = {Livingstone, Steven R. and Russo, Frank A.},
  journal = {PLOS ONE}, volume = {13}, number = {5}, pages = {e0196391}, year = {2018}
}""",
        label_note="Acted label graded by acted intensity: strong 1.0, normal 0.7, the rest on neutral; calm is other.",
        split_note="No official split. Two actors of each gender are validation, the others train.",
        num_clips=1440,
        num_speakers=24,
        emotion_counts={
            "neutral": 96,
            "calm": 192,
            "happy": 192,
            "sad": 192,
            "angry": 192,
            "fearful": 192,
            "disgust": 192,
            "surprised": 192,
        },
    )
    grammar = (
        r"(?P<modality>0[123])-(?P<channel>0[12])-(?P<emotion>\d\d)-(?P<intensity>\d\d)"
        r"-(?P<text>\d\d)-\d\d-(?P<actor>\d\d)"
    )
    example = "Actor_18/03-01-05-01-02-01-18.wav"
    codes = {
        "01": "neutral",
        "02": "calm",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fearful",
        "07": "disgust",
        "08": "surprised",
    }
    labels = {
        "neutral": "neutral",
        "calm": "other",
        "happy": "happiness",
        "sad": "sadness",
        "angry": "anger",
        "fearful": "fear",
        "disgust": "disgust",
        "surprised": "surprise",
    }
    intensities = {"01": 0.7, "02": 1.0}
    texts = {"01": "Kids are talking by the door.", "02": "Dogs are sitting by the door."}
    splits = ListedSpeakers(validation=("Actor_05", "Actor_06", "Actor_17", "Actor_18"))

    def annotate(self, name: Mapping[str, str]) -> Annotation | Skip:
        """Leave songs and the two video editions of each take out."""
        if name["channel"] == "02":
            return Skip("a song")
        if name["modality"] != "03":
            return Skip("a video edition; the same take is there as 03-...")
        actor = name["actor"]
        return self.annotation(name, speaker=f"Actor_{actor}", gender="male" if int(actor) % 2 else "female")
