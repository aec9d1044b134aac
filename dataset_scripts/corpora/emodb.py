"""EMO-DB: Berlin Database of Emotional Speech."""

from __future__ import annotations

from collections.abc import Mapping

from ..label_files import read_table
from ..reader import Annotation, CorpusInfo, CorpusReader
from ..soft_labels import SoftLabel, from_recognition_rate
from ..splits import ListedSpeakers

_MEN, _WOMEN = {"03": 31, "10": 32, "11": 26, "12": 30, "15": 25}, {"08": 34, "09": 21, "13": 32, "14": 35, "16": 31}


class EmoDb(CorpusReader):
    """`wav/03a01Wa.wav` = speaker (2), text (3), emotion letter of the German word, version.

    Labels: `erkennung.txt` gives, for all 816 recordings of the perception test, the percentage of 20 listeners who
    recognised the intended emotion, and of those who found it natural. The 535 published clips are those with at least 80
    and 60 %. A rate r becomes r on the intended emotion; what the other listeners heard is not published, so 1 - r is
    shared evenly by the other six classes of the test. Where the file is missing (many copies lack it), the label is a
    smoothed hard one. The file is Latin-1, tab-separated, with no-break spaces around decimal-comma numbers.

    Boredom (Langeweile) is none of the seven named emotions and maps to other. Ages and genders are those of the official page.
    """

    info = CorpusInfo(
        name="emodb",
        title="Berlin Database of Emotional Speech (EMO-DB)",
        languages=("de",),
        license="other",
        license_note="Free; the edition of its owners is CC0 by report.",
        redistribution=True,
        homepage="http://emodb.bilderbar.info",
        citation="""
@inproceedings{burkhardt2005emodb,
  title = {A Database of {German} Emotional Speech},
  author = {Burkhardt, Felix and Paeschke, Astrid and Rolfes, Miriam and Sendlmeier, Walter F. and Weiss, Benjamin},
  booktitle = {Proceedings of Interspeech 2005}, pages = {1517--1520}, year = {2005}
}""",
        label_note="Share of 20 listeners who recognised the intended emotion, the rest evenly on the other classes; boredom is other.",
        split_note="All test: a corpus to measure on.",
        num_clips=535,
        num_speakers=10,
        emotion_counts={
            "Wut": 127,
            "Langeweile": 81,
            "Ekel": 46,
            "Angst": 69,
            "Freude": 71,
            "Trauer": 62,
            "neutral": 79,
        },
    )
    grammar = r"(?P<speaker>\d\d)(?P<text>[ab]\d\d)(?P<emotion>[A-Z])(?P<version>[a-f])"
    example = "wav/03a01Wa.wav"
    codes = {
        "W": "Wut",
        "L": "Langeweile",
        "E": "Ekel",
        "A": "Angst",
        "F": "Freude",
        "T": "Trauer",
        "N": "neutral",
    }
    labels = {
        "Wut": "anger",
        "Langeweile": "other",
        "Ekel": "disgust",
        "Angst": "fear",
        "Freude": "happiness",
        "Trauer": "sadness",
        "neutral": "neutral",
    }
    texts = {
        "a01": "Der Lappen liegt auf dem Eisschrank.",
        "a02": "Das will sie am Mittwoch abgeben.",
        "a04": "Heute abend könnte ich es ihm sagen.",
        "a05": "Das schwarze Stück Papier befindet sich da oben neben dem Holzstück.",
        "a07": "In sieben Stunden wird es soweit sein.",
        "b01": "Was sind denn das für Tüten, die da unter dem Tisch stehen?",
        "b02": "Sie haben es gerade hochgetragen und jetzt gehen sie wieder runter.",
        "b03": "An den Wochenenden bin ich jetzt immer nach Hause gefahren und habe Agnes besucht.",
        "b09": "Ich will das eben wegbringen und dann mit Karl was trinken gehen.",
        "b10": "Die wird auf dem Platz sein, wo wir sie immer hinlegen.",
    }
    splits = ListedSpeakers(rest="test")

    def read_labels(self) -> None:
        """Read the recognition rates."""
        path = self.find("erkennung.txt")
        self.rates: dict[str, float] | None = None
        if path is not None:
            table = read_table(path, ("Satz", "erkannt"), delimiter="\t", encoding="latin-1", quoted=False)
            self.rates = {
                record.text("Satz").removesuffix(".wav"): record.number("erkannt", 0, 100) / 100 for record in table
            }

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Join the name with its recognition rate and its speaker."""
        speaker = name["speaker"]
        ages = {**_MEN, **_WOMEN}
        return self.annotation(
            name,
            label=self._label(name),
            gender="male" if speaker in _MEN else "female",
            age=self.lookup("speaker", ages, speaker),
        )

    def _label(self, name: Mapping[str, str]) -> SoftLabel:
        word = self.word(name["emotion"])
        if self.rates is None:
            return self.hard_label(word)
        return from_recognition_rate(self.labels[word], self.row(self.rates, name["id"]), self.label_mask)
