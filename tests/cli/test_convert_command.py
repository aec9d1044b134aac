"""`audio-emotion convert`."""

from pathlib import Path

import pytest
import torch
import typer
from torch import nn
from transformers import AutoModelForAudioClassification, WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder
from typer.testing import CliRunner

from audio_emotion.cli.convert import convert
from audio_emotion.modeling.labels_emotion_whisper import PUBLISHED_CLASS_PRIOR


@pytest.fixture
def app() -> typer.Typer:
    application = typer.Typer()
    application.command()(convert)
    return application


def test_writes_a_model_folder(app: typer.Typer, tmp_path: Path) -> None:
    encoder = WhisperEncoder(WhisperConfig(d_model=64, encoder_attention_heads=1, encoder_layers=1, encoder_ffn_dim=64))
    weights = {f"encoder.{name}": value for name, value in encoder.state_dict().items()}
    weights |= {f"head.{name}": value for name, value in nn.Linear(64, 8).state_dict().items()}
    torch.save({**weights, "logit_scaling": torch.tensor([PUBLISHED_CLASS_PRIOR])}, tmp_path / "release.pt")
    result = CliRunner().invoke(app, [str(tmp_path / "release.pt"), "--out", str(tmp_path / "model")])
    assert result.exit_code == 0, result.output
    assert "1 layers" in result.output
    assert {path.name for path in (tmp_path / "model").iterdir()} >= {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
    }
    assert AutoModelForAudioClassification.from_pretrained(tmp_path / "model").config.pad_to_window


def test_says_what_is_wrong_and_fails(app: typer.Typer, tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1)}, tmp_path / "other.pt")
    result = CliRunner().invoke(app, [str(tmp_path / "other.pt"), "--out", str(tmp_path / "model")])
    assert result.exit_code == 1
    assert "encoder.conv1.weight" in result.output
    assert not (tmp_path / "model").exists()
