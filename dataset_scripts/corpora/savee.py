"""SAVEE: Surrey Audio-Visual Expressed Emotion."""

from __future__ import annotations

from audio_emotion.dataset_scripts.corpus import CorpusInfo, Speaker
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class Savee(CorpusReader):
    """`AudioData/DC/a01.wav` = speaker, emotion letters, sentence; widespread copies are flat, `DC_a01.wav`.

    Codes are those of the corpus's `Info.txt`; `sa` and `su` are tried before `a` and `s`. All four speakers are men.
    """

    info = CorpusInfo(
        name="savee",
        title="Surrey Audio-Visual Expressed Emotion (SAVEE)",
        languages=("en-GB",),
        license="other",
        license_note="Research only, after registration.",
        redistribution=False,
        homepage="http://kahlan.eps.surrey.ac.uk/savee/",
        citation="""
@incollection{haq2010multimodal,
  title = {Multimodal Emotion Recognition},
  author = {Haq, Sanaul and Jackson, Philip J. B.},
  booktitle = {Machine Audition: Principles, Algorithms and Systems}, publisher = {IGI Global},
  pages = {398--423}, year = {2010}
}""",
        label_note="Acted label, smoothed.",
        split_note="No official split. KL is validation, the other three train.",
        num_clips=480,
        num_speakers=4,
        emotion_counts={
            "anger": 60,
            "disgust": 60,
            "fear": 60,
            "happiness": 60,
            "neutral": 120,
            "sadness": 60,
            "surprise": 60,
        },
    )
    grammar = r"(?P<speaker>DC|JE|JK|KL)[_/](?P<emotion>sa|su|[adfhn])\d+"
    example = "AudioData/DC/a01.wav"
    codes = {
        "a": "anger",
        "d": "disgust",
        "f": "fear",
        "h": "happiness",
        "n": "neutral",
        "sa": "sadness",
        "su": "surprise",
    }
    labels = {
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happiness": "happiness",
        "neutral": "neutral",
        "sadness": "sadness",
        "surprise": "surprise",
    }
    speakers = dict.fromkeys(("DC", "JE", "JK", "KL"), Speaker("male"))
    splits = ListedSpeakers(validation=("KL",))
