"""Oréau: French emotional speech, second edition."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Skip
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import HashedSpeakers


class Oreau(CorpusReader):
    """`OréauFR_02/f/sessj/10a02Ja.wav` = gender, session; speaker (2), utterance (3), emotion letter, version.

    The second edition holds the clips that passed a perception test. Where the first one, `OréauFR_01`, lies beside
    it, its files are skipped: they are the same recordings and those that failed. The file's name is the id.
    """

    info = CorpusInfo(
        name="oreau",
        title="French emotional speech database Oréau, version 2",
        languages=("fr",),
        license="cc-by-4.0",
        redistribution=True,
        homepage="https://zenodo.org/records/4405783",
        citation="""
@misc{kerkeni2020french,
  title = {French Emotional Speech Database - Or{\\'e}au},
  author = {Kerkeni, Leila and Cleder, Catherine and Serrestou, Youssef and Raoof, Kosai},
  publisher = {Zenodo}, year = {2020}, doi = {10.5281/zenodo.4405783}
}""",
        label_note="Acted label that listeners confirmed, smoothed.",
        split_note="No official split. A hash puts about 10 % of the speakers each into validation and test.",
        num_clips=434,
        num_speakers=32,
    )
    grammar = (
        r"(?P<first_edition>(?<=FR_01/))?(?P<gender>[fm])/(?:[^/]+/)?"
        r"(?P<file>(?P<speaker>\d\d)[A-Za-z0-9]{3}(?P<emotion>[A-Z])[^/]*)"
    )
    example = "OréauFR_02/f/sessj/10a02Ja.wav"
    codes = {
        "C": "colère",
        "D": "dégoût",
        "J": "joie",
        "N": "neutre",
        "P": "peur",
        "S": "surprise",
        "T": "tristesse",
    }
    labels = {
        "colère": "anger",
        "dégoût": "disgust",
        "joie": "happiness",
        "neutre": "neutral",
        "peur": "fear",
        "surprise": "surprise",
        "tristesse": "sadness",
    }
    genders = {"f": "female", "m": "male"}
    splits = HashedSpeakers()

    def parse_name(self, relative_path: str) -> dict[str, str]:
        """Make the file's name the id."""
        name = super().parse_name(relative_path)
        return {**name, "id": name["file"]}

    def annotate(self, name: Mapping[str, str]) -> Annotation | Skip:
        """Leave the first edition out."""
        if "first_edition" in name:
            return Skip("the first edition; the second holds what listeners recognised")
        return self.annotation(name)
