"""The folder of results: partitions that appear whole or not at all, and the manifest of those that are finished.

    run.json             what is scored with what: the fingerprint that --resume holds against its own
    clips/part-N.parquet    chunks/part-N.parquet    errors/part-N.parquet (only where there are errors)
    _manifest/part-N.json   written last: the block is finished, and what its partitions hold

A name that begins with `_` or `.` is no data to pyarrow, pandas, Spark and DuckDB alike.
"""

from __future__ import annotations

import contextlib
import json
import os
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout
from fsspec.implementations.local import LocalFileSystem

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.scoring.sources import full_name, open_filesystem

RUN_RECORD = "run.json"
MANIFEST = "_manifest"
LOCK = ".lock"
PARTIAL = ".partial"


@dataclass(frozen=True)
class Finished:
    """The manifest's entry of one finished block.

    Attributes:
        name: Stem of its partitions.
        num_clips: Recordings scored.
        num_errors: Recordings in the error table.
        duration_s: Seconds of audio scored.
        first_error: Message of the first error, or an empty text.
        files: Bytes of each partition by its name in the folder.
    """

    name: str
    num_clips: int
    num_errors: int
    duration_s: float
    first_error: str
    files: dict[str, int]


class Store:
    """A folder of results, on disk or in object storage.

    Args:
        out: Path or fsspec URL of the folder.
    """

    def __init__(self, out: str) -> None:
        self.filesystem, self.root = open_filesystem(out)
        self.is_local = isinstance(self.filesystem, LocalFileSystem)
        self.url = full_name(self.filesystem, self.root)

    def write(self, name: str, content: bytes) -> None:
        """Write a file that nobody ever sees half of.

        On disk it is written beside its name, flushed, and renamed; an object is sent in one request.

        Raises:
            OSError: If it cannot be written; nothing is left of it then.
        """
        if not self.is_local:
            self.filesystem.pipe_file(f"{self.root}/{name}", content)
            return
        path = Path(self.root, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}.{uuid.uuid4().hex[:8]}{PARTIAL}")
        try:
            with partial.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise

    def write_json(self, name: str, values: Mapping[str, Any]) -> None:
        """Write a JSON file, whole."""
        self.write(name, (json.dumps(values, ensure_ascii=False, indent=1) + "\n").encode())

    def read_json(self, name: str) -> Any:
        """Content of a JSON file, or None where there is none.

        Raises:
            AudioEmotionError: If it is not JSON.
        """
        try:
            return json.loads(self.filesystem.cat_file(f"{self.root}/{name}"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, RecursionError) as error:
            raise AudioEmotionError(f"{self.url}/{name} cannot be read: {error}. Choose another --out.") from error

    def is_empty(self) -> bool:
        """Whether the folder is absent, or holds nothing but a lock.

        Raises:
            AudioEmotionError: If it is a file.
        """
        self.filesystem.invalidate_cache()
        if self.filesystem.isfile(self.root):
            raise AudioEmotionError(f"{self.url} is a file; --out is a folder.")
        if not self.filesystem.exists(self.root):
            return True
        return not [name for name in self.filesystem.ls(self.root, detail=False) if name.rpartition("/")[2] != LOCK]

    def finish(self, finished: Finished) -> None:
        """Enter a block, whose partitions are all written, in the manifest."""
        self.write_json(f"{MANIFEST}/{finished.name}.json", asdict(finished))

    def finished(self, name: str) -> Finished | None:
        """The manifest's entry of a block, where it has one."""
        values = self.read_json(f"{MANIFEST}/{name}.json")
        return None if values is None else self._entry(name, values)

    def all_finished(self) -> list[Finished]:
        """Every entry of the manifest, in the order of the blocks."""
        self.filesystem.invalidate_cache()
        folder = f"{self.root}/{MANIFEST}"
        if not self.filesystem.exists(folder):
            return []
        names = sorted(path.rpartition("/")[2] for path in self.filesystem.glob(f"{folder}/part-*.json"))
        entries = (self.finished(name.removesuffix(".json")) for name in names)
        return [entry for entry in entries if entry is not None]

    def _entry(self, name: str, values: Any) -> Finished:
        """An entry of the manifest, which another program may have written or a disk damaged."""
        kinds = {"name": str, "num_clips": int, "num_errors": int, "duration_s": (int, float), "first_error": str}
        is_whole = isinstance(values, dict) and values.keys() == {*kinds, "files"} and isinstance(values["files"], dict)
        if not is_whole or not (
            all(isinstance(values[field], kind) for field, kind in kinds.items())  # type: ignore[arg-type]
            and all(isinstance(size, int) for size in values["files"].values())
        ):
            raise AudioEmotionError(
                f"{self.url}/{MANIFEST}/{name}.json is no entry of a finished block. Delete it to redo the block."
            )
        return Finished(**values)

    def remove_partials(self) -> None:
        """Remove what a killed run left beside its partitions."""
        if self.is_local:
            for path in Path(self.root).glob(f"*/.*{PARTIAL}"):
                path.unlink(missing_ok=True)

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second run out of a folder on disk; an object store has no lock.

        Raises:
            AudioEmotionError: If another run is writing there, or the folder cannot be made.
        """
        if not self.is_local:
            yield
            return
        try:
            Path(self.root).mkdir(parents=True, exist_ok=True)
            lock = FileLock(Path(self.root, LOCK), timeout=0)
            lock.acquire()
        except Timeout as error:
            raise AudioEmotionError(
                f"Another run is writing to {self.url}. Wait for it, or choose another --out."
            ) from error
        except OSError as error:
            raise AudioEmotionError(f"{self.url} cannot be written: {error.strerror}. Choose another --out.") from error
        try:
            yield
        finally:
            lock.release()


def describe_write_error(error: OSError, url: str) -> str:
    """What to tell when a partition could not be written."""
    reason = error.strerror or str(error)
    return (
        f"{url} cannot be written: {reason}. Finished partitions are whole; make room, then run the same command "
        "with --resume."
    )
