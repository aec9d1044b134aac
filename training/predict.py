"""A model's scores for the rows of a table, in the challenge's format: `filename` and a column for each label."""

from __future__ import annotations

import csv
import io
import itertools
import os
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from audio_emotion.dataset_scripts.encoding import BadAudio, read_samples
from audio_emotion.dataset_scripts.label_files import read_text
from audio_emotion.dataset_scripts.manifest import write_atomically
from audio_emotion.dataset_scripts.reader import is_audio, without_suffix
from audio_emotion.pipeline.errors_audio_emotion import CorpusError
from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline

_CLIPS_AT_ONCE = 256


@dataclass(frozen=True)
class Predictions:
    """What `predict` wrote.

    Attributes:
        num_rows: rows, as many as the table's.
        without_audio: line and reason of each row whose file is absent or unreadable; it has the other rows' mean.
    """

    num_rows: int
    without_audio: list[tuple[int, str]]


def find_table(source: Path, split: str) -> Path:
    """Find `lab/<split>.csv` of a corpus in the challenge's layout.

    Raises:
        CorpusError: if there is none.
    """
    found = sorted(source.rglob(f"{split}.csv"), key=lambda path: (len(path.parts), path))
    if not found:
        raise CorpusError(f"{source}: no {split}.csv here or below. Name the table with --table FILE")
    return found[0]


def predict(
    pipe: AudioEmotionPipeline,
    table: Path,
    source: Path,
    out: Path,
    batch_size: int = 16,
    progress: Callable[[int, int], None] | None = None,
) -> Predictions:
    """Score the files that the first column of a table names, and write one row for each of its rows, in their order.

    Args:
        pipe: the model.
        table: a CSV file with a header; only its first column, the file names, is read.
        source: folder with the audio, here or below.
        out: the CSV file to write: `filename` and a column for each of the model's labels.
        batch_size: clips in one forward pass.
        progress: called with the number of files done and of all files.

    Raises:
        CorpusError: if the table has no rows, or not one of its files can be read.
    """
    lines = list(_names(table))
    if not lines:
        raise CorpusError(f"{table} has no rows below its header.")
    paths = _audio_files(source)
    names = list(dict.fromkeys(_key(name) for _, name in lines))
    config: Any = pipe.model.config
    labels = [config.id2label[index] for index in range(config.num_labels)]
    scores: dict[str, list[float]] = {}
    reasons: dict[str, str] = {}
    for start in range(0, len(names), _CLIPS_AT_ONCE):
        chunk = names[start : start + _CLIPS_AT_ONCE]
        heard = {}
        for name in chunk:
            samples = (
                read_samples(paths[name]) if name in paths else BadAudio(f"no audio file of this name in {source}")
            )
            if isinstance(samples, BadAudio):
                reasons[name] = samples.reason
            else:
                heard[name] = samples
        for name, answer in zip(heard, pipe(list(heard.values()), batch_size=batch_size), strict=True):
            by_label = {entry["label"]: entry["score"] for entry in answer}
            scores[name] = [by_label[label] for label in labels]
        if progress is not None:
            progress(start + len(chunk), len(names))
    if not scores:
        raise CorpusError(f"{table}: not one of its {len(names)} files can be read; the first: {reasons[names[0]]}")
    mean = np.mean(list(scores.values()), axis=0).tolist()
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["filename", *labels])
    for _, name in lines:
        writer.writerow([name, *(f"{score:.6f}" for score in scores.get(_key(name), mean))])
    out.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(out, text.getvalue())
    without = [(line, f"{name}: {reasons[_key(name)]}") for line, name in lines if _key(name) in reasons]
    return Predictions(len(lines), without)


def _names(table: Path) -> Iterator[tuple[int, str]]:
    """Line and first field of every row below the header."""
    rows = csv.reader(io.StringIO(read_text(table)))
    filled = ((rows.line_num, row[0].strip()) for row in rows if any(field.strip() for field in row))
    return itertools.islice(filled, 1, None)


def _audio_files(source: Path) -> dict[str, Path]:
    """Every audio file below a folder by its key; the nearest wins."""
    paths: dict[str, Path] = {}
    for folder, folders, files in os.walk(source):
        folders.sort()
        for name in sorted(filter(is_audio, files)):
            paths.setdefault(_key(name), Path(folder, name))
    return paths


def _key(name: str) -> str:
    """A file name without folders and suffix, in one spelling of its accents."""
    return without_suffix(unicodedata.normalize("NFC", name.replace("\\", "/").rpartition("/")[2]))
