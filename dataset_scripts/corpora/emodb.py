"""EMO-DB: Berlin Database of Emotional Speech."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Speaker
from audio_emotion.dataset_scripts.label_files import Record, read_table, rows_by
from audio_emotion.dataset_scripts.reader import CorpusReader, without_suffix
from audio_emotion.dataset_scripts.soft_labels import from_recognition_rate
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class EmoDb(CorpusReader):
    """`wav/03a01Wa.wav` = speaker (2), text (3), emotion letter of the German word, version.

    `erkennung.txt` gives, for all 816 recordings of the perception test, the percentage of 20 listeners who recognised
    the intended emotion and of those who found it natural. The 535 published clips are those with at least 80 and 60 %.
    A rate r becomes r on the intended emotion; what the other listeners heard is not published, so 1 - r is shared
    evenly by the other six classes of the test. Where the file is missing (many copies lack it) the label is a smoothed
    hard one. The file is Latin-1, tab-separated, with no-break spaces around decimal-comma numbers.

    Boredom (Langeweile) is none of the seven named emotions and maps to other. Ages and genders are those of the
    official page.
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
        label_note="Share of 20 listeners who recognised the intended emotion, the rest evenly on the other classes; "
        "boredom is other.",
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
    speakers = {
        "03": Speaker("male", 31),
        "08": Speaker("female", 34),
        "09": Speaker("female", 21),
        "10": Speaker("male", 32),
        "11": Speaker("male", 26),
        "12": Speaker("male", 30),
        "13": Speaker("female", 32),
        "14": Speaker("female", 35),
        "15": Speaker("male", 25),
        "16": Speaker("female", 31),
    }
    splits = ListedSpeakers(rest="test")
    labels_beyond_audio = True

    def read_labels(self) -> Mapping[str, Record]:
        """Read the recognition rates, if they are there."""
        path = self.find("erkennung.txt")
        if path is None:
            return {}
        table = read_table(path, ("Satz", "erkannt"), delimiter="\t", encoding="latin-1", quoted=False)
        return rows_by(table, lambda record: without_suffix(record.text("Satz")))

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Join the name with its recognition rate."""
        if not self.rows:
            return self.annotation(name)
        word = self.word(name["emotion"])
        rate = self.row(name["id"]).number("erkannt", 0, 100) / 100
        label = from_recognition_rate(self.labels[word], rate, self.label_mask)
        return self.annotation(name, emotion_raw=word, label=label)
