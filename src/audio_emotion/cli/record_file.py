"""One file, or standard output, that takes the results of many recordings as they come, and is whole after each."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO, Any

from audio_emotion.cli.outputs import TABLE, unwritable, write_whole
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.pipeline.export_audio_emotion import (
    CHUNK_COLUMNS,
    SCORE_PREFIX,
    WRITERS,
    csv_header,
    csv_line,
    csv_rows,
    rttm_id,
)

RESUMABLE = ("json", "jsonl", "csv", "rttm")
JSON_HEAD, JSON_BETWEEN, JSON_TAIL = "[\n", ",\n", "\n]\n"


class RecordFile:
    """Results of many recordings in one place.

    A file gets each record in one write, and goes back to what it was if that write fails or is interrupted; a stream
    (standard output, a pipe) gets the records as they come.

    Args:
        file_format: `json`, `jsonl`, `csv`, `rttm` or `table`.
        path: The file; None writes to `stream`.
        stream: Where to write without a file.
    """

    def __init__(
        self,
        file_format: str,
        path: Path | None = None,
        stream: IO[str] | None = None,
    ) -> None:
        self.file_format = file_format
        self.path = path
        self.stream = stream
        self.labels: list[str] | None = None
        self.num_records = 0
        self._is_stream = path is None or (path.exists() and not path.is_file())

    def read_finished(self) -> set[str]:
        """Names of the recordings that the file holds already, as `name_in_file` gives them.

        A last record that was cut off (a full disk, a lost machine) is taken out of the file.

        Raises:
            AudioEmotionError: If the file is not one that this class wrote; the message says where.
        """
        if self._is_stream or self.path is None or not self.path.exists() or self.path.stat().st_size == 0:
            return set()
        try:
            text = self.path.read_bytes().decode("utf-8", "replace")
            read = {"json": self._read_json, "jsonl": self._read_jsonl, "csv": self._read_csv, "rttm": self._read_rttm}
            names = read[self.file_format](text)
        except OSError as error:
            raise AudioEmotionError(f"{self.path} cannot be read: {error.strerror}.") from error
        except RecursionError as error:
            raise self._foreign("it is nested without end") from error
        self.num_records = len(names)
        return names

    def name_in_file(self, name: str) -> str:
        """What the file calls a recording."""
        return rttm_id(name) if self.file_format == "rttm" else name

    def start(self, labels: Sequence[str]) -> None:
        """Begin: a new file, or one that `read_finished` found records in.

        Raises:
            AudioEmotionError: If those records have other labels, or the file cannot be written.
        """
        if self.labels is not None and self.labels != list(labels):
            raise AudioEmotionError(
                f"{self.path} has results for {self.labels}, and now {list(labels)} are scored. Use the same model and "
                "labels, or another file."
            )
        self.labels = list(labels)
        empty = {"json": "[]\n", "csv": csv_header(labels)}.get(self.file_format, "")
        if self._is_stream:
            self._stream_out(JSON_HEAD if self.file_format == "json" else empty)
        elif self.path is not None and not self.num_records:
            write_whole(self.path, empty)

    def add(self, name: str, result: Mapping[str, Any], table: str = "") -> None:
        """Add one recording.

        Args:
            name: What it is called.
            result: Its result.
            table: What the format `table` writes of it.

        Raises:
            AudioEmotionError: If the file cannot be written; it is then as it was before.
        """
        record = self._record(name, result) if self.file_format != TABLE else table
        if self._is_stream:
            between = JSON_BETWEEN if self.file_format == "json" and self.num_records else ""
            self._stream_out(between + record)
        elif self.path is not None:
            try:
                self._insert(self.path, record)
            except OSError as error:
                raise unwritable(self.path, error) from error
        self.num_records += 1

    def finish(self) -> None:
        """End a stream; a file is whole at any time."""
        if self._is_stream and self.file_format == "json" and self.labels is not None:
            self._stream_out(JSON_TAIL)

    def _record(self, name: str, result: Mapping[str, Any]) -> str:
        if self.file_format == "csv":
            return csv_rows(name, result, self.labels or [])
        text = WRITERS[self.file_format]({name: result})
        return text[len(JSON_HEAD) : -len(JSON_TAIL)] if self.file_format == "json" else text

    def _insert(self, path: Path, record: str) -> None:
        """Put a record before the file's tail in one write."""
        head, tail = b"", b""
        if self.file_format == "json":
            head, tail = (JSON_BETWEEN if self.num_records else JSON_HEAD).encode(), JSON_TAIL.encode()
        with path.open("r+b", buffering=0) as file:
            size = file.seek(0, os.SEEK_END)
            at = 0 if self.file_format == "json" and not self.num_records else size - len(tail)
            file.seek(at)
            before = file.read()
            try:
                file.seek(at)
                left = head + record.encode("utf-8") + tail
                while left:  # a disk that is nearly full takes a part, and says so only when asked again
                    left = left[file.write(left) :]
            except BaseException:
                file.seek(at)
                file.write(before)
                file.truncate()
                raise

    def _stream_out(self, text: str) -> None:
        if self.stream is None and self.path is not None:
            self.stream = self.path.open("w", encoding="utf-8", newline="")
        if self.stream is not None:
            self.stream.write(text)
            self.stream.flush()

    def _read_json(self, text: str) -> set[str]:
        try:
            records = json.loads(text)
        except json.JSONDecodeError as error:
            raise self._foreign(f"line {error.lineno}: {error.msg}") from error
        if not isinstance(records, list) or (records and not text.endswith(JSON_TAIL)):
            raise self._foreign("it is no list of results, one after the other")
        return {self._name_of(record, f"entry {index}") for index, record in enumerate(records, start=1)}

    def _read_jsonl(self, text: str) -> set[str]:
        lines = text.split("\n")
        if lines.pop():
            self._rewrite("".join(line + "\n" for line in lines))
        names = set()
        for number, line in enumerate(lines, start=1):
            try:
                names.add(self._name_of(json.loads(line), f"line {number}"))
            except json.JSONDecodeError as error:
                raise self._foreign(f"line {number}: {error.msg}") from error
        return names

    def _read_csv(self, text: str) -> set[str]:
        try:
            rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
        except csv.Error as error:
            raise self._foreign(str(error)) from error
        header = rows.pop(0) if rows else []
        if tuple(header[: len(CHUNK_COLUMNS)]) != CHUNK_COLUMNS:
            raise self._foreign(f"line 1: the columns do not begin with {', '.join(CHUNK_COLUMNS)}")
        self.labels = [column.removeprefix(SCORE_PREFIX) for column in header[len(CHUNK_COLUMNS) :]]
        if rows and (not text.endswith("\n") or len(rows[-1]) != len(header)):
            last = rows[-1][0]
            rows = [row for row in rows if row[0] != last]
            self._rewrite("".join(map(csv_line, [header, *rows])))
        for number, row in enumerate(rows, start=2):
            if len(row) != len(header):
                raise self._foreign(f"row {number} has {len(row)} fields, and there are {len(header)} columns")
        return {row[0] for row in rows}

    def _read_rttm(self, text: str) -> set[str]:
        lines = text.split("\n")
        if rest := lines.pop():
            lines = [line for line in lines if line.split()[1:2] != rest.split()[1:2]]
            self._rewrite("".join(line + "\n" for line in lines))
        for number, line in enumerate(lines, start=1):
            if len(line.split()) != 10 or not line.startswith("SPEAKER "):
                raise self._foreign(f"line {number} is no SPEAKER line of 10 fields")
        return {line.split()[1] for line in lines}

    def _name_of(self, record: Any, where: str) -> str:
        name, chunks = (record.get("file"), record.get("chunks")) if isinstance(record, dict) else (None, None)
        if not isinstance(name, str) or not isinstance(chunks, list):
            raise self._foreign(f"{where} has no 'file' and 'chunks'")
        for chunk in chunks:
            scores = chunk.get("scores") if isinstance(chunk, dict) else None
            if isinstance(scores, dict):
                self.labels = list(scores)
                break
        return name

    def _rewrite(self, text: str) -> None:
        if self.path is not None:
            write_whole(self.path, text)

    def _foreign(self, reason: str) -> AudioEmotionError:
        return AudioEmotionError(
            f"{self.path} cannot be resumed, for it does not hold results as --format {self.file_format} writes them "
            f"({reason}). Name another file, or leave out --resume to overwrite it."
        )
