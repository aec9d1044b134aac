"""`audio-emotion calibrate`: fit a trained model's temperature anew."""

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer


class Target(str, Enum):
    """Which labels the temperature is fitted to."""

    hard = "hard"
    soft = "soft"


class Weighting(str, Enum):
    """What weighs alike."""

    clips = "clips"
    corpora = "corpora"
    median = "median"


def calibrate(
    model: Annotated[str, typer.Argument(help="Model folder or Hub repository.", show_default=False)],
    data: Annotated[
        str, typer.Option("--data", help="Prepared folder or Hub data set of the training corpora.", show_default=False)
    ],
    out: Annotated[Path, typer.Option("--out", help="Folder to write the model to.", show_default=False)],
    corpus: Annotated[
        list[str] | None,
        typer.Option("--corpus", help="Only this corpus; may be repeated.", show_default="those the model names"),
    ] = None,
    target: Annotated[
        Target, typer.Option("--target", help="Fit to each clip's most probable class, or to its soft label.")
    ] = Target.hard,
    weighting: Annotated[
        Weighting, typer.Option("--weighting", help="What weighs alike, or the median of the corpora's temperatures.")
    ] = Weighting.median,
) -> None:
    """Fit a model's temperature to the validation clips of its training corpora, and write the model.

    [bold]Examples[/bold]

      audio-emotion calibrate runs/base/final --data prepared --out runs/base/calibrated

      audio-emotion calibrate runs/base/final --data prepared --corpus ravdess --target soft --out calibrated
    """
    from rich.markup import escape
    from transformers import AutoConfig

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.training.calibration import calibrate as run
    from audio_emotion.training.recipe import CalibrationRecipe, CorpusRecipe

    console = Terminal(stderr=True)
    try:
        try:
            names = corpus or list(getattr(AutoConfig.from_pretrained(model), "corpora", []))
        except (OSError, ValueError) as error:
            raise AudioEmotionError(f"{model} cannot be loaded: {error}") from error
        if not names:
            raise AudioEmotionError(f"{model} does not name its corpora: say which with --corpus")
        corpora = [CorpusRecipe(path=data, name=name) for name in names]
        recipe = CalibrationRecipe(target=target.value, weighting=weighting.value)
        summary = run(model, corpora, out, recipe)
    except AudioEmotionError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}")
        raise typer.Exit(1) from error
    before, after = 100 * summary["calibration_error_before"], 100 * summary["calibration_error"]
    console.print(
        f"Temperature {summary['temperature']:.3f} on {summary['clips']} clips: ECE {after:.1f} %, {before:.1f} % "
        f"without. The model is in {out}",
        soft_wrap=True,
    )
