"""`prepare` on small generated corpora: what it writes, that it goes on after a kill, what it says of bad audio."""

import csv
import hashlib
import io
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from filelock import FileLock

from audio_emotion.dataset_scripts import prepare as prepare_module
from audio_emotion.dataset_scripts.prepare import prepare
from audio_emotion.dataset_scripts.schema import COLUMNS, validate_row
from audio_emotion.pipeline.decoding_audio_emotion import decode_audio
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

WORDS = ("back", "bar", "base", "bath")
EMOTIONS = ("angry", "happy", "ps")


def make_tess(folder: Path, num_words: int = 4) -> Path:
    """A TESS of noise: a clip of its own length for each speaker, word and emotion, at 24,414 Hz as the real one."""
    generator = np.random.default_rng(0)
    for speaker in ("OAF", "YAF"):
        for number in range(num_words):
            for emotion in EMOTIONS:
                word = WORDS[number] if number < len(WORDS) else f"word{'abcdefghijklmnopqrstuvwxyz'[number - 4]}"
                path = folder / f"{speaker}_{emotion}" / f"{speaker}_{word}_{emotion}.wav"
                path.parent.mkdir(parents=True, exist_ok=True)
                samples = generator.normal(scale=0.1, size=int(generator.integers(3000, 9000)))
                soundfile.write(path, samples, 24414)
    return folder


@pytest.fixture(scope="module")
def tess(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tess(tmp_path_factory.mktemp("tess"))


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare_module, "CLIPS_PER_SHARD", 10)
    monkeypatch.setattr(prepare_module, "ROWS_PER_GROUP", 4)


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.endswith(".lock")
    }


def read_report(folder: Path) -> list[dict[str, str]]:
    with (folder / "report.csv").open(newline="") as file:
        return list(csv.DictReader(file))


READ_BACK = """
import json, sys
from datasets import get_dataset_config_names, load_dataset
out, cache = sys.argv[1:]
corpora = {name: load_dataset(out, name, cache_dir=cache) for name in get_dataset_config_names(out)}
assert not any(name.startswith("audio_emotion") for name in sys.modules)
rows = {name: {split: list(data[split]) for split in data} for name, data in corpora.items()}
print(json.dumps(rows, default=bytes.hex))
"""


def load_elsewhere(out: Path, cache: Path) -> dict[str, dict[str, list[dict[str, Any]]]]:
    """Rows by corpus and split, read with `load_dataset` in a process that has none of our code."""
    command = [sys.executable, "-c", READ_BACK, str(out), str(cache)]
    output = subprocess.run(command, capture_output=True, text=True, check=True, cwd=cache).stdout
    corpora: dict[str, dict[str, list[dict[str, Any]]]] = json.loads(output)
    for splits in corpora.values():
        for row in (row for rows in splits.values() for row in rows):
            row["audio"]["bytes"] = bytes.fromhex(row["audio"]["bytes"])
    return corpora


def test_round_trip_with_none_of_our_code(tess: Path, tmp_path: Path, small_shards: None) -> None:
    urdu = tmp_path / "urdu"
    (urdu / "Angry").mkdir(parents=True)
    soundfile.write(urdu / "Angry" / "SM1_F10_A010.flac", np.full(8000, 0.1), 16000)
    out = tmp_path / "out"
    prepared = prepare("tess", tess, out)
    prepare("urdu", urdu, out)
    names = [f"train-0000{index}-of-00003.parquet" for index in range(3)]
    assert sorted(path.name for path in prepared.folder.glob("*.parquet")) == names

    corpora = load_elsewhere(out, tmp_path)
    assert {corpus: list(splits) for corpus, splits in corpora.items()} == {"tess": ["train"], "urdu": ["test"]}
    assert len({row["id"] for row in corpora["tess"]["train"]}) == prepared.summary.num_clips == 24
    for row in [*corpora["tess"]["train"], *corpora["urdu"]["test"]]:
        assert tuple(row) == COLUMNS
        validate_row(row)
        info = soundfile.info(io.BytesIO(row["audio"]["bytes"]))
        assert (info.format, info.samplerate, info.channels) == ("FLAC", 16000, 1)
        assert info.frames / 16000 == row["duration_s"]
    row = corpora["tess"]["train"][0]
    original = decode_audio(tess / "OAF_angry" / f"{row['id']}.wav")
    assert np.abs(decode_audio(row["audio"]["bytes"]) - original).max() <= 0.5 / 32768 + 1e-7

    card = (out / "README.md").read_text()
    for text in ("license: other", "cc-by-nc-nd-4.0", "pichora2020tess", "| happy | happiness | 8 |", "- ur\n"):
        assert text in card


def test_processes_and_repetition_change_no_byte(tess, tmp_path, small_shards):
    prepare("tess", tess, tmp_path / "one")
    prepare("tess", tess, tmp_path / "two", num_proc=2)
    again = prepare("tess", tess, tmp_path / "two")
    assert again.num_reused == 3
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")


@pytest.mark.parametrize("stop_after", [1, 9, 10, 11, 23])
def test_interrupted_anywhere_it_goes_on_to_the_same_bytes(tess, tmp_path, small_shards, stop_after):
    def interrupt(num_done, num_clips):
        if num_done == stop_after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare("tess", tess, tmp_path / "broken", progress=interrupt)
    assert not (tmp_path / "broken" / "README.md").exists()
    resumed = prepare("tess", tess, tmp_path / "broken")
    assert resumed.num_reused == (stop_after - 1) // 10
    prepare("tess", tess, tmp_path / "whole")
    assert hashes(tmp_path / "broken") == hashes(tmp_path / "whole")


KILLED = """
import sys, time
from audio_emotion.dataset_scripts import prepare as module
module.CLIPS_PER_SHARD, module.ROWS_PER_GROUP = 10, 4
def slowly(num_done, num_clips):
    print(num_done, flush=True)
    time.sleep(0.02)
if __name__ == "__main__":
    module.prepare("tess", sys.argv[1], sys.argv[2], num_proc=2, progress=slowly)
"""


@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_killed_it_goes_on_and_leaves_no_process_behind(tess, tmp_path, small_shards):
    program = tmp_path / "killed.py"
    program.write_text(KILLED)
    process = subprocess.Popen([sys.executable, program, tess, tmp_path / "broken"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    for line in process.stdout:
        if int(line) == 13:
            break
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    workers = children.read_text().split() if children.exists() else []
    process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    assert prepare("tess", tess, tmp_path / "broken").num_reused == 1
    prepare("tess", tess, tmp_path / "whole")
    assert hashes(tmp_path / "broken") == hashes(tmp_path / "whole")
    deadline = time.monotonic() + 10
    while any(Path(f"/proc/{worker}").exists() for worker in workers) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not [worker for worker in workers if Path(f"/proc/{worker}").exists()]


def test_a_damaged_shard_is_written_again(tess, tmp_path, small_shards):
    prepared = prepare("tess", tess, tmp_path / "out")
    before = hashes(tmp_path / "out")
    (prepared.folder / "train-00001-of-00003.parquet").write_bytes(b"half")
    assert prepare("tess", tess, tmp_path / "out").num_reused == 2
    assert hashes(tmp_path / "out") == before


def test_a_changed_corpus_starts_over(tmp_path, small_shards):
    tess = make_tess(tmp_path / "tess", num_words=5)
    assert len(list(prepare("tess", tess, tmp_path / "out").folder.glob("*.parquet"))) == 3
    for path in tess.rglob("*_back_*.wav"):
        path.unlink()
    prepared = prepare("tess", tess, tmp_path / "out")
    assert (prepared.num_reused, prepared.summary.num_clips) == (0, 24)
    prepare("tess", tess, tmp_path / "fresh")
    assert hashes(tmp_path / "out") == hashes(tmp_path / "fresh")


def test_other_sound_of_the_same_length_starts_over(tmp_path: Path) -> None:
    tess = make_tess(tmp_path / "tess")
    prepare("tess", tess, tmp_path / "out")
    path = tess / "OAF_angry" / "OAF_back_angry.wav"
    samples, sampling_rate = soundfile.read(path)
    soundfile.write(path, -samples, sampling_rate)
    assert prepare("tess", tess, tmp_path / "out").num_reused == 0
    prepare("tess", tess, tmp_path / "fresh")
    assert hashes(tmp_path / "out") == hashes(tmp_path / "fresh")


def test_another_corpus_of_the_same_name_is_refused_and_one_that_moved_is_not(tmp_path: Path) -> None:
    ours, theirs, moved = (tmp_path / name for name in ("ours", "theirs", "moved"))
    make_tess(ours)
    make_tess(theirs, num_words=5)
    prepare("tess", ours, tmp_path / "out")
    before = hashes(tmp_path / "out")
    with pytest.raises(CorpusError, match=f"prepared from {ours}, and {theirs} is another corpus.*`name` in corpus"):
        prepare("tess", theirs, tmp_path / "out")
    assert hashes(tmp_path / "out") == before
    ours.rename(moved)
    assert prepare("tess", moved, tmp_path / "out").num_reused == 1
    next(moved.rglob("*.wav")).unlink()
    moved.rename(ours)
    assert prepare("tess", ours, tmp_path / "out").summary.num_clips == 23


def test_bad_audio_is_listed_and_skipped(tmp_path):
    tess = make_tess(tmp_path / "tess")
    (tess / "OAF_angry" / "OAF_back_angry.wav").write_text("no sound at all")
    (tess / "OAF_angry" / "OAF_bar_angry.wav").write_bytes(b"")
    soundfile.write(tess / "OAF_angry" / "OAF_base_angry.wav", np.zeros(100), 16000)
    (tess / "OAF_angry" / "OAF_bath_angry.wav").unlink()
    (tess / "OAF_angry" / "OAF_bath_angry.wav").symlink_to(tmp_path / "nowhere.wav")
    (tess / "OAF_angry" / "OAF_bath_silly.wav").touch()
    prepared = prepare("tess", tess, tmp_path / "out")
    assert prepared.summary.num_clips == 20
    report = read_report(prepared.folder)
    assert [(line["kind"], Path(line["where"]).name) for line in report] == [
        ("bad audio", "OAF_back_angry.wav"),
        ("bad audio", "OAF_bar_angry.wav"),
        ("bad audio", "OAF_base_angry.wav"),
        ("bad audio", "OAF_bath_angry.wav"),
        ("unknown name", "OAF_bath_silly.wav"),
    ]
    assert "0.006 s is too short" in report[2]["reason"]
    assert pq.read_table(prepared.folder / "train-00000-of-00001.parquet").num_rows == 20


def test_a_second_process_on_the_same_folder_is_refused(tess, tmp_path):
    (tmp_path / "tess").mkdir()
    with FileLock(tmp_path / "tess" / ".lock"), pytest.raises(CorpusError, match="another process writes to"):
        prepare("tess", tess, tmp_path)


def test_a_wrong_folder_writes_nothing(tess, tmp_path):
    with pytest.raises(CorpusError, match="none of 24 audio files is a clip"):
        prepare("urdu", tess, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_card_of_something_else_is_kept(tess: Path, tmp_path: Path) -> None:
    card = tmp_path / "README.md"
    card.write_bytes(b"# My project, caf\xe9\n")
    with pytest.raises(CorpusError, match=r"README.md was not written by `corpora prepare`.*another --out"):
        prepare("tess", tess, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["README.md"] and b"# My project" in card.read_bytes()


def test_progress_counts_every_clip_once(tess, tmp_path):
    seen: list[tuple[int, int]] = []
    prepare("tess", tess, tmp_path / "out", progress=lambda done, total: seen.append((done, total)))
    assert seen == [(done, 24) for done in range(25)]
