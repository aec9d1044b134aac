"""Corpora: their owners' label files, the manifests beside prepared shards, and shards that are streamed."""

from __future__ import annotations

import contextlib
import io
import shutil
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from fuzz_doors.door import Door

LABEL_SAMPLES = Path(__file__).parents[1] / "dataset_scripts" / "label_samples"


def _corpus(name: str) -> Door:
    """All label files of a corpus in one input, which is cut at its marks again."""
    files = sorted(path for path in (LABEL_SAMPLES / name).rglob("*") if path.is_file())
    names = [path.relative_to(LABEL_SAMPLES / name).as_posix() for path in files]
    mark = b"\n\x01\x02\x03\n"

    def read(content: bytes, folder: Path) -> None:
        from audio_emotion.dataset_scripts.reader import get_reader
        from audio_emotion.dataset_scripts.rows import make_row
        from audio_emotion.dataset_scripts.schema import validate_row

        source = folder / name
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        for path, part in zip(names, content.split(mark), strict=False):
            if path == "audio_files.txt":
                for audio in part.decode(errors="replace").splitlines():
                    if audio and ".." not in audio and not audio.startswith("/") and "\0" not in audio:
                        with contextlib.suppress(OSError):
                            (source / audio).parent.mkdir(parents=True, exist_ok=True)
                            (source / audio).touch()
                continue
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_bytes(part)
        reader = get_reader(name)(source)
        for clip in reader.clips():
            validate_row(make_row(reader.info, clip, _one_second()))

    return Door(lambda _: [mark.join(path.read_bytes() for path in files)], read)


@cache
def _one_second() -> Any:
    from audio_emotion.dataset_scripts.encoding import encode_samples

    return encode_samples(np.zeros(16000, dtype=np.float32))


def _load_manifest(content: bytes, folder: Path) -> None:
    from audio_emotion.dataset_scripts.card import render_card
    from audio_emotion.dataset_scripts.manifest import MANIFEST_NAME, Manifest

    (folder / MANIFEST_NAME).write_bytes(content)
    manifest = Manifest.load(folder)
    if manifest is not None and manifest.shards:
        render_card([manifest])


def _manifest(folder: Path) -> list[bytes]:
    from audio_emotion.dataset_scripts.manifest import MANIFEST_NAME, Manifest, Summary
    from audio_emotion.dataset_scripts.reader import get_reader

    info = get_reader("ravdess").info
    summary = Summary(1, 1, 1.0, 100, {"01"}, languages=Counter({"en": 1}))
    Manifest(folder, "0" * 64, info, {}, ["anger"], {"train-00000-of-00001.parquet": summary}, True).save()
    return [(folder / MANIFEST_NAME).read_bytes()]


def _streamed_corpus(_: Path) -> list[bytes]:
    import pyarrow.parquet as pq
    from datasets import Dataset

    from audio_emotion.dataset_scripts.schema import COLUMNS, EMOTIONS, corpus_features

    mask = [emotion in ("anger", "neutral") for emotion in EMOTIONS]
    row = dict.fromkeys(COLUMNS) | {
        "audio": {"bytes": _one_second().flac, "path": "01.flac"},
        "speaker": "s1",
        "language": "en",
        "distribution": [0.5 * inside for inside in mask],
        "label_mask": mask,
        "duration_s": 1.0,
    }
    buffer = io.BytesIO()
    pq.write_table(Dataset.from_list([row, row], features=corpus_features()).data.table, buffer, row_group_size=1)
    return [buffer.getvalue()]


def _stream_corpus(content: bytes, folder: Path) -> None:
    from audio_emotion.training.data import find_clips
    from audio_emotion.training.recipe import CorpusRecipe

    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: voices\n  data_files:\n  - {split: train, path: train.parquet}\n---\n"
    )
    (folder / "train.parquet").write_bytes(content)
    clips = find_clips([CorpusRecipe(path=str(folder), name="voices", streamed_groups=1)], "train")
    for index in range(min(len(clips or ()), 4)):
        assert clips is not None
        clips.waveform(index)


DOORS = {
    **{f"corpus-{folder.name}": _corpus(folder.name) for folder in sorted(LABEL_SAMPLES.iterdir())},
    "corpus-manifest": Door(_manifest, _load_manifest),
    "corpus-streamed": Door(_streamed_corpus, _stream_corpus),
}
