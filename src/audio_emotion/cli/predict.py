"""`audio-emotion predict`: scores for the rows of a split, in the challenge's format."""

from pathlib import Path
from typing import Annotated

import typer


def predict(
    source: Annotated[
        Path, typer.Option("--source", help="The corpus's folder, with its tables and audio.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", help="The predictions file (CSV).", show_default=False)],
    model: Annotated[
        str | None,
        typer.Option("--model", help="Model or adapter, a folder or Hub repository.", show_default="the bundled one"),
    ] = None,
    split: Annotated[str, typer.Option("--split", help="Which lab/SPLIT.csv: train, devel or test.")] = "test",
    table: Annotated[
        Path | None, typer.Option("--table", help="Any other CSV file whose first column names the files.")
    ] = None,
    batch_size: Annotated[int, typer.Option("--batch-size", min=1, help="Clips in one forward pass.")] = 16,
) -> None:
    """Score a split's files: a CSV with filename and one column for each label, the split's rows in their order.

    [bold]Example[/bold]

      audio-emotion predict --model runs/hume_prosody/final --source /data/hume_prosody --split test --out test.csv
    """
    from rich.markup import escape
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
    from audio_emotion.registration import bundled_checkpoint
    from audio_emotion.training.predict import find_table
    from audio_emotion.training.predict import predict as run

    console = Terminal(stderr=True)
    try:
        rows = table or find_table(source, "devel" if split == "validation" else split)
        pipe = AudioEmotionPipeline.from_pretrained(model or str(bundled_checkpoint()))
        columns = (TextColumn("scoring"), BarColumn(), MofNCompleteColumn())
        with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
            task = bar.add_task("")
            answer = run(
                pipe, rows, source, out, batch_size, lambda done, total: bar.update(task, completed=done, total=total)
            )
    except AudioEmotionError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True, highlight=False)
        raise typer.Exit(1) from error
    for line, reason in answer.without_audio:
        console.print(
            f"[yellow]{escape(rows.name)}, line {line}:[/yellow] {escape(reason)}; the mean of the others stands there",
            soft_wrap=True,
        )
    console.print(f"{answer.num_rows} rows are in {out}", soft_wrap=True)
