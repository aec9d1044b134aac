"""What every corpus reader shares: finding clips by a name grammar, label tables, splits, the report; and the registry.

A reader is one file in `corpora/` with one `CorpusReader` subclass, mostly tables. `docs/corpora.md` shows how to write one.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, TypeVar

from audio_emotion.pipeline.errors_audio_emotion import CorpusError

from .soft_labels import NO_CATEGORIES, SoftLabel, from_votes, graded, mask_of, smoothed
from .splits import HashedSpeakers, SplitRule

AUDIO_SUFFIXES = frozenset(
    ".wav .flac .opus .ogg .oga .mp3 .m4a .aac .aif .aiff .wma .amr .mp4 .avi .mkv .mov .webm .mpg .mpeg".split()
)

Row = TypeVar("Row")


@dataclass(frozen=True, kw_only=True)
class CorpusInfo:
    """What the dataset card says about a corpus.

    Attributes:
        name: Registry name, equal to the module's name; also the `datasets` config name.
        title: Name that its authors gave it.
        languages: BCP 47 tags; the first is that of a clip whose reader says nothing else.
        license: Identifier as the Hub spells it (`cc-by-4.0`, `odbl`, `other`, `unknown`).
        license_note: What the identifier leaves out.
        redistribution: Whether the licence lets anybody publish the prepared clips.
        homepage: Where the owner offers it.
        citation: BibTeX, or a line of text.
        label_note: How the distributions arise, in one or two sentences.
        split_note: Where the splits come from.
        num_clips: Clips in the owner's release, or None where releases differ.
        num_speakers: Speakers in it, or None.
        emotion_counts: Clips by `emotion_raw`, as published, where known.
    """

    name: str
    title: str
    languages: tuple[str, ...]
    license: str
    redistribution: bool
    homepage: str
    citation: str
    label_note: str
    split_note: str
    license_note: str = ""
    num_clips: int | None = None
    num_speakers: int | None = None
    emotion_counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """What a reader says about one clip. None is unknown; `age` is years, the dimensions lie in 0..1."""

    label: SoftLabel
    emotion_raw: str | None = None
    speaker: str | None = None
    gender: str | None = None
    age: int | None = None
    language: str | None = None
    text: str | None = None
    valence: float | None = None
    arousal: float | None = None
    dominance: float | None = None
    targets: Mapping[str, float] | None = None
    split: str | None = None


@dataclass(frozen=True, slots=True)
class Skip:
    """A clip that belongs to the corpus and not into the rows, with the reason (a song, a known empty file)."""

    reason: str


@dataclass(frozen=True, slots=True)
class Clip:
    """One clip found: where it lies, what it is called, and what the corpus says about it."""

    path: Path
    relative_path: str
    id: str
    annotation: Annotation
    label_mask: tuple[bool, ...]
    language: str
    split: str


@dataclass(frozen=True, slots=True)
class Finding:
    """Something a person should know about: its kind, where it is, and why it is listed."""

    kind: str
    where: str
    reason: str


@dataclass
class Report:
    """What a pass over a corpus met besides clips.

    Attributes:
        findings: Unknown names, skipped clips, duplicates, labels without audio, in the order of the pass.
        unmapped: Votes by words that the label table lacks; they count for `other`.
    """

    findings: list[Finding] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)

    def count(self, kind: str) -> int:
        """Count the findings of one kind."""
        return sum(finding.kind == kind for finding in self.findings)


class CorpusReader:
    r"""Base of all readers: names and label files in, annotated clips out.

    The grammar is a regular expression over the tail of a path without its suffix, with `/` between folders: it does not
    matter whether the folder given is the corpus, its parent or an unpacked archive around it. The matched tail is the
    clip's id. Groups named `emotion`, `speaker`, `gender`, `intensity` and `text` are looked up in the tables below; where
    that is not enough, override `annotate`, and `read_labels` for label files.

    Attributes:
        info: What the dataset card says.
        grammar: The name grammar, for instance `r"(?P<speaker>[A-Z]{2}\d)_(?P<emotion>[a-z]+)_\d+"`.
        example: A path that the grammar accepts; shown where nothing matches.
        codes: Word of each emotion code in names or files. Empty: the codes are words.
        labels: Emotion of each word.
        expressible: Emotions that the corpus can express at all; by default those in `labels`.
        genders: Gender of each gender code.
        intensities: Strength in 0..1 of each intensity code.
        texts: Sentence of each text code.
        splits: The rule for speakers without an official split.

    Args:
        source: Folder of the corpus as its owner ships it.

    Raises:
        CorpusError: If `source` is not a folder.
    """

    info: CorpusInfo
    grammar: ClassVar[str]
    example: ClassVar[str]
    codes: ClassVar[Mapping[str, str]] = {}
    labels: Mapping[str, str] = {}
    expressible: ClassVar[tuple[str, ...] | None] = None
    genders: ClassVar[Mapping[str, str]] = {}
    intensities: ClassVar[Mapping[str, float]] = {}
    texts: ClassVar[Mapping[str, str]] = {}
    splits: ClassVar[SplitRule] = HashedSpeakers()

    def __init__(self, source: str | os.PathLike[str]):
        self.source = Path(source)
        if not self.source.is_dir():
            raise CorpusError(
                f"{self.source} is not a folder. Give the folder of {self.info.title} as its owner ships it: {self.info.homepage}"
            )
        self.report = Report()
        self._labels_read = False

    # ------------------------------------------------------------------------------------------------ for subclasses

    def read_labels(self) -> None:
        """Read the corpus's label files into attributes; called once before the first clip. The base has none."""

    def annotate(self, name: Mapping[str, str]) -> Annotation | Skip:
        """Say what the corpus knows about a clip.

        Args:
            name: The grammar's groups that took part in the match, and `id`.

        Returns:
            The annotation, or why the clip is left out.

        Raises:
            CorpusError: If the name says something that the tables do not know.
        """
        return self.annotation(name)

    def unused_labels(self) -> Iterator[str]:
        """Name what the label files describe and no audio file was met for; the base has no label files."""
        return iter(())

    def find(self, name: str) -> Path | None:
        """Find a label file by name: the one nearest to the source folder, or None."""
        found = sorted(self.source.rglob(name), key=lambda path: (len(path.parts), path))
        return found[0] if found else None

    def require(self, name: str) -> Path:
        """Find a label file that the corpus cannot do without, or raise a `CorpusError`."""
        path = self.find(name)
        if path is None:
            raise CorpusError(
                f"{self.source}: no {name} here or below, and {self.info.title} has its labels there. Give the folder as its "
                f"owner ships it: {self.info.homepage}"
            )
        return path

    # ----------------------------------------------------------------------------------------------- for annotations

    def annotation(self, name: Mapping[str, str], **known: Any) -> Annotation:
        """Annotate from the grammar's groups and the tables; `known` fields win over the name's."""
        word = self.word(name["emotion"])
        from_name: dict[str, Any] = {
            "label": self.graded_label(word, name["intensity"]) if "intensity" in name else self.hard_label(word),
            "emotion_raw": word,
            "speaker": name.get("speaker"),
            "gender": self.lookup("gender", self.genders, name["gender"]) if "gender" in name else None,
            "text": self.lookup("text", self.texts, name["text"]) if "text" in name and self.texts else name.get("text"),
        }
        return Annotation(**{**from_name, **known})

    @cached_property
    def label_mask(self) -> tuple[bool, ...]:
        """The classes that this corpus can express, `(8,)`."""
        return mask_of(self.labels.values() if self.expressible is None else self.expressible)

    def lookup(self, what: str, table: Mapping[str, Any], code: str) -> Any:
        """Look a code up in a table, or raise a `CorpusError` that lists the valid ones."""
        if code not in table:
            raise CorpusError(f"{what} {code!r} is unknown; {self.info.title} has {', '.join(map(str, table))}.")
        return table[code]

    def agree(self, what: str, found: str, expected: str) -> None:
        """Raise a `CorpusError` where two places say different things of one clip."""
        if found != expected:
            raise CorpusError(f"the {what} says {found!r}, the file name {expected!r}.")

    def row(self, table: Mapping[str, Row], clip_id: str) -> Row:
        """Take a clip's row of a label file, or raise a `CorpusError`; a row taken is not listed as without audio."""
        if clip_id not in table:
            raise CorpusError(f"the label file has no row for {clip_id}.")
        return table[clip_id]

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
        """Turn raw vote counts by word or code into shares; unknown words count for `other` and are reported."""
        return from_votes(votes, self.labels)

    # ---------------------------------------------------------------------------------------------------- the passes

    def clips(self) -> Iterator[Clip]:
        """Walk the corpus in the order of its relative paths.

        Names that the grammar or a table does not know, duplicates and skipped clips go to `report`, which each pass
        fills anew; it is complete once the iterator is exhausted.

        Raises:
            CorpusError: If a label file is missing or broken, or not one clip is found.
        """
        self.report = Report()
        self._load()
        first_path: dict[str, str] = {}
        num_files = 0
        for relative_path in self._audio_paths():
            num_files += 1
            try:
                clip = self.clip(relative_path)
            except CorpusError as error:
                self.report.findings.append(Finding("unknown name", relative_path, str(error)))
                continue
            if isinstance(clip, Skip):
                self.report.findings.append(Finding("skipped", relative_path, clip.reason))
            elif clip.id in first_path:
                reason = f"same id as {first_path[clip.id]}"
                self.report.findings.append(Finding("duplicate", relative_path, reason))
            else:
                first_path[clip.id] = relative_path
                self.report.unmapped.update(clip.annotation.label.unmapped or {})
                yield clip
        if not first_path:
            raise CorpusError(
                f"{self.source}: none of {num_files} audio files is a clip of {self.info.title}, which looks like "
                f"{self.example}. Give the folder as its owner ships it: {self.info.homepage}"
                + "".join(f"\n  {finding.where}: {finding.reason}" for finding in self.report.findings[:3])
            )
        self.report.findings.extend(
            Finding("no audio", where, "labelled, and no audio file has this name") for where in self.unused_labels()
        )

    def clip(self, relative_path: str) -> Clip | Skip:
        """Read one clip by its path relative to the source.

        Raises:
            CorpusError: If the name does not follow the grammar or the label files do not know it.
        """
        self._load()
        stem = _without_suffix(relative_path)
        match = self._pattern.fullmatch(unicodedata.normalize("NFC", stem))
        if match is None:
            raise CorpusError(f"{relative_path}: not a name of {self.info.title}, which looks like {self.example}.")
        try:
            annotation = self.annotate({group: text for group, text in match.groupdict().items() if text is not None})
        except CorpusError as error:
            raise CorpusError(f"{relative_path}: {error}") from None
        if isinstance(annotation, Skip):
            return annotation
        return Clip(
            path=self.source / relative_path,
            relative_path=relative_path,
            id=match["id"],
            annotation=annotation,
            label_mask=(False,) * len(self.label_mask) if annotation.label is NO_CATEGORIES else self.label_mask,
            language=annotation.language or self.info.languages[0],
            split=annotation.split or self.splits(self.info.name, annotation.speaker),
        )

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return re.compile(rf"(?:.*/)?(?P<id>{unicodedata.normalize('NFC', self.grammar)})", re.DOTALL)

    def _load(self) -> None:
        """Read the label files once."""
        if not self._labels_read:
            self.read_labels()
            self._labels_read = True

    def _audio_paths(self) -> list[str]:
        """Relative POSIX paths of all audio files, sorted; hidden files and those that macOS adds to archives left out."""
        paths = []
        for folder, folders, files in os.walk(self.source):
            folders[:] = [name for name in folders if not name.startswith((".", "__MACOSX"))]
            relative_folder = Path(folder).relative_to(self.source)
            for name in files:
                if not name.startswith(".") and os.path.splitext(name)[1].lower() in AUDIO_SUFFIXES:
                    paths.append((relative_folder / name).as_posix())
        return sorted(paths)


def _without_suffix(path: str) -> str:
    stem, suffix = os.path.splitext(path)
    return stem if suffix.lower() in AUDIO_SUFFIXES else path


def list_corpora() -> list[str]:
    """Name the corpora that have a reader, sorted."""
    package = importlib.import_module(".corpora", __package__)
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
    if name not in list_corpora():
        raise CorpusError(f"no corpus is called {name!r}; there are {', '.join(list_corpora())}.")
    module = importlib.import_module(f".corpora.{name}", __package__)
    readers = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, CorpusReader) and value.__module__ == module.__name__
    ]
    return next(reader for reader in readers if reader.info.name == name)
