"""The engine past one machine: Ray Data hands blocks to a pool of actors, each with a pipeline of its own.

Only a block's names travel through Ray: an actor reads the audio where it lies and writes its partitions itself, so
that neither the driver nor Ray's object store holds sound or scores. Ray Data keeps at most two blocks per actor in
flight, restarts an actor that dies, and gives its block to another.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.scoring.plan import Block
from audio_emotion.scoring.scorer import BlockScorer, ScoringOptions
from audio_emotion.scoring.store import Finished, Store, describe_write_error

OBJECT_STORE_BYTES = 100 * 2**20
"""Shared memory of a cluster that this process starts: names only travel through it."""
IN_FLIGHT_PER_ACTOR = 2
CONNECT_TIMEOUT_S = 60.0
"""How long a cluster may take to answer; Ray itself would try for minutes, and no exception could stop it."""
FOLDER_PREFIX = "audio-emotion-ray-"
MAX_BLOCK_RETRIES = 5
"""A block that outlives so many of its workers is not to blame for their deaths; one more ends the run."""


@dataclass(frozen=True)
class Cluster:
    """Where actors run.

    Attributes:
        workers: Actors.
        cpus_per_worker: CPU cores of each, which are also its threads.
        gpus_per_worker: GPUs of each; a share such as 0.25 puts four on one.
        address: Address of a running cluster, or `auto`; None starts one on this machine for the time of the run.
    """

    workers: int = 1
    cpus_per_worker: int = 1
    gpus_per_worker: float = 0.0
    address: str | None = None


def import_ray() -> Any:
    """Ray with its data library.

    Raises:
        AudioEmotionError: If the extra is not installed.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    try:
        import ray
        import ray.data
    except ImportError as error:
        raise AudioEmotionError(
            f"--engine ray needs Ray ({error}). Run: pip install 'audio-emotion[ray]', or leave --engine local."
        ) from error
    return ray


class ScoringActor:
    """What Ray Data runs in every worker process: a pipeline that takes blocks.

    Args:
        options: What to score with.
        out: Where to.
        batch_size: Windows per forward pass.
        num_readers: Threads that fetch and decode.
        num_threads: Threads of torch.
        use_gpu: Whether the worker was given a GPU.
        expected: Model hash and version of the driver, which have to be this worker's as well.
    """

    def __init__(
        self,
        options: ScoringOptions,
        out: str,
        batch_size: int,
        num_readers: int,
        num_threads: int,
        use_gpu: bool,
        expected: dict[str, str],
    ) -> None:
        import torch

        torch.set_num_threads(num_threads)
        self.store = Store(out)
        self.fatal: str | None = None
        try:
            self.scorer = BlockScorer(options, batch_size, num_readers, device=None if use_gpu else "cpu")
        except AudioEmotionError as error:
            self.fatal = f"A worker cannot load the model: {error} It must be on every node under this name."
            return
        found = {name: self.scorer.metadata[name] for name in expected}
        if found != expected:
            self.fatal = (
                f"A worker has another model or version of audio-emotion ({found}) than the driver ({expected})."
            )

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Score the blocks of a batch, those aside that a worker had finished before it died."""
        return {"answer": [json.dumps(self._answer(Block.from_json(str(text)))) for text in batch["block"]]}

    def _answer(self, block: Block) -> dict[str, Any]:
        if self.fatal is not None:
            return {"fatal": self.fatal}
        finished = self.store.finished(block.name)
        try:
            return asdict(finished or self.scorer.score_block(block, self.store))
        except OSError as error:
            return {"fatal": describe_write_error(error, self.store.url)}


def score_on_ray(
    blocks: Sequence[Block],
    store: Store,
    options: ScoringOptions,
    cluster: Cluster,
    expected: dict[str, str],
    batch_size: int,
    num_readers: int,
    on_clips: Callable[[int], None],
) -> Iterator[Finished]:
    """Score blocks on a Ray cluster.

    A cluster that this process is connected to already is used and left running.

    Args:
        blocks: What to score.
        store: Where to.
        options: What to score with.
        cluster: Where the actors run.
        expected: `model_sha256` and `version` that every worker must have.
        batch_size: Windows per forward pass.
        num_readers: Threads per actor that fetch and decode.
        on_clips: Called with the number of recordings just done with.

    Yields:
        The manifest's entry of each block, as they are finished.

    Raises:
        AudioEmotionError: If the cluster cannot be reached or is too small, a worker has another model, a partition
            cannot be written, or a block kills its workers again and again.
    """
    ray = import_ray()
    use_gpu = cluster.gpus_per_worker > 0
    constructor = (options, store.url, batch_size, num_readers, cluster.cpus_per_worker, use_gpu, expected)
    with _connected(ray, cluster):
        _check_room(ray, cluster)
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False  # the command has its own
        context.print_on_execution_start = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        sizes = {block.name: block.num_clips for block in blocks}
        actors = ray.data.ActorPoolStrategy(
            size=min(cluster.workers, len(blocks)), max_tasks_in_flight_per_actor=IN_FLIGHT_PER_ACTOR
        )
        items = [{"block": block.to_json()} for block in blocks]
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # of the number of retries, which has no other name yet
            answers = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
                ScoringActor,
                fn_constructor_args=constructor,
                batch_size=1,
                compute=actors,
                num_cpus=cluster.cpus_per_worker,
                num_gpus=cluster.gpus_per_worker or None,
                max_task_retries=MAX_BLOCK_RETRIES,
            )
        try:
            for row in answers.iter_rows():
                answer = json.loads(row["answer"])
                if "fatal" in answer:
                    raise AudioEmotionError(answer["fatal"])
                on_clips(sizes[answer["name"]])
                yield Finished(**answer)
        except ray.exceptions.RayError as error:
            raise AudioEmotionError(
                f"Ray stopped the run: {str(error).strip().splitlines()[-1]} Finished partitions are whole; run the "
                "same command with --resume."
            ) from error


@contextlib.contextmanager
def _connected(ray: Any, cluster: Cluster) -> Iterator[None]:
    """A connection to the cluster asked for, ended with the run; a cluster of our own is ended too."""
    if ray.is_initialized():
        yield
        return
    folder = None
    if cluster.address is not None:
        _check_answers(cluster.address)
    else:
        _remove_left_folders()
        folder = tempfile.mkdtemp(prefix=f"{FOLDER_PREFIX}{os.getpid()}-")
    try:
        _connect(ray, cluster, folder)
        yield
    finally:
        ray.shutdown()
        if folder is not None:
            shutil.rmtree(folder, ignore_errors=True)


def _check_answers(address: str) -> None:
    """Connect in a process that can be stopped, so that a cluster which is not there is an error and not a wait."""
    code = "import ray, sys; ray.init(address=sys.argv[1], logging_level='error', log_to_driver=False)"
    try:
        tried = subprocess.run(
            [sys.executable, "-c", code, address],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            timeout=CONNECT_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _no_cluster(address, f"nothing within {CONNECT_TIMEOUT_S:g} s") from error
    if tried.returncode:
        raise _no_cluster(address, tried.stderr.strip().rpartition("\n")[2] or f"exit code {tried.returncode}")


def _no_cluster(address: str, reason: str) -> AudioEmotionError:
    return AudioEmotionError(
        f"No Ray cluster answers at {address}: {reason.rstrip('.')}. Start one (ray start --head), or leave out "
        "--address."
    )


def _remove_left_folders() -> None:
    """Remove the folders of runs that were killed: those whose process is no more."""
    for folder in Path(tempfile.gettempdir()).glob(f"{FOLDER_PREFIX}*-*"):
        owner = folder.name.removeprefix(FOLDER_PREFIX).partition("-")[0]
        if owner.isdigit() and not Path(f"/proc/{owner}").exists() and Path("/proc/self").exists():
            shutil.rmtree(folder, ignore_errors=True)


def _connect(ray: Any, cluster: Cluster, folder: str | None) -> None:
    """Join the cluster asked for, or start one on this machine whose files lie in `folder`."""
    where: dict[str, Any] = {"address": cluster.address}
    if folder is not None:
        os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
        where = {
            "num_cpus": cluster.workers * cluster.cpus_per_worker,
            "include_dashboard": False,
            "object_store_memory": OBJECT_STORE_BYTES,
            "_temp_dir": folder,
            "_node_ip_address": "127.0.0.1",
        }
    try:
        ray.init(**where, logging_level="error", log_to_driver=False)
    except Exception as error:  # Ray raises a bare Exception where its processes do not start within 30 s
        reason = str(error).strip().rstrip(".")
        if cluster.address is not None:
            raise _no_cluster(cluster.address, reason) from error
        raise AudioEmotionError(f"Ray does not start on this machine: {reason}. Is it busy or full?") from error


def _check_room(ray: Any, cluster: Cluster) -> None:
    """Say at once what would otherwise wait for ever: one worker has to fit."""
    there = ray.cluster_resources()
    for kind, wanted in (("CPU", cluster.cpus_per_worker), ("GPU", cluster.gpus_per_worker)):
        if wanted * cluster.workers > there.get(kind, 0):
            raise AudioEmotionError(
                f"{cluster.workers} workers of {wanted:g} {kind} each do not fit: the cluster has "
                f"{there.get(kind, 0):g} {kind}. Lower --workers or --{kind.lower()}s-per-worker."
            )
