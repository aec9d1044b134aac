"""Cuts a list of sources into blocks: the same sources give the same blocks, whoever scores them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.scoring.sources import AudioFile, RowGroup, Source

SMALLEST_BLOCK, LARGEST_BLOCK = 64, 1000
BLOCKS_WANTED = 64
"""A small run is cut into so many blocks where they hold at least `SMALLEST_BLOCK` clips, so that workers share it."""
MAX_BLOCK_BYTES = 256 * 2**20
"""A block ends here, however few clips it holds: hours of audio are lost with it when a worker dies."""


@dataclass(frozen=True)
class Block:
    """What one worker scores in one go, and what one partition of the results holds.

    Attributes:
        number: Position in the plan.
        sources: Recordings, or row groups of recordings.
    """

    number: int
    sources: tuple[Source, ...]

    @property
    def num_clips(self) -> int:
        """Recordings in the block."""
        return sum(map(_num_clips, self.sources))

    @property
    def name(self) -> str:
        """Stem of the block's files."""
        return f"part-{self.number:07d}"

    def to_json(self) -> str:
        """The block as text, for another process."""
        files = [[source.path, source.num_bytes] for source in self.sources if isinstance(source, AudioFile)]
        groups = [asdict(source) for source in self.sources if isinstance(source, RowGroup)]
        order = [isinstance(source, RowGroup) for source in self.sources]
        return json.dumps({"number": self.number, "files": files, "groups": groups, "is_group": order})

    @classmethod
    def from_json(cls, text: str) -> Block:
        """Undo `to_json`."""
        values = json.loads(text)
        files = (AudioFile(*entry) for entry in values["files"])
        groups = (RowGroup(**entry) for entry in values["groups"])
        return cls(
            values["number"], tuple(next(groups) if is_group else next(files) for is_group in values["is_group"])
        )


@dataclass(frozen=True)
class Plan:
    """All blocks of a run.

    Attributes:
        blocks: The blocks, in order.
        sha256: Of their sources: two plans with the same hash have the same blocks.
    """

    blocks: tuple[Block, ...]
    sha256: str

    @property
    def num_clips(self) -> int:
        """Recordings in all blocks."""
        return sum(block.num_clips for block in self.blocks)


def make_plan(sources: Iterable[Source], block_size: int | None = None) -> Plan:
    """Cut sources into blocks.

    Args:
        sources: In the order that they are to be scored in.
        block_size: Most clips in a block; a row group is never cut, however many it holds. By default a 64th of all
            clips, at least 64 and at most 1000.

    Returns:
        The plan.

    Raises:
        AudioEmotionError: If there is no source.
    """
    found = list(sources)
    num_clips = sum(map(_num_clips, found))
    if num_clips == 0:
        raise AudioEmotionError("The inputs hold no recordings.")
    size = block_size or min(LARGEST_BLOCK, max(SMALLEST_BLOCK, -(-num_clips // BLOCKS_WANTED)))
    blocks = tuple(Block(number, part) for number, part in enumerate(_cut(found, size)))
    digest = hashlib.sha256()
    for block in blocks:
        digest.update(block.to_json().encode())
    return Plan(blocks, digest.hexdigest())


def _cut(sources: list[Source], size: int) -> Iterator[tuple[Source, ...]]:
    part: list[Source] = []
    num_clips = num_bytes = 0
    for source in sources:
        is_full = num_clips + _num_clips(source) > size or num_bytes + source.num_bytes > MAX_BLOCK_BYTES
        if part and is_full:
            yield tuple(part)
            part, num_clips, num_bytes = [], 0, 0
        part.append(source)
        num_clips += _num_clips(source)
        num_bytes += source.num_bytes
    yield tuple(part)


def _num_clips(source: Source) -> int:
    return source.num_rows if isinstance(source, RowGroup) else 1
