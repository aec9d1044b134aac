"""The command line: one module a command, gathered in one Typer application."""

import typer

app = typer.Typer(name="audio-emotion", no_args_is_help=True, rich_markup_mode="rich")
