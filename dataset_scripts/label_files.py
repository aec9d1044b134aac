"""Reading label files so that every fault names file and line: CSV and TSV rows, JSON lines, plain lines."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from audio_emotion.pipeline.errors_audio_emotion import CorpusError

MAX_FIELD_SIZE = 2**20


class Record:
    """One row or line of a label file; its getters raise a `CorpusError` with file, line and field.

    Attributes:
        fields: Field values by name.
    """

    def __init__(self, path: Path, line: int, fields: Mapping[str, Any]):
        self.path = path
        self.line = line
        self.fields = fields

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.path}, line {self.line}"

    def error(self, message: str) -> CorpusError:
        """Make the error that says what is wrong in this record."""
        return CorpusError(f"{self.place}: {message}")

    def get(self, field: str) -> str | None:
        """Text of a field without surrounding space; None where it is missing or empty."""
        value = self.fields.get(field)
        text = "" if value is None else str(value).strip()
        return text or None

    def text(self, field: str) -> str:
        """Text of a field that must not be empty."""
        value = self.get(field)
        if value is None:
            raise self.error(f"{field} is missing or empty.")
        return value

    def choice(self, field: str, table: Mapping[str, Any]) -> Any:
        """Value that a table gives for the field's text."""
        value = self.text(field)
        if value not in table:
            raise self.error(f"{field} is {value!r}; valid are {', '.join(map(str, table))}.")
        return table[value]

    def number(self, field: str, low: float, high: float) -> float:
        """Number in `low`..`high`; a decimal comma is understood."""
        value = self.text(field)
        try:
            number = float(value.replace(",", "."))
        except ValueError:
            raise self.error(f"{field} is {value!r}; it must be a number.") from None
        if not (math.isfinite(number) and low <= number <= high):
            raise self.error(f"{field} is {value}; it must lie in {low:g}..{high:g}.")
        return number

    def integer(self, field: str, low: int, high: int) -> int:
        """Whole number in `low`..`high`."""
        number = self.number(field, low, high)
        if number != int(number):
            raise self.error(f"{field} is {number}; it must be a whole number.")
        return int(number)

    def unit(self, field: str, low: float, high: float) -> float:
        """Rating on a scale `low`..`high`, moved to 0..1."""
        return (self.number(field, low, high) - low) / (high - low)


def read_text(path: Path, encoding: str = "utf-8-sig") -> str:
    """Text of a label file with universal newlines.

    Raises:
        CorpusError: If it cannot be read or is not in this encoding; names the line.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise CorpusError(f"{path} cannot be read: {error.strerror}.") from error
    try:
        return content.decode(encoding).replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise CorpusError(f"{path}, line {line}: not {encoding} text ({error.reason}).") from None


def read_lines(path: Path, encoding: str = "utf-8-sig") -> Iterator[tuple[int, str]]:
    """Number and text of each line that is not blank."""
    for number, line in enumerate(read_text(path, encoding).split("\n"), start=1):
        if line.strip():
            yield number, line


def read_table(
    path: Path,
    columns: Sequence[str],
    delimiter: str = ",",
    encoding: str = "utf-8-sig",
    quoted: bool = True,
) -> Iterator[Record]:
    """Rows of a CSV or TSV file.

    Args:
        path: The file.
        columns: Columns that must be there; others may.
        delimiter: Field separator.
        encoding: Text encoding.
        quoted: Whether `"` quotes fields; many TSV files use it as a plain character.

    Yields:
        One record a row; space around column names is cut.

    Raises:
        CorpusError: If a column is missing, or a row has more or fewer fields than the header.
    """
    csv.field_size_limit(MAX_FIELD_SIZE)
    quoting: Literal[0, 3] = csv.QUOTE_MINIMAL if quoted else csv.QUOTE_NONE
    rows = csv.reader(io.StringIO(read_text(path, encoding)), delimiter=delimiter, quoting=quoting)
    header: list[str] | None = None
    try:
        for row in rows:
            if not any(field.strip() for field in row):
                continue
            if header is None:
                header = [name.strip() for name in row]
                missing = [column for column in columns if column not in header]
                if missing:
                    raise CorpusError(
                        f"{path}, line {rows.line_num}: no column {', '.join(missing)}; it has {', '.join(header)}."
                    )
                continue
            if len(row) != len(header):
                raise CorpusError(f"{path}, line {rows.line_num}: {len(row)} fields, the header has {len(header)}.")
            yield Record(path, rows.line_num, dict(zip(header, row, strict=True)))
    except csv.Error as error:
        raise CorpusError(f"{path}, line {rows.line_num}: {error}.") from None
    if header is None:
        raise CorpusError(f"{path} is empty; it must have the columns {', '.join(columns)}.")


def read_json_lines(path: Path, columns: Sequence[str], encoding: str = "utf-8-sig") -> Iterator[Record]:
    """Objects of a JSON-lines file; each must have `columns`."""
    for number, line in read_lines(path, encoding):
        try:
            value = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise CorpusError(f"{path}, line {number}: not JSON ({error}).") from None
        if not isinstance(value, dict):
            raise CorpusError(f"{path}, line {number}: a JSON object is needed, this is {type(value).__name__}.")
        missing = [column for column in columns if column not in value]
        if missing:
            raise CorpusError(f"{path}, line {number}: no {', '.join(missing)}; there is {', '.join(value)}.")
        yield Record(path, number, value)


def rows_by(records: Iterable[Record], key: Callable[[Record], str]) -> dict[str, Record]:
    """Records by clip, one each.

    Raises:
        CorpusError: If a clip has two.
    """
    rows: dict[str, Record] = {}
    for record in records:
        earlier = rows.setdefault(key(record), record)
        if earlier is not record:
            raise record.error(f"{key(record)} has a row in line {earlier.line} of {earlier.path.name} already.")
    return rows


def groups_by(records: Iterable[Record], key: Callable[[Record], str]) -> dict[str, list[Record]]:
    """Records by clip, any number each: one row per rater."""
    groups: dict[str, list[Record]] = {}
    for record in records:
        groups.setdefault(key(record), []).append(record)
    return groups
