"""MSP-Podcast: naturalistic emotional speech from podcasts, by the votes of its raters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Skip
from audio_emotion.dataset_scripts.label_files import Record, read_table, rows_by
from audio_emotion.dataset_scripts.rater_words import rater_word, word_table
from audio_emotion.dataset_scripts.reader import CorpusReader, without_suffix
from audio_emotion.dataset_scripts.soft_labels import NO_CATEGORIES, SoftLabel, from_votes
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

_COLUMNS = ("FileName", "EmoClass", "EmoAct", "EmoVal", "EmoDom", "Split_Set")
_SPLITS = {
    "Train": "train",
    "Development": "validation",
    "Validation": "validation",
    **dict.fromkeys(("Test", "Test1", "Test2", "Test3"), "test"),
}
_GENDERS = {"Female": "female", "Male": "male", "Unknown": None}


class MspPodcast(CorpusReader):
    """`Audios/MSP-PODCAST_0001_0008.wav`; the rest is in `Labels/labels_consensus.csv` and `labels_detailed.csv`.

    The consensus table (spelled `labels_concensus.csv` before release 1.10) has class, mean activation, valence and
    dominance on 1..7, speaker, gender and split. The detailed table has one row a rater, five or more a clip: columns
    `EmoClass_Major` and others in releases 1.6 and 2.0, one column `EmoDetail` between them, which reads
    `WORKER00000013; Happy; Happy,Excited; A:5.000000; V:6.000000; D:5.000000;`. Its primary emotion is the vote; behind
    "Other-" raters write anything in any spelling, which maps by `rater_words`. Contempt is none of the seven named
    emotions and maps to other.

    Where the detailed table is missing, the label is the consensus, smoothed; a clip without agreement (X) then has no
    categories. The owner keeps the labels of Test3; files with `test3` in their names (unverified) are skipped.
    """

    info = CorpusInfo(
        name="msppodcast",
        title="MSP-Podcast",
        languages=("en",),
        license="other",
        license_note="Academic or commercial agreement with UT Dallas.",
        redistribution=False,
        homepage="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Podcast.html",
        citation="""
@article{lotfian2019podcast,
  title = {Building Naturalistic Emotionally Balanced Speech Corpus by Retrieving Emotional Speech from Existing Podcast
           Recordings},
  author = {Lotfian, Reza and Busso, Carlos},
  journal = {IEEE Transactions on Affective Computing}, volume = {10}, number = {4}, pages = {471--483}, year = {2019}
}""",
        label_note="Primary emotions that at least five raters chose; contempt is other.",
        split_note="The official one; Test1 and Test2 are test.",
    )
    grammar = r"MSP-PODCAST_\w+"
    example = "Audios/MSP-PODCAST_0001_0008.wav"
    codes = {
        "A": "Angry",
        "S": "Sad",
        "H": "Happy",
        "U": "Surprise",
        "F": "Fear",
        "D": "Disgust",
        "C": "Contempt",
        "N": "Neutral",
        "O": "Other",
        "X": "no agreement",
    }
    labels = {
        "Angry": "anger",
        "Sad": "sadness",
        "Happy": "happiness",
        "Surprise": "surprise",
        "Fear": "fear",
        "Disgust": "disgust",
        "Contempt": "other",
        "Neutral": "neutral",
        "Other": "other",
    }

    def read_labels(self) -> Mapping[str, Record]:
        """Read the consensus, and the raters' votes where they are."""
        self.votes = self._count_votes()
        table = read_table(self.require("labels_con[cs]ensus.csv"), _COLUMNS)
        return rows_by(table, lambda record: without_suffix(record.text("FileName")))

    def _count_votes(self) -> dict[str, Counter[str]] | None:
        path = self.find("labels_detailed.csv")
        if path is None:
            return None
        votes: dict[str, Counter[str]] = {}
        for record in read_table(path, ("FileName",)):
            clip = without_suffix(record.text("FileName"))
            votes.setdefault(clip, Counter())[rater_word(_primary_emotion(record), tuple(self.labels))] += 1
        return votes

    def annotate(self, name: Mapping[str, str]) -> Annotation | Skip:
        """Join consensus and votes."""
        if "test3" in name["id"].lower() and name["id"] not in self.rows:
            return Skip("Test3, whose labels its owner keeps")
        record: Record = self.row(name["id"])
        word = record.choice("EmoClass", self.codes)
        speaker, gender = record.get("SpkrID"), record.get("Gender")
        known: dict[str, Any] = {
            "speaker": None if speaker == "Unknown" else speaker,
            "gender": None if gender is None else record.choice("Gender", _GENDERS),
        }
        return Annotation(
            label=self._label(name["id"], word),
            emotion_raw=word,
            valence=record.unit("EmoVal", 1, 7),
            arousal=record.unit("EmoAct", 1, 7),
            dominance=record.unit("EmoDom", 1, 7),
            split=record.choice("Split_Set", _SPLITS),
            **known,
        )

    def _label(self, clip: str, word: str) -> SoftLabel:
        if self.votes is None:
            return self.hard_label(word) if word in self.labels else NO_CATEGORIES
        if clip not in self.votes:
            raise CorpusError(f"labels_detailed.csv has no rater of {clip}.")
        return from_votes(self.votes[clip], word_table(self.labels))


def _primary_emotion(record: Record) -> str:
    """A rater's primary emotion in either form of the detailed table."""
    if "EmoClass_Major" in record.fields:
        return record.text("EmoClass_Major")
    worker, semicolon, rest = record.text("EmoDetail").partition(";")
    if not semicolon:
        raise record.error(f"EmoDetail is {worker!r}; it must be `worker; primary emotion; ...`.")
    return rest.partition(";")[0]
