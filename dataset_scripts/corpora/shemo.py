"""ShEMO: Sharif Emotional Speech Database, Persian radio plays."""

from __future__ import annotations

from audio_emotion.dataset_scripts.corpus import CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import HashedSpeakers


class Shemo(CorpusReader):
    """`female/F03S02.wav` = gender, speaker, emotion letter, number.

    Twelve annotators; only the majority's label is released, as the letter. The counts by emotion are those of the
    paper's table, from general knowledge: `corpora check` says where a copy differs. Derived copies have fewer clips
    and a `shemo.json`, which is not read.
    """

    info = CorpusInfo(
        name="shemo",
        title="Sharif Emotional Speech Database (ShEMO)",
        languages=("fa",),
        license="other",
        license_note="Free for academic purposes.",
        redistribution=False,
        homepage="https://github.com/mansourehk/ShEMO",
        citation="""
@article{nezami2019shemo,
  title = {{ShEMO}: a large-scale validated database for {Persian} speech emotion detection},
  author = {Mohamad Nezami, Omid and Jamshid Lou, Paria and Karami, Mansoureh},
  journal = {Language Resources and Evaluation}, volume = {53}, number = {1}, pages = {1--16}, year = {2019}
}""",
        label_note="Majority label of twelve annotators, smoothed.",
        split_note="No official split. A hash puts about 10 % of the speakers each into validation and test.",
        num_clips=3000,
        num_speakers=87,
        emotion_counts={
            "anger": 1059,
            "fear": 38,
            "happiness": 201,
            "neutral": 1028,
            "sadness": 449,
            "surprise": 225,
        },
    )
    grammar = r"(?P<speaker>(?P<gender>[FM])\d+)(?P<emotion>[A-Z])\d+"
    example = "female/F03S02.wav"
    codes = {
        "A": "anger",
        "F": "fear",
        "H": "happiness",
        "N": "neutral",
        "S": "sadness",
        "W": "surprise",
    }
    labels = {
        "anger": "anger",
        "fear": "fear",
        "happiness": "happiness",
        "neutral": "neutral",
        "sadness": "sadness",
        "surprise": "surprise",
    }
    genders = {"F": "female", "M": "male"}
    splits = HashedSpeakers()
