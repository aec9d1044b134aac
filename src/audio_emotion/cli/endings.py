"""How every command ends that does not finish: Ctrl-C, SIGTERM, and a disk that takes no more."""

from __future__ import annotations

import errno
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

import typer
from typer.core import TyperGroup

FAILED, INTERRUPTED, TERMINATED = 1, 130, 143
_LATER_S = 0.01
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO}


class CommandGroup(TyperGroup):
    """Commands that clean up at SIGTERM as at Ctrl-C, and say in one line that the disk is full.

    Exit codes: 130 for Ctrl-C, 143 for SIGTERM, 1 for a disk that cannot be read or written.
    """

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        with _interrupts() as signals:
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
        raise typer.Exit(TERMINATED if signal.SIGTERM in signals and code == INTERRUPTED else code)


@contextmanager
def _interrupts() -> Iterator[list[int]]:
    """Raise KeyboardInterrupt where SIGTERM or Ctrl-C arrives; gives the list of the signals that did."""
    received: list[int] = []
    if threading.current_thread() is not threading.main_thread():
        yield received
        return
    process = os.getpid()

    def interrupt(number: int, frame: FrameType | None) -> None:
        if os.getpid() != process:  # a fork has nothing to clean up that is not its parent's
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)
        elif _libsndfile_calls_back(frame):
            threading.Timer(_LATER_S, os.kill, (process, number)).start()
        else:
            received.append(number)
            raise KeyboardInterrupt

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    heard = [number for number, handler in handlers.items() if handler != signal.SIG_IGN]  # as a background job does
    for number in heard:
        signal.signal(number, interrupt)
    try:
        yield received
    finally:
        for number in heard:
            signal.signal(number, handlers[number])


def _libsndfile_calls_back(frame: FrameType | None) -> bool:
    """Whether a decoder is reading through Python: what is raised there is swallowed, and the sound read wrongly."""
    while frame is not None:
        if frame.f_globals.get("__name__") == "soundfile" and frame.f_code.co_name.startswith("vio_"):
            return True
        frame = frame.f_back
    return False
