"""eNTERFACE'05: audio-visual emotion database, read English of 44 people from 14 nations."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import HashedSpeakers


class Enterface(CorpusReader):
    """`subject 19/anger/sentence 4/s19_an_4.avi` = speaker, emotion, sentence; in the file once more.

    The folder names the speaker, for the files of subject 11 all say `s12` and some of subject 3 `s_3`. The code in the
    file must agree with the emotion's folder. Subject 6 has one long recording an emotion and no sentence folders. One
    file is called `s16_su_3avi.avi`. There is no neutral.

    Subject 23 lacks three of happiness, which leaves 1293 recordings. Lists of 1263 take the files' names for ids and
    so lose the 30 of subject 12 to subject 11.
    """

    info = CorpusInfo(
        name="enterface",
        title="eNTERFACE'05 audio-visual emotion database",
        languages=("en",),
        license="other",
        license_note="Research only.",
        redistribution=False,
        homepage="http://www.enterface.net/enterface05/",
        citation="""
@inproceedings{martin2006enterface,
  title = {The {eNTERFACE'05} Audio-Visual Emotion Database},
  author = {Martin, Olivier and Kotsia, Irene and Macq, Benoit and Pitas, Ioannis},
  booktitle = {22nd International Conference on Data Engineering Workshops (ICDEW'06)}, pages = {8}, year = {2006}
}""",
        label_note="Induced emotion that two experts accepted, smoothed.",
        split_note="No official split. A hash puts about 10 % of the subjects each into validation and test.",
        num_clips=1293,
        num_speakers=44,
        emotion_counts={
            "anger": 216,
            "disgust": 216,
            "fear": 216,
            "happiness": 213,
            "sadness": 216,
            "surprise": 216,
        },
    )
    grammar = (
        r"(?P<speaker>subject \d+)/(?P<folder>[a-z]+)/(?:sentence \d+/)?s_?\d+_(?P<emotion>[a-z]{2})(?:_\d+(?:avi)?)?"
    )
    example = "subject 19/anger/sentence 4/s19_an_4.avi"
    codes = {
        "an": "anger",
        "di": "disgust",
        "fe": "fear",
        "ha": "happiness",
        "sa": "sadness",
        "su": "surprise",
    }
    labels = {
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happiness": "happiness",
        "sadness": "sadness",
        "surprise": "surprise",
    }
    splits = HashedSpeakers()

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Hold the file's code against the folder."""
        self.agree("folder", name["folder"], self.word(name["emotion"]))
        return self.annotation(name)
