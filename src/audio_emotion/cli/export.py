"""`audio-emotion export`: a model as a folder for onnxruntime."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

EXAMPLE = Path(__file__).parents[3] / "examples" / "emotion_shifts.flac"
"""The recording beside the code, in a checkout."""


class GraphFormat(str, Enum):
    """What can be written."""

    onnx = "onnx"


def export(
    out: Annotated[Path, typer.Option("--out", help="The folder to write; new or empty.", show_default=False)],
    model: Annotated[
        str | None, typer.Option("--model", help="Model folder or Hub repository.", show_default="the bundled one")
    ] = None,
    graph_format: Annotated[GraphFormat, typer.Option("--format", help="What to write.")] = GraphFormat.onnx,
    int8: Annotated[
        bool, typer.Option("--int8", help="Linear layers in eight bits: smaller and faster, scores change slightly.")
    ] = False,
    calibration: Annotated[
        Path | None,
        typer.Option(
            "--calibration",
            help="With --int8: a recording or a folder of them; layers that change its scores much stay float32.",
            show_default="the example recording of a checkout",
        ),
    ] = None,
) -> None:
    """Write a model as one ONNX graph that runs without torch, checked against PyTorch.

    Needs the extra [bold]onnx[/bold]: pip install 'audio-emotion[onnx]'.

    [bold]Examples[/bold]

      audio-emotion export --out models/onnx

      audio-emotion export --model runs/base/final --out models/int8 --int8 --calibration recordings

      audio-emotion analyze call.wav --model models/onnx
    """
    from rich.markup import escape

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

    console = Terminal(stderr=True)
    try:
        if calibration is not None and not int8:
            raise AudioEmotionError("--calibration serves to choose the layers of --int8: give both, or neither.")
        if int8 and calibration is None:
            if not EXAMPLE.is_file():
                raise AudioEmotionError("--int8 needs --calibration: a recording, or a folder of recordings.")
            calibration = EXAMPLE
        from transformers.utils import logging

        from audio_emotion.registration import bundled_checkpoint
        from audio_emotion.training.onnx_export import export_onnx

        logging.disable_progress_bar()
        with console.status("Exporting") as status:
            exported = export_onnx(
                bundled_checkpoint() if model is None else model,
                out,
                calibration if int8 else None,
                lambda step: status.update(escape(step)),
            )
    except AudioEmotionError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error
    console.print(
        f"{escape(str(exported.folder))}: {exported.num_bytes / 1e6:.1f} MB; float32 graph within "
        f"{exported.largest_difference:.1g} of PyTorch",
        soft_wrap=True,
    )
    if exported.int8 is not None:
        kept = exported.int8["float32_layers"]
        console.print(
            f"{len(exported.int8['layers'])} layers in eight bits, {len(kept)} kept in float32: frame logits off by "
            f"{100 * exported.int8['relative_l2']:.1f} % (relative L2 on {escape(str(calibration))}), size "
            f"{exported.num_bytes / exported.int8['float32_bytes']:.2f} of float32",
            soft_wrap=True,
        )
