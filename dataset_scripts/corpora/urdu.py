"""URDU-Dataset: emotional Urdu speech from talk shows."""

from __future__ import annotations

from audio_emotion.dataset_scripts.corpus import CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class Urdu(CorpusReader):
    """`Angry/SM1_F10_A010.wav` = speaker (S, gender, number), the speaker's file, emotion letter and number.

    The grammar is that of the README, which counts 38 speakers; the file names hold 29 (SM5 alone has 80 clips).
    """

    info = CorpusInfo(
        name="urdu",
        title="URDU-Dataset",
        languages=("ur",),
        license="other",
        license_note="Research only; taken from YouTube.",
        redistribution=False,
        homepage="https://github.com/siddiquelatif/URDU-Dataset",
        citation="""
@inproceedings{latif2018urdu,
  title = {Cross Lingual Speech Emotion Recognition: {Urdu} vs. {Western} Languages},
  author = {Latif, Siddique and Qayyum, Adnan and Usman, Muhammad and Qadir, Junaid},
  booktitle = {Proceedings of FIT 2018}, pages = {88--93}, year = {2018}
}""",
        label_note="The one label of each clip, smoothed.",
        split_note="All test: a corpus to measure on.",
        num_clips=400,
        num_speakers=29,
        emotion_counts={"Angry": 100, "Happy": 100, "Neutral": 100, "Sad": 100},
    )
    grammar = r"(?P<speaker>S(?P<gender>[MF])\d+)_F\d+_(?P<emotion>[A-Z])\d+"
    example = "Angry/SM1_F10_A010.wav"
    codes = {"A": "Angry", "H": "Happy", "N": "Neutral", "S": "Sad"}
    labels = {"Angry": "anger", "Happy": "happiness", "Neutral": "neutral", "Sad": "sadness"}
    genders = {"M": "male", "F": "female"}
    splits = ListedSpeakers(rest="test")
