"""JTES: Japanese Twitter-based Emotional Speech."""

from __future__ import annotations

from audio_emotion.dataset_scripts.corpus import CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import HashedSpeakers


class Jtes(CorpusReader):
    """`wav/f01/ang/f01_ang_01.wav` = speaker (f01 to f50, m01 to m50), emotion, sentence (01 to 50).

    The number of clips, 100 speakers times 4 emotions times 50 sentences, is from general knowledge: `corpora check`
    says where a copy differs. Some work splits by sentence; here no speaker is in two splits.
    """

    info = CorpusInfo(
        name="jtes",
        title="Japanese Twitter-based Emotional Speech (JTES)",
        languages=("ja",),
        license="other",
        license_note="On request to the authors.",
        redistribution=False,
        homepage="https://doi.org/10.1109/ICSDA.2016.7918977",
        citation="""
@inproceedings{takeishi2016construction,
  title = {Construction and analysis of phonetically and prosodically balanced emotional speech database},
  author = {Takeishi, Emika and Nose, Takashi and Chiba, Yuya and Ito, Akinori},
  booktitle = {Proceedings of O-COCOSDA 2016}, pages = {16--21}, year = {2016}
}""",
        label_note="Acted label, smoothed.",
        split_note="No official split. A hash puts about 10 % of the speakers each into validation and test.",
        num_clips=20000,
        num_speakers=100,
        emotion_counts={"anger": 5000, "joy": 5000, "neutral": 5000, "sadness": 5000},
    )
    grammar = r"(?P<speaker>(?P<gender>[fm])\d\d)_(?P<emotion>[a-z]{3})_\d\d"
    example = "wav/f01/ang/f01_ang_01.wav"
    codes = {"ang": "anger", "joy": "joy", "neu": "neutral", "sad": "sadness"}
    labels = {"anger": "anger", "joy": "happiness", "neutral": "neutral", "sadness": "sadness"}
    genders = {"f": "female", "m": "male"}
    splits = HashedSpeakers()
