"""JL corpus: strictly guided simulated emotional speech in New Zealand English."""

from __future__ import annotations

from audio_emotion.dataset_scripts.corpus import CorpusInfo, Speaker
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers

_PRIMARY = ("angry", "sad", "neutral", "happy", "excited")
_SECONDARY = ("anxious", "apologetic", "assertive", "concerned", "encouraging")


class JlCorpus(CorpusReader):
    """`JL(wav+txt)/male2_concerned_6b_1.wav` = speaker, emotion, sentence and half of the session, repetition.

    Five primary and five secondary emotions (James et al. 2018). Excited maps to happiness, as is usual for IEMOCAP,
    and anxious to fear; the other four secondary emotions are attitudes and map to other.
    """

    info = CorpusInfo(
        name="jlcorpus",
        title="JL corpus",
        languages=("en-NZ",),
        license="cc0-1.0",
        license_note="As widely listed; some lists say ODC-By.",
        redistribution=True,
        homepage="https://www.kaggle.com/datasets/tli725/jl-corpus",
        citation="""
@inproceedings{james2018open,
  title = {An Open Source Emotional Speech Corpus for Human Robot Interaction Applications},
  author = {James, Jesin and Tian, Li and Watson, Catherine Inez},
  booktitle = {Proceedings of Interspeech 2018}, pages = {2768--2772}, year = {2018}
}""",
        label_note="Acted label, smoothed; excited is happiness, anxious is fear; apologetic, assertive, concerned and "
        "encouraging are other.",
        split_note="No official split. male2 is validation, the other three train.",
        num_clips=2400,
        num_speakers=4,
        emotion_counts=dict.fromkeys(_PRIMARY + _SECONDARY, 240),
    )
    grammar = r"(?P<speaker>(?:fe)?male[12])_(?P<emotion>[a-z]+)_\d+[ab]_[12]"
    example = "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)/male2_concerned_6b_1.wav"
    labels = {
        "angry": "anger",
        "sad": "sadness",
        "neutral": "neutral",
        "happy": "happiness",
        "excited": "happiness",
        "anxious": "fear",
        "apologetic": "other",
        "assertive": "other",
        "concerned": "other",
        "encouraging": "other",
    }
    speakers = {
        "female1": Speaker("female"),
        "female2": Speaker("female"),
        "male1": Speaker("male"),
        "male2": Speaker("male"),
    }
    splits = ListedSpeakers(validation=("male2",))
