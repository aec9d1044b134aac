"""The three tables of a run: one row per clip, one per chunk, one per recording that could not be heard."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SCORE_PREFIX = "score_"
METADATA_KEY = b"audio_emotion"
_WHERE = {"id": pa.string(), "path": pa.string(), "row": pa.int64()}


@dataclass
class Rows:
    """The rows of one block.

    Attributes:
        clips: Rows of the clip table, as `clip_row` makes them.
        chunks: Rows of the chunk table.
        errors: Rows of the error table.
    """

    clips: list[dict[str, Any]] = field(default_factory=list)
    chunks: list[dict[str, Any]] = field(default_factory=list)
    errors: list[dict[str, Any]] = field(default_factory=list)


def clip_schema(labels: Sequence[str]) -> pa.Schema:
    """Columns of `clips/`: id, path, row, duration_s, label, score, `score_<label>` for each label, warning."""
    return pa.schema([*_WHERE.items(), ("duration_s", pa.float64()), *_score_fields(labels), ("warning", pa.string())])


def chunk_schema(labels: Sequence[str]) -> pa.Schema:
    """Columns of `chunks/`: id, path, row, start_s, end_s, label, score, `score_<label>` for each label."""
    return pa.schema([*_WHERE.items(), ("start_s", pa.float64()), ("end_s", pa.float64()), *_score_fields(labels)])


def error_schema() -> pa.Schema:
    """Columns of `errors/`: id, path, row, error (the exception's type), message."""
    return pa.schema([*_WHERE.items(), ("error", pa.string()), ("message", pa.string())])


def _score_fields(labels: Sequence[str]) -> list[tuple[str, pa.DataType]]:
    columns = [f"{SCORE_PREFIX}{label}" for label in labels]
    return [("label", pa.string()), ("score", pa.float32()), *((column, pa.float32()) for column in columns)]


def score_columns(scores: Mapping[str, float]) -> dict[str, Any]:
    """The strongest label, its score, and a column for each label."""
    label = max(scores, key=lambda name: scores[name])
    columns = {f"{SCORE_PREFIX}{name}": score for name, score in scores.items()}
    return {"label": label, "score": scores[label], **columns}


def to_parquet(rows: Sequence[Mapping[str, Any]], schema: pa.Schema, metadata: Mapping[str, Any]) -> bytes:
    """A whole Parquet file.

    Args:
        rows: One mapping per row, with the schema's columns.
        schema: Names and types of the columns.
        metadata: Model, version and options; JSON under the key `audio_emotion` of the file's metadata.

    Returns:
        The file's content.
    """
    described = schema.with_metadata({METADATA_KEY: json.dumps(metadata, ensure_ascii=False).encode()})
    buffer = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(list(rows), schema=described), buffer, compression="zstd")
    return bytes(buffer.getvalue())
