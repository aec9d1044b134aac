"""A push says what it would do, pushes whole or not at all, and refuses what must not be published."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hub_client import ALICE, ALICE_READ_ONLY, HubServer
from model_folders import write_adapter
from typer.testing import CliRunner

from audio_emotion.cli import app
from audio_emotion.dataset_scripts.hub import Target
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError, HubError
from audio_emotion.training.publish import push_model, write_model_folder


def test_a_dry_run_lists_files_and_touches_no_network(bare: Path, hub: HubServer) -> None:
    hub.reset()
    finished = CliRunner().invoke(app, ["push", str(bare), "alice/dry", "--dry-run"])
    size = (bare / "model.safetensors").stat().st_size
    assert finished.exit_code == 0 and "optimizer.bin" not in finished.output
    for text in ("alice/dry", "model.safetensors", f"{size / 1000:.1f} kB", "handler.py"):
        assert text in finished.output
    assert hub.requests("GET") == hub.requests("POST") == []


def test_the_command_pushes_or_says_why_not(online: HubServer, bare: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["push", str(bare), "alice/cli", "--private", "--tag", "v1"]
    monkeypatch.setenv("HF_TOKEN", ALICE_READ_ONLY)
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 1 and "error: this token may only read" in refused.output
    monkeypatch.setenv("HF_TOKEN", ALICE)
    pushed = CliRunner().invoke(app, command)
    assert pushed.exit_code == 0 and f"Pushed: {online.url}/alice/cli/commit/" in pushed.output
    assert online.api().repo_info("alice/cli", revision="v1").private


def test_a_push_that_breaks_is_one_line(online: HubServer, bare: Path) -> None:
    online.fault("POST", "/commit/", status=500)
    with pytest.raises(HubError, match=r"answered 500 .* run the same command again") as error:
        push_model(bare, Target("alice/broken", "model"), online.api())
    assert "\n" not in str(error.value)
    assert online.api().list_repo_files("alice/broken") == [".gitattributes"]
    online.reset()
    push_model(bare, Target("alice/broken", "model"), online.api())
    assert "model.safetensors" in online.api().list_repo_files("alice/broken")
    assert online.requests("PUT", "storage") == []


def spoil_with_pickle(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def spoil_with_token(folder: Path) -> None:
    (folder / "README.md").write_text(f"---\nlicense: mit\n---\nhf auth login --token {ALICE}\n")


def spoil_with_place(folder: Path) -> None:
    (folder / "README.md").write_text(f"# Model\ntrained in {Path.home()}/runs\n")


def spoil_adapter(folder: Path) -> None:
    (folder / "adapter_config.json").write_text("{}")


def spoil_base(folder: Path) -> None:
    write_adapter(folder, base=str(folder))


def spoil_with_nan(folder: Path) -> None:
    model = EmotionWhisperForAudioClassification.from_pretrained(folder)
    torch.nn.init.constant_(model.head.nesting_classifier_2.bias, torch.nan)
    model.save_pretrained(folder)


def spoil_weights(folder: Path) -> None:
    model = EmotionWhisperForAudioClassification.from_pretrained(folder)
    torch.nn.init.normal_(model.head.nesting_classifier_2.bias)
    model.save_pretrained(folder)


def spoil_altogether(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (spoil_with_pickle, "audio-emotion convert"),
        (spoil_with_token, "README.md, line 4, holds a Hub token"),
        (spoil_with_place, "README.md, line 2, names .* a folder of this machine"),
        (spoil_adapter, "no complete adapter: it lacks adapter_model.safetensors"),
        (spoil_base, "base model is .*, which is nowhere on the Hub. Push the base first"),
        (spoil_with_nan, "weights that are NaN or infinite"),
        (spoil_weights, "results.json was measured on another model.safetensors"),
        (spoil_altogether, "is not a folder"),
    ],
)
def test_what_must_not_be_published_is_refused(
    checkpoint: Path, tmp_path: Path, spoil: Callable[[Path], None], message: str
) -> None:
    folder = tmp_path / "spoilt"
    shutil.copytree(checkpoint, folder)
    spoil(folder)
    with pytest.raises(AudioEmotionError, match=message):
        write_model_folder(folder, tmp_path / "out", "alice/spoilt")
