"""Lists of recordings to score, and results of earlier runs that are gone on with."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections.abc import Callable
from pathlib import Path

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from fuzz_doors.door import Door

LISTS = {
    ".txt": b"a.wav\nb/c.flac\n",
    ".csv": b'path,text\na.wav,"one, two"\nb.flac,three\n',
    ".tsv": b"audio\ttext\na.wav\tone\nb.flac\ttwo\n",
    ".jsonl": b'{"path": "a.wav"}\n{"audio": "b.flac", "x": [1]}\n',
}
STORE_FILES = {
    "run.json": b'{"format": 1, "sources": "00", "options": {"labels": null}, "model_sha256": "00", "version": "0"}',
    "_manifest/part-0000000.json": b'{"name": "part-0000000", "num_clips": 1, "num_errors": 0, "duration_s": 1.0, '
    b'"first_error": "", "files": {"clips/part-0000000.parquet": 10}}',
}


def _find_sources(suffix: str) -> Callable[[bytes, Path], None]:
    def find(content: bytes, folder: Path) -> None:
        from audio_emotion.scoring.plan import make_plan
        from audio_emotion.scoring.reading import iter_clips
        from audio_emotion.scoring.sources import find_sources

        path = folder / f"list{suffix}"
        path.write_bytes(content)
        for block in make_plan(find_sources([str(path)])).blocks:
            for clip in iter_clips(block):
                assert clip.id

    return find


def _parquet(_: Path) -> list[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = []
    for column in ([{"bytes": b"RIFF", "path": "a.wav"}] * 3, [b"RIFF"] * 3, ["a.wav", "b.wav", "c.wav"]):
        buffer = io.BytesIO()
        pq.write_table(pa.table({"audio": column, "id": ["x", "y", None]}), buffer)
        files.append(buffer.getvalue())
    return files


def _resume_run(content: bytes, folder: Path) -> None:
    from audio_emotion.scoring.store import Store

    for name in STORE_FILES:
        out = folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        for other, whole in STORE_FILES.items():
            (out / other).parent.mkdir(parents=True, exist_ok=True)
            (out / other).write_bytes(content if other == name else whole)
        store = Store(str(out))
        with contextlib.suppress(AudioEmotionError):
            store.read_json("run.json")
        with contextlib.suppress(AudioEmotionError):
            finished = store.finished("part-0000000")
            assert finished is None or sum(finished.files.values()) >= 0
        with contextlib.suppress(AudioEmotionError):
            store.all_finished()


def _results(kind: str) -> Callable[[Path], list[bytes]]:
    def seeds(_: Path) -> list[bytes]:
        from audio_emotion.pipeline.export_audio_emotion import WRITERS

        scores = {"anger": 0.75, "neutral": 0.25}
        chunk = {"timestamp": (0.0, 1.5), "label": "anger", "score": 0.75, "speaker": "A", "scores": scores}
        results = {f"{name}.wav": {"scores": [], "chunks": [chunk, chunk]} for name in "ab"}
        return [WRITERS[kind](results).encode()]

    return seeds


def _resume_results(kind: str) -> Callable[[bytes, Path], None]:
    def resume(content: bytes, folder: Path) -> None:
        from audio_emotion.cli.record_file import RecordFile

        path = folder / f"results.{kind}"
        path.write_bytes(content)
        RecordFile(kind, path).read_finished()

    return resume


DOORS = {
    **{f"score{suffix}": Door(lambda _, s=suffix: [LISTS[s]], _find_sources(suffix)) for suffix in LISTS},
    "score.parquet": Door(_parquet, _find_sources(".parquet"), weight=2),
    "score-resume": Door(lambda _: list(STORE_FILES.values()), _resume_run),
    **{
        f"analyze-resume-{kind}": Door(_results(kind), _resume_results(kind))
        for kind in ("json", "jsonl", "csv", "rttm")
    },
}
