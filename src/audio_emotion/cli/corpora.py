"""`audio-emotion corpora`: list, check, prepare, mix, join and push the corpora that have a reader."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

    from audio_emotion.dataset_scripts.check import Check
    from audio_emotion.dataset_scripts.prepare import Prepared

FINDINGS_SHOWN = 5

corpora = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode="rich",
    help="Bring emotion corpora into one schema: list, check, prepare, mix, push.",
)

Source = Annotated[
    Path,
    typer.Option(
        "--source", help="The corpus's folder as its owner ships it, or a folder with one such folder per corpus."
    ),
]
NumProc = Annotated[
    int | None, typer.Option("--num-proc", min=1, help="Processes that decode audio.", show_default="all cores")
]


@corpora.command("list")
def list_command() -> None:
    """Show every corpus that has a reader, with languages, size and licence."""
    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.dataset_scripts.reader import get_reader, list_corpora

    table = _table("", "name", "languages", ">clips", ">speakers", "licence", "publish")
    for name in list_corpora():
        info = get_reader(name).info
        table.add_row(
            name,
            ", ".join(info.languages),
            str(info.num_clips or ""),
            str(info.num_speakers or ""),
            info.license,
            "yes" if info.redistribution else "no",
        )
    Terminal().print(table)


@corpora.command()
def check(
    corpus: Annotated[str, typer.Argument(help="A name that `corpora list` shows.", show_default=False)],
    source: Source,
    audio: Annotated[bool, typer.Option("--audio/--no-audio", help="Whether to decode every file too.")] = True,
    num_proc: NumProc = None,
) -> None:
    """Hold a corpus's folder against what its owner published; exit code 1 if something is off.

    [bold]Example[/bold]

      audio-emotion corpora check ravdess --source corpora/ravdess
    """
    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.dataset_scripts.check import check as run
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

    messages = Terminal(stderr=True)
    try:
        with _progress(messages, f"checking {corpus}") as advance:
            result = run(
                corpus, _folder_of(corpus, source), audio, _processes(num_proc), lambda done: advance(done, None)
            )
    except AudioEmotionError as error:
        _print_error(messages, error)
        raise typer.Exit(1) from error
    console = Terminal()
    _print_check(console, result)
    if result.problems():
        raise typer.Exit(1)


@corpora.command()
def prepare(
    names: Annotated[list[str], typer.Argument(metavar="CORPUS...", help="Names that `corpora list` shows.")],
    source: Source,
    out: Annotated[Path, typer.Option("--out", help="Folder of the prepared corpora.", show_default=False)],
    max_bad: Annotated[
        int, typer.Option("--max-bad", min=0, help="Unreadable audio files of a corpus before the exit code is 1.")
    ] = 0,
    num_proc: NumProc = None,
) -> None:
    """Write corpora as Parquet with soft labels, 16 kHz mono FLAC and a dataset card.

    Stopped at any point, the same command goes on where it was. Unreadable audio is listed in report.csv and skipped.

    [bold]Examples[/bold]

      audio-emotion corpora prepare ravdess --source corpora/ravdess --out prepared

      audio-emotion corpora prepare ravdess tess nemo --source corpora --out prepared --max-bad 3

    Read them back with [bold]datasets.load_dataset("prepared", "ravdess")[/bold].
    """
    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.dataset_scripts.prepare import prepare as run
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

    messages = Terminal(stderr=True)
    failed = False
    for name in names:
        try:
            folder = _folder_of(name, source, several=len(names) > 1)
            with _progress(messages, f"preparing {name}") as advance:
                prepared = run(name, folder, out, _processes(num_proc), advance)
        except AudioEmotionError as error:
            _print_error(messages, error)
            failed = True
            continue
        except KeyboardInterrupt:
            messages.print("Stopped. The same command goes on where it was.")
            raise typer.Exit(130) from None
        _print_prepared(messages, prepared)
        if len(prepared.summary.bad_audio) > max_bad:
            num_bad = len(prepared.summary.bad_audio)
            messages.print(f"[red]{num_bad} unreadable audio files[/red], more than --max-bad {max_bad}")
            failed = True
    if failed:
        raise typer.Exit(1)


@corpora.command()
def mix(
    folder: Annotated[
        str, typer.Argument(metavar="DIR", help="The folder that `corpora prepare` wrote.", show_default=False)
    ],
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[CORPUS...]", help="Corpora of the mix.", show_default="all")
    ] = None,
    split: Annotated[str | None, typer.Option("--split", help="Only this split.", show_default="all")] = None,
) -> None:
    """Show a mix's hours, clips, speakers and languages, and its mean soft label beside the published prior.

    [bold]Example[/bold]

      audio-emotion corpora mix prepared ravdess nemo ased --split train
    """
    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.dataset_scripts.mix import describe_mix
    from audio_emotion.dataset_scripts.schema import EMOTIONS
    from audio_emotion.modeling.labels_emotion_whisper import PUBLISHED_CLASS_PRIOR
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

    try:
        parts = describe_mix(folder, names or (), split)
    except AudioEmotionError as error:
        _print_error(Terminal(stderr=True), error)
        raise typer.Exit(1) from error
    amounts = _table("", "corpus", "languages", ">clips", ">hours", ">speakers")
    for part in parts:
        amounts.add_row(
            part.name, ", ".join(part.languages), str(part.num_clips), f"{part.hours:.2f}", str(part.num_speakers)
        )
    labels = _table("Mean soft label", "corpus", *(f">{emotion}" for emotion in EMOTIONS))
    for name, label in [*((part.name, part.mean_label) for part in parts), ("published prior", PUBLISHED_CLASS_PRIOR)]:
        labels.add_row(name, *(f"{share:.3f}" for share in label))
    console = Terminal()
    console.print(amounts)
    console.print(labels)


@corpora.command()
def shifts(
    corpus: Annotated[str, typer.Argument(help="A prepared corpus.", show_default=False)],
    data: Annotated[str, typer.Option("--data", help="The folder that `corpora prepare` wrote.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="Folder of the shift sets.", show_default=False)],
    split: Annotated[str, typer.Option("--split", help="Whose clips are joined.")] = "test",
    num: Annotated[int, typer.Option("--num", help="Recordings.")] = 200,
    min_segments: Annotated[int, typer.Option("--min-segments", help="Fewest clips in a recording.")] = 2,
    max_segments: Annotated[int, typer.Option("--max-segments", help="Most clips in a recording.")] = 4,
    seed: Annotated[int, typer.Option("--seed", help="Decides all draws.")] = 0,
) -> None:
    """Join a corpus's clips into recordings with known emotion shifts, to measure when a model hears them (EDER).

    [bold]Examples[/bold]

      audio-emotion corpora shifts emodb --data prepared --out shifts

      audio-emotion evaluate --data shifts --out results/shifts.json
    """
    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.training.shift_set import ShiftSetRecipe, write_shift_set

    messages = Terminal(stderr=True)
    try:
        recipe = ShiftSetRecipe(num, min_segments, max_segments, seed)
        with _progress(messages, f"joining {corpus}") as advance:
            done = iter(range(1, num + 1))
            name = write_shift_set(data, corpus, split, out, recipe, lambda: advance(next(done), num))
    except AudioEmotionError as error:
        _print_error(messages, error)
        raise typer.Exit(1) from error
    messages.print(f"{out}: {name}, {num} recordings", soft_wrap=True, highlight=False)


@corpora.command()
def push(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The folder that `corpora prepare` wrote.", show_default=False)
    ],
    repo_id: Annotated[str, typer.Argument(metavar="REPO_ID", help="namespace/name on the Hub.", show_default=False)],
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch to push to; made if need be.", show_default="main")
    ] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", help="Tag for the commit, such as v1.0.", show_default=False)
    ] = None,
    has_right: Annotated[
        bool, typer.Option("--i-have-the-right", help="Push corpora whose licence forbids it to everybody else.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be pushed; use no network.")] = False,
) -> None:
    """Push prepared corpora to the Hub in one commit: shards and dataset card.

    The token is that of `hf auth login` or HF_TOKEN. Corpora that the repository holds already stay there.

    [bold]Example[/bold]

      audio-emotion corpora push prepared my-name/emotional-speech --private
    """
    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.cli.uploads import print_files
    from audio_emotion.dataset_scripts.hub import Target
    from audio_emotion.dataset_scripts.publish import list_upload, push_corpora
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

    messages = Terminal(stderr=True)
    try:
        if dry_run:
            print_files(list_upload(folder, has_right), repo_id)
            return
        url = push_corpora(folder, Target(repo_id, "dataset", private, revision, tag), has_right)
    except AudioEmotionError as error:
        _print_error(messages, error)
        raise typer.Exit(1) from error
    messages.print(f"Pushed: {url}", soft_wrap=True, highlight=False)


def _folder_of(corpus: str, source: Path, several: bool = False) -> Path:
    """`SOURCE/<corpus>` where that exists or several corpora are asked for, else `SOURCE`."""
    inner = source / corpus
    return inner if several or inner.is_dir() else source


def _processes(num_proc: int | None) -> int:
    return num_proc or os.cpu_count() or 1


@contextmanager
def _progress(console: Console, description: str) -> Iterator[Callable[[int, int | None], None]]:
    """A progress bar that is called with the clips done and their total, where that is known."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        task = bar.add_task(description, total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _print_error(console: Console, error: Exception) -> None:
    from rich.markup import escape

    console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True, highlight=False)


def _print_check(console: Console, result: Check) -> None:
    from rich.markup import escape

    info = result.info
    labels = _table(info.title, "label", "emotion", ">clips", ">expected", "mean soft label")
    for word, count in sorted(result.emotions.items()):
        labels.add_row(
            escape(word),
            result.label_table.get(word, ""),
            str(count),
            str(info.emotion_counts.get(word, "")),
            result.describe_label(word),
        )
    console.print(labels)
    splits = ", ".join(f"{split} {count}" for split, count in result.splits.items())
    unknown = f" and {result.unknown_speakers} clips by unknown ones" if result.unknown_speakers else ""
    hours = "" if result.duration_s is None else f"{result.duration_s / 3600:.2f} hours, "
    lines = [f"{result.num_clips} clips, {hours}{len(result.speakers)} speakers{unknown}; {splits}"]
    for kind, findings in result.report.by_kind().items():
        lines.append(f"{kind}: {len(findings)}")
        lines += [f"  {finding.where}: {finding.reason}" for finding in findings[:FINDINGS_SHOWN]]
        if len(findings) > FINDINGS_SHOWN:
            lines.append("  ...")
    for word, count in result.report.unmapped.most_common():
        lines.append(f"{word!r} is not in the label table: {count} votes count for other")
    problems = result.problems()
    lines += [f"off: {problem}" for problem in problems] or ["as published"]
    console.print("\n".join(lines), soft_wrap=True, highlight=False, markup=False)


def _print_prepared(console: Console, prepared: Prepared) -> None:
    summary = prepared.summary
    kinds = [f"{kind} {len(findings)}" for kind, findings in prepared.report.by_kind().items()]
    if summary.bad_audio:
        kinds.insert(0, f"bad audio {len(summary.bad_audio)}")
    notes = f" ({', '.join(kinds)}: see report.csv)" if kinds else ""
    console.print(
        f"{prepared.folder}: {summary.num_clips} clips, {summary.duration_s / 3600:.2f} hours{notes}",
        soft_wrap=True,
        highlight=False,
        markup=False,
    )


def _table(title: str, *columns: str) -> Table:
    """A table; a column that begins with `>` is aligned right."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title) if title else None, title_justify="left")
    for index, column in enumerate(columns):
        justify: Literal["left", "right"] = "right" if column.startswith(">") else "left"
        table.add_column(column.removeprefix(">"), justify=justify, no_wrap=index == 0)
    return table
