"""The processes of a run: the one that the user started, or all that `torchrun` did."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from accelerate import PartialState
from accelerate.utils import is_torch_xla_available
from filelock import FileLock, Timeout

from audio_emotion.pipeline.errors_audio_emotion import RecipeError

_LOCK = ".lock"


def join_processes() -> PartialState:
    """Meet the other processes of this run; every later use of Accelerate is among them.

    Accelerate itself joins them only where there is an accelerator: on a CPU each process would believe that it is
    alone, take every step by itself and write to the same files.
    """
    without_accelerator = not torch.accelerator.is_available() and not is_torch_xla_available()
    return PartialState(cpu=without_accelerator)


@contextmanager
def run_folder(folder: Path) -> Iterator[PartialState]:
    """The processes of a run, with its output folder to themselves.

    Args:
        folder: the run's `output_dir`; it is made if it is absent, and goes again if nothing is written to it.

    Yields:
        What `join_processes` returns.

    Raises:
        RecipeError: if another run writes there.
    """
    processes = join_processes()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        if processes.is_main_process:
            lock.acquire()
    except Timeout:
        raise RecipeError(f"another run writes to {folder}: wait for it, or choose another output_dir") from None
    try:
        yield processes
    finally:
        lock.release()
        if processes.is_main_process and [path.name for path in folder.iterdir()] == [_LOCK]:
            shutil.rmtree(folder)
