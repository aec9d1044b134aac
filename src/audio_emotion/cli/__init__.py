"""The command line: one module a command, gathered in one Typer application."""

import typer

from audio_emotion.cli.analyze import analyze
from audio_emotion.cli.average import average
from audio_emotion.cli.calibrate import calibrate
from audio_emotion.cli.convert import convert
from audio_emotion.cli.corpora import corpora
from audio_emotion.cli.demo import demo
from audio_emotion.cli.endings import CommandGroup
from audio_emotion.cli.evaluate import evaluate
from audio_emotion.cli.export import export
from audio_emotion.cli.finetune import finetune
from audio_emotion.cli.predict import predict
from audio_emotion.cli.push import push
from audio_emotion.cli.score import score
from audio_emotion.cli.train import train

app = typer.Typer(name="audio-emotion", cls=CommandGroup, no_args_is_help=True, rich_markup_mode="rich")
app.command()(analyze)
app.command()(demo)
app.command()(train)
app.command()(finetune)
app.command()(average)
app.command()(predict)
app.command()(calibrate)
app.command()(evaluate)
app.add_typer(corpora, name="corpora")
app.command()(score)
app.command()(push)
app.command()(convert)
app.command()(export)
