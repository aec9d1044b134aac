"""`import audio_emotion` costs next to nothing: what it may not drag in. For seconds, see benchmarks/import_time.py."""

import json
import subprocess
import sys

import pytest

HEAVY = {
    "torch",
    "datasets",
    "matplotlib",
    "accelerate",
    "peft",
    "evaluate",
    "scipy",
    "soundfile",
    "rich",
    "numpy",
    "ray",
    "pyarrow",
    "fsspec",
}


def modules_after(code: str) -> set[str]:
    """The modules that a fresh process has imported after running `code`."""
    program = f"{code}\nimport json, sys\nprint(json.dumps(list(sys.modules)))"
    output = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    return set(json.loads(output.splitlines()[-1]))


def test_importing_the_package_imports_nothing_heavy() -> None:
    modules = modules_after("import audio_emotion")
    assert "audio_emotion.registration" in modules
    assert not HEAVY & modules
    assert not {name for name in modules if name.startswith("transformers.pipelines")}


def test_importing_the_package_adds_only_itself_to_transformers() -> None:
    added = modules_after("import transformers, audio_emotion") - modules_after("import transformers")
    assert "audio_emotion" in added
    third_party = {name.partition(".")[0] for name in added} - sys.stdlib_module_names - {"audio_emotion"}
    assert third_party <= {"transformers"}
    assert {name for name in added if name.startswith("transformers")} <= {"transformers.models.emotion_whisper"}


@pytest.mark.parametrize("command", ["--help", "analyze --help", "score --help"])
def test_the_help_of_the_command_line_imports_nothing_heavy(command: str) -> None:
    code = f"""
import sys
from audio_emotion.cli import app
sys.argv = ["audio-emotion", *{command.split()!r}]
try:
    app()
except SystemExit as end:
    assert end.code == 0, end.code
"""
    assert not (HEAVY - {"rich", "numpy"}) & modules_after(code)
