"""What every corpus reader shares: finding clips by a name grammar, label tables, splits, the report; and the registry.

A reader is one file in `corpora/` with one `CorpusReader` subclass, mostly tables; `docs/corpora.md` shows how to write
one.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

from audio_emotion.dataset_scripts.corpus import Annotation, Clip, CorpusInfo, Report, Skip, Speaker
from audio_emotion.dataset_scripts.label_files import Record
from audio_emotion.dataset_scripts.schema import EMOTIONS, SPLITS
from audio_emotion.dataset_scripts.soft_labels import SoftLabel, from_votes, graded, mask_of, smoothed
from audio_emotion.dataset_scripts.splits import HashedSpeakers, SplitRule
from audio_emotion.pipeline.errors_audio_emotion import CorpusError, path_as_text

AUDIO_SUFFIXES = frozenset(
    {
        *(".wav", ".flac", ".opus", ".ogg", ".oga", ".mp3", ".m4a", ".aac", ".aif", ".aiff", ".wma", ".amr", ".sph"),
        *(".mp4", ".avi", ".mkv", ".mov", ".webm", ".mpg", ".mpeg", ".flv"),
    }
)


class CorpusReader:
    r"""Base of all readers: names and label files in, annotated clips out.

    The grammar is a regular expression over the tail of a path without its suffix, with `/` between folders: it does
    not matter whether the folder given is the corpus, its parent or an unpacked archive around it. The matched tail is
    the clip's id. The groups `emotion`, `speaker`, `gender`, `age`, `intensity` and `text` are looked up in the tables
    below; where that is not enough, override `annotate`, and `read_labels` where the corpus has label files.

    Attributes:
        info: What the dataset card says.
        grammar: The name grammar, for instance `r"(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_\d+"`; `\d` and `\w` are
            ASCII.
        example: A path that the grammar accepts; shown where a name does not match.
        codes: Word of each emotion code in names or files. Empty: the codes are words.
        labels: Emotion of each word.
        expressible: Emotions that the corpus can express at all; by default those in `labels`.
        genders: Gender of each gender code.
        speakers: What is known of each speaker. Not empty: all speakers are in it.
        intensities: Strength in 0..1 of each intensity code.
        texts: Sentence of each text code. Empty: the group is the text.
        splits: The rule for clips that `annotate` gives no official split.
        labels_beyond_audio: Whether the label files also describe recordings that were never published.
        source: The corpus's folder.
        rows: What `read_labels` returned.
        report: What the last pass met besides clips.

    Args:
        source: Folder of the corpus as its owner ships it.

    Raises:
        CorpusError: If `source` is not a folder.
    """

    info: CorpusInfo
    grammar: str
    example: str
    codes: Mapping[str, str] = {}
    labels: Mapping[str, str] = {}
    expressible: tuple[str, ...] | None = None
    genders: Mapping[str, str] = {}
    speakers: Mapping[str, Speaker] = {}
    intensities: Mapping[str, float] = {}
    texts: Mapping[str, str] = {}
    splits: SplitRule = HashedSpeakers()
    labels_beyond_audio: bool = False

    def __init__(self, source: str | os.PathLike[str]):
        self.source = Path(source)
        self.report = self._label_report = Report()
        self._keys_used: set[str] = set()
        if not self.source.is_dir():
            raise CorpusError(f"{self.source} is not a folder. {self._wanted()}")

    # ----------------------------------------------------------------------------------- what a reader may override

    def read_labels(self) -> Mapping[str, Any]:
        """Read the corpus's label files; called once, before the first clip.

        Returns:
            What they say of each clip, by any key that `annotate` can build from a name. Empty without label files.

        Raises:
            CorpusError: If a file is missing or broken; names file and line.
        """
        return {}

    def annotate(self, name: Mapping[str, str]) -> Annotation | Skip:
        """Say what the corpus knows about a clip.

        Args:
            name: `id` and the grammar's groups that took part in the match.

        Returns:
            The annotation, or why the clip is left out.

        Raises:
            CorpusError: If the name or its row says something that the tables do not know.
        """
        return self.annotation(name)

    def parse_name(self, relative_path: str) -> dict[str, str]:
        """Take a path apart by the grammar.

        Raises:
            CorpusError: If it does not match.
        """
        match = self._pattern.fullmatch(without_suffix(relative_path))
        if match is None:
            raise CorpusError(f"not a name of {self.info.title}, which looks like {self.example}.")
        return {group: text for group, text in match.groupdict().items() if text is not None}

    def audio_paths(self) -> list[str]:
        """List all audio files as sorted POSIX paths from `source`, without hidden ones and macOS's archive debris."""

        def fail(error: OSError) -> None:
            raise CorpusError(f"{error.filename} cannot be read: {error.strerror}.")

        paths = []
        for folder, folders, files in os.walk(self.source, onerror=fail):
            folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
            prefix = Path(folder).relative_to(self.source)
            paths += [(prefix / name).as_posix() for name in files if not name.startswith(".") and is_audio(name)]
        return sorted(paths)

    # ------------------------------------------------------------------------------ what read_labels and annotate use

    def find(self, name: str) -> Path | None:
        """Find a label file by its name or glob pattern: the one nearest to the source folder, or None."""
        found = sorted(self.source.rglob(name), key=lambda path: (len(path.parts), path))
        return found[0] if found else None

    def require(self, name: str) -> Path:
        """Find a label file that the corpus cannot do without, or raise a `CorpusError`."""
        path = self.find(name)
        if path is None:
            raise CorpusError(f"{self.source}: no {name} here or below, and the labels are in it. {self._wanted()}")
        return path

    def annotation(self, name: Mapping[str, str], **known: Any) -> Annotation:
        """Annotate from the grammar's groups and the tables; fields that are `known` already win."""
        if "label" not in known:
            word = self.word(name["emotion"])
            known["label"] = (
                self.graded_label(word, name["intensity"]) if "intensity" in name else self.hard_label(word)
            )
            known.setdefault("emotion_raw", word)
        if "speaker" in name:
            known.setdefault("speaker", name["speaker"])
        if self.speakers and known.get("speaker") is not None:
            speaker: Speaker = self.lookup("speaker", self.speakers, known["speaker"])
            known.setdefault("gender", speaker.gender)
            known.setdefault("age", speaker.age)
        if "gender" in name and "gender" not in known:
            known["gender"] = self.lookup("gender", self.genders, name["gender"])
        if "age" in name and "age" not in known:
            known["age"] = int(name["age"])
        if "text" in name and "text" not in known:
            known["text"] = self.lookup("text", self.texts, name["text"]) if self.texts else name["text"]
        return Annotation(**known)

    def row(self, key: str) -> Any:
        """Take what the label files say of a clip, or raise a `CorpusError`. Rows never taken are reported."""
        if key not in self.rows:
            raise CorpusError(f"the label files have no row for {key}.")
        self._keys_used.add(key)
        return self.rows[key]

    def lookup(self, what: str, table: Mapping[str, Any], code: str) -> Any:
        """Look a code up in a table, or raise a `CorpusError` that lists the valid ones."""
        if code not in table:
            raise CorpusError(f"{what} {code!r} is unknown; {self.info.title} has {', '.join(map(str, table))}.")
        return table[code]

    def agree(self, what: str, found: str, expected: str) -> None:
        """Raise a `CorpusError` where another place contradicts the file name."""
        if found != expected:
            raise CorpusError(f"the {what} says {found!r}, the file name {expected!r}.")

    def word(self, code: str) -> str:
        """Turn an emotion code into the corpus's word for it."""
        return str(self.lookup("emotion", self.codes, code)) if self.codes else code

    def hard_label(self, word: str) -> SoftLabel:
        """Smooth the one label that the corpus gives."""
        return smoothed(self.lookup("emotion", self.labels, word), self.label_mask)

    def graded_label(self, word: str, intensity_code: str) -> SoftLabel:
        """Grade the one label by the intensity that the corpus gives."""
        intensity = self.lookup("intensity", self.intensities, intensity_code)
        return graded(self.lookup("emotion", self.labels, word), intensity, self.label_mask)

    def voted_label(self, votes: Mapping[str, int]) -> SoftLabel:
        """Turn raw vote counts by word into shares; words that `labels` lacks go to `other` and are reported."""
        return from_votes(votes, self.labels)

    # ---------------------------------------------------------------------------------------------------- the passes

    @cached_property
    def label_mask(self) -> tuple[bool, ...]:
        """The classes that this corpus can express, `(8,)`."""
        return mask_of(self.labels.values() if self.expressible is None else self.expressible)

    @cached_property
    def rows(self) -> Mapping[str, Any]:
        """What the label files say of each clip."""
        self.report = self._label_report
        return self.read_labels()

    def clips(self) -> Iterator[Clip]:
        """Walk the corpus in the order of its relative paths.

        Names that the grammar or a table does not know, duplicates and skipped clips go to `report`, which each pass
        fills anew, beginning with what `read_labels` added to it; it is complete once the iterator is exhausted.

        Raises:
            CorpusError: If a label file is missing or broken, or not one clip is found.
        """
        rows = self.rows  # read before the first clip: a fault in a label file ends the pass, one in a name does not
        self.report = report = Report(list(self._label_report.findings))
        self._keys_used = set()
        paths = self.audio_paths()
        first_path: dict[str, str] = {}
        first_split: dict[str, str] = {}
        for relative_path in paths:
            printable = _printable(relative_path)
            try:
                clip = self.clip(relative_path)
            except CorpusError as error:
                report.add("unknown name", printable, str(error).removeprefix(f"{printable}: "))
                continue
            if isinstance(clip, Skip):
                report.add("skipped", printable, clip.reason)
                continue
            if clip.id in first_path:
                report.add("duplicate", printable, f"has the id of {first_path[clip.id]}")
                continue
            first_path[clip.id] = printable
            speaker = clip.annotation.speaker
            if speaker is not None and not self.info.splits_share_speakers:
                split = first_split.setdefault(speaker, clip.split)
                if split != clip.split:
                    report.add("speaker in two splits", printable, f"{speaker} is in {split} and in {clip.split}")
            report.unmapped.update(clip.annotation.label.unmapped or {})
            yield clip
        if not first_path:
            seen = "".join(f"\n  {finding.where}: {finding.reason}" for finding in report.findings[:3])
            raise CorpusError(f"{self.source}: none of {len(paths)} audio files is a clip. {self._wanted()}{seen}")
        if not self.labels_beyond_audio:
            for key, row in rows.items():
                if key not in self._keys_used:
                    report.add("no audio", key, f"it has labels{_place(row)}, and no audio file asks for them")

    def clip(self, relative_path: str) -> Clip | Skip:
        """Read one clip by its path from `source`; the file itself is not opened.

        Raises:
            CorpusError: If its name or its row does not follow the corpus's layout.
        """
        printable = _printable(relative_path)
        try:
            name = self.parse_name(printable)
            annotation = self.annotate(name)
            if isinstance(annotation, Skip):
                return annotation
            return self._make_clip(relative_path, name["id"], annotation)
        except CorpusError as error:
            raise CorpusError(f"{printable}: {error}") from error

    def _make_clip(self, relative_path: str, clip_id: str, annotation: Annotation) -> Clip:
        split = annotation.split or self.splits(self.info.name, annotation.speaker)
        if split not in SPLITS:
            raise CorpusError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}.")
        distribution = annotation.label.distribution
        label_mask = self.label_mask if any(distribution) else (False,) * len(EMOTIONS)
        outside = [
            emotion
            for emotion, share, inside in zip(EMOTIONS, distribution, label_mask, strict=True)
            if share and not inside
        ]
        if outside:
            raise CorpusError(f"its label gives mass to {', '.join(outside)}, which the corpus cannot express.")
        return Clip(
            path=self.source / relative_path,
            relative_path=_printable(relative_path),
            id=clip_id,
            annotation=annotation,
            label_mask=label_mask,
            language=annotation.language or self.info.languages[0],
            split=split,
        )

    def _wanted(self) -> str:
        return (
            f"Give the folder of {self.info.title} as its owner ships it ({self.info.homepage}), with files such as "
            f"{self.example}."
        )

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"(?:.*/)?(?P<id>{unicodedata.normalize('NFC', self.grammar)})", re.DOTALL | re.ASCII)


def is_audio(path: str) -> bool:
    """Tell audio (and video) files by their suffix."""
    return PurePosixPath(path).suffix.lower() in AUDIO_SUFFIXES


def without_suffix(path: str) -> str:
    """Cut an audio suffix off a path or file name, as label files write them.

    >>> without_suffix("wav/03a01Wa.wav")
    'wav/03a01Wa'
    """
    return path[: -len(PurePosixPath(path).suffix)] if is_audio(path) else path


def list_corpora() -> list[str]:
    """Name the corpora that have a reader, sorted."""
    package = importlib.import_module("audio_emotion.dataset_scripts.corpora")
    return sorted(module.name for module in pkgutil.iter_modules(package.__path__))


def get_reader(name: str) -> type[CorpusReader]:
    """Find a corpus's reader.

    Args:
        name: One of `list_corpora()`.

    Returns:
        The reader class; call it with the corpus's folder.

    Raises:
        CorpusError: If no corpus has this name.

    Example:
        >>> get_reader("ravdess").info.num_clips
        1440
    """
    names = list_corpora()
    if name not in names:
        raise CorpusError(f"no corpus is called {name!r}; there are {', '.join(names)}.")
    module = importlib.import_module(f"audio_emotion.dataset_scripts.corpora.{name}")
    (reader,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, CorpusReader) and value.__module__ == module.__name__
    )
    return reader


def _place(row: Any) -> str:
    """Where a label file says something, in brackets; nothing where the reader keeps no records."""
    record = row[0] if isinstance(row, list) and row else row
    return f" ({record.place})" if isinstance(record, Record) else ""


def _printable(path: str) -> str:
    """A path as NFC text, whatever the encoding of the archive that it came in."""
    return unicodedata.normalize("NFC", path_as_text(path))
