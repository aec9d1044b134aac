"""From a corpus's folder to Parquet shards: parallel, in constant memory, resumable, the same bytes in every run.

`OUT/<corpus>/` holds `<split>-00000-of-0000N.parquet`, `report.csv` (what was left out, and why) and `manifest.json`
(which shards are complete, and what is in them); `OUT/README.md` is the dataset card of all corpora in `OUT`.
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
from typing import Any, NamedTuple

from filelock import FileLock, Timeout

from audio_emotion.dataset_scripts.card import check_card, write_card
from audio_emotion.dataset_scripts.corpus import Clip, CorpusInfo, Finding, Report
from audio_emotion.dataset_scripts.encoding import BadAudio, EncodedClip, encode_clip
from audio_emotion.dataset_scripts.manifest import Manifest, Summary, write_atomically, written_beside
from audio_emotion.dataset_scripts.parallel import map_in_order
from audio_emotion.dataset_scripts.reader import CorpusReader, get_reader
from audio_emotion.dataset_scripts.rows import make_row
from audio_emotion.dataset_scripts.schema import COLUMNS, SPLITS, corpus_features, validate_row
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

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


class _Plan(NamedTuple):
    """Clips of each split, and a hash of everything that tells whether the shards' bytes will be the same."""

    split_sizes: Counter[str]
    fingerprint: str


class _PlannedClip(NamedTuple):
    """A clip and the shard that it goes to."""

    shard: str
    clip: Clip


def prepare(
    corpus: str,
    source: str | os.PathLike[str],
    out: str | os.PathLike[str],
    num_proc: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Prepared:
    """Write a corpus as Parquet shards with its dataset card.

    Run again after a kill, it keeps the complete shards and writes the rest; the bytes are those of an unbroken run.
    Where the corpus, the reader or the labels changed meanwhile, it starts over; an audio file has changed where its
    size or its time has.

    Args:
        corpus: Name of a reader, see `list_corpora()`.
        source: The corpus's folder as its owner ships it.
        out: Folder of the prepared corpora; the shards go to `out/<corpus>`.
        num_proc: Processes that decode and encode. More than one are spawned, so a script that calls this needs the
            usual `if __name__ == "__main__":`.
        progress: Called with the number of clips done and of all clips.

    Returns:
        What was written. Bad audio does not raise: it is skipped, counted and listed in `report.csv`.

    Raises:
        CorpusError: If the source is not this corpus, a label file is broken, the folder holds another corpus of the
            same name or a README.md of something else, another process writes there, or the disk is full; complete
            shards are kept.

    Example:
        `prepare("ravdess", "corpora/ravdess", "prepared")`, then
        `datasets.load_dataset("prepared", "ravdess", split="train")`.
    """
    reader = get_reader(corpus)(source)
    plan = _survey(reader)
    folder = Path(out) / reader.info.name
    try:
        check_card(Path(out))
        folder.mkdir(parents=True, exist_ok=True)
        with FileLock(folder / LOCK_NAME, timeout=0):
            prepared = _write_corpus(reader, plan, folder, num_proc, progress or _no_progress)
        write_card(Path(out))
    except Timeout:
        raise CorpusError(f"another process writes to {folder}. Wait for it, or choose another folder.") from None
    except OSError as error:
        raise CorpusError(
            f"{folder} cannot be written: {error.strerror or error}. Complete shards are kept: mend that, and the same "
            "command goes on"
        ) from error
    return prepared


def _no_progress(num_done: int, num_clips: int) -> None:
    """Show nothing."""


def _write_corpus(
    reader: CorpusReader, plan: _Plan, folder: Path, num_proc: int, progress: Callable[[int, int], None]
) -> Prepared:
    report = reader.report
    manifest = Manifest.of_reader(folder, reader, plan.fingerprint)
    num_reused = len(manifest.shards)
    _remove_leftovers(folder, keep=manifest.shards)
    manifest.save()

    num_clips = sum(plan.split_sizes.values())
    num_done = itertools.count(manifest.total().num_planned)
    progress(next(num_done), num_clips)
    work = _pending_clips(reader, plan.split_sizes, frozenset(manifest.shards))
    encoded = map_in_order(encode_clip, ((planned, planned.clip.path) for planned in work), num_proc)
    for shard, results in itertools.groupby(encoded, key=lambda result: result[0].shard):
        summary = Summary()
        _write_shard(folder / shard, _rows(reader.info, results, summary, lambda: progress(next(num_done), num_clips)))
        summary.num_bytes = (folder / shard).stat().st_size
        manifest.shards[shard] = summary
        manifest.save()
    _write_report(folder / REPORT_NAME, report, manifest.total())
    manifest.complete = True
    manifest.save()
    return Prepared(folder, manifest.total(), report, num_reused)


def _survey(reader: CorpusReader) -> _Plan:
    """Pass over the names and labels once, before anything is written."""
    split_sizes: Counter[str] = Counter()
    fingerprint = hashlib.sha256(repr((FORMAT_VERSION, COLUMNS, CLIPS_PER_SHARD, ROWS_PER_GROUP, reader.info)).encode())
    for clip in reader.clips():
        split_sizes[clip.split] += 1
        facts = (clip.id, clip.annotation, clip.label_mask, clip.language, clip.split, _size_and_time(clip.path))
        fingerprint.update(repr(facts).encode())
    return _Plan(split_sizes, fingerprint.hexdigest())


def _size_and_time(path: Path) -> tuple[int, int] | None:
    """Bytes of a file, and when it was written in ns; None for a broken link, which encoding will report."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


def _remove_leftovers(folder: Path, keep: Iterable[str]) -> None:
    """Delete half-written files of a killed run, and shards of other input."""
    kept = set(keep)
    for path in [*folder.glob(".*.partial"), *folder.glob("*.parquet")]:
        if path.name not in kept:
            path.unlink()


def _pending_clips(reader: CorpusReader, split_sizes: Counter[str], complete: frozenset[str]) -> Iterator[_PlannedClip]:
    """Clips of the shards that are not complete, shard after shard."""
    for split in SPLITS:
        num_shards = -(-split_sizes[split] // CLIPS_PER_SHARD)
        names = [f"{split}-{index:05d}-of-{num_shards:05d}.parquet" for index in range(num_shards)]
        if complete.issuperset(names):
            continue
        clips = (clip for clip in reader.clips() if clip.split == split)
        for index, clip in enumerate(clips):
            name = names[index // CLIPS_PER_SHARD]
            if name not in complete:
                yield _PlannedClip(name, clip)


def _rows(
    info: CorpusInfo,
    results: Iterable[tuple[_PlannedClip, EncodedClip | BadAudio]],
    summary: Summary,
    advance: Callable[[], None],
) -> Iterator[dict[str, Any]]:
    """Valid rows of the clips whose audio is good; the summary counts both."""
    for (_, clip), audio in results:
        advance()
        summary.num_planned += 1
        if isinstance(audio, BadAudio):
            summary.bad_audio.append((clip.relative_path, audio.reason))
            continue
        row = make_row(info, clip, audio)
        validate_row(row)
        summary.add_row(row)
        yield row


def _write_shard(path: Path, rows: Iterator[dict[str, Any]]) -> None:
    """Write rows beside the shard's name, a row group at a time, and rename the file once it is whole."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema = corpus_features().arrow_schema
    with written_beside(path) as partial, pq.ParquetWriter(partial, schema) as writer:
        while group := list(itertools.islice(rows, ROWS_PER_GROUP)):
            writer.write_table(pa.Table.from_pylist(group, schema=schema))


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
