"""The example recording is what it says, and the scripts and the README's code run as they stand."""

import csv
import itertools
import re
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import typer

from audio_emotion.cli import app
from audio_emotion.modeling.labels_emotion_whisper import EMOTIONS

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
RECORDING = EXAMPLES / "emotion_shifts.flac"
SCRIPTS = ["analyze_file.py", "stream_files.py", "frame_scores.py", "live.py"]
WITH_A_MODEL = ["onnx_without_torch.py"]  # needs an exported folder: run in tests/pipeline/test_onnx_backend.py
DOCUMENTS = [
    "README.md",
    "model_card.md",
    "CONTRIBUTING.md",
    *(f"docs/{path.name}" for path in (ROOT / "docs").glob("*.md")),
]


def code_blocks(document: str, language: str) -> list[str]:
    """The fenced blocks of a language in a Markdown file."""
    return re.findall(
        rf"^```{language}\n(.*?)^```", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL
    )


def run_script(path: Path, *arguments: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [str(path), *arguments])
    runpy.run_path(str(path), run_name="__main__")


def test_the_table_of_shifts_tiles_the_recording() -> None:
    info = sf.info(RECORDING)
    assert (info.samplerate, info.channels) == (16_000, 1)
    with (EXAMPLES / "emotion_shifts.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    starts, ends = [float(row["start"]) for row in rows], [float(row["end"]) for row in rows]
    assert starts == [0.0, *ends[:-1]]
    assert ends[-1] == pytest.approx(info.duration)
    emotions = [row["emotion"] for row in rows]
    assert set(emotions) <= set(EMOTIONS)
    assert all(before != after for before, after in itertools.pairwise(emotions))


def test_the_readme_of_the_examples_names_the_shifts() -> None:
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    for line in (EXAMPLES / "emotion_shifts.csv").read_text(encoding="utf-8").splitlines()[1:]:
        assert f"| {' | '.join(line.split(','))} |" in readme


def test_the_recording_can_be_made_again(shared_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_script(
        EXAMPLES / "make_recording.py", str(shared_dir / "corpora" / "ravdess"), str(tmp_path), monkeypatch=monkeypatch
    )
    np.testing.assert_allclose(sf.read(tmp_path / RECORDING.name)[0], sf.read(RECORDING)[0], atol=1e-4)
    table = "emotion_shifts.csv"
    assert (tmp_path / table).read_text() == (EXAMPLES / table).read_text()


def test_every_script_is_short_and_listed() -> None:
    assert {path.name for path in EXAMPLES.glob("*.py")} == {*SCRIPTS, *WITH_A_MODEL, "make_recording.py"}
    for script in [*SCRIPTS, *WITH_A_MODEL]:
        assert len((EXAMPLES / script).read_text(encoding="utf-8").splitlines()) <= 40


@pytest.mark.usefixtures("bundled_checkpoint")
@pytest.mark.parametrize("script", SCRIPTS)
def test_scripts_run(script: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    run_script(EXAMPLES / script, monkeypatch=monkeypatch)
    printed = capsys.readouterr().out
    assert any(emotion in printed for emotion in EMOTIONS)


@pytest.mark.usefixtures("bundled_checkpoint")
def test_live_hears_raw_pcm_from_a_pipe() -> None:
    pcm = (sf.read(RECORDING)[0][:32_001] * 32767).astype("<i2").tobytes() + b"\0"  # the last sample is cut in half
    output = subprocess.run([sys.executable, EXAMPLES / "live.py", "-"], input=pcm, check=True, stdout=subprocess.PIPE)
    lines = output.stdout.decode().splitlines()
    assert [line.split()[0] for line in lines] == ["0.00", "0.40", "0.80", "1.20", "1.60"]


@pytest.mark.usefixtures("bundled_checkpoint")
@pytest.mark.parametrize("document", ["README.md", "model_card.md", "docs/live.md"])
def test_python_blocks_run(document: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    blocks = code_blocks(document, "python")
    assert blocks
    exec(compile("\n".join(blocks), document, "exec"), {})


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_commands_that_documents_name_exist(document: str) -> None:
    """Each `audio-emotion` line of a shell block names a command and options that the command line has."""
    root = typer.main.get_command(app)
    for line in "\n".join(code_blocks(document, "bash")).splitlines():
        words = line.partition("#")[0].split()
        if words[:1] != ["audio-emotion"]:
            continue
        command = root
        for word in words[1:]:
            if isinstance(command, typer.core.TyperGroup) and not word.startswith("-"):
                assert word in command.commands, f"{document}: no command {word!r} in {line!r}"
                command = command.commands[word]
        known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
        unknown = {word for word in words if word.startswith("--")} - known
        assert not unknown, f"{document}: {line!r} has options that do not exist: {unknown}"


@pytest.mark.parametrize("document", DOCUMENTS)
def test_the_make_targets_that_documents_name_exist(document: str) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    named = re.findall(r"(?:^|`)make ([a-z-]+)", (ROOT / document).read_text(encoding="utf-8"), re.MULTILINE)
    assert set(named) <= targets


def test_links_between_documents_lead_somewhere() -> None:
    documents = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), EXAMPLES / "README.md"]
    for document in documents:
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text(encoding="utf-8")):
            assert (document.parent / target).exists(), f"{document.name} links to {target}"
