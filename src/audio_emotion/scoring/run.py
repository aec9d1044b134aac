"""A whole run: plan, checks, what is finished already, the engine, and when to stop."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.scoring.local import score_locally
from audio_emotion.scoring.plan import Block, Plan
from audio_emotion.scoring.ray_engine import Cluster, import_ray, score_on_ray
from audio_emotion.scoring.scorer import BlockScorer, ScoringOptions
from audio_emotion.scoring.store import RUN_RECORD, Finished, Store, describe_write_error

RECORD_FORMAT = 1


@dataclass(frozen=True)
class RunOptions:
    """How a run is done; none of this changes a row.

    Attributes:
        cluster: Where it runs on Ray; None is the engine of this machine.
        batch_size: Windows per forward pass.
        num_readers: Threads that fetch and decode ahead, per model.
        max_errors: Recordings in the error table that end the run; None never does.
        resume: Whether to go on with what is there.
    """

    cluster: Cluster | None = None
    batch_size: int = 16
    num_readers: int = 2
    max_errors: int | None = None
    resume: bool = False


@dataclass
class Summary:
    """What is in the results of a run.

    Attributes:
        num_clips: Recordings scored.
        num_errors: Recordings in the error table.
        duration_s: Seconds of audio scored.
        num_bytes: Size of all partitions.
        num_skipped: Blocks that an earlier run had finished.
        first_error: The first error's message, or an empty text.
    """

    num_clips: int = 0
    num_errors: int = 0
    duration_s: float = 0.0
    num_bytes: int = 0
    num_skipped: int = 0
    first_error: str = ""

    def add(self, finished: Finished) -> None:
        """Count one block."""
        self.num_clips += finished.num_clips
        self.num_errors += finished.num_errors
        self.duration_s += finished.duration_s
        self.num_bytes += sum(finished.files.values())
        self.first_error = self.first_error or finished.first_error


def score(
    plan: Plan,
    out: str,
    options: ScoringOptions,
    run: RunOptions | None = None,
    on_clips: Callable[[int], None] | None = None,
) -> Summary:
    """Score a plan's recordings into a folder of Parquet.

    Args:
        plan: What to score.
        out: Folder of the results, a path or fsspec URL.
        options: What decides the rows.
        run: How it is done.
        on_clips: Called with the number of recordings just done with, those of finished partitions included.

    Returns:
        What is in the results, those of an earlier run included.

    Raises:
        AudioEmotionError: If the model, an option or `out` does not serve (nothing is written then), `out` holds
            results of another run, a partition cannot be written, or there are more errors than allowed.
    """
    run = run or RunOptions()
    advance = on_clips or (lambda _: None)
    store = Store(out)
    if run.cluster is not None:
        import_ray()
        _check_shared(store, plan)
    earlier = _earlier_record(store, run.resume)
    scorer = BlockScorer(options, run.batch_size, run.num_readers, None if run.cluster is None else "cpu")
    record = _record(scorer, plan)
    if earlier is not None:
        _check_same(earlier, record, store.url)
    summary = Summary()
    with store.locked():
        try:
            store.remove_partials()
            if earlier is None:
                store.write_json(RUN_RECORD, record)
            remaining = _remaining(plan, store, summary, advance)
            _check_errors(summary, run.max_errors, store.url)
            for finished in _engine(remaining, store, scorer, run, advance):
                summary.add(finished)
                _check_errors(summary, run.max_errors, store.url)
        except OSError as error:
            raise AudioEmotionError(describe_write_error(error, store.url)) from error
    return summary


def _engine(
    blocks: list[Block], store: Store, scorer: BlockScorer, run: RunOptions, on_clips: Callable[[int], None]
) -> Iterator[Finished]:
    if not blocks:
        return iter(())
    if run.cluster is None:
        return score_locally(blocks, store, scorer, on_clips)
    expected = {name: str(scorer.metadata[name]) for name in ("model_sha256", "version")}
    return score_on_ray(blocks, store, scorer.options, run.cluster, expected, run.batch_size, run.num_readers, on_clips)


def _record(scorer: BlockScorer, plan: Plan) -> dict[str, Any]:
    """What run.json holds: everything that decides the rows."""
    plan_record = {"sha256": plan.sha256, "num_blocks": len(plan.blocks), "num_clips": plan.num_clips}
    return {
        "format": RECORD_FORMAT,
        **scorer.metadata,
        "all_labels": list(scorer.rule.labels),
        "plan": plan_record,
    }


def _earlier_record(store: Store, resume: bool) -> dict[str, Any] | None:
    if store.is_empty():
        return None
    record: dict[str, Any] | None = store.read_json(RUN_RECORD)
    if record is None:
        raise AudioEmotionError(f"{store.url} is not empty and holds no {RUN_RECORD}. Choose a new folder as --out.")
    if not resume:
        raise AudioEmotionError(
            f"{store.url} holds results already. Go on with them: --resume. Or choose a new folder as --out."
        )
    return record


def _check_same(earlier: dict[str, Any], record: dict[str, Any], url: str) -> None:
    """Refuse to mix rows of two models, options or lists of inputs."""
    changes = []
    for name in ("format", "version", "model_sha256", *record["options"]):
        before, now = (values["options"].get(name, values.get(name)) for values in (earlier, record))
        if before != now:
            changes.append(f"{name} was {before!r} and is {now!r}")
    if earlier["plan"] != record["plan"]:
        before, now = (
            f"{values['num_clips']} clips in {values['num_blocks']} blocks"
            for values in (earlier["plan"], record["plan"])
        )
        changes.append(f"the inputs or --block-size changed ({before}, now {now})")
    if changes:
        raise AudioEmotionError(
            f"{url} was begun otherwise, and --resume would mix the two: {'; '.join(changes)}. Repeat the first "
            "command, or choose a new folder as --out."
        )


def _remaining(plan: Plan, store: Store, summary: Summary, on_clips: Callable[[int], None]) -> list[Block]:
    """The blocks that the manifest does not name; those that it names are counted."""
    finished = {entry.name: entry for entry in store.all_finished()}
    remaining = []
    for block in plan.blocks:
        if block.name in finished:
            summary.add(finished[block.name])
            summary.num_skipped += 1
            on_clips(block.num_clips)
        else:
            remaining.append(block)
    return remaining


def _check_errors(summary: Summary, max_errors: int | None, url: str) -> None:
    if max_errors is not None and summary.num_errors > max_errors:
        raise AudioEmotionError(
            f"{summary.num_errors} recordings could not be heard, more than --max-errors {max_errors}; the first: "
            f"{summary.first_error} All are in {url}/errors. Raise --max-errors and go on with --resume."
        )


def _check_shared(store: Store, plan: Plan) -> None:
    """Refuse what only this process could see."""
    paths: Sequence[str] = [store.url, *(source.path for block in plan.blocks for source in block.sources)]
    inside = next((path for path in paths if path.startswith("memory://")), None)
    if inside is not None:
        raise AudioEmotionError(f"{inside} lies in the memory of one process. Use --engine local, or a shared place.")
