"""`audio-emotion average`: one model from several runs of a recipe."""

from pathlib import Path
from typing import Annotated

import typer


def average(
    models: Annotated[
        list[str], typer.Argument(help="Model folders of runs that started from the same weights.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", help="The model folder to write.", show_default=False)],
) -> None:
    """Average the weights of runs that differ in their seed.

    The mean of such runs generalises better than each. It has no calibration of its own: see `audio-emotion calibrate`.

    [bold]Example[/bold]

      audio-emotion average runs/seed0/best runs/seed1/best --out runs/average
    """
    from rich.markup import escape

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.training.averaging import average_models

    console = Terminal(stderr=True)
    try:
        average_models(models, out)
    except AudioEmotionError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error
    console.print(f"{out}: the mean of {len(models)} models", soft_wrap=True)
