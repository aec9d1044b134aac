"""A parallel map that keeps the order and holds only a few items at a time."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from typing import TypeVar

ITEMS_PER_PROCESS = 32

Tag = TypeVar("Tag")
Item = TypeVar("Item")
Result = TypeVar("Result")


def map_in_order(
    function: Callable[[Item], Result], tagged: Iterable[tuple[Tag, Item]], num_proc: int
) -> Iterator[tuple[Tag, Result]]:
    """Apply a function in several processes; results come in the order of the items.

    Args:
        function: A module-level function.
        tagged: Items, each with a tag that stays in this process. They are drawn as the results are consumed, never
            more than a few dozen ahead.
        num_proc: Number of processes; with one, the function runs in this process.

    Yields:
        Tag and result of each item.
    """
    if num_proc <= 1:
        for tag, item in tagged:
            yield tag, function(item)
        return
    executor = ProcessPoolExecutor(num_proc, multiprocessing.get_context("spawn"), initializer=_end_with_parent)
    pending: deque[tuple[Tag, Future[Result]]] = deque()

    def oldest() -> tuple[Tag, Result]:
        tag, future = pending.popleft()
        return tag, future.result()

    try:
        for tag, item in tagged:
            pending.append((tag, executor.submit(function, item)))
            if len(pending) >= num_proc * ITEMS_PER_PROCESS:
                yield oldest()
        while pending:
            yield oldest()
    finally:
        executor.shutdown(cancel_futures=True)


def _end_with_parent() -> None:
    """Leave Ctrl-C to the parent process, and end with it even where it is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    threading.Thread(target=_exit_after_parent, daemon=True).start()


def _exit_after_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
