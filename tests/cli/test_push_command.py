"""`audio-emotion train --push-to-hub`: the token is looked at before the training, the model pushed after it."""

from pathlib import Path

import pytest
from hub_client import ALICE_READ_ONLY, HubServer
from typer.testing import CliRunner

from audio_emotion.cli import app


@pytest.fixture
def runs(monkeypatch: pytest.MonkeyPatch, tiny_model_dir: Path) -> list[str]:
    """The names of the recipes that were run; in place of training, a tiny random model is the outcome."""
    names: list[str] = []

    def train(recipe: object, resume: bool) -> Path:
        names.append(recipe.name)  # type: ignore[attr-defined]
        return tiny_model_dir

    monkeypatch.setattr("audio_emotion.training.train.train", train)
    return names


def test_a_run_ends_with_a_push(online: HubServer, runs: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    recipe = str(Path(__file__).parents[2] / "training" / "recipes" / "base.yaml")
    command = ["train", "--config", recipe, "--push-to-hub", "alice/trained"]
    finished = CliRunner().invoke(app, command)
    assert finished.exit_code == 0, finished.output
    assert f"Pushed: {online.url}/alice/trained/commit/" in finished.output and len(runs) == 1
    assert "model.safetensors" in online.api().list_repo_files("alice/trained")
    monkeypatch.setenv("HF_TOKEN", ALICE_READ_ONLY)
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 1 and "this token may only read" in refused.output and len(runs) == 1
