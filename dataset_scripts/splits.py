"""Which speakers go to train, validation and test where a corpus has no official split."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import Protocol


class SplitRule(Protocol):
    """Gives a speaker's split; the same answer in every run, on every machine."""

    def __call__(self, corpus: str, speaker: str | None) -> str:
        """Name the split of a speaker; None is a speaker nobody knows."""


@dataclass(frozen=True)
class HashedSpeakers:
    """A speaker's split follows from a hash of corpus and speaker: a corpus may grow and nobody changes sides.

    Unknown speakers go to train: each of them may be anybody there.

    Attributes:
        validation: Expected share of speakers in validation, 0..1.
        test: Expected share of speakers in test, 0..1.
    """

    validation: float = 0.1
    test: float = 0.1

    def __call__(self, corpus: str, speaker: str | None) -> str:
        """Name the split of a speaker.

        >>> HashedSpeakers()("nemo", "WR0") == HashedSpeakers()("nemo", "WR0")
        True
        """
        if speaker is None:
            return "train"
        digest = hashlib.sha256(f"{corpus}/{speaker}".encode()).digest()
        position = int.from_bytes(digest[:8], "big") / 2**64
        if position < self.validation:
            return "validation"
        return "test" if position < self.validation + self.test else "train"


@dataclass(frozen=True)
class ListedSpeakers:
    """Named speakers in validation and test, all others in `rest`: for corpora so small that chance would be unfair."""

    validation: tuple[str, ...] = ()
    test: tuple[str, ...] = ()
    rest: str = "train"

    def __call__(self, corpus: str, speaker: str | None) -> str:
        """Name the split of a speaker."""
        if speaker in self.validation:
            return "validation"
        return "test" if speaker in self.test else self.rest
