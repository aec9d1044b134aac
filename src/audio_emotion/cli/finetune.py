"""`audio-emotion finetune`: teach a trained model new labels."""

from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from audio_emotion.dataset_scripts.corpus import Finding

BAD_SHOWN = 20


class Method(str, Enum):
    """How much of the model is trained."""

    peft = "peft"
    full = "full"


def finetune(
    config: Annotated[Path, typer.Option("--config", help="The recipe, a YAML file.", show_default=False)],
    source: Annotated[
        Path | None,
        typer.Option("--source", help="The corpus's folder as its owner ships it.", show_default="the recipe's"),
    ] = None,
    method: Annotated[
        Method | None,
        typer.Option("--method", help="Train an adapter, or every weight.", show_default="the recipe's"),
    ] = None,
    merge: Annotated[
        bool, typer.Option("--merge", help="Write a full model folder instead of an adapter folder.")
    ] = False,
    max_bad: Annotated[
        int | None,
        typer.Option(
            "--max-bad", min=0, help="Bad rows with which training still starts.", show_default="the recipe's"
        ),
    ] = None,
    override: Annotated[
        list[str] | None, typer.Option("--set", help="Override one value, as section.key=value; may be repeated.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the newest checkpoint of the run.")] = False,
) -> None:
    """Fine-tune a model on a corpus: intensities, dimensions, or categories of your own.

    Rows that cannot be used are listed with file, line and reason, and training goes on without them. The adapter, or
    the model, is written to the recipe's output_dir with a card.

    [bold]Examples[/bold]

      audio-emotion finetune --config recipes/hume_prosody.yaml --source /data/hume_prosody

      audio-emotion finetune --config recipes/hume_prosody.yaml --source DIR --set target.loss=rank --merge
    """
    from rich.markup import escape

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.registration import bundled_checkpoint
    from audio_emotion.training.finetune import finetune as run
    from audio_emotion.training.finetune_recipe import FinetuneRecipe
    from audio_emotion.training.processes import join_processes
    from audio_emotion.training.recipe import read_recipe

    console = Terminal(stderr=True)
    given: dict[str, Any] = {"source": source, "method": method, "max_bad": max_bad}
    chosen = {
        name: value.value if isinstance(value, Enum) else str(value) if isinstance(value, Path) else value
        for name, value in given.items()
        if value is not None
    }
    try:
        recipe = read_recipe(FinetuneRecipe, config, override)
        recipe = recipe.model_copy(update={"base": recipe.base or str(bundled_checkpoint()), **chosen})
        with _reading_bar(console) as advance:
            folder = run(
                recipe,
                resume,
                merge,
                on_bad=lambda bad: _print_bad(console, bad),
                progress=advance,
                on_notice=lambda notice: console.print(f"[yellow]{escape(notice)}[/yellow]", soft_wrap=True),
            )
    except AudioEmotionError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True, highlight=False)
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.print("Stopped. Run the same command with --resume to go on from the last checkpoint.")
        raise typer.Exit(130) from None
    if join_processes().is_main_process:
        console.print(
            f"The {'model' if merge or recipe.method == 'full' else 'adapter'} is in {folder}", soft_wrap=True
        )


@contextmanager
def _reading_bar(console: "Console") -> "Iterator[Callable[[int, int], None]]":
    """A bar that is there while the corpus is read, and gone before training shows its own."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    columns = (TextColumn("reading the corpus"), BarColumn(), MofNCompleteColumn())
    bar = Progress(*columns, console=console, transient=True, disable=not console.is_terminal)
    task = bar.add_task("")

    def advance(done: int, total: int) -> None:
        bar.start()
        bar.update(task, completed=done, total=total)
        if done >= total:
            bar.stop()

    try:
        yield advance
    finally:
        bar.stop()


def _print_bad(console: "Console", bad: "list[Finding]") -> None:
    """The first bad rows, one a line."""
    from rich.markup import escape

    console.print(f"[yellow]{len(bad)} bad rows and files, left out:[/yellow]")
    for finding in bad[:BAD_SHOWN]:
        console.print(escape(f"  {finding.kind}: {finding.where}: {finding.reason}"), soft_wrap=True, highlight=False)
    if len(bad) > BAD_SHOWN:
        console.print(f"  and {len(bad) - BAD_SHOWN} more, all in bad_rows.csv of the run's folder")
