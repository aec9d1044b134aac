"""The words that readers speak: what a corpus is, what is known of a clip, what a pass over the files met."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from audio_emotion.dataset_scripts.soft_labels import SoftLabel


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
        splits_share_speakers: Whether the official splits are not speaker-disjoint, and said to be so here.
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
    splits_share_speakers: bool = False
    num_clips: int | None = None
    num_speakers: int | None = None
    emotion_counts: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Speaker:
    """What a corpus tells of a speaker: gender (`female`, `male`, `other`) and age in years, None where unknown."""

    gender: str | None = None
    age: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Annotation:
    """What a reader says about one clip; None is unknown.

    `gender` is `female`, `male` or `other`, `age` years, `language` a BCP 47 tag (None: the corpus's first); `valence`,
    `arousal`, `dominance` and the named intensities in `targets` lie in 0..1; `split` is an official one (None: the
    reader's rule decides).
    """

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
    """One clip found: where it lies, what it is called, and what the corpus says about it.

    Attributes:
        path: The audio file.
        relative_path: Its path from the corpus's folder, for messages.
        id: Unique in the corpus, without suffix.
        annotation: What the reader says.
        label_mask: The classes that the corpus can express, `(8,)`; all False for a clip without categories.
        language: BCP 47 tag.
        split: `train`, `validation` or `test`.
    """

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
        findings: Unknown names, skipped clips, duplicates, labels without audio, speakers in two splits.
        unmapped: Votes by words that the label table lacks; they count for `other`.
    """

    findings: list[Finding] = field(default_factory=list)
    unmapped: Counter[str] = field(default_factory=Counter)

    def add(self, kind: str, where: str, reason: str) -> None:
        """List one more finding."""
        self.findings.append(Finding(kind, where, reason))

    def by_kind(self) -> dict[str, list[Finding]]:
        """Findings grouped by kind."""
        kinds: dict[str, list[Finding]] = {}
        for finding in self.findings:
            kinds.setdefault(finding.kind, []).append(finding)
        return kinds
