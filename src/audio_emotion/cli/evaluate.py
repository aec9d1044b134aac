"""`audio-emotion evaluate`: measure a model on prepared corpora."""

from enum import Enum
from pathlib import Path
from typing import Annotated, Any

import typer


class Split(str, Enum):
    """Which clips of each corpus."""

    test = "test"
    validation = "validation"
    train = "train"
    all = "all"


class Prior(str, Enum):
    """Which treatment of the class prior heads the tables; "removed" is another word for "uniform"."""

    train = "train"
    uniform = "uniform"
    removed = "removed"


def evaluate(
    data: Annotated[
        list[str],
        typer.Option("--data", help="Prepared folder or Hub data set; may be repeated.", show_default=False),
    ],
    out: Annotated[Path, typer.Option("--out", help="The results file (JSON).", show_default=False)],
    model: Annotated[
        str | None, typer.Option("--model", help="Model folder or Hub repository.", show_default="the bundled one")
    ] = None,
    corpus: Annotated[
        list[str] | None, typer.Option("--corpus", help="Only this corpus; may be repeated.", show_default="all")
    ] = None,
    split: Annotated[Split, typer.Option("--split", help="Which clips of each corpus.")] = Split.test,
    prior: Annotated[
        Prior,
        typer.Option(
            "--prior",
            help="Which treatment of the class prior heads the tables: as trained, or divided out (uniform, removed). "
            "The results file holds both.",
        ),
    ] = Prior.train,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Clips in one forward pass.")] = 16,
    resamples: Annotated[int, typer.Option("--resamples", min=1, help="Bootstrap resamples.")] = 2000,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the bootstrap.")] = 0,
    plots: Annotated[
        Path | None, typer.Option("--plots", help="Folder for confusion matrices and reliability diagrams (PNG).")
    ] = None,
) -> None:
    """Measure a model on prepared corpora: UAR, macro-F1, accuracy, calibration, fit to soft labels, EDER.

    Each corpus is measured over all its classes and over anger, happiness, neutral and sadness, with 95 % intervals by
    resampling speakers. Sets of joined clips (corpora shifts) are measured by their emotion diarization error rate. The
    results go to a JSON file, a table to the terminal.

    [bold]Examples[/bold]

      audio-emotion evaluate --data prepared --corpus emodb --corpus urdu --out results/zero_shot.json

      audio-emotion evaluate --model runs/base/final --data prepared --split validation --out val.json --plots plots
    """
    import shlex
    import sys

    from rich.markup import escape

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.modeling.logging_emotion_whisper import without_warnings
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.training.evaluation_plots import plot_results
    from audio_emotion.training.evaluation_run import read_results, write_results

    console = Terminal(stderr=True)
    settings = {
        "batch_size": batch_size,
        "prior": "train" if prior is Prior.train else "uniform",
        "resamples": resamples,
        "seed": seed,
        "split": split.value,
    }
    try:
        with without_warnings("audio_emotion"):  # no news where the label is known
            results = _measure(model, data, corpus or [], settings, console)
    except AudioEmotionError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}")
        raise typer.Exit(1) from error
    results["command"] = shlex.join(["audio-emotion", *sys.argv[1:]])
    write_results(results, out)
    results = read_results(out)
    if results["corpora"]:
        Terminal().print(_table(results))
    if results["shifts"]:
        Terminal().print(_shift_table(results))
    console.print(f"The results are in {out}")
    if plots is not None:
        console.print(f"{len(plot_results(results, plots))} pictures are in {plots}")


def _table(results: dict[str, Any]) -> Any:
    """A table that fits 80 columns: each corpus and class set, and each language that several corpora share."""
    from rich.table import Table
    from rich.text import Text

    from audio_emotion.training.results_table import CLASS_SETS, with_interval

    table = Table(title=f'Percent, 95 % intervals, prior="{results["settings"]["prior"]}"')
    table.add_column("Corpus", no_wrap=True)
    table.add_column("Classes")
    for column in ("Clips", "UAR", "Macro-F1", "Accuracy", "ECE"):
        table.add_column(column, justify="right", no_wrap=True)
    shared = {f"all of {key}": pooled for key, pooled in results["languages"].items() if len(pooled["corpora"]) > 1}
    for name, measured in (results["corpora"] | shared).items():
        for key in filter(measured["class_sets"].__contains__, CLASS_SETS):
            class_set = measured["class_sets"][key]
            numbers = class_set["priors"][results["settings"]["prior"]]
            others = (f"{100 * value:.1f}" for value in (numbers["macro_f1"]["value"], numbers["accuracy"]["value"]))
            ece = f"{100 * numbers['ece']:.1f}"
            classes = f"{CLASS_SETS[key]} ({len(class_set['classes'])})"
            table.add_row(Text(name), classes, str(class_set["num_clips"]), with_interval(numbers["uar"]), *others, ece)
    return table


def _shift_table(results: dict[str, Any]) -> Any:
    """Emotion diarization error rates: where the frames cut, and one label a second."""
    from rich.table import Table
    from rich.text import Text

    from audio_emotion.training.results_table import with_interval

    table = Table(title="Emotion diarization error rate, percent, 95 % intervals")
    for column in ("Shift set", "Recordings", "Speakers", "Segments", "1 s windows"):
        table.add_column(column, justify="left" if column == "Shift set" else "right", no_wrap=True)
    for name, measured in results["shifts"].items():
        counts = (str(measured["num_recordings"]), str(measured["num_speakers"]))
        rates = (with_interval(measured[way]["eder"]) for way in ("segments", "windows"))
        table.add_row(Text(name), *counts, *rates)
    return table


def _measure(
    model: str | None, data: list[str], names: list[str], settings: dict[str, Any], console: Any
) -> dict[str, Any]:
    """Reads, loads and measures, with a progress bar over the clips."""
    from datasets.utils.logging import disable_progress_bar as disable_datasets_bars
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
    from transformers.utils import logging

    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
    from audio_emotion.registration import bundled_checkpoint
    from audio_emotion.training.evaluation import evaluate_corpora
    from audio_emotion.training.evaluation_run import RESULTS_FORMAT, describe_model, package_versions, read_corpora
    from audio_emotion.training.shift_evaluation import evaluate_shifts
    from audio_emotion.training.shift_set import SEGMENT_COLUMN

    disable_datasets_bars()
    logging.disable_progress_bar()
    pipe = AudioEmotionPipeline.from_pretrained(model or bundled_checkpoint())
    if settings["prior"] == "uniform" and pipe.model.config.class_prior is None:
        raise AudioEmotionError("this model's config has no class_prior to divide out: leave --prior train")
    corpora, left_out = read_corpora(data, names, settings["split"])
    if left_out:
        console.print(f"No {settings['split']} split, left out: {', '.join(left_out)}", markup=False)
    shift_sets = {name: rows for name, rows in corpora.items() if SEGMENT_COLUMN in rows.column_names}
    plain = {name: rows for name, rows in corpora.items() if name not in shift_sets}
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("evaluating", total=sum(len(rows) for rows in corpora.values()))
        measured = evaluate_corpora(
            pipe,
            plain,
            batch_size=settings["batch_size"],
            num_resamples=settings["resamples"],
            seed=settings["seed"],
            on_clip=lambda name: progress.update(task, advance=1, description=name),
        )
        bootstrap = (settings["resamples"], settings["seed"])
        measured["shifts"] = {
            name: evaluate_shifts(pipe, rows, *bootstrap, lambda: progress.update(task, advance=1))
            for name, rows in shift_sets.items()
        }
    return measured | {
        "format": RESULTS_FORMAT,
        "model": describe_model(pipe, model or "bundled"),
        "packages": package_versions(),
        "settings": settings,
        "without_split": left_out,
    }
