"""`audio-emotion analyze`: the emotions of recordings over time, as a table, a file or a plot."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console
    from rich.table import Table

    from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
    from audio_emotion.pipeline.scores_audio_emotion import ScoredRecording


class Format(str, Enum):
    """What is printed or written."""

    table = "table"
    json = "json"
    csv = "csv"
    textgrid = "textgrid"
    audacity = "audacity"
    rttm = "rttm"


def analyze(
    files: Annotated[
        list[str], typer.Argument(help="Recordings: WAV, FLAC, OGG, Opus, MP3 files or URLs.", show_default=False)
    ],
    model: Annotated[
        str | None, typer.Option("--model", help="Model folder or Hub repository.", show_default="the bundled one")
    ] = None,
    output_format: Annotated[Format, typer.Option("--format", help="What to print or write.")] = Format.table,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            help="File to write in place of printing; a folder for several recordings as TextGrid or Audacity labels.",
            show_default=False,
        ),
    ] = None,
    plot: Annotated[
        Path | None,
        typer.Option(
            "--plot", help="Timeline picture to write (.png, .svg); a folder for several files.", show_default=False
        ),
    ] = None,
    window: Annotated[
        float | None,
        typer.Option("--window", help="Cut every so many seconds.", show_default="cut where the emotion changes"),
    ] = None,
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
) -> None:
    """Show the emotions in recordings over time.

    A recording that cannot be read is reported, the others are finished; the exit code is then 1.

    [bold]Examples[/bold]

      audio-emotion analyze call.wav

      audio-emotion analyze call.wav --window 2 --labels anger,neutral --plot call.png

      audio-emotion analyze *.flac --format csv --out emotions.csv
    """
    from rich.console import Console
    from rich.markup import escape

    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

    messages = Console(stderr=True)

    def report(error: AudioEmotionError) -> None:
        messages.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True, highlight=False)

    options: dict[str, Any] = {
        "return_timestamps": True if window is None else window,
        "labels": _comma_list(labels),
        "prior": _parse_prior(prior),
        "top_k": top_k,
    }
    try:
        texts = _text_paths(files, output_format.value, out)
        pictures = _paths_in(plot, files, ".png") if plot else {}
        with messages.status("Loading the model"):
            pipe = _load(model, options)
    except AudioEmotionError as error:
        report(error)
        raise typer.Exit(1) from error

    results: dict[str, Any] = {}
    for file in files:
        try:
            with _progress(file, messages) as advance:
                recording = pipe.score_recording(file, on_progress=advance)
            results[file] = pipe.postprocess(recording, **options)
            if file in pictures:
                _plot(pipe, recording, options, results[file], file, pictures[file])
            if output_format is Format.table and out is None:
                Console().print(_table(file, results[file]))
        except AudioEmotionError as error:
            report(error)
    try:
        _write(results, output_format.value, out, texts)
    except AudioEmotionError as error:
        report(error)
        raise typer.Exit(1) from error
    if len(results) < len(set(files)):
        messages.print(f"{len(set(files)) - len(results)} of {len(set(files))} recordings failed.")
        raise typer.Exit(1)


def _load(model: str | None, options: dict[str, Any]) -> AudioEmotionPipeline:
    """The pipeline, with the options checked against the model before any audio is heard."""
    from transformers.utils import logging

    from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
    from audio_emotion.registration import bundled_checkpoint

    logging.disable_progress_bar()
    return AudioEmotionPipeline.from_pretrained(bundled_checkpoint() if model is None else model, **options)


def _comma_list(values: list[str] | None) -> list[str] | None:
    if values is None:
        return None
    return [label.strip() for value in values for label in value.split(",") if label.strip()]


def _parse_prior(text: str) -> str | dict[str, float]:
    if "=" not in text:
        return text
    pairs = [pair.partition("=") for pair in text.split(",")]
    try:
        return {label.strip(): float(share) for label, _, share in pairs}
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is not a list of label=share.", param_hint="--prior") from error


def _text_paths(files: list[str], output_format: str, out: Path | None) -> dict[str, Path]:
    """Where each recording's own text file goes, for formats that describe one recording; checks `out` on the way."""
    from audio_emotion.pipeline.export_audio_emotion import ONE_RECORDING_EACH, SUFFIXES

    if out is None:
        return {}
    if output_format in ONE_RECORDING_EACH:
        return _paths_in(out, files, SUFFIXES[output_format])
    _check_writable(out)
    return {}


def _paths_in(target: Path, files: list[str], suffix: str) -> dict[str, Path]:
    """The target itself for one file; for several a file of the same stem in the folder `target`."""
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

    if len(files) == 1 and not target.is_dir():
        _check_writable(target)
        return {files[0]: target}
    paths = {file: target / f"{Path(file).stem}{suffix}" for file in files}
    for path in paths.values():
        twins = [file for file in paths if paths[file] == path]
        if len(twins) > 1:
            raise AudioEmotionError(f"{' and '.join(twins)} would both be written to {path}. Analyse them one by one.")
    try:
        target.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AudioEmotionError(f"{target} must be a folder for several recordings: {error.strerror}.") from error
    return paths


def _check_writable(path: Path) -> None:
    """Find out before the work that a file cannot be written."""
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

    if path.is_dir():
        raise AudioEmotionError(f"{path} is a folder. Give the name of the file to write.")
    try:
        with path.open("ab"):
            pass
        if path.stat().st_size == 0:
            path.unlink()
    except OSError as error:
        raise AudioEmotionError(f"{path} cannot be written: {error.strerror}. Choose another place.") from error


@contextmanager
def _progress(file: str, console: Console) -> Iterator[Callable[[float], None]]:
    """A bar of the seconds heard, which leaves the terminal when it is full."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from audio_emotion.pipeline.decoding_audio_emotion import probe_duration_s

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task(Path(file).name, total=probe_duration_s(file))
        yield lambda seconds: progress.advance(task, seconds)


def _table(file: str, result: dict[str, Any]) -> Table:
    """One row per chunk: when, what, how sure, and the two next emotions."""
    from rich import box
    from rich.markup import escape
    from rich.table import Table

    whole = ", ".join(f"{entry['label']} {entry['score']:.2f}" for entry in result["scores"])
    table = Table(title=escape(file), caption=f"Whole recording: {whole}", box=box.SIMPLE_HEAD, title_justify="left")
    table.caption_justify = "left"
    longest = max((len(chunk["label"]) for chunk in result["chunks"]), default=0)
    table.add_column("From", justify="right", min_width=8)
    table.add_column("To", justify="right", min_width=8)
    table.add_column("Emotion", min_width=longest)
    table.add_column("Score", min_width=15)
    table.add_column("Then", no_wrap=True)
    for chunk in result["chunks"]:
        ranked = sorted(chunk["scores"].items(), key=lambda item: -item[1])
        table.add_row(
            *(_clock(bound) for bound in chunk["timestamp"]),
            escape(chunk["label"]),
            f"{chunk['score']:.2f} {'█' * round(10 * chunk['score'])}",
            escape(", ".join(f"{label} {score:.2f}" for label, score in ranked[1:3])),
        )
    return table


def _clock(seconds: float) -> str:
    """Minutes and seconds to the hundredth, with hours where there are any."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes:02d}:{rest // 100:02d}.{rest % 100:02d}"
    return f"{hours}:{clock}" if hours else clock


def _plot(
    pipe: AudioEmotionPipeline,
    recording: ScoredRecording,
    options: dict[str, Any],
    result: dict[str, Any],
    file: str,
    path: Path,
) -> None:
    from audio_emotion.pipeline.plot_audio_emotion import plot_timeline, waveform_peaks

    plot_timeline(
        frames=pipe.postprocess(recording, **(options | {"return_timestamps": "frame"})),
        chunks=result["chunks"],
        peaks=waveform_peaks(file),
        duration_s=recording.num_samples / recording.sampling_rate,
        path=path,
        title=Path(file).name,
    )


def _write(results: dict[str, Any], output_format: str, out: Path | None, texts: dict[str, Path]) -> None:
    """Print or write all finished results; tables were printed as they came."""
    from rich.console import Console

    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.pipeline.export_audio_emotion import ONE_RECORDING_EACH, WRITERS

    try:
        if output_format == Format.table.value:
            if out is not None:
                with out.open("w", encoding="utf-8") as file:
                    Console(file=file, width=120).print(*(_table(name, result) for name, result in results.items()))
        elif output_format in ONE_RECORDING_EACH:
            for name, result in results.items():
                text = WRITERS[output_format]({name: result})
                if name in texts:
                    texts[name].write_text(text, encoding="utf-8")
                else:
                    sys.stdout.write(text)
        elif out is not None:
            out.write_text(WRITERS[output_format](results), encoding="utf-8")
        else:
            sys.stdout.write(WRITERS[output_format](results))
    except OSError as error:
        raise AudioEmotionError(f"{error.filename} cannot be written: {error.strerror}.") from error
