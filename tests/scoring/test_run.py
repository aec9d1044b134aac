"""The rows of a run: those of the pipeline, whole or not at all, resumable, and never mixed with another run's."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from audio_emotion import AudioEmotionError, AudioEmotionPipeline
from audio_emotion.scoring.store import Store

from .conftest import NUM_GOOD, read


def test_rows_are_the_answers_of_the_pipeline(
    run: Callable[..., Any], clips: Path, tmp_path: Path, tiny_model_dir: Path, speech: Any
) -> None:
    soundfile.write(clips / "long.flac", speech(70), 16000)
    summary = run(clips, options={"chunks": True, "window_s": 1.0}, batch_size=3)
    pipe = AudioEmotionPipeline.from_pretrained(tiny_model_dir)
    rows, chunks = read(tmp_path / "out"), read(tmp_path / "out", "chunks")
    assert [row["path"] for row in rows] == sorted(map(str, clips.rglob("*.*")))
    assert summary.num_clips == len(rows) == NUM_GOOD + 1
    for row in rows:
        answer = pipe(row["path"], return_timestamps=1.0)
        expected = {f"score_{entry['label']}": entry["score"] for entry in answer["scores"]}
        assert {name: row[name] for name in expected} == pytest.approx(expected, abs=1e-5)
        assert row["label"] == answer["scores"][0]["label"]
        assert row["score"] == row[f"score_{row['label']}"]
        info = soundfile.info(row["path"])
        assert row["duration_s"] == pytest.approx(info.duration, abs=1e-3)
        mine = [chunk for chunk in chunks if chunk["id"] == row["id"]]
        assert [(chunk["start_s"], chunk["end_s"]) for chunk in mine] == [c["timestamp"] for c in answer["chunks"]]
        for chunk, other in zip(mine, answer["chunks"], strict=True):
            assert chunk["label"] == other["label"]
            assert chunk["score_anger"] == pytest.approx(other["scores"]["anger"], abs=1e-5)


def test_an_exported_model_scores_as_it_did(
    run: Callable[..., Any], clips: Path, tmp_path: Path, tiny_onnx_dir: Path
) -> None:
    run(clips, tmp_path / "torch")
    run(clips, tmp_path / "onnx", options={"model": str(tiny_onnx_dir)})
    for row, other in zip(read(tmp_path / "torch"), read(tmp_path / "onnx"), strict=True):
        assert row["path"] == other["path"]
        assert row["score_anger"] == pytest.approx(other["score_anger"], abs=1e-4)


def test_names_that_are_no_text(run: Callable[..., Any], clips: Path, tmp_path: Path) -> None:
    folder = tmp_path / "names"
    folder.mkdir()
    for name in (b"\xff.wav", b"\xfe.wav"):
        shutil.copy(clips / "a" / "0.wav", os.fsencode(folder) + b"/" + name)
    assert run(folder).num_clips == 2
    assert [row["id"] for row in read(tmp_path / "out")] == [f"{folder}/%FE.wav", f"{folder}/%FF.wav"]


def test_blocks_and_batches_change_no_row(run: Callable[..., Any], clips: Path, tmp_path: Path) -> None:
    run(clips, tmp_path / "one", block_size=1, batch_size=1, num_readers=1)
    run(clips, tmp_path / "all", block_size=100, batch_size=4, num_readers=3)
    assert len(list((tmp_path / "one" / "clips").iterdir())) == NUM_GOOD
    one, together = read(tmp_path / "one"), read(tmp_path / "all")
    for row, other in zip(one, together, strict=True):
        scores = [name for name in row if name.startswith("score")]
        assert [row[name] for name in scores] == pytest.approx([other[name] for name in scores], abs=1e-5)
        assert row["path"] == other["path"]


def test_poison_lands_in_the_error_table(
    run: Callable[..., Any], poisoned: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    folder, words = poisoned
    soundfile.write(folder / "quiet.wav", np.zeros(16000, dtype=np.float32), 16000)
    (tmp_path / "list.txt").write_text(f"{folder / 'gone.wav'}\n")
    summary = run([folder, tmp_path / "list.txt"], options={"max_duration_s": 45.0})
    assert (summary.num_clips, summary.num_errors) == (NUM_GOOD + 1, len(words) + 1)
    errors = {Path(row["path"]).name: row for row in read(tmp_path / "out", "errors")}
    assert set(errors) == {*words, "gone.wav"}
    for name, word in words.items():
        assert word in errors[name]["message"]
    assert {row["error"] for row in errors.values()} == {"AudioDecodingError"}
    warnings = {Path(row["path"]).name: row["warning"] for row in read(tmp_path / "out")}
    assert warnings.pop("quiet.wav") == "silent: the scores are the prior"
    assert set(warnings.values()) == {None}


def test_the_error_table_is_an_input(
    run: Callable[..., Any], poisoned: tuple[Path, dict[str, str]], tmp_path: Path, speech: Any
) -> None:
    folder, _ = poisoned
    run(folder, options={"max_duration_s": 45.0})
    for name in ("empty.wav", "text.wav", "no_samples.wav"):
        soundfile.write(folder / "bad" / name, speech(1), 16000)
    summary = run(tmp_path / "out" / "errors", tmp_path / "again", options={"max_duration_s": 45.0})
    assert (summary.num_clips, summary.num_errors) == (3, 4)


def test_parquet_rows(run: Callable[..., Any], clips: Path, tmp_path: Path) -> None:
    files = sorted(clips.rglob("*.wav"))
    audio = [{"bytes": file.read_bytes(), "path": file.name} for file in files]
    audio[1] = {"bytes": None, "path": "clips/" + str(files[1].relative_to(clips))}
    audio.append({"bytes": b"", "path": "nothing.wav"})
    names = [*(f"clip {index}" for index in range(NUM_GOOD)), "nothing"]
    pq.write_table(pa.table({"id": names, "audio": audio}), tmp_path / "rows.parquet", row_group_size=3)
    run(clips, tmp_path / "files")
    summary = run(tmp_path / "rows.parquet", tmp_path / "rows")
    assert summary.num_errors == 1
    (error,) = read(tmp_path / "rows", "errors")
    assert (error["id"], error["row"]) == ("nothing", NUM_GOOD)
    for row, other in zip(read(tmp_path / "rows"), read(tmp_path / "files"), strict=True):
        assert row["id"] == names[row["row"]]
        assert row["score"] == pytest.approx(other["score"], abs=1e-5)


def test_a_damaged_row_group_is_one_error(run: Callable[..., Any], clips: Path, tmp_path: Path) -> None:
    audio = [file.read_bytes() for file in sorted(clips.rglob("*.wav"))]
    path = tmp_path / "rows.parquet"
    pq.write_table(pa.table({"audio": audio}), path, row_group_size=3, compression="none", use_dictionary=False)
    content = bytearray(path.read_bytes())
    content[4:40] = b"\xff" * 36  # the header of the first page
    path.write_bytes(content)
    summary = run(path)
    assert (summary.num_clips, summary.num_errors) == (3, 1)
    (error,) = read(tmp_path / "out", "errors")
    assert "rows 0 to 2 cannot be read" in error["message"]


def test_in_and_out_of_object_storage(run: Callable[..., Any], clips: Path, tmp_path: Path) -> None:
    memory = fsspec.filesystem("memory")
    memory.put(str(clips), "/calls", recursive=True)
    run("memory://calls", "memory://scores")
    run(clips)
    with memory.open("/scores/clips/part-0000000.parquet") as file:
        rows = pq.read_table(file).to_pylist()
    assert rows[0]["path"].startswith("memory://")
    assert rows[0]["score"] == pytest.approx(read(tmp_path / "out")[0]["score"], abs=1e-5)
    assert run("memory://calls", "memory://scores", resume=True).num_skipped == 3


def test_readable_without_our_code(run: Callable[..., Any], clips: Path, tmp_path: Path) -> None:
    run(clips, options={"labels": ("anger", "neutral"), "prior": "uniform"})
    folder = tmp_path / "out" / "clips"
    rows = datasets.load_dataset("parquet", data_files=f"{folder}/*.parquet", split="train", cache_dir=str(tmp_path))
    assert rows.column_names[-4:] == ["score", "score_anger", "score_neutral", "warning"]
    frame = pytest.importorskip("pandas").read_parquet(folder)
    assert len(frame) == len(rows) == NUM_GOOD
    assert np.allclose(frame.score_anger + frame.score_neutral, 1)
    metadata = json.loads(pq.read_schema(next(folder.iterdir())).metadata[b"audio_emotion"])
    assert set(metadata) == {"model", "model_sha256", "version", "options"}
    assert metadata["options"]["labels"] == ["anger", "neutral"]


def test_resume_redoes_what_the_manifest_lacks_and_nothing_else(
    run: Callable[..., Any], clips: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    run(clips)
    rows = read(out)
    before = {path.name: path.stat().st_mtime_ns for path in (out / "clips").iterdir()}
    (out / "_manifest" / "part-0000001.json").unlink()
    (out / "clips" / ".part-0000001.parquet.0.partial").write_bytes(b"half")
    summary = run(clips, resume=True)
    assert (summary.num_skipped, summary.num_clips) == (2, NUM_GOOD)
    after = {path.name: path.stat().st_mtime_ns for path in (out / "clips").iterdir()}
    assert {name for name in after if after[name] != before[name]} == {"part-0000001.parquet"}
    assert set(after) == set(before)
    assert [row["path"] for row in read(out)] == [row["path"] for row in rows]


def test_results_are_never_mixed(run: Callable[..., Any], clips: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    run(clips)
    with pytest.raises(AudioEmotionError, match=r"holds results already.*--resume"):
        run(clips)
    for options, message in [
        ({"prior": "uniform"}, "prior was 'train' and is 'uniform'"),
        ({"chunks": True}, "chunks was False and is True"),
    ]:
        with pytest.raises(AudioEmotionError, match=message):
            run(clips, options=options, resume=True)
    with pytest.raises(AudioEmotionError, match=r"inputs or --block-size changed .*3 blocks, now .* 2 blocks"):
        run(clips, block_size=3, resume=True)
    other = shutil.copytree(tiny_model_dir, tmp_path / "other")
    config = json.loads((other / "config.json").read_text())
    (other / "config.json").write_text(json.dumps(config | {"temperature": 2.0}))
    with pytest.raises(AudioEmotionError, match="model_sha256 was"):
        run(clips, options={"model": str(other)}, resume=True)
    moved = shutil.copytree(tiny_model_dir, tmp_path / "moved")
    assert run(clips, options={"model": str(moved)}, resume=True).num_skipped == 3


def test_a_folder_with_other_things_is_left_alone(run: Callable[..., Any], clips: Path, tmp_path: Path) -> None:
    for resume in (False, True):
        with pytest.raises(AudioEmotionError, match=r"holds no run\.json"):
            run(clips, clips, resume=resume)
    (tmp_path / "file").touch()
    with pytest.raises(AudioEmotionError, match="--out is a folder"):
        run(clips, tmp_path / "file")


def test_two_runs_do_not_share_a_folder(run: Callable[..., Any], clips: Path, tmp_path: Path) -> None:
    with Store(str(tmp_path / "out")).locked(), pytest.raises(AudioEmotionError, match="Another run is writing"):
        run(clips)


def test_too_many_errors_end_the_run_and_more_are_allowed_later(
    run: Callable[..., Any], poisoned: tuple[Path, dict[str, str]], tmp_path: Path
) -> None:
    folder, words = poisoned
    options = {"max_duration_s": 45.0}
    with pytest.raises(AudioEmotionError, match=r"more than --max-errors 1; the first: .*bomb.flac"):
        run(folder, options=options, max_errors=1)
    assert 1 <= len(list((tmp_path / "out" / "_manifest").iterdir())) < 7
    summary = run(folder, options=options, max_errors=len(words), resume=True)
    assert (summary.num_clips, summary.num_errors) == (NUM_GOOD, len(words))


DISK = """
import sys
from pathlib import Path
from audio_emotion import AudioEmotionError
from audio_emotion.scoring.store import Store, describe_write_error
store = Store(sys.argv[1])
for number in range(100):
    try:
        store.write(f"clips/part-{number}.parquet", bytes(100_000))
    except OSError as error:
        print(describe_write_error(error, store.url))
        break
sizes = [(path.name, path.stat().st_size) for path in Path(sys.argv[1], "clips").iterdir()]
assert len(sizes) == number > 1, sizes
assert all(name.startswith("part-") and size == 100_000 for name, size in sizes), sizes
"""


def test_a_full_disk_leaves_whole_partitions(tmp_path: Path) -> None:
    (tmp_path / "disk").mkdir()
    mount = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c"]
    script = f'mount -t tmpfs -o size=1m none {tmp_path}/disk || exit 77; "$@"'
    command = [*mount, script, "sh", sys.executable, "-c", DISK, f"{tmp_path}/disk"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=60, env={**os.environ}, check=False)
    except FileNotFoundError:
        pytest.skip("needs unshare to mount a small disk")
    if result.returncode == 77 or "unshare" in result.stderr:
        pytest.skip("this machine lets nobody mount a small disk")
    assert result.returncode == 0, result.stderr
    assert "No space left on device. Finished partitions are whole" in result.stdout
