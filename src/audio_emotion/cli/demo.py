"""`audio-emotion demo`: the web page, on this machine."""

from typing import Annotated

import typer


def demo(
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen at; 0 takes a free one.")
    ] = 7860,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen at; 0.0.0.0 lets other machines in.")
    ] = "127.0.0.1",
    model: Annotated[
        str | None, typer.Option("--model", help="Model folder or Hub repository.", show_default="the bundled one")
    ] = None,
    max_minutes: Annotated[float, typer.Option("--max-minutes", help="Longest recording that is taken.")] = 30.0,
    max_mb: Annotated[float, typer.Option("--max-mb", help="Largest file that is taken, in MB.")] = 100.0,
    share: Annotated[
        bool, typer.Option("--share/--no-share", help="Open a public link through Gradio's servers.")
    ] = False,
) -> None:
    """Show the web page: record or upload, a timeline that plays, downloads, and live sound.

    It works without a network, answers this machine alone unless told otherwise, and deletes what was uploaded as soon
    as it is heard. Ctrl-C stops it.

    [bold]Examples[/bold]

      audio-emotion demo

      audio-emotion demo --port 8000 --model runs/base/final --max-minutes 10
    """
    from rich.markup import escape

    from audio_emotion.cli.terminal import Terminal
    from audio_emotion.demo.server import LOOPBACK_ADDRESSES, check_extra, serve
    from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

    messages = Terminal(stderr=True)
    try:
        check_extra()
        if not (max_minutes > 0 and max_mb > 0):
            raise AudioEmotionError("--max-minutes and --max-mb must be above 0.")
        if share or host not in LOOPBACK_ADDRESSES:
            who = "anyone on the internet who has the link" if share else f"every machine that reaches {host}"
            messages.print(
                f"[yellow]warning:[/yellow] {escape(who)} can use this page and send it recordings. It asks for no "
                "password, and browsers give it the microphone over https only.",
                soft_wrap=True,
                highlight=False,
            )
        from audio_emotion.demo.analysis import Limits

        with messages.status("Loading the model") as status:

            def ready(address: str) -> None:
                status.stop()
                messages.print(f"Open {escape(address)} in a browser. Ctrl-C stops it.", soft_wrap=True)

            serve(model, host, port, Limits(max_minutes, max_mb), share, ready)
    except AudioEmotionError as error:
        messages.print(f"[red]error:[/red] {escape(str(error))}", soft_wrap=True, highlight=False)
        raise typer.Exit(1) from error
