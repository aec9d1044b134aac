"""`audio-emotion score`: whole collections into Parquet, on this machine or on a Ray cluster."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from audio_emotion.cli.options import comma_list, parse_prior


class Engine(str, Enum):
    """What the work runs on."""

    local = "local"
    ray = "ray"


def score(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...",
            help="Audio files, folders, quoted globs, lists of paths (.txt .csv .tsv .jsonl; relative to the list) or "
            "Parquet with audio or paths; on disk or s3://, gs:// and whatever fsspec opens.",
            show_default=False,
        ),
    ],
    out: Annotated[
        str, typer.Option("--out", help="Folder of the results, on disk or an fsspec URL.", show_default=False)
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="Model folder or Hub repository.", show_default="the bundled one")
    ] = None,
    chunks: Annotated[bool, typer.Option("--chunks", help="Also write one row per chunk.")] = False,
    window: Annotated[
        float | None,
        typer.Option("--window", help="Length of a chunk in seconds.", show_default="cut where the emotion changes"),
    ] = None,
    labels: Annotated[
        list[str] | None,
        typer.Option("--labels", help="Only these emotions; a comma list, may be repeated.", show_default="all"),
    ] = None,
    prior: Annotated[
        str, typer.Option("--prior", help="How likely each emotion is beforehand, as in `analyze`.")
    ] = "train",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the results in --out.")] = False,
    max_errors: Annotated[
        int | None,
        typer.Option("--max-errors", min=0, help="Stop at more unreadable recordings.", show_default="never"),
    ] = None,
    max_duration: Annotated[
        float, typer.Option("--max-duration", min=1, help="Longer recordings are errors (seconds).")
    ] = 86400.0,
    column: Annotated[
        str | None,
        typer.Option(
            "--column", help="Column of lists and Parquet with path or audio.", show_default="path, audio, ..."
        ),
    ] = None,
    block_size: Annotated[
        int | None,
        typer.Option("--block-size", min=1, help="Clips per partition.", show_default="64 to 1000, by their number"),
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Windows in one forward pass.")] = 16,
    readers: Annotated[
        int, typer.Option("--readers", min=1, help="Threads per model that fetch and decode; more for object storage.")
    ] = 2,
    engine: Annotated[Engine, typer.Option("--engine", help="This process, or actors on Ray.")] = Engine.local,
    workers: Annotated[int, typer.Option("--workers", min=1, help="Ray: actors, each with its own model.")] = 1,
    cpus_per_worker: Annotated[
        int, typer.Option("--cpus-per-worker", min=1, help="Ray: cores and threads of an actor.")
    ] = 1,
    gpus_per_worker: Annotated[
        float, typer.Option("--gpus-per-worker", min=0, help="Ray: GPUs of an actor; 0.25 puts four on one.")
    ] = 0.0,
    address: Annotated[
        str | None,
        typer.Option("--address", help="Ray: a running cluster, or auto.", show_default="one on this machine"),
    ] = None,
) -> None:
    """Score collections of recordings into Parquet: one row per clip, and per chunk if asked.

    OUT/clips, OUT/chunks and OUT/errors are Parquet folders that pandas, datasets, Spark and DuckDB read. A recording
    that cannot be read is a row of OUT/errors, and the run goes on. An interrupted run goes on with --resume.

    [bold]Examples[/bold]

      audio-emotion score calls/ --out scores

      audio-emotion score "calls/2026-*/*.flac" --chunks --window 5 --out scores --resume

      audio-emotion score s3://bucket/calls.parquet --out s3://bucket/scores --engine ray --address auto --workers 64
    """
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.scoring.plan import make_plan
    from audio_emotion.scoring.ray_engine import Cluster
    from audio_emotion.scoring.run import RunOptions
    from audio_emotion.scoring.run import score as run_score
    from audio_emotion.scoring.scorer import ScoringOptions
    from audio_emotion.scoring.sources import find_sources

    messages = Terminal(stderr=True)
    is_ray = engine is Engine.ray
    if not is_ray and (workers > 1 or cpus_per_worker > 1 or gpus_per_worker or address):
        raise typer.BadParameter("--workers, --cpus-per-worker, --gpus-per-worker and --address need --engine ray.")
    if window is not None and not chunks:
        raise typer.BadParameter("--window is the length of a chunk and needs --chunks.")
    chosen = comma_list(labels)
    options = ScoringOptions(
        model=model,
        labels=None if chosen is None else tuple(chosen),
        prior=parse_prior(prior),
        chunks=chunks,
        window_s=window,
        max_duration_s=max_duration,
    )
    cluster = Cluster(workers, cpus_per_worker, gpus_per_worker, address) if is_ray else None
    run = RunOptions(cluster, batch_size, readers, max_errors, resume)
    try:
        with messages.status("Listing the inputs"):
            plan = make_plan(find_sources(inputs, column), block_size)
        columns = (TextColumn("scoring"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal) as bar:
            task = bar.add_task("", total=plan.num_clips)
            summary = run_score(plan, out, options, run, lambda clips: bar.advance(task, clips))
    except KeyboardInterrupt as error:
        messages.print(f"Interrupted. Finished partitions in {out} are whole; go on with --resume.", soft_wrap=True)
        raise typer.Exit(130) from error
    except AudioEmotionError as error:
        messages.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True, highlight=False)
        raise typer.Exit(1) from error
    skipped = f" ({summary.num_skipped} finished partitions were kept)" if summary.num_skipped else ""
    messages.print(
        f"{summary.num_clips} clips, {summary.duration_s / 3600:.2f} hours, are in {out}/clips{skipped}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )
    if summary.num_errors:
        messages.print(
            f"{summary.num_errors} recordings could not be heard and are in {out}/errors; the first: "
            f"{summary.first_error}",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
    if not summary.num_clips:
        raise typer.Exit(1)
