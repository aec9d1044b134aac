"""CaFE: Canadian French Emotional speech dataset."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class Cafe(CorpusReader):
    """`CaFE_48k/Colère/Faible/10-C-1-3.wav` = actor (odd = male), emotion letter, intensity, sentence.

    The file's name says all, for the zip mangles the folders' accents: other letters, or bytes that are no UTF-8.
    Emotions were acted weakly (1, Faible) or strongly (2, Fort). A weak one keeps 0.6 of its mass and gives the rest to
    neutral, like the mild level of BanglaSER; the 0.6 is our reading, no published number. Neutre has no level, and its
    1 is ignored.
    """

    info = CorpusInfo(
        name="cafe",
        title="Canadian French Emotional speech dataset (CaFE)",
        languages=("fr-CA",),
        license="cc-by-nc-sa-4.0",
        redistribution=True,
        homepage="https://zenodo.org/records/1478765",
        citation="""
@inproceedings{gournay2018canadian,
  title = {A {Canadian French} Emotional Speech Dataset},
  author = {Gournay, Philippe and Lahaie, Olivier and Lefebvre, Roch},
  booktitle = {Proceedings of the 9th ACM Multimedia Systems Conference}, pages = {399--402}, year = {2018}
}""",
        label_note="Acted label graded by acted intensity: strong 1.0, weak 0.6, the rest on neutral; neutral has no "
        "intensity and is smoothed.",
        split_note="No official split. Actors 11 (a man) and 12 (a woman) are validation, the other ten train.",
        num_clips=936,
        num_speakers=12,
        emotion_counts={
            "Colère": 144,
            "Dégoût": 144,
            "Joie": 144,
            "Neutre": 72,
            "Peur": 144,
            "Surprise": 144,
            "Tristesse": 144,
        },
    )
    grammar = r"(?P<speaker>\d\d)-(?P<emotion>[A-Z])-(?P<intensity>\d)-\d"
    example = "CaFE_48k/Colère/Faible/10-C-1-3.wav"
    codes = {
        "C": "Colère",
        "D": "Dégoût",
        "J": "Joie",
        "N": "Neutre",
        "P": "Peur",
        "S": "Surprise",
        "T": "Tristesse",
    }
    labels = {
        "Colère": "anger",
        "Dégoût": "disgust",
        "Joie": "happiness",
        "Neutre": "neutral",
        "Peur": "fear",
        "Surprise": "surprise",
        "Tristesse": "sadness",
    }
    intensities = {"1": 0.6, "2": 1.0}
    splits = ListedSpeakers(validation=("11", "12"))

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Derive the gender from the actor's number; neutral has no intensity."""
        named = {group: text for group, text in name.items() if group != "intensity" or name["emotion"] != "N"}
        return self.annotation(named, gender="male" if int(name["speaker"]) % 2 else "female")
