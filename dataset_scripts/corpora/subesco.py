"""SUBESCO: SUST Bangla Emotional Speech Corpus."""

from __future__ import annotations

from audio_emotion.dataset_scripts.corpus import CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class Subesco(CorpusReader):
    """`F_10_FAHMEE_S_6_FEAR_5.wav` = gender, speaker's number and name, sentence, emotion, repetition.

    The grammar is that of the owner's card. Numbers begin anew for each gender, so `F_10` is the speaker.
    """

    info = CorpusInfo(
        name="subesco",
        title="SUST Bangla Emotional Speech Corpus (SUBESCO)",
        languages=("bn",),
        license="cc-by-4.0",
        redistribution=True,
        homepage="https://zenodo.org/records/4526477",
        citation="""
@article{sultana2021sust,
  title = {{SUST Bangla} Emotional Speech Corpus ({SUBESCO}): An audio-only emotional speech corpus for {Bangla}},
  author = {Sultana, Sadia and Rahman, M. Shahidur and Selim, M. Reza and Iqbal, M. Zafar},
  journal = {PLOS ONE}, volume = {16}, number = {4}, pages = {e0250173}, year = {2021}
}""",
        label_note="Acted label, smoothed.",
        split_note="No official split. F_09, F_10, M_09 and M_10 are validation, the other sixteen train.",
        num_clips=7000,
        num_speakers=20,
        emotion_counts=dict.fromkeys(("ANGRY", "DISGUST", "FEAR", "HAPPY", "NEUTRAL", "SAD", "SURPRISE"), 1000),
    )
    grammar = r"(?P<speaker>(?P<gender>[FM])_\d+)_[^_]+_S_\d+_(?P<emotion>[A-Z]+)_\d+"
    example = "F_10_FAHMEE_S_6_FEAR_5.wav"
    labels = {
        "ANGRY": "anger",
        "DISGUST": "disgust",
        "FEAR": "fear",
        "HAPPY": "happiness",
        "NEUTRAL": "neutral",
        "SAD": "sadness",
        "SURPRISE": "surprise",
    }
    genders = {"F": "female", "M": "male"}
    splits = ListedSpeakers(validation=("F_09", "F_10", "M_09", "M_10"))
