"""The Ray engine on a local cluster of two workers: the rows of the local engine, whatever happens to a worker."""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import soundfile

from audio_emotion import AudioEmotionError
from audio_emotion.scoring import ray_engine
from audio_emotion.scoring.ray_engine import Cluster
from audio_emotion.scoring.store import Store

from .conftest import NUM_GOOD, read

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def two_workers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster for two workers, which runs reuse because this process is connected to it."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    import ray

    folder = tmp_path_factory.getbasetemp() / "ray"  # short: Ray puts sockets there
    ray.init(
        num_cpus=2,
        include_dashboard=False,
        object_store_memory=80 * 2**20,
        _temp_dir=str(folder),
        _node_ip_address="127.0.0.1",
        logging_level="error",
        log_to_driver=False,
    )
    yield Cluster(workers=2)
    ray.shutdown()
    shutil.rmtree(folder, ignore_errors=True)


def test_rows_are_those_of_the_local_engine(
    run: Callable[..., Any], poisoned: tuple[Path, dict[str, str]], tmp_path: Path, two_workers: Cluster
) -> None:
    folder, words = poisoned
    options = {"chunks": True, "max_duration_s": 45.0}
    run(folder, tmp_path / "local", options)
    summary = run(folder, tmp_path / "ray", options, cluster=two_workers)
    assert (summary.num_clips, summary.num_errors) == (NUM_GOOD, len(words))
    for table in ("clips", "chunks", "errors"):
        here, there = read(tmp_path / "local", table), read(tmp_path / "ray", table)
        assert len(here) == len(there) > 0
        for row, other in zip(here, there, strict=True):
            numbers = [name for name in row if isinstance(row[name], float)]
            assert [row[name] for name in numbers] == pytest.approx([other[name] for name in numbers], abs=1e-5)
            assert {name: row[name] for name in row if name not in numbers} == {
                name: other[name] for name in other if name not in numbers
            }


def test_what_cannot_run_is_said_at_once(
    run: Callable[..., Any], clips: Path, two_workers: Cluster, tmp_path: Path
) -> None:
    with pytest.raises(AudioEmotionError, match="3 workers of 1 CPU each do not fit: the cluster has 2 CPU"):
        run(clips, cluster=Cluster(workers=3))
    with pytest.raises(AudioEmotionError, match=r"the cluster has 0 GPU.*--gpus-per-worker"):
        run(clips, tmp_path / "out-gpu", cluster=Cluster(workers=1, gpus_per_worker=1))
    with pytest.raises(AudioEmotionError, match="memory of one process"):
        run(clips, "memory://nowhere", cluster=two_workers)


def test_a_cluster_that_is_not_there_is_said(
    run: Callable[..., Any], clips: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ray = pytest.importorskip("ray", reason="needs the extra ray")
    monkeypatch.setattr(ray, "is_initialized", lambda: False)  # other tests share a cluster
    monkeypatch.setattr(ray_engine, "CONNECT_TIMEOUT_S", 5.0)
    with pytest.raises(
        AudioEmotionError, match=r"No Ray cluster answers at 127.0.0.1:9: nothing within 5 s\. Start one"
    ):
        run(clips, cluster=Cluster(address="127.0.0.1:9"))
    assert not list(tmp_path.glob("out/clips/*"))


def descendants(pid: int) -> dict[int, str]:
    """Command line of every process that a process has started, directly or not."""
    found = {}
    for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
        try:
            found[int(child)] = Path(f"/proc/{child}/cmdline").read_text().replace("\0", " ")
            found |= descendants(int(child))
        except OSError:
            continue  # it has ended meanwhile
    return found


def start(tiny_model_dir: Path, *arguments: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", "from audio_emotion.cli import app; app()", "score", *map(str, arguments)]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*command, "--model", str(tiny_model_dir)], env=environment, stderr=subprocess.PIPE, text=True
    )


def wait_for(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 240  # Ray gives its workers the lowest priority: a busy machine takes long
    while not condition() and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.01)
    assert condition(), process.communicate(timeout=5)[1] if process.poll() is not None else "nothing happened"


def gone(pids: Iterable[int], within_s: float) -> bool:
    deadline = time.monotonic() + within_s
    while any(Path(f"/proc/{pid}/exe").exists() for pid in pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    return not any(Path(f"/proc/{pid}/exe").exists() for pid in pids)


@pytest.fixture
def many(tmp_path: Path, speech: Any) -> Path:
    """240 clips of 4 s, which the tiny model needs some seconds for."""
    folder = tmp_path / "many"
    folder.mkdir()
    samples = speech(4)
    for index in range(240):
        soundfile.write(folder / f"{index:03d}.wav", samples * (1 - index / 500), 16000)
    return folder


def manifest(out: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mtime_ns for path in out.glob("_manifest/part-*.json")}


@pytest.mark.slow
def test_a_killed_worker_loses_nothing(many: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    out = tmp_path / "out"
    arguments = (many, "--out", out, "--engine", "ray", "--workers", 2, "--block-size", 6, "--batch-size", 2)
    process = start(tiny_model_dir, *arguments)
    try:
        wait_for(lambda: len(manifest(out)) >= 6, process)
        actors = [pid for pid, command in descendants(process.pid).items() if command.startswith("ray::MapWorker")]
        assert len(actors) == 2
        os.kill(actors[0], signal.SIGKILL)
        before = manifest(out)
        assert len(before) < 40, "too late: every block was finished"
        assert process.wait(timeout=240) == 0, process.communicate()[1]
    finally:
        process.kill()
    after = manifest(out)
    assert len(after) == 40
    assert {name: after[name] for name in before} == before, "a finished block was scored again"
    assert [row["path"] for row in read(out)] == sorted(map(str, many.iterdir()))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_a_killed_run_is_resumed(engine: str, many: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    out = tmp_path / "out"
    arguments = (many, "--out", out, "--engine", engine, "--block-size", 6, "--batch-size", 2)
    process = start(tiny_model_dir, *arguments)
    wait_for(lambda: len(manifest(out)) >= 6, process)
    workers = descendants(process.pid)
    process.kill()
    process.wait()
    writers = [pid for pid, command in workers.items() if command.startswith("ray::MapWorker")]
    assert gone(writers, within_s=30), "a worker outlived the run"
    assert gone(workers, within_s=180), "a process outlived the run"  # Ray's own agents take a minute to notice
    before = manifest(out)
    assert 6 <= len(before) < 40
    assert len(read(out)) >= 6 * len(before)  # readable as it is
    again = start(tiny_model_dir, *arguments, "--resume")
    assert again.wait(timeout=240) == 0, again.communicate()[1]
    after = manifest(out)
    assert {name: after[name] for name in before} == before
    assert [row["path"] for row in read(out)] == sorted(map(str, many.iterdir()))
    assert not list(out.glob("*/.*.partial"))


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["local", "ray"])
def test_an_interrupted_run_says_how_to_go_on(engine: str, many: Path, tmp_path: Path, tiny_model_dir: Path) -> None:
    out = tmp_path / "out"
    arguments = (many, "--out", out, "--engine", engine, "--block-size", 6, "--batch-size", 2)
    process = start(tiny_model_dir, *arguments)
    wait_for(lambda: len(manifest(out)) >= 3, process)
    process.send_signal(signal.SIGINT)
    _, messages = process.communicate(timeout=60)
    assert process.returncode == 130, messages
    assert "go on with --resume" in messages
    assert "Traceback" not in messages
    assert [finished.num_clips for finished in Store(str(out)).all_finished()] == [6] * len(manifest(out))
