"""Emozionalmente: crowdsourced Italian emotional speech, by the votes of its listeners."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Speaker
from audio_emotion.dataset_scripts.label_files import Record, groups_by, read_table, rows_by
from audio_emotion.dataset_scripts.reader import CorpusReader, without_suffix

_SPLITS = {"train": "train", "dev": "validation", "val": "validation", "validation": "validation", "test": "test"}
_GENDERS = {
    **dict.fromkeys(("female", "f", "woman"), "female"),
    **dict.fromkeys(("male", "m", "man"), "male"),
    **dict.fromkeys(("other", "non-binary", "nonbinary"), "other"),
}


class Emozionalmente(CorpusReader):
    """`audio/1612871026347.wav`; who played what, and what five listeners heard, is in `metadata/*.csv`.

    `samples.csv` has file_name, actor, emotion_expressed and sentence, `evaluations.csv` one row a listener with
    emotion_recognized, `users.csv` gender and age. The label is the listeners' votes; `emotion_raw` is what the actor
    meant, which 66 % of the listeners heard. The second edition adds a speaker-independent split as
    `metadata/split/*.csv` (unverified: train, dev or val, test), which is used where it is there. How
    genders are spelled is unverified; one that the table lacks is an error of that actor's clips.
    """

    info = CorpusInfo(
        name="emozionalmente",
        title="Emozionalmente",
        languages=("it",),
        license="cc-by-4.0",
        redistribution=True,
        homepage="https://zenodo.org/records/6569824",
        citation="""
@dataset{catania2022emozionalmente,
  title = {Emozionalmente: a crowdsourced {Italian} speech emotional corpus},
  author = {Catania, Fabio},
  publisher = {Zenodo}, year = {2022}, doi = {10.5281/zenodo.6569824}
}""",
        label_note="Votes of about five listeners; `emotion_raw` is the acted emotion.",
        split_note="That of the second edition, where it is there; else a hash puts about 10 % of the actors each into "
        "validation and test.",
        num_clips=6902,
        num_speakers=431,
        emotion_counts=dict.fromkeys(("anger", "disgust", "fear", "joy", "neutrality", "sadness", "surprise"), 986),
    )
    grammar = r"\d+"
    example = "audio/1612871026347.wav"
    labels = {
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "joy": "happiness",
        "neutrality": "neutral",
        "sadness": "sadness",
        "surprise": "surprise",
    }

    def read_labels(self) -> Mapping[str, Record]:
        """Read the samples, and users, evaluations and split beside them."""
        users = read_table(self.require("users.csv"), ("username", "gender", "age"))
        self.users = rows_by(users, lambda record: record.text("username"))
        evaluations = read_table(self.require("evaluations.csv"), ("file_name", "emotion_recognized"))
        self.evaluations = groups_by(evaluations, _clip)
        self.split_of = {
            _clip(record): split
            for name, split in _SPLITS.items()
            if (path := self.find(f"split/{name}.csv"))
            for record in read_table(path, ("file_name",))
        }
        return rows_by(read_table(self.require("samples.csv"), ("file_name", "actor", "emotion_expressed")), _clip)

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Join a sample with its actor and its listeners."""
        record: Record = self.row(name["id"])
        if name["id"] not in self.evaluations:
            raise record.error("evaluations.csv has no listener of it.")
        if self.split_of and name["id"] not in self.split_of:
            raise record.error("it is in none of the tables of metadata/split.")
        votes = Counter(listener.text("emotion_recognized") for listener in self.evaluations[name["id"]])
        record.choice("emotion_expressed", self.labels)
        actor = self._actor(record)
        return Annotation(
            label=self.voted_label(votes),
            emotion_raw=record.text("emotion_expressed"),
            speaker=record.text("actor"),
            gender=actor.gender,
            age=actor.age,
            text=record.get("sentence"),
            split=self.split_of.get(name["id"]),
        )

    def _actor(self, record: Record) -> Speaker:
        actor = record.text("actor")
        if actor not in self.users:
            raise record.error(f"users.csv has no {actor}.")
        user = self.users[actor]
        gender, age = user.get("gender"), user.get("age")
        return Speaker(
            None if gender is None else self.lookup("gender", _GENDERS, gender.lower()),
            None if age is None else user.integer("age", 1, 120),
        )


def _clip(record: Record) -> str:
    return without_suffix(record.text("file_name"))
