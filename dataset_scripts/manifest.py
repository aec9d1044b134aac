"""The record beside a corpus's shards: what they were made from, which are complete, and what is in them."""

from __future__ import annotations

import json
import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, TypeAdapter

from audio_emotion.dataset_scripts.corpus import CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError, path_as_text

MANIFEST_NAME = "manifest.json"
_SPLITS = ("train", "validation", "test")
_ShardName = Annotated[str, Field(pattern=rf"^({'|'.join(_SPLITS)})-\d{{5}}-of-\d{{5}}\.parquet$")]
_Shares = Annotated[list[float], Field(min_length=len(EMOTIONS), max_length=len(EMOTIONS))]


@dataclass
class Summary:
    """What is in a shard, a split or a corpus.

    Attributes:
        num_clips: Rows.
        num_planned: Clips that were to become rows; the difference is bad audio.
        duration_s: Seconds of audio.
        num_bytes: Size of the Parquet files.
        speakers: Known speakers.
        labels: Rows by `emotion_raw`.
        label_sources: Rows by label source.
        languages: Rows by language.
        distribution_sum: Sum of the rows' distributions, `(8,)`.
        bad_audio: Path and reason of each file that gave no row.
    """

    num_clips: int = 0
    num_planned: int = 0
    duration_s: float = 0.0
    num_bytes: int = 0
    speakers: set[str] = field(default_factory=set)
    labels: Counter[str] = field(default_factory=Counter)
    label_sources: Counter[str] = field(default_factory=Counter)
    languages: Counter[str] = field(default_factory=Counter)
    distribution_sum: _Shares = field(default_factory=lambda: [0.0] * len(EMOTIONS))
    bad_audio: list[tuple[str, str]] = field(default_factory=list)

    def add_row(self, row: Mapping[str, Any]) -> None:
        """Count one unified row."""
        self.num_clips += 1
        self.duration_s += row["duration_s"]
        if row["speaker"] is not None:
            self.speakers.add(row["speaker"])
        self.labels[row["emotion_raw"] or ""] += 1
        self.label_sources[row["label_source"]] += 1
        self.languages[row["language"]] += 1
        self.distribution_sum = [
            total + share for total, share in zip(self.distribution_sum, row["distribution"], strict=True)
        ]

    def __add__(self, other: Summary) -> Summary:
        return Summary(
            self.num_clips + other.num_clips,
            self.num_planned + other.num_planned,
            self.duration_s + other.duration_s,
            self.num_bytes + other.num_bytes,
            self.speakers | other.speakers,
            self.labels + other.labels,
            self.label_sources + other.label_sources,
            self.languages + other.languages,
            [mine + theirs for mine, theirs in zip(self.distribution_sum, other.distribution_sum, strict=True)],
            self.bad_audio + other.bad_audio,
        )

    def to_json(self) -> dict[str, Any]:
        """Plain values with a fixed order."""
        return {**asdict(self), "speakers": sorted(self.speakers)} | {
            name: dict(sorted(getattr(self, name).items())) for name in ("labels", "label_sources", "languages")
        }


@dataclass
class Manifest:
    """The state of a prepared corpus; saved after every shard.

    Attributes:
        folder: Folder of the shards.
        fingerprint: Hash of everything that tells whether the shards' bytes will be the same.
        info: What the dataset card says of the corpus.
        label_table: Emotion of each of the corpus's words.
        expressible: Emotions of its label mask.
        shards: Summary of each complete shard by file name.
        complete: Whether all shards and the report are written.
        source: The folder that it was prepared from; empty once it is published.
    """

    folder: Path
    fingerprint: str
    info: CorpusInfo
    label_table: dict[str, str]
    expressible: list[str]
    shards: dict[_ShardName, Summary] = field(default_factory=dict)
    complete: bool = False
    source: str = ""

    @classmethod
    def of_reader(cls, folder: Path, reader: CorpusReader, fingerprint: str) -> Manifest:
        """Take up the manifest of an earlier run, or start one where the corpus has changed since.

        Raises:
            CorpusError: If the folder holds another corpus of the same name.
        """
        fresh = cls(
            folder,
            fingerprint,
            reader.info,
            dict(reader.labels),
            [emotion for emotion, inside in zip(EMOTIONS, reader.label_mask, strict=True) if inside],
            source=path_as_text(reader.source.resolve()),
        )
        earlier = cls.load(folder)
        if earlier is not None and earlier.fingerprint == fingerprint:
            fresh.shards = {
                name: summary
                for name, summary in earlier.shards.items()
                if (folder / name).is_file() and (folder / name).stat().st_size == summary.num_bytes
            }
        elif earlier is not None and earlier.source not in ("", fresh.source) and Path(earlier.source).is_dir():
            raise CorpusError(
                f"{folder} holds what was prepared from {earlier.source}, and {fresh.source} is another corpus. Choose "
                f"another folder to write to, or a `name` in corpus.yaml; or delete {folder} to have it replaced"
            )
        return fresh

    @classmethod
    def load(cls, folder: Path) -> Manifest | None:
        """Read the manifest of a folder; None where there is none, or one that this version did not write."""
        try:
            values = json.loads((folder / MANIFEST_NAME).read_text(encoding="utf-8"))
            return TypeAdapter(cls).validate_python({**values, "folder": folder})
        except (OSError, ValueError, TypeError, RecursionError):  # what does not validate is a ValueError
            return None

    def save(self) -> None:
        """Write the manifest beside the shards."""
        values = {
            "fingerprint": self.fingerprint,
            "complete": self.complete,
            "info": asdict(self.info),
            "label_table": self.label_table,
            "expressible": self.expressible,
            "source": self.source,
            "shards": {name: summary.to_json() for name, summary in sorted(self.shards.items())},
        }
        write_atomically(self.folder / MANIFEST_NAME, json.dumps(values, ensure_ascii=False, indent=1))

    def splits(self) -> Iterator[tuple[str, Summary]]:
        """Splits with their summaries, in the order train, validation, test."""
        for split in _SPLITS:
            summaries = [summary for name, summary in sorted(self.shards.items()) if name.startswith(f"{split}-")]
            if summaries:
                yield split, sum(summaries, Summary())

    def speakers_in_several_splits(self) -> set[str]:
        """Known speakers with clips in more than one split."""
        num_splits = Counter(speaker for _, part in self.splits() for speaker in part.speakers)
        return {speaker for speaker, number in num_splits.items() if number > 1}

    def total(self) -> Summary:
        """Summary of the whole corpus."""
        return sum((summary for _, summary in sorted(self.shards.items())), Summary())


@contextmanager
def written_beside(path: Path) -> Iterator[Path]:
    """A file beside `path` to write to, which takes its place once it is whole and on the disk.

    Nobody ever reads half of it, not even after a power failure; nothing is left of it where writing it failed.
    """
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        with partial.open("rb") as file:
            os.fsync(file.fileno())
        partial.replace(path)
    except BaseException:
        partial.unlink(missing_ok=True)
        raise


def write_atomically(path: Path, text: str) -> None:
    """Write a text file that nobody ever reads half of: what it held is there until it is whole."""
    with written_beside(path) as partial:
        partial.write_text(text, encoding="utf-8", newline="\n")
