"""`audio-emotion train`: run a recipe."""

from pathlib import Path
from typing import Annotated

import typer


def train(
    config: Annotated[Path, typer.Option("--config", help="The recipe, a YAML file.", show_default=False)],
    override: Annotated[
        list[str] | None, typer.Option("--set", help="Override one value, as section.key=value; may be repeated.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue from the newest checkpoint of the run.")] = False,
    push_to_hub: Annotated[
        str | None,
        typer.Option("--push-to-hub", metavar="REPO_ID", help="Push the finished model there.", show_default=False),
    ] = None,
) -> None:
    """Train a model from a recipe and write it to the recipe's output_dir.

    [bold]Examples[/bold]

      audio-emotion train --config training/recipes/base.yaml

      audio-emotion train --config training/recipes/base.yaml --set loop.epochs=1 --resume
    """
    from rich.markup import escape

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.dataset_scripts.hub import Target, check_access
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.training.processes import join_processes
    from audio_emotion.training.publish import push_model
    from audio_emotion.training.recipe import load_recipe
    from audio_emotion.training.train import train as run

    console = Terminal(stderr=True)
    target = Target(push_to_hub, "model") if push_to_hub else None
    try:
        recipe = load_recipe(config, override)
        if target is not None:
            check_access(target)
        folder = run(recipe, resume=resume)
        if join_processes().is_main_process:
            console.print(f"The model is in {folder}")
            if target is not None:
                console.print(f"Pushed: {push_model(folder, target)}", soft_wrap=True)
    except AudioEmotionError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}")
        raise typer.Exit(1) from error
    except KeyboardInterrupt:
        console.print("Stopped. Run the same command with --resume to go on from the last checkpoint.")
        raise typer.Exit(130) from None
