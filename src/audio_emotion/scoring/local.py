"""The engine of one machine: one process, one pipeline, one block after the other."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from audio_emotion.scoring.plan import Block
from audio_emotion.scoring.scorer import BlockScorer
from audio_emotion.scoring.store import Finished, Store


def score_locally(
    blocks: Iterable[Block], store: Store, scorer: BlockScorer, on_clips: Callable[[int], None]
) -> Iterator[Finished]:
    """Score blocks in this process.

    Args:
        blocks: What to score.
        store: Where to.
        scorer: The pipeline.
        on_clips: Called with the number of recordings just done with.

    Yields:
        The manifest's entry of each block, in order.

    Raises:
        OSError: If a partition cannot be written.
    """
    for block in blocks:
        yield scorer.score_block(block, store, on_clips)
