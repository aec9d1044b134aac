"""nEMO: emotional speech in Polish."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.label_files import Record, read_table, rows_by
from audio_emotion.dataset_scripts.reader import CorpusReader, without_suffix
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class Nemo(CorpusReader):
    """`samples/EB0_anger_1.wav` = speaker, emotion, sentence; `data.tsv` adds text, gender and age.

    The emotion is that of the file name, which `data.tsv` repeats; a row that says otherwise is an error. The table's
    `speaker_id` has leading spaces.
    """

    info = CorpusInfo(
        name="nemo",
        title="nEMO",
        languages=("pl",),
        license="cc-by-nc-sa-4.0",
        redistribution=True,
        homepage="https://github.com/amu-cai/nEMO",
        citation="""
@inproceedings{christop2024nemo,
  title = {n{EMO}: Dataset of Emotional Speech in {P}olish},
  author = {Christop, Iwona},
  booktitle = {Proceedings of LREC-COLING 2024}, pages = {12111--12116}, year = {2024}
}""",
        label_note="Acted label, smoothed.",
        split_note="No official split. IC0 (a woman) and MP0 (a man) are validation, the other seven train.",
        num_clips=4481,
        num_speakers=9,
        emotion_counts={
            "neutral": 809,
            "sadness": 769,
            "anger": 749,
            "happiness": 749,
            "fear": 736,
            "surprised": 669,
        },
    )
    grammar = r"(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_\d+"
    example = "samples/EB0_anger_1.wav"
    labels = {
        "neutral": "neutral",
        "sadness": "sadness",
        "anger": "anger",
        "happiness": "happiness",
        "fear": "fear",
        "surprised": "surprise",
    }
    splits = ListedSpeakers(validation=("IC0", "MP0"))

    def read_labels(self) -> Mapping[str, Record]:
        """Read `data.tsv`."""
        columns = ("file_id", "emotion", "raw_text", "speaker_id", "gender", "age")
        table = read_table(self.require("data.tsv"), columns, delimiter="\t", quoted=False)
        return rows_by(table, lambda record: without_suffix(record.text("file_id")))

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Join the name with its row."""
        record: Record = self.row(name["id"])
        for column, expected in (("emotion", name["emotion"]), ("speaker_id", name["speaker"])):
            if record.text(column) != expected:
                raise record.error(f"{column} is {record.text(column)!r}, the file name says {expected!r}.")
        return self.annotation(
            name,
            gender=record.choice("gender", {"female": "female", "male": "male"}),
            age=record.integer("age", 1, 120),
            text=record.text("raw_text"),
        )
