"""Anybody's own data: a table of clips, and a small YAML file that says what its columns are."""

from __future__ import annotations

import os
import unicodedata
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.label_files import Record, groups_by, read_json_lines, read_table, read_text
from audio_emotion.dataset_scripts.plain_yaml import PlainTextLoader
from audio_emotion.dataset_scripts.reader import CorpusReader, list_corpora, without_suffix
from audio_emotion.dataset_scripts.schema import EMOTIONS, GENDERS, LANGUAGE_TAG, SPLITS
from audio_emotion.dataset_scripts.soft_labels import (
    NO_CATEGORIES,
    SoftLabel,
    from_intensities,
    graded,
    mask_of,
    smoothed,
)
from audio_emotion.dataset_scripts.splits import HashedSpeakers
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

DESCRIPTION = "corpus.yaml"


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Columns(_Section):
    """Names of the table's columns; only `audio` must be there.

    Attributes:
        audio: path of the clip from the YAML file's folder.
        emotion: the clip's word, or with `rows: rater` one rater's.
        intensity: strength of the clip's `emotion`.
        speaker: any name; one whom `split` puts into several splits is reported.
        gender: a code of `genders`.
        age: years.
        language: one of `languages`.
        text: what is said.
        split: train, validation or test; without this column a hash of the speaker decides.
        valence: negative to positive.
        arousal: calm to excited.
        dominance: submissive to dominant.
    """

    audio: str
    emotion: str | None = None
    intensity: str | None = None
    speaker: str | None = None
    gender: str | None = None
    age: str | None = None
    language: str | None = None
    text: str | None = None
    split: str | None = None
    valence: str | None = None
    arousal: str | None = None
    dominance: str | None = None


class Ranges(_Section):
    """Lowest and highest value of columns that are not in 0..1 already."""

    valence: tuple[float, float] = (0, 1)
    arousal: tuple[float, float] = (0, 1)
    dominance: tuple[float, float] = (0, 1)
    intensity: tuple[float, float] = (0, 1)
    intensities: tuple[float, float] = (0, 1)
    targets: tuple[float, float] = (0, 1)


class Description(_Section):
    """What `corpus.yaml` says.

    Attributes:
        table: `.csv`, `.tsv` or `.jsonl` file beside the YAML file.
        name: of the prepared folder and its `datasets` config.
        title: for people.
        languages: BCP 47 tags; the first is that of a clip whose row says nothing else.
        license: as the Hub spells it.
        redistribution: whether the licence lets anybody publish the prepared clips.
        homepage: where the data is from.
        citation: BibTeX, or a line of text.
        rows: whether a row of the table is a clip, or one rater's opinion of it.
        columns: see `Columns`.
        votes: column of vote counts of each word.
        intensities: column of the strength of each emotion; several may hold at once, the rest is neutral.
        targets: columns of intensities that are none of the 8 emotions.
        labels: emotion of each word; by default the words are the emotions.
        genders: gender of each code.
        ranges: see `Ranges`.
        validation: share of the speakers in validation where the table has no split.
        test: share of the speakers in test.
    """

    table: str = Field(pattern=r"\.(csv|tsv|jsonl)$")
    name: str = Field(default="generic", pattern=r"^[a-z][a-z0-9_]*$")
    title: str = "Own corpus"
    languages: tuple[Annotated[str, Field(pattern=f"^{LANGUAGE_TAG}$")], ...] = Field(min_length=1)
    license: str = Field(default="unknown", min_length=1)
    redistribution: bool = False
    homepage: str = ""
    citation: str = ""
    rows: Literal["clip", "rater"] = "clip"
    columns: Columns
    votes: dict[str, str] = {}
    intensities: dict[str, str] = {}
    targets: tuple[str, ...] = ()
    labels: dict[str, str] = {emotion: emotion for emotion in EMOTIONS}
    genders: dict[str, str] = {gender: gender for gender in GENDERS}
    ranges: Ranges = Ranges()
    validation: float = Field(default=0.1, ge=0, le=1)
    test: float = Field(default=0.1, ge=0, le=1)

    @model_validator(mode="after")
    def _fits_together(self) -> Description:
        mask_of((*self.labels.values(), *self.intensities))
        table = PurePosixPath(self.table.replace("\\", "/"))
        if table.is_absolute() or ".." in table.parts:
            raise ValueError(f"table is {self.table!r}; it must lie in the folder of {DESCRIPTION}")
        if unknown := sorted(set(self.genders.values()) - set(GENDERS)):
            raise ValueError(f"genders has {', '.join(unknown)}; valid are {', '.join(GENDERS)}")
        for rated, (low, high) in self.ranges.model_dump().items():
            if low >= high:
                raise ValueError(f"ranges.{rated} is [{low:g}, {high:g}]; the lower end comes first")
        if unknown := [word for word in self.votes if word not in self.labels]:
            raise ValueError(f"votes has the words {', '.join(unknown)}, which labels lacks")
        if self.rows == "rater" and (self.votes or self.columns.intensity):
            raise ValueError("votes and columns.intensity describe a clip; with `rows: rater` each row is one opinion")
        return self


class Generic(CorpusReader):
    """A folder with `corpus.yaml`, the table that it names, and audio.

        table: labels.csv
        languages: [de]
        columns: {audio: file, emotion: label, speaker: agent, valence: v}
        labels: {wut: anger, freude: happiness, neutral: neutral}
        ranges: {valence: [1, 7]}

    A row's label is, by what is described: the shares of `votes`, or of `emotion` over the rows of a clip with `rows:
    rater`; the `intensities`; `emotion` graded by `intensity`; `emotion`, smoothed; none at all. Words that `labels`
    lacks go to other where raters chose them, and are an error where they are a clip's only label.
    """

    info = CorpusInfo(
        name="generic",
        title="Own corpus",
        languages=("und",),
        license="unknown",
        redistribution=False,
        homepage="docs/corpora.md",
        citation="",
        label_note="As its corpus.yaml describes.",
        split_note="As its table says, or by a hash of the speaker.",
    )
    grammar = r".+"
    example = "clips/1.wav"

    def __init__(self, source: str | os.PathLike[str]):
        super().__init__(source)
        path = self.find(DESCRIPTION)
        if path is None:
            raise CorpusError(f"{self.source}: no {DESCRIPTION} here or below. {self._wanted()}")
        self.description, line = _read_description(path)
        self.where_columns = f"{path}, line {line}"
        description = self.description
        self.table = path.parent / description.table
        self.folder = path.parent.relative_to(self.source).as_posix()
        self.labels = description.labels
        self.genders = description.genders
        self.splits = HashedSpeakers(description.validation, description.test)
        if description.intensities:
            self.expressible = (*description.intensities, "neutral")
        fields = ("name", "title", "languages", "license", "redistribution", "homepage", "citation")
        self.info = replace(self.info, **{field: getattr(description, field) for field in fields})

    def _wanted(self) -> str:
        return f"Give a folder with {DESCRIPTION}, the table that it names, and audio; docs/corpora.md shows how."

    def parse_name(self, relative_path: str) -> dict[str, str]:
        """Take the whole path as the clip's name."""
        return {"id": without_suffix(relative_path)}

    def read_labels(self) -> Mapping[str, list[Record]]:
        """Read the table: the rows of each clip."""
        clips = groups_by(self._records(), self._clip)
        for clip, (first, *others) in clips.items():
            if others and self.description.rows == "clip":
                raise others[0].error(f"{clip} has a row in line {first.line} already; only `rows: rater` has several.")
        return clips

    def _records(self) -> Iterator[Record]:
        description = self.description
        named = [column for column in description.columns.model_dump().values() if column is not None]
        columns = (*named, *description.votes.values(), *description.intensities.values(), *description.targets)
        if self.table.suffix == ".jsonl":
            records = read_json_lines(self.table, columns)
        else:
            records = read_table(self.table, columns, delimiter="\t" if self.table.suffix == ".tsv" else ",")
        try:
            first = list(islice(records, 1))
        except CorpusError as error:
            raise CorpusError(f"{error} {self.where_columns} names the columns.") from None
        return chain(first, records)

    def _clip(self, record: Record) -> str:
        column = self.description.columns.audio
        path = PurePosixPath(self.folder, unicodedata.normalize("NFC", record.text(column)).replace("\\", "/"))
        if path.is_absolute() or ".." in path.parts:
            raise record.error(
                f"{column} is {record.text(column)!r}; it must be a path from the folder of {DESCRIPTION}."
            )
        return without_suffix(path.as_posix())

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Read a clip's row, or its raters' rows."""
        raters: list[Record] = self.row(name["id"])
        columns, record = self.description.columns, raters[0]
        tables = {
            "gender": self.genders,
            "split": {split: split for split in SPLITS},
            "language": {language: language for language in self.info.languages},
        }
        known: dict[str, Any] = {}
        for field, column in columns.model_dump(exclude={"audio", "emotion", "intensity"}).items():
            if column is None or record.get(column) is None:
                continue
            if field in tables:
                known[field] = record.choice(column, tables[field])
            elif field == "age":
                known[field] = record.integer(column, 1, 129)
            elif field in ("valence", "arousal", "dominance"):
                known[field] = self._mean(raters, column, field)
            else:
                known[field] = record.get(column)
        if self.description.targets:
            known["targets"] = {column: self._mean(raters, column, "targets") for column in self.description.targets}
        if columns.emotion is not None and self.description.rows == "clip":
            known["emotion_raw"] = record.get(columns.emotion)
        return Annotation(label=self._label(raters), **known)

    def _label(self, raters: list[Record]) -> SoftLabel:
        description, record = self.description, raters[0]
        column = description.columns.emotion
        if description.votes:
            return self.voted_label({word: record.integer(at, 0, 10**6) for word, at in description.votes.items()})
        if description.intensities:
            return from_intensities(
                {emotion: self._mean(raters, at, "intensities") for emotion, at in description.intensities.items()}
            )
        if column is None:
            return NO_CATEGORIES
        if description.rows == "rater":
            if "other" not in self.labels.values():
                for rater in raters:
                    rater.choice(column, self.labels)
            return self.voted_label(Counter(rater.text(column) for rater in raters))
        emotion = record.choice(column, self.labels)
        if description.columns.intensity is None:
            return smoothed(emotion, self.label_mask)
        return graded(emotion, self._mean(raters, description.columns.intensity, "intensity"), self.label_mask)

    def _mean(self, raters: list[Record], column: str, rated: str) -> float:
        low, high = getattr(self.description.ranges, rated)
        return sum(rater.unit(column, low, high) for rater in raters) / len(raters)


def _read_description(path: Path) -> tuple[Description, int]:
    """What `corpus.yaml` says, and the line in which it names the columns."""
    text = read_text(path)
    try:
        node = yaml.compose(text, Loader=PlainTextLoader)
        description = Description.model_validate(yaml.load(text, Loader=PlainTextLoader))
    except ValidationError as error:
        fault = error.errors()[0]
        where = ".".join(map(str, fault["loc"])) or "the description"
        raise CorpusError(f"{path}, line {_line(node, fault['loc'])}: {where}: {fault['msg']}.") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        line = mark.line + 1 if mark else text.count("\n", 0, getattr(error, "position", 0)) + 1
        raise CorpusError(f"{path}, line {line}: not YAML ({getattr(error, 'problem', error)}).") from None
    if description.name in set(list_corpora()) - {"generic"}:
        line = _line(node, ("name",))
        raise CorpusError(f"{path}, line {line}: name is {description.name!r}, which is the name of a known corpus.")
    return description, _line(node, ("columns",))


def _line(node: yaml.Node | None, loc: tuple[int | str, ...]) -> int:
    """Line of a place in a YAML tree, or of the nearest place around it."""
    for key in loc:
        if isinstance(node, yaml.MappingNode):
            children = {str(name.value): child for name, child in node.value}
        elif isinstance(node, yaml.SequenceNode):
            children = {str(index): child for index, child in enumerate(node.value)}
        else:
            break
        if str(key) not in children:
            break
        node = children[str(key)]
    return 1 if node is None else node.start_mark.line + 1
