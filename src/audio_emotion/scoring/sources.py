"""What INPUT may be (files, folders, globs, lists, Parquet; on disk or in object storage) as a flat list of sources."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
from fsspec.implementations.local import LocalFileSystem

from audio_emotion.dataset_scripts.reader import is_audio
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

PATH_COLUMNS = ("path", "audio", "file", "audio_filepath", "audio_path", "file_path", "filename", "url", "uri")
"""Names under which lists and tables hold the path of a recording; the first that is there is taken."""
LIST_SUFFIXES = (".txt", ".lst", ".csv", ".tsv", ".jsonl")
TABLE_SUFFIXES = (".parquet",)


@dataclass(frozen=True)
class AudioFile:
    """One recording in a file of its own.

    Attributes:
        path: Absolute path or URL.
        num_bytes: Its size; 0 where that is unknown before it is opened.
    """

    path: str
    num_bytes: int = 0


@dataclass(frozen=True)
class RowGroup:
    """One row group of a Parquet file whose rows hold audio.

    Attributes:
        path: Absolute path or URL of the file.
        index: Which row group.
        first_row: Row of the file that it begins with.
        num_rows: Its rows.
        num_bytes: Its size, unpacked.
        column: The column of the audio: a struct with `bytes` (and `path`), or bytes alone.
    """

    path: str
    index: int
    first_row: int
    num_rows: int
    num_bytes: int
    column: str


Source = AudioFile | RowGroup


def open_filesystem(url: str) -> tuple[Any, str]:
    """The fsspec file system of a path or URL, and the path inside it.

    Raises:
        AudioEmotionError: If the protocol is unknown, or the package that speaks it is not installed.
    """
    try:
        filesystem, path = fsspec.url_to_fs(url)
    except ImportError as error:
        raise AudioEmotionError(f"{url}: {error} For s3:// that is `pip install s3fs`, for gs:// `gcsfs`.") from error
    except ValueError as error:
        raise AudioEmotionError(f"{url}: {error}.") from error
    return filesystem, str(path)


def full_name(filesystem: Any, path: str) -> str:
    """A path of a file system as any process can open it: absolute on disk, a URL elsewhere."""
    return path if isinstance(filesystem, LocalFileSystem) else str(filesystem.unstrip_protocol(path))


def find_sources(inputs: Sequence[str], column: str | None = None) -> Iterator[Source]:
    """List what the inputs name, in their order; a folder's or glob's files are sorted.

    Args:
        inputs: Paths or URLs of audio files, folders, globs, lists (.txt, .csv, .tsv, .jsonl) and Parquet files.
        column: Where lists and Parquet files hold the path or the audio; by default the first of `PATH_COLUMNS`.

    Yields:
        One source per recording or row group. A file that several inputs name comes several times.

    Raises:
        AudioEmotionError: If an input matches nothing, or a list or Parquet file has no such column.
    """
    for name in inputs:
        found = False
        for path, num_bytes in _files_of(name):
            for source in _sources_in(path, num_bytes, column):
                found = True
                yield source
        if not found:
            raise AudioEmotionError(f"{name} holds no recordings. {_wanted()}")


def _wanted() -> str:
    return "Give audio files, folders of them, globs (quoted), .txt, .csv, .tsv or .jsonl lists of paths, or Parquet."


def _files_of(name: str) -> Iterator[tuple[str, int]]:
    """Full name and size of each file that one input stands for."""
    if name.startswith(("http://", "https://")):
        yield name, 0
        return
    filesystem, path = open_filesystem(name)
    try:
        if _is_glob(path) and not filesystem.exists(path):
            found = {file: info for file, info in filesystem.glob(path, detail=True).items() if info["type"] == "file"}
            if not found:
                raise AudioEmotionError(f"No file matches {name}. {_wanted()}")
        elif filesystem.isdir(path):
            found = filesystem.find(path, detail=True)
            found = {file: info for file, info in found.items() if is_audio(file) or file.endswith(TABLE_SUFFIXES)}
        elif filesystem.exists(path):
            found = {path: filesystem.info(path)}
        else:
            raise AudioEmotionError(f"{name} does not exist. {_wanted()}")
    except OSError as error:
        raise AudioEmotionError(f"{name} cannot be listed: {error}") from error
    for file in sorted(found):
        yield full_name(filesystem, file), int(found[file].get("size") or 0)


def _is_glob(path: str) -> bool:
    return any(sign in path for sign in "*?[")


def _sources_in(path: str, num_bytes: int, column: str | None) -> Iterator[Source]:
    lowered = path.lower()
    if lowered.endswith(TABLE_SUFFIXES):
        yield from _sources_in_parquet(path, column)
    elif lowered.endswith(LIST_SUFFIXES) and not path.startswith(("http://", "https://")):
        for entry in _entries_of_list(path, column):
            yield _beside(path, entry)
    else:
        yield AudioFile(path, num_bytes)


def _entries_of_list(path: str, column: str | None) -> Iterator[str]:
    """The paths that a list names, as they are written there."""
    filesystem, inside = open_filesystem(path)
    try:
        text = filesystem.cat_file(inside).decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise AudioEmotionError(f"{path} cannot be read as a list of paths in UTF-8: {error}") from error
    suffix = path.lower().rpartition(".")[2]
    if suffix in ("txt", "lst"):
        yield from (line.strip() for line in text.splitlines() if line.strip())
        return
    rows = _json_rows(path, text) if suffix == "jsonl" else _table_rows(path, text, "\t" if suffix == "tsv" else ",")
    for line, row in rows:
        chosen = _choose_column(f"{path}, line {line}", list(row), column)
        if not isinstance(row[chosen], str) or not row[chosen]:
            raise AudioEmotionError(f"{path}, line {line}: {chosen} is {row[chosen]!r}; it must be a path or URL.")
        yield row[chosen]


def _table_rows(path: str, text: str, delimiter: str) -> Iterator[tuple[int, dict[str, Any]]]:
    try:
        yield from enumerate(csv.DictReader(io.StringIO(text), delimiter=delimiter), start=2)
    except csv.Error as error:
        raise AudioEmotionError(f"{path} is no table: {error}.") from error


def _json_rows(path: str, text: str) -> Iterator[tuple[int, dict[str, Any]]]:
    for line, content in enumerate(text.splitlines(), start=1):
        if not content.strip():
            continue
        try:
            row = json.loads(content)
        except (ValueError, RecursionError) as error:
            raise AudioEmotionError(f"{path}, line {line}: not JSON ({error}).") from error
        if not isinstance(row, dict):
            raise AudioEmotionError(f"{path}, line {line}: {content[:40]!r} is no JSON object with a path in it.")
        yield line, row


def _choose_column(where: str, columns: list[str], column: str | None) -> str:
    wanted = PATH_COLUMNS if column is None else (column,)
    for name in wanted:
        if name in columns:
            return name
    raise AudioEmotionError(f"{where}: no column {' or '.join(wanted)}; there are {columns}. Name it with --column.")


def resolve_beside(list_path: str, entry: str) -> str:
    """A path as a list or table names it: a relative one belongs to the list's own folder.

    >>> resolve_beside("s3://bucket/lists/a.csv", "calls/1.wav")
    's3://bucket/lists/calls/1.wav'
    """
    if "://" in entry or entry.startswith("/"):
        return entry
    return f"{list_path.rpartition('/')[0]}/{entry}"


def _beside(list_path: str, entry: str) -> AudioFile:
    path = resolve_beside(list_path, entry)
    if "://" in path:
        return AudioFile(path)
    filesystem, inside = open_filesystem(path)
    try:
        return AudioFile(inside, int(filesystem.size(inside) or 0))
    except (OSError, ValueError):  # ValueError: the entry is no path at all
        return AudioFile(inside)  # it is absent: the error table will say so


def _sources_in_parquet(path: str, column: str | None) -> Iterator[Source]:
    filesystem, inside = open_filesystem(path)
    try:
        with filesystem.open(inside, "rb") as file:
            table = pq.ParquetFile(file)
            schema = table.schema_arrow
            chosen = _choose_column(path, schema.names, column or ("audio" if "audio" in schema.names else None))
            if pa.types.is_string(schema.field(chosen).type) or pa.types.is_large_string(schema.field(chosen).type):
                for batch in table.iter_batches(columns=[chosen]):
                    yield from (_beside(path, entry) for entry in batch.column(0).to_pylist() if entry)
                return
            _check_audio_type(path, chosen, schema.field(chosen).type)
            first_row = 0
            for index in range(table.num_row_groups):
                group = table.metadata.row_group(index)  # its columns are not asked: pyarrow dies of broken ones
                yield RowGroup(path, index, first_row, group.num_rows, group.total_byte_size, chosen)
                first_row += group.num_rows
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        raise AudioEmotionError(f"{path} cannot be read as Parquet: {error}") from error


def _check_audio_type(path: str, column: str, column_type: pa.DataType) -> None:
    is_binary = pa.types.is_binary(column_type) or pa.types.is_large_binary(column_type)
    is_audio_struct = pa.types.is_struct(column_type) and column_type.get_field_index("bytes") >= 0
    if not is_binary and not is_audio_struct:
        raise AudioEmotionError(
            f"{path}: column {column} is {column_type}; it must be a path, bytes, or a struct with bytes and path."
        )
