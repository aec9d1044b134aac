"""From a corpus's folder to Parquet shards: parallel, in constant memory, resumable, the same bytes in every run.

`OUT/<corpus>/` holds `<split>-00000-of-0000N.parquet`, `report.csv` (what was left out, and why) and `manifest.json` (which
shards are complete, and what is in them); `OUT/README.md` is the dataset card of all corpora in `OUT`.
"""

from __future__ import annotations

import csv
import hashlib
import io
import itertools
import os
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from audio_emotion.pipeline.errors_audio_emotion import CorpusError

from .card import write_card
from .encoding import BadAudio, EncodedClip, encode_clip
from .manifest import Manifest, Summary, write_atomically
from .parallel import map_in_order
from .reader import Clip, CorpusInfo, CorpusReader, Finding, Report, get_reader
from .schema import COLUMNS, SAMPLING_RATE, SPLITS, corpus_features, dominant_emotion, validate_row

CLIPS_PER_SHARD = 1000
ROWS_PER_GROUP = 100
LOCK_NAME = ".lock"
REPORT_NAME = "report.csv"
FORMAT_VERSION = 1  # part of the fingerprint: raise it where the same clips shall give other bytes


@dataclass(frozen=True)
class Prepared:
    """What `prepare` wrote.

    Attributes:
        folder: Where the shards are.
        summary: Clips, seconds, speakers, labels, bad audio.
        report: Unknown names, skipped clips, duplicates, labels without audio, unmapped words.
        num_reused: Shards that an earlier run had completed.
    """

    folder: Path
    summary: Summary
    report: Report
    num_reused: int


def prepare(
    corpus: str,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    num_proc: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Write a corpus as Parquet shards with its dataset card.

    Run again after a kill, it keeps the complete shards and writes the rest; the bytes are those of an unbroken run. Where
    the corpus, the reader or the labels changed meanwhile, it starts over.

    Args:
        corpus: Name of a reader, see `list_corpora()`.
        source: The corpus's folder as its owner ships it.
        out: Folder of the prepared corpora; the shards go to `out/<corpus>`.
        num_proc: Processes that decode and encode. More than one are spawned, so a script that calls this needs the usual
            `if __name__ == "__main__":`.
        progress: Called with the number of clips done and of all clips.

    Returns:
        What was written. Bad audio does not raise: it is skipped, counted and listed in `report.csv`.

    Raises:
        CorpusError: If the source is not this corpus, a label file is broken, or another process prepares the same corpus.

    Example:
        `prepare("ravdess", "corpora/ravdess", "prepared")`, then
        `datasets.load_dataset("prepared", "ravdess", split="train")`.
    """
    reader = get_reader(corpus)(source)
    folder = Path(out) / reader.info.name
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(folder / LOCK_NAME, timeout=0):
            prepared = _prepare_locked(reader, folder, num_proc, progress or _no_progress)
    except Timeout:
        raise CorpusError(f"{folder} is being written by another process. Wait for it, or choose another folder.") from None
    write_card(Path(out))
    return prepared


def _no_progress(num_done: int, num_clips: int) -> None:
    """Show nothing."""


def _prepare_locked(
    reader: CorpusReader, folder: Path, num_proc: int, progress: Callable[[int, int], None]
) -> Prepared:
    split_sizes, fingerprint = _survey(reader)
    report = reader.report
    manifest = Manifest.of_reader(folder, reader, fingerprint)
    num_reused = len(manifest.shards)
    _remove_leftovers(folder, keep=manifest.shards)
    manifest.save()

    num_done = sum(summary.num_planned for summary in manifest.shards.values())
    num_clips = sum(split_sizes.values())
    progress(num_done, num_clips)
    work = _pending_clips(reader, split_sizes, frozenset(manifest.shards))
    encoded = map_in_order(_encode, work, num_proc)
    for shard, results in itertools.groupby(encoded, key=lambda result: result[0]):
        summary = Summary()
        rows = _rows(reader.info, results, summary)
        _write_shard(folder / shard, _with_progress(rows, summary, num_done, num_clips, progress))
        summary.num_bytes = (folder / shard).stat().st_size
        num_done += summary.num_planned
        progress(num_done, num_clips)
        manifest.shards[shard] = summary
        manifest.save()
    _write_report(folder / REPORT_NAME, report, manifest.total())
    manifest.complete = True
    manifest.save()
    return Prepared(folder, manifest.total(), report, num_reused)


def _survey(reader: CorpusReader) -> tuple[Counter[str], str]:
    """Count the clips of each split, and hash everything that decides the shards' bytes."""
    split_sizes: Counter[str] = Counter()
    fingerprint = hashlib.sha256(repr((FORMAT_VERSION, COLUMNS, CLIPS_PER_SHARD, ROWS_PER_GROUP, reader.info)).encode())
    for clip in reader.clips():
        if clip.split not in SPLITS:
            raise CorpusError(f"{clip.relative_path}: split {clip.split!r}; it must be one of {', '.join(SPLITS)}.")
        split_sizes[clip.split] += 1
        facts = (clip.id, clip.annotation, clip.label_mask, clip.language, clip.split, clip.path.stat().st_size)
        fingerprint.update(repr(facts).encode())
    return split_sizes, fingerprint.hexdigest()


def _remove_leftovers(folder: Path, keep: Iterable[str]) -> None:
    """Delete half-written files of a killed run, and shards of other input."""
    kept = set(keep)
    for path in [*folder.glob(".*.partial"), *folder.glob("*.parquet")]:
        if path.name not in kept:
            path.unlink()


def _pending_clips(
    reader: CorpusReader, split_sizes: Counter[str], complete: frozenset[str]
) -> Iterator[tuple[str, Clip]]:
    """Clips of the shards that are not complete, each with its shard's name, shard after shard."""
    for split in SPLITS:
        num_shards = -(-split_sizes[split] // CLIPS_PER_SHARD)
        names = [f"{split}-{index:05d}-of-{num_shards:05d}.parquet" for index in range(num_shards)]
        if complete.issuperset(names):
            continue
        clips = (clip for clip in reader.clips() if clip.split == split)
        for index, clip in enumerate(clips):
            name = names[index // CLIPS_PER_SHARD]
            if name not in complete:
                yield name, clip


def _encode(planned: tuple[str, Clip]) -> tuple[str, Clip, EncodedClip | BadAudio]:
    """The work of one process on one clip."""
    shard, clip = planned
    return shard, clip, encode_clip(clip.path)


def _rows(
    info: CorpusInfo, results: Iterable[tuple[str, Clip, EncodedClip | BadAudio]], summary: Summary
) -> Iterator[dict[str, Any]]:
    """Valid rows of the clips whose audio is good; the summary counts both."""
    for _, clip, audio in results:
        summary.num_planned += 1
        if isinstance(audio, BadAudio):
            summary.bad_audio.append((clip.relative_path, audio.reason))
            continue
        row = make_row(info, clip, audio)
        validate_row(row)
        summary.add_row(row)
        yield row


def make_row(info: CorpusInfo, clip: Clip, audio: EncodedClip) -> dict[str, Any]:
    """Put a clip, its annotation and its audio into the unified row."""
    annotation = clip.annotation
    label = annotation.label
    return {
        "audio": {"bytes": audio.flac, "path": f"{clip.id}.flac"},
        "corpus": info.name,
        "id": clip.id,
        "speaker": annotation.speaker,
        "gender": annotation.gender,
        "age": annotation.age,
        "language": clip.language,
        "text": annotation.text,
        "emotion_raw": annotation.emotion_raw,
        "emotion": dominant_emotion(label.distribution),
        "distribution": list(label.distribution),
        "label_mask": list(clip.label_mask),
        "votes": _pairs(label.votes, "label", "count"),
        "label_source": label.source,
        "intensity": label.intensity,
        "valence": annotation.valence,
        "arousal": annotation.arousal,
        "dominance": annotation.dominance,
        "targets": _pairs(annotation.targets, "name", "intensity"),
        "duration_s": audio.num_samples / SAMPLING_RATE,
        "split": clip.split,
        "license": info.license,
    }


def _pairs(values: Any, key: str, value: str) -> list[dict[str, Any]] | None:
    return None if values is None else [{key: name, value: number} for name, number in values.items()]


def _with_progress(
    rows: Iterator[dict[str, Any]],
    summary: Summary,
    num_before: int,
    num_clips: int,
    progress: Callable[[int, int], None],
) -> Iterator[dict[str, Any]]:
    for row in rows:
        progress(num_before + summary.num_planned, num_clips)
        yield row


def _write_shard(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows beside the shard's name, a row group at a time, and rename the file once it is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = corpus_features().arrow_schema
    partial = path.with_name(f".{path.name}.partial")
    with pq.ParquetWriter(partial, schema) as writer:
        while group := list(itertools.islice(rows, ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))
    os.replace(partial, path)


def _write_report(path: Path, report: Report, summary: Summary) -> None:
    findings = [
        *(Finding("bad audio", where, reason) for where, reason in summary.bad_audio),
        *report.findings,
        *(
            Finding("unmapped word", word, f"{count} votes count for other")
            for word, count in sorted(report.unmapped.items())
        ),
    ]
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    table.writerow(["kind", "where", "reason"])
    table.writerows([finding.kind, finding.where, finding.reason] for finding in findings)
    write_atomically(path, text.getvalue())
