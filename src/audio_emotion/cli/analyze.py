"""`audio-emotion analyze`: the emotions of recordings over time, as a table, a file or a plot."""

from __future__ import annotations

import atexit
import gc
import json
import os
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Annotated, Any

import typer

from audio_emotion.cli.options import comma_list, parse_prior

if TYPE_CHECKING:
    from rich.console import Console

    from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline

SOME_FAILED, USAGE, INTERRUPTED, READER_GONE = 1, 2, 130, 141


class Format(str, Enum):
    """What is printed or written."""

    table = "table"
    json = "json"
    jsonl = "jsonl"
    csv = "csv"
    textgrid = "textgrid"
    audacity = "audacity"
    rttm = "rttm"
    vtt = "vtt"


def analyze(
    files: Annotated[
        list[str],
        typer.Argument(
            help="Recordings (WAV, FLAC, OGG, Opus, MP3), folders of them, globs, URLs, or - for standard input.",
            show_default=False,
        ),
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="Model folder or Hub repository.", show_default="the bundled one")
    ] = None,
    output_format: Annotated[
        Format | None, typer.Option("--format", help="What to print or write.", show_default="table")
    ] = None,
    out: Annotated[
        str | None,
        typer.Option(
            "--out",
            metavar="PATH",
            help="File to write in place of printing, or a folder for a file each.",
            show_default=False,
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Keep the results that --out has, and hear the other recordings.")
    ] = False,
    plot: Annotated[
        str | None,
        typer.Option(
            "--plot",
            metavar="PATH",
            help="Timeline picture to write (.png, .svg, .pdf), or a folder for several.",
            show_default=False,
        ),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option("--window", help="Cut every so many seconds.", show_default="cut where the emotion changes"),
    ] = None,
    segments: Annotated[
        Path | None,
        typer.Option("--segments", help="RTTM file of speaker turns: score these.", show_default=False),
    ] = None,
    switch_cost: Annotated[
        float | None,
        typer.Option("--switch-cost", help="Seconds: the higher, the fewer changes.", show_default="the model's"),
    ] = None,
    min_chunk: Annotated[
        float | None, typer.Option("--min-chunk", help="Seconds of the shortest chunk.", show_default="the model's")
    ] = None,
    vad: Annotated[bool, typer.Option("--vad", help="Leave out stretches in which nobody speaks.")] = False,
    labels: Annotated[
        list[str] | None,
        typer.Option("--labels", help="Only these emotions; a comma list, may be repeated.", show_default="all"),
    ] = None,
    prior: Annotated[
        str,
        typer.Option(
            "--prior", help="How likely each emotion is beforehand: train, uniform, or anger=0.5,neutral=0.5."
        ),
    ] = "train",
    top_k: Annotated[int, typer.Option("--top-k", min=1, help="Emotions named for the whole recording.")] = 3,
    batch_size: Annotated[
        int | None,
        typer.Option(
            "--batch-size",
            min=1,
            help="Windows of 30 s heard at once.",
            show_default="8 for short recordings, 1 for long ones",
        ),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="For pipes: one JSON object per line, the same as --format jsonl.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress, no notes: results and errors.")] = False,
) -> None:
    """Show the emotions in recordings over time.

    Results go to standard output or --out, everything else to standard error.

    [bold]Examples[/bold]

      audio-emotion analyze call.wav

      audio-emotion analyze call.wav --window 2 --labels anger,neutral --plot call.png

      audio-emotion analyze calls/ --format csv --out emotions.csv --resume

      audio-emotion analyze "calls/**/*.mp3" --format textgrid --out grids/

      ffmpeg -i film.mp4 -f wav - | audio-emotion analyze - --json | jq .scores

    [bold]Exit codes[/bold]

      0    every recording is analysed

      1    some recordings failed; the others are finished

      2    a wrong argument, model or output: nothing was analysed

      130  interrupted by Ctrl-C (143: by SIGTERM); finished results are whole, and --resume goes on

      141  whoever read the output has gone, as in `| head`
    """
    from rich.markup import escape

    from audio_emotion.cli.analysis_job import AnalysisJob
    from audio_emotion.cli.outputs import plan_outputs
    from audio_emotion.cli.record_file import RecordFile
    from audio_emotion.cli.recordings import find_recordings
    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

    messages = Terminal(stderr=True)

    def report(error: AudioEmotionError) -> None:
        messages.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True, highlight=False)

    file_format = _chosen_format(output_format, as_json, resume, out)
    options: dict[str, Any] = {
        "return_timestamps": True if window is None else window,
        "labels": comma_list(labels),
        "prior": parse_prior(prior),
        "top_k": top_k,
    }
    given = {"switch_cost_s": switch_cost, "min_chunk_s": min_chunk}
    options |= {name: value for name, value in given.items() if value is not None} | ({"vad": True} if vad else {})
    try:
        recordings, missing = find_recordings(files)
        plan = plan_outputs(recordings, file_format, out, plot) if recordings else None
        records = RecordFile(file_format, plan.common if plan else None, None if out else sys.stdout)
        finished = records.read_finished() if resume and plan and plan.common else set()
        _check_options(model, options)
        turns = {"segments": _read_turns(segments)} if segments else {}
    except AudioEmotionError as error:
        report(error)
        raise typer.Exit(USAGE) from error
    for fault in missing:
        report(fault)
    job = AnalysisJob(plan, records, file_format, options | turns, resume, finished, messages)
    waiting = [recording for recording in recordings if job.is_waiting(recording)]
    if len(waiting) < len(recordings) and not quiet:
        messages.print(f"{len(recordings) - len(waiting)} of {len(recordings)} recordings are finished already.")
    num_failed = len(missing)
    try:
        if waiting:
            pipe = _load(model, options, messages, quiet)
            records.start(options["labels"] or list((pipe.model.config.id2label or {}).values()))
            with _without_warnings() if quiet else nullcontext():
                num_failed += job.run(pipe, waiting, batch_size, quiet, report)
            records.finish()
    except AudioEmotionError as error:
        report(error)
        raise typer.Exit(SOME_FAILED if job.num_heard else USAGE) from error
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # or the interpreter complains at its end
        raise typer.Exit(READER_GONE) from None
    except KeyboardInterrupt:
        records.finish()
        kept = f"; {job.num_heard} of {len(waiting)} recordings are finished" if waiting else ""
        messages.print(f"Interrupted{kept}. With --resume the same command goes on." if out else f"Interrupted{kept}.")
        raise typer.Exit(INTERRUPTED) from None
    if num_failed:
        if not quiet:
            messages.print(f"{num_failed} of {len(recordings) + len(missing)} recordings failed.")
        raise typer.Exit(SOME_FAILED)


def _chosen_format(output_format: Format | None, as_json: bool, resume: bool, out: str | None) -> str:
    """The format, from options that fit each other."""
    from audio_emotion.cli.record_file import RESUMABLE

    if as_json and output_format is not None and output_format is not Format.jsonl:
        raise typer.BadParameter(f"--json writes jsonl, and --format asks for {output_format.value}.")
    chosen = Format.jsonl if as_json else output_format or Format.table
    if resume and out is None:
        raise typer.BadParameter("--resume goes on with the results in --out, and there is no --out.")
    if resume and chosen is Format.table and out is not None and not Path(out).is_dir():
        raise typer.BadParameter(f"--resume reads {', '.join(RESUMABLE)}, or a folder of files; a table is for people.")
    return chosen.value


def _read_turns(path: Path) -> Any:
    from audio_emotion.pipeline.speakers_audio_emotion import check_segments

    return check_segments(path)


def _load(model: str | None, options: dict[str, Any], messages: Console, quiet: bool) -> AudioEmotionPipeline:
    """The pipeline, with the options checked against the model before any audio is heard."""
    shown = messages.status("Loading the model") if messages.is_terminal and not quiet else nullcontext()
    with shown, _without_collection():
        from transformers.utils import logging as transformers_logging

        from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
        from audio_emotion.registration import bundled_checkpoint

        transformers_logging.disable_progress_bar()
        if quiet:
            transformers_logging.set_verbosity_error()
        return AudioEmotionPipeline.from_pretrained(bundled_checkpoint() if model is None else model, **options)


def _without_warnings() -> AbstractContextManager[None]:
    """Nothing is said of recordings whose scores deserve less trust."""
    from audio_emotion.modeling.logging_emotion_whisper import without_warnings

    return without_warnings("audio_emotion")


@contextmanager
def _without_collection() -> Iterator[None]:
    """No search for garbage, now or at the exit: what imports make stays, and looking through it takes seconds."""
    was_enabled = gc.isenabled()
    gc.disable()
    atexit.register(gc.freeze)
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


def _check_options(model: str | None, options: dict[str, Any]) -> None:
    """Check labels and prior against a local model's config, which takes no time; `_load` checks the rest."""
    from audio_emotion.pipeline.scores_audio_emotion import make_score_rule
    from audio_emotion.registration import bundled_checkpoint

    file = Path(model or bundled_checkpoint()).expanduser() / "config.json"
    if (options["labels"] is None and options["prior"] == "train") or not os.path.isfile(file):  # noqa: PTH113
        return
    try:
        config = json.loads(file.read_bytes())
        names = {int(index): label for index, label in config["id2label"].items()}
    except (ValueError, KeyError, AttributeError):
        return  # not a config of ours: loading it says what is wrong
    defaults = {"problem": "distribution", "class_prior": None, "temperature": 1.0}
    rule_config = SimpleNamespace(**{**defaults, **config, "id2label": names, "num_labels": len(names)})
    make_score_rule(rule_config, options["labels"], options["prior"])
