"""The recordings of a block, one after the other: opened where they lie, decoded ahead of the model."""

from __future__ import annotations

import contextlib
import io
import shutil
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from audio_emotion.pipeline.batching_audio_emotion import check_duration
from audio_emotion.pipeline.decoding_audio_emotion import iter_audio_blocks
from audio_emotion.pipeline.errors_audio_emotion import AudioDecodingError, path_as_text
from audio_emotion.scoring.plan import Block
from audio_emotion.scoring.sources import AudioFile, RowGroup, open_filesystem, resolve_beside

ROWS_AT_ONCE = 16
"""Rows of a Parquet file in memory at a time, as bytes."""
IN_MEMORY_BYTES = 8 * 2**20
"""A remote file up to this size is fetched into memory, a larger one into a temporary file."""
AHEAD_PER_THREAD = 16


@dataclass(frozen=True)
class Clip:
    """One recording of a block, not yet opened.

    Attributes:
        id: Its name in the results: that of its row, else its path.
        path: Path or URL of the file that holds it.
        row: Its row in that file, where it is a Parquet file.
        audio: What `open_audio` opens: path, URL, or the mapping of a Parquet row; an exception where it could not
            even be listed.
    """

    id: str
    path: str
    row: int | None
    audio: Any


@dataclass(frozen=True)
class Decoded:
    """A recording that was opened.

    Attributes:
        clip: What it is.
        samples: float32 `(num_samples,)`, or None where it is longer than one window.
        source: What the pipeline reads such a long recording from, window by window.
        error: Why it cannot be heard, where it cannot.
    """

    clip: Clip
    samples: np.ndarray | None = None
    source: Any = None
    error: Exception | None = None


def iter_clips(block: Block) -> Iterator[Clip]:
    """List the recordings of a block; of a Parquet file only a few rows are in memory at a time."""
    for source in block.sources:
        if isinstance(source, AudioFile):
            name = path_as_text(source.path)
            yield Clip(name, name, None, source.path)
        else:
            yield from _clips_of_row_group(source)


def _clips_of_row_group(group: RowGroup) -> Iterator[Clip]:
    row, name = group.first_row, path_as_text(group.path)
    try:
        filesystem, inside = open_filesystem(group.path)
        with filesystem.open(inside, "rb") as file:
            table = pq.ParquetFile(file)
            columns = [group.column, *(["id"] if "id" in table.schema_arrow.names else [])]
            for batch in table.iter_batches(ROWS_AT_ONCE, row_groups=[group.index], columns=columns):
                for values in batch.to_pylist():
                    yield _clip_of_row(group, row, values)
                    row += 1
    except (OSError, UnicodeDecodeError, pa.ArrowException) as error:
        last_row = group.first_row + group.num_rows - 1
        reason = AudioDecodingError(f"{name}: rows {row} to {last_row} cannot be read: {error}")
        yield Clip(f"{name}#{row}", name, row, reason)


def _clip_of_row(group: RowGroup, row: int, values: dict[str, Any]) -> Clip:
    audio = values[group.column]
    content = audio.get("bytes") if isinstance(audio, dict) else audio
    path = audio.get("path") if isinstance(audio, dict) else None
    name = path_as_text(group.path)
    clip_id = str(values.get("id") or path or f"{name}#{row}")
    if content is not None:
        return Clip(clip_id, name, row, {"bytes": content, "path": f"{name}, row {row}"})
    if path:
        return Clip(clip_id, name, row, resolve_beside(group.path, path))
    return Clip(clip_id, name, row, AudioDecodingError(f"{name}, row {row}: no audio in {group.column}."))


def open_audio(clip: Clip) -> Any:
    """What the pipeline takes for a clip: a local path or http(s) URL as it is, an object's content as a file.

    Raises:
        AudioDecodingError: If the clip could not be listed.
        OSError: If it cannot be fetched.
    """
    audio = clip.audio
    if isinstance(audio, Exception):
        raise audio
    if not isinstance(audio, str) or "://" not in audio or audio.startswith(("http://", "https://")):
        return audio
    filesystem, inside = open_filesystem(audio)
    content: Any
    if int(filesystem.size(inside) or 0) <= IN_MEMORY_BYTES:
        content = io.BytesIO(filesystem.cat_file(inside))
    else:
        content = tempfile.TemporaryFile()  # noqa: SIM115  # closed, and so removed, when the recording is done with
        with filesystem.open(inside, "rb") as remote:
            shutil.copyfileobj(remote, content, 2**20)
    return {"bytes": content, "path": audio}


def decode_clip(clip: Clip, sampling_rate: int, max_samples: int) -> Decoded:
    """Open and decode one recording of at most `max_samples`; whatever is wrong with it becomes its error."""
    blocks: list[np.ndarray] = []
    num_samples = 0
    try:
        source = open_audio(clip)
        with contextlib.closing(iter_audio_blocks(source, sampling_rate)) as decoded:
            for block in decoded:
                blocks.append(block)
                num_samples += len(block)
                if num_samples > max_samples:
                    return Decoded(clip, source=source)
        check_duration(clip.id, num_samples, sampling_rate)
    except Exception as error:  # a decoder may fail in any way, and only this recording is lost
        return Decoded(clip, error=error)
    return Decoded(clip, samples=np.concatenate(blocks))


def decode_ahead(clips: Iterable[Clip], decode: Callable[[Clip], Decoded], num_threads: int) -> Iterator[Decoded]:
    """Decode recordings in threads while the caller works on those before; the order is kept.

    Args:
        clips: Drawn as results are taken, at most `num_threads * AHEAD_PER_THREAD` ahead.
        decode: Opens one clip.
        num_threads: Threads; decoders and downloads run beside each other and beside the model.

    Yields:
        One result per clip, in order.
    """
    executor = ThreadPoolExecutor(num_threads, thread_name_prefix="decode")
    pending: deque[Future[Decoded]] = deque()
    try:
        for clip in clips:
            pending.append(executor.submit(decode, clip))
            if len(pending) >= num_threads * AHEAD_PER_THREAD:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        executor.shutdown(wait=False, cancel_futures=True)
