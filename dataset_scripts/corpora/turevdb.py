"""TurEV-DB: Turkish emotion voice database."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class TurevDb(CorpusReader):
    """`Sound Source/Angry/1157_kz_acik.wav` = folder of the emotion, speaker, emotion tag, word in plain ASCII letters.

    The tags (kz angry, sk calm, mt happy, hl sad) must agree with the folder. Calm is the corpus's only unemotional
    class and maps to neutral. Clips are single words; many last under 0.6 s.
    """

    info = CorpusInfo(
        name="turevdb",
        title="Turkish Emotion-Voice Database (TurEV-DB)",
        languages=("tr",),
        license="cc-by-nc-nd-4.0",
        license_note="As its README says. ND: prepared clips are for your own use.",
        redistribution=False,
        homepage="https://github.com/Xeonen/TurEV-DB",
        citation="""
@inproceedings{canpolat2020turkish,
  title = {Turkish Emotion Voice Database (TurEV-DB)},
  author = {Canpolat, Salih Firat and Ormano{\\u{g}}lu, Zuhal and Zeyrek, Deniz},
  booktitle = {Proceedings of SLTU and CCURL 2020}, pages = {368--375}, year = {2020}
}""",
        label_note="Acted label, smoothed; calm is neutral.",
        split_note="No official split. Speaker 7895 is validation, the other five train.",
        num_clips=1735,
        num_speakers=6,
        emotion_counts={"Angry": 487, "Calm": 408, "Happy": 357, "Sad": 483},
    )
    grammar = r"(?P<folder>[^/]+)/(?P<speaker>\d{4})_(?P<emotion>[a-z]{2})_(?P<text>[^/]+)"
    example = "Sound Source/Angry/1157_kz_acik.wav"
    codes = {"kz": "Angry", "sk": "Calm", "mt": "Happy", "hl": "Sad"}
    labels = {"Angry": "anger", "Calm": "neutral", "Happy": "happiness", "Sad": "sadness"}
    splits = ListedSpeakers(validation=("7895",))

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Hold the tag against the folder."""
        self.agree("folder", name["folder"], self.word(name["emotion"]))
        return self.annotation(name)
