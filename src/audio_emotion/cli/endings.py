"""How every command ends that does not finish: Ctrl-C, SIGTERM, and a disk that takes no more."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import typer
from typer.core import TyperGroup

FAILED, INTERRUPTED, TERMINATED = 1, 130, 143
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


class CommandGroup(TyperGroup):
    """Commands that clean up at SIGTERM as at Ctrl-C, and say in one line that the disk is full.

    Exit codes: 130 for Ctrl-C, 143 for SIGTERM, 1 for a disk that cannot be read or written.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with _ctrl_c_at_sigterm() as signals:
            try:
                return super().invoke(ctx)
            except KeyboardInterrupt:
                typer.echo("Interrupted.", err=True)
                code = INTERRUPTED
            except typer.Exit as ending:
                code = ending.exit_code
            except OSError as error:
                if error.errno not in _OF_THE_DISK:
                    raise
                where = f"{error.filename}: " if error.filename else ""
                typer.echo(f"error: {where}{error.strerror}. Mend that, and run the same command again.", err=True)
                code = FAILED
        raise typer.Exit(TERMINATED if signals and code == INTERRUPTED else code)


@contextmanager
def _ctrl_c_at_sigterm() -> Iterator[list[int]]:
    """Raise KeyboardInterrupt where SIGTERM arrives; gives the list of those that did."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    process = os.getpid()

    def interrupt(number: int, frame: object) -> None:
        if os.getpid() != process:  # a fork has nothing to clean up that is not its parent's
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
            return
        received.append(number)
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    try:
        yield received
    finally:
        signal.signal(signal.SIGTERM, before)
