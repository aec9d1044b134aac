"""How commands end that do not finish: one line, an exit code, and time to clean up."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from audio_emotion.cli import app as whole_app
from audio_emotion.cli.endings import CommandGroup

PROGRAM = """
import os, signal, sys, time, typer
from audio_emotion.cli.endings import CommandGroup
signal.signal(signal.SIGINT, signal.default_int_handler)  # a background job of a shell ignores it
app = typer.Typer(cls=CommandGroup)

@app.command()
def wait(fork: bool = False):
    try:
        child = fork and os.fork() == 0
        if child or not fork:
            print(os.getppid() if child else os.getpid(), flush=True)
        time.sleep(60)
    finally:
        print("cleaned up", flush=True)

@app.command()
def decode():
    import io, numpy, soundfile
    flac = io.BytesIO()
    soundfile.write(flac, numpy.random.default_rng(0).standard_normal(16_000), 16_000, format="FLAC")

    class Signals(io.BytesIO):  # to this process, while libsndfile asks for bytes
        asked = 0
        def readinto(self, buffer):
            self.asked += 1
            if self.asked == 2:
                os.kill(os.getpid(), signal.SIGTERM)
            return super().readinto(buffer)

    print(len(soundfile.read(Signals(flac.getvalue()))[0]), flush=True)
    time.sleep(60)

app()
"""


def ended_by(number: signal.Signals, *arguments: str) -> tuple[int, str, str]:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, "wait", *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    pid = int(process.stdout.readline())
    if arguments:
        os.kill(int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]), number)
    process.send_signal(number)
    out, messages = process.communicate(timeout=60)
    return process.returncode, out, messages


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_a_signal_leaves_time_to_clean_up(number: signal.Signals, code: int) -> None:
    assert ended_by(number) == (code, "cleaned up\n", "Interrupted.\n")


def test_a_signal_during_a_decoders_read_is_not_lost() -> None:
    command = [sys.executable, "-c", PROGRAM, "decode"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=50, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (143, "16000\n", "Interrupted.\n")


@pytest.mark.skipif(not Path("/proc").is_dir(), reason="finds the fork in /proc")
def test_a_fork_ends_without_the_cleaning_of_its_parent() -> None:
    assert ended_by(signal.SIGTERM, "--fork") == (143, "cleaned up\n", "Interrupted.\n")


def failing(error: BaseException) -> typer.Typer:
    app = typer.Typer(cls=CommandGroup)

    @app.command()
    def fail() -> None:
        raise error

    @app.command()
    def other() -> None: ...

    return app


def test_a_full_disk_is_one_line() -> None:
    error = OSError(errno.ENOSPC, "No space left on device", "/results/a.csv")
    result = CliRunner().invoke(failing(error), ["fail"])
    assert result.exit_code == 1
    assert result.stderr == (
        "error: /results/a.csv: No space left on device. Mend that, and run the same command again.\n"
    )


@pytest.mark.parametrize(
    "error", [OSError(errno.ECHILD, "no child"), OSError("of no kind"), KeyError("a fault of ours")]
)
def test_what_is_not_of_the_disk_is_not_hidden(error: Exception) -> None:
    assert CliRunner().invoke(failing(error), ["fail"]).exception is error


def test_other_exit_codes_stay_and_the_handler_goes() -> None:
    before = signal.getsignal(signal.SIGTERM)
    assert CliRunner().invoke(failing(typer.Exit(7)), ["fail"]).exit_code == 7
    assert CliRunner().invoke(whole_app, ["corpora", "list", "--wrong"]).exit_code == 2
    assert signal.getsignal(signal.SIGTERM) is before
