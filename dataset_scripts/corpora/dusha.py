"""Dusha: Russian commands and podcasts, by what each annotator heard."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.label_files import Record, read_json_lines, read_table
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import HashedSpeakers

_COLUMNS = ("hash_id", "annotator_emo", "speaker_text", "speaker_emo", "source_id")


@dataclass
class _Recording:
    """A clip's first row, and the votes of all its rows."""

    record: Record
    votes: Counter[str]


class Dusha(CorpusReader):
    """`crowd_train/wavs/<hash_id>.wav`; labels in `raw_crowd_train.jsonl` or `.tsv`, one row an annotator.

    The four parts are `crowd_train`, `crowd_test`, `podcast_train` and `podcast_test`; any of them will do, for the
    owner does not give the podcasts' sound to everybody. `annotator_emo` is the vote. `speaker_emo` is what the speaker
    of a crowd clip was asked to play, here `emotion_raw`. Rows whose `golden_emo` is set checked the annotators; their
    votes count like all others, while the owner leaves those clips out of his experiments. Empty cells are `NaN`, also
    in the JSON. The owner's Dawid-Skene labels are not used: a share of votes is what they throw away.
    Published are 201,850 crowd clips of 2,068 speakers and 102,113 podcast clips of 6,240.
    """

    info = CorpusInfo(
        name="dusha",
        title="Dusha",
        languages=("ru",),
        license="other",
        license_note="The owner's public licence, with attribution.",
        redistribution=False,
        homepage="https://github.com/salute-developers/golos/tree/master/dusha",
        citation="""
@misc{kondratenko2022dusha,
  title = {Large Raw Emotional Dataset with Aggregation Mechanism},
  author = {Kondratenko, Vladimir and Sokolov, Artem and Karpov, Nikolay and Kutuzov, Oleg and Savushkin, Nikita and
            Minkin, Fyodor},
  year = {2022}, eprint = {2212.12266}, archivePrefix = {arXiv}
}""",
        label_note="Votes of all annotators; positive is happiness. `emotion_raw` is what the speaker was to play.",
        split_note="Official train and test; a hash puts about 5 % of the training speakers into validation.",
    )
    grammar = r"\w+"
    example = "crowd_train/wavs/0a1b2c3d4e5f60718293a4b5c6d7e8f9.wav"
    labels = {"angry": "anger", "sad": "sadness", "neutral": "neutral", "positive": "happiness", "other": "other"}
    splits = HashedSpeakers(validation=0.05, test=0.0)
    labels_beyond_audio = True

    def read_labels(self) -> Mapping[str, _Recording]:
        """Count the votes of every part that is there."""
        recordings: dict[str, _Recording] = {}
        for record in self._raw_rows():
            recording = recordings.setdefault(record.text("hash_id"), _Recording(record, Counter()))
            recording.votes[record.text("annotator_emo")] += 1
        return recordings

    def _raw_rows(self) -> Iterator[Record]:
        parts = ("crowd_train", "crowd_test", "podcast_train", "podcast_test")
        if not any(self.find(f"raw_{part}.{suffix}") for part in parts for suffix in ("jsonl", "tsv")):
            self.require("raw_crowd_train.jsonl")
        for part in parts:
            if path := self.find(f"raw_{part}.jsonl"):
                yield from read_json_lines(path, _COLUMNS)
            elif path := self.find(f"raw_{part}.tsv"):
                yield from read_table(path, _COLUMNS, delimiter="\t", quoted=False)

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Join the name with its votes."""
        recording: _Recording = self.row(name["id"])
        record = recording.record
        return Annotation(
            label=self.voted_label(recording.votes),
            emotion_raw=_known(record, "speaker_emo"),
            speaker=_known(record, "source_id"),
            text=_known(record, "speaker_text"),
            split="test" if record.path.stem.endswith("_test") else None,
        )


def _known(record: Record, field: str) -> str | None:
    text = record.get(field)
    return None if text is None or text.lower() == "nan" else text
