"""A model folder is written beside and moved into place: whoever reads it, even after a kill, finds whole files."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError


@contextmanager
def written_whole(folder: Path, anew: bool = False) -> Iterator[Path]:
    """An empty folder to write to, which becomes `folder` when it is complete.

    Where `folder` holds files, those of the same names are replaced one by one, weights last.

    Args:
        folder: where the files go.
        anew: whether its other files go too; otherwise they stay.

    Yields:
        The folder to write to, on the same disk.

    Raises:
        AudioEmotionError: if the disk is full or not writable; `folder` is then as it was.
    """
    beside = folder.with_name(f".{folder.name}.partial")
    try:
        shutil.rmtree(beside, ignore_errors=True)
        beside.mkdir(parents=True)
        yield beside
        for written in beside.iterdir():
            flush(written)
        if anew:
            shutil.rmtree(folder, ignore_errors=True)
        if folder.exists() and any(folder.iterdir()):
            for written in sorted(beside.iterdir(), key=lambda path: path.suffix == ".safetensors"):
                written.replace(folder / written.name)
        else:
            beside.rename(folder)
    except (OSError, SafetensorError) as error:
        raise AudioEmotionError(
            f"{folder} cannot be written: {error}. Free some disk space and run again; what it held before is untouched"
        ) from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def flush(path: Path) -> None:
    """Have a file's bytes on the disk, not only in the system's memory."""
    with path.open("rb") as file:
        os.fsync(file.fileno())
