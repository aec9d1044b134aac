"""Decoding beside the model: the next windows are made in a thread of their own while the model hears the last ones."""

from __future__ import annotations

from collections import deque
from collections.abc import Generator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")


def prefetch(items: Generator[Item, None, None], depth: int) -> Iterator[Item]:
    """Run a generator ahead in a thread.

    The thread is at most `depth` items ahead, and gone when this ends: at the end of the items, at an error of theirs,
    which is raised where its item was due, or when the caller stops early, which waits for the item in the making.

    Args:
        items: Decoding and resampling let other threads run meanwhile; a generator that only computes in Python gains
            nothing here.
        depth: How many items may wait, at least 1.

    Yields:
        The items, in order.

    Example:
        >>> list(prefetch((number**2 for number in range(4)), depth=2))
        [0, 1, 4, 9]
    """
    end = object()
    pool = ThreadPoolExecutor(1, thread_name_prefix="audio-emotion-decoding")
    try:
        ahead = deque(pool.submit(next, items, end) for _ in range(depth))
        while (item := ahead.popleft().result()) is not end:
            ahead.append(pool.submit(next, items, end))
            yield item  # type: ignore[misc]
    finally:
        pool.shutdown(cancel_futures=True)
        items.close()
