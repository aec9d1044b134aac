"""`audio-emotion push`: a trained model on the Hub."""

from pathlib import Path
from typing import Annotated

import typer


def push(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="The model folder that training wrote.", show_default=False)
    ],
    repo_id: Annotated[str, typer.Argument(metavar="REPO_ID", help="namespace/name on the Hub.", show_default=False)],
    private: Annotated[bool, typer.Option("--private", help="Make the repository private.")] = False,
    revision: Annotated[
        str | None, typer.Option("--revision", help="Branch to push to; made if need be.", show_default="main")
    ] = None,
    tag: Annotated[
        str | None, typer.Option("--tag", help="Tag for the commit, such as v1.0.", show_default=False)
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="List what would be pushed; use no network.")] = False,
) -> None:
    """Push a model to the Hub in one commit: weights, configs, code, card, endpoint handler.

    The token is that of `hf auth login` or HF_TOKEN. A push that fails leaves the repository as it was.

    [bold]Examples[/bold]

      audio-emotion push runs/base/final my-name/emotion --dry-run

      audio-emotion push runs/base/final my-name/emotion --private --tag v1.0
    """
    import tempfile

    from rich.markup import escape

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.cli.uploads import print_files
    from audio_emotion.dataset_scripts.hub import Target
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
    from audio_emotion.training.publish import list_files, push_model, write_model_folder

    console = Terminal(stderr=True)
    try:
        if dry_run:
            with tempfile.TemporaryDirectory() as staging:
                write_model_folder(folder, Path(staging), repo_id)
                print_files(list_files(Path(staging)), repo_id)
            return
        url = push_model(folder, Target(repo_id, "model", private, revision, tag))
    except AudioEmotionError as error:
        console.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True)
        raise typer.Exit(1) from error
    console.print(f"Pushed: {url}", soft_wrap=True)
