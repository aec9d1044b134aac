"""Every kind of input names the same recordings, in an order that does not change."""

import csv
import json
from pathlib import Path

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from audio_emotion import AudioEmotionError
from audio_emotion.scoring.plan import Block, make_plan
from audio_emotion.scoring.reading import iter_clips
from audio_emotion.scoring.sources import AudioFile, RowGroup, find_sources


def paths(*inputs: object, column: str | None = None) -> list[str]:
    return [source.path for source in find_sources([str(name) for name in inputs], column)]


def test_folder_glob_and_lists_agree(clips: Path, tmp_path: Path) -> None:
    files = sorted(map(str, clips.rglob("*.wav")))
    (clips / "notes.md").touch()
    relative = [str(Path(file).relative_to(tmp_path)) for file in files]
    (tmp_path / "list.txt").write_text("\n".join(relative) + "\n\n")
    (tmp_path / "list.jsonl").write_text("\n".join(json.dumps({"audio_filepath": file}) for file in files))
    with (tmp_path / "list.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["speaker", "path"], *(["x", name] for name in relative)])
    (tmp_path / "list.tsv").write_text("clip\tn\n" + "".join(f"{name}\t1\n" for name in relative))
    pq.write_table(pa.table({"file": relative}), tmp_path / "list.parquet")
    assert paths(clips) == files
    assert paths(f"{clips}/*/*.wav") == files
    assert paths(*files) == files
    assert paths(f"file://{clips}") == files
    for name in ("list.txt", "list.jsonl", "list.csv", "list.parquet"):
        assert paths(tmp_path / name) == files, name
    assert paths(tmp_path / "list.tsv", column="clip") == files


def test_object_storage_is_listed_by_url(clips: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(clips), "/sources", recursive=True)
    found = paths("memory://sources")
    assert len(found) == 6
    assert set(found) == set(paths("memory://sources/**/*.wav"))
    assert all(path.startswith("memory://") for path in found)


def test_parquet_with_audio_is_cut_by_row_group_and_read_a_few_rows_at_a_time(tmp_path: Path) -> None:
    content = [bytes([index]) * 200_000 for index in range(100)]
    table = pa.table({"id": [f"c{index}" for index in range(100)], "audio": content})
    pq.write_table(table, tmp_path / "rows.parquet", row_group_size=10, compression="none", use_dictionary=False)
    sources = list(find_sources([str(tmp_path / "rows.parquet")]))
    assert [(source.first_row, source.num_rows) for source in sources] == [(row, 10) for row in range(0, 100, 10)]
    del table
    before, peak = pa.total_allocated_bytes(), 0
    names = []
    for block in make_plan(sources, 20).blocks:
        for clip in iter_clips(block):
            names.append((clip.id, clip.row, clip.audio["bytes"][:1]))
            peak = max(peak, pa.total_allocated_bytes() - before)
    assert names == [(f"c{index}", index, bytes([index])) for index in range(100)]
    assert peak < sum(map(len, content)) / 3


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("absent.wav", None, "does not exist"),
        ("*.nothing", None, "No file matches"),
        ("list.csv", "speaker,clip\nx,a.wav\n", "no column path or audio.*speaker.*--column"),
        ("list.jsonl", '{"path": "a.wav"}\n{"path": 3}\n', "line 2: path is 3"),
        ("list.jsonl", "no json\n", "line 1: not JSON"),
        ("list.txt", "\n", "holds no recordings"),
        ("rows.parquet", "no parquet", "cannot be read as Parquet"),
    ],
)
def test_what_cannot_be_listed_is_said(name: str, content: str | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(AudioEmotionError, match=message):
        paths(tmp_path / name)


def test_unknown_protocol() -> None:
    with pytest.raises(AudioEmotionError, match="nowhere"):
        paths("nowhere://bucket/a.wav")


def test_an_empty_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(AudioEmotionError, match="holds no recordings"):
        paths(tmp_path)


def test_blocks_hold_every_source_once_and_survive_json() -> None:
    sources = [AudioFile(f"/a/{index}.wav", 1000) for index in range(150)]
    sources[70:70] = [RowGroup("/b.parquet", 0, 0, 90, 5000, "audio")]
    plan = make_plan(sources, 64)
    assert [source for block in plan.blocks for source in block.sources] == sources
    assert [block.num_clips for block in plan.blocks] == [64, 6, 90, 64, 16]
    assert [Block.from_json(block.to_json()) for block in plan.blocks] == list(plan.blocks)
    assert plan.num_clips == 240
    assert make_plan(sources, 64).sha256 == plan.sha256
    assert make_plan(sources, 65).sha256 != plan.sha256 != make_plan(sources[1:], 64).sha256


def test_hours_of_audio_end_a_block_however_few_files() -> None:
    plan = make_plan([AudioFile(f"/{index}.wav", 100 * 2**20) for index in range(4)])
    assert [block.num_clips for block in plan.blocks] == [2, 2]
