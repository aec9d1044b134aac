"""What a logger need not say."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def without_warnings(name: str) -> Iterator[None]:
    """Within this, the logger `name` and those below it report errors alone."""
    logger = logging.getLogger(name)
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        logger.setLevel(level)


__all__ = ["without_warnings"]
