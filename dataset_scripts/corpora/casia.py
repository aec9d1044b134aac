"""CASIA: Chinese emotional speech corpus."""

from __future__ import annotations

from audio_emotion.dataset_scripts.corpus import CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class Casia(CorpusReader):
    """`wangzhe/neutral/239.wav` = speaker, emotion, sentence.

    The files' numbers repeat in every folder, so a clip's id holds all three. Any folder name may be a speaker, and
    nothing tells their genders.
    """

    info = CorpusInfo(
        name="casia",
        title="CASIA Chinese emotional speech corpus",
        languages=("zh",),
        license="other",
        license_note="Sold by its owner; copies circulate.",
        redistribution=False,
        homepage="http://www.chineseldc.org/",
        citation="CASIA Chinese emotional speech corpus, Institute of Automation, Chinese Academy of Sciences",
        label_note="Acted label, smoothed.",
        split_note="No official split. wangzhe is validation, the other three train.",
        num_clips=1200,
        num_speakers=4,
        emotion_counts=dict.fromkeys(("angry", "fear", "happy", "neutral", "sad", "surprise"), 200),
    )
    grammar = r"(?P<speaker>[^/]+)/(?P<emotion>[^/]+)/\d+"
    example = "wangzhe/neutral/239.wav"
    labels = {
        "angry": "anger",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "sad": "sadness",
        "surprise": "surprise",
    }
    splits = ListedSpeakers(validation=("wangzhe",))
