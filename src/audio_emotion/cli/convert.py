"""`audio-emotion convert`: a published checkpoint as a model folder."""

from pathlib import Path
from typing import Annotated

import typer


def convert(
    checkpoint: Annotated[Path, typer.Argument(help="The published checkpoint file.", show_default=False)],
    out: Annotated[Path, typer.Option("--out", help="The model folder to write.", show_default=False)],
) -> None:
    """Turn a checkpoint of the paper's released code into a model folder in safetensors.

    [bold]Example[/bold]

      audio-emotion convert whisper_medium_emotion.pt --out models/published
    """
    from rich.markup import escape

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.modeling.convert_emotion_whisper import convert as write

    console = Terminal(stderr=True)
    try:
        model = write(checkpoint, out)
    except ValueError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error
    layers = model.config.encoder_config.encoder_layers
    console.print(f"{out}: {layers} layers, {model.num_parameters() / 1e6:.1f} M parameters", soft_wrap=True)
