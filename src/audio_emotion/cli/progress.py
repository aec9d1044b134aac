"""Bars of what is being heard: all recordings, and the seconds of the current one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import PurePath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console


class ListeningProgress:
    """Two bars that leave the terminal when the work is done; nothing where the console is no terminal.

    Args:
        console: Where to draw; results go elsewhere, or through `paused`.
        num_recordings: How many will be heard.
        quiet: True draws nothing.
    """

    def __init__(self, console: Console, num_recordings: int, quiet: bool) -> None:
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        name = TextColumn("{task.description}", markup=False)
        common = {"console": console, "transient": True, "redirect_stdout": False, "redirect_stderr": False}
        self._files = Progress(name, BarColumn(), TimeRemainingColumn(), disable=quiet, **common)  # type: ignore[arg-type]
        self._all = Progress(
            name,
            BarColumn(),
            MofNCompleteColumn(),
            disable=quiet or num_recordings < 2,
            **common,  # type: ignore[arg-type]
        )
        self._task = self._all.add_task("recordings", total=num_recordings)
        self._console, self._quiet = console, quiet

    def __enter__(self) -> ListeningProgress:
        from rich.console import Group
        from rich.live import Live

        bars = [self._files] if self._all.disable else [self._all, self._files]
        self._live = Live(
            Group(*bars), console=self._console, transient=True, redirect_stdout=False, redirect_stderr=False
        )
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def _start(self) -> None:
        if self._console.is_terminal and not self._quiet:
            self._live.start(refresh=True)

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Take the bars away while something else is printed."""
        self._live.stop()
        yield
        self._start()

    @contextmanager
    def of(self, names: Sequence[str], duration_s: float | None) -> Iterator[Callable[[float], None]]:
        """Show the recordings that are being heard; gives what to call with the seconds just heard."""
        text = PurePath(names[0]).name if len(names) == 1 else f"{len(names)} short recordings"
        task = self._files.add_task(text, total=duration_s)
        try:
            yield lambda seconds: self._files.advance(task, seconds)
        finally:
            self._files.remove_task(task)

    def next_recording(self) -> None:
        """One more recording is done."""
        self._all.advance(self._task)
