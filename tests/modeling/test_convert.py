"""Published checkpoints: both layouts become folders that answer as a plain reading of the release does."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import nn
from transformers import AutoFeatureExtractor, AutoModelForAudioClassification, WhisperConfig, WhisperFeatureExtractor
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from audio_emotion.modeling.convert_emotion_whisper import convert, load_published_checkpoint
from audio_emotion.modeling.labels_emotion_whisper import EMOTIONS, PUBLISHED_CLASS_PRIOR

SIZE = {"d_model": 128, "encoder_attention_heads": 2, "encoder_layers": 2, "encoder_ffn_dim": 512}  # medium, an eighth
WIDTHS = [8, 16, 32, 64, 128]


class Published(nn.Module):
    """The released model as its page describes it: encoder, heads, mean over the clip's frames."""

    def __init__(self, matryoshka: bool) -> None:
        super().__init__()
        self.encoder = WhisperEncoder(WhisperConfig(**SIZE))
        if matryoshka:
            heads = {f"nesting_classifier_{index}": nn.Linear(width, 8) for index, width in enumerate(WIDTHS)}
            self.head: nn.Module = nn.ModuleDict(heads)
            self.global_head = nn.ModuleDict({"nesting_classifier_0": nn.Linear(128, 8)})
            self.last_head = heads["nesting_classifier_4"]
        else:
            self.last_head = self.head = nn.Linear(128, 8)
        self.register_buffer("logit_scaling", torch.tensor([PUBLISHED_CLASS_PRIOR]))

    def state_dict(self, *args: Any, **kwargs: Any) -> dict[str, torch.Tensor]:
        weights = super().state_dict(*args, **kwargs)
        return {name: value for name, value in weights.items() if not name.startswith("last_head.")}

    @torch.no_grad()
    def forward(self, clip: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
        features = WhisperFeatureExtractor()(clip, sampling_rate=16000, return_tensors="pt").input_features
        frame_logits = self.last_head(self.encoder(features).last_hidden_state)[0]
        return frame_logits, frame_logits[: len(clip) // 160 // 2].mean(dim=0)


@pytest.fixture(params=[False, True], ids=["first release", "newer release"])
def published(request: pytest.FixtureRequest, shuffle_weights: Callable[[nn.Module], None]) -> Published:
    torch.manual_seed(0)
    model = Published(matryoshka=request.param).eval()
    shuffle_weights(model)
    return model


@torch.no_grad()
def test_answers_as_the_release_does(published: Published, tmp_path: Path, make_clip: Any) -> None:
    torch.save(published.state_dict(), tmp_path / "release.pt")
    convert(tmp_path / "release.pt", tmp_path / "model")
    extractor = AutoFeatureExtractor.from_pretrained(tmp_path / "model")
    model = AutoModelForAudioClassification.from_pretrained(tmp_path / "model")
    assert not list((tmp_path / "model").glob("*.bin"))
    clips = [make_clip(16000 + 160), make_clip(400, 1), make_clip(480000, 2)]  # the first one: an odd number of hops
    outputs = model(**extractor(clips, sampling_rate=16000, return_tensors="pt"))
    for row, clip in enumerate(clips):
        frame_logits, logits = published(clip)
        torch.testing.assert_close(outputs.frame_logits[row], frame_logits, atol=1e-5, rtol=0)
        torch.testing.assert_close(outputs.logits[row], logits, atol=1e-5, rtol=0)
        assert outputs.frame_mask[row].sum() == model.config.num_frames(len(clip))


def test_the_config_says_what_the_release_is(published: Published, tmp_path: Path) -> None:
    torch.save(published.state_dict(), tmp_path / "release.pt")
    config = load_published_checkpoint(tmp_path / "release.pt").config
    assert config.class_prior == pytest.approx(PUBLISHED_CLASS_PRIOR)
    assert config.pad_to_window
    assert list(config.id2label.values()) == list(EMOTIONS)
    assert config.nesting_dims == (WIDTHS if "global_head" in dict(published.named_children()) else [128])
    assert {name: getattr(config.encoder_config, name) for name in SIZE} == SIZE


def test_safetensors_and_half_precision_are_read_too(published: Published, tmp_path: Path) -> None:
    weights = {name: value.half().contiguous() for name, value in published.state_dict().items()}
    save_file(weights, tmp_path / "release.safetensors")
    model = load_published_checkpoint(tmp_path / "release.safetensors")
    assert model.dtype == torch.float32
    assert torch.equal(model.model.encoder.conv1.weight, weights["encoder.conv1.weight"].float())


class _Payload:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.target),)


def test_code_in_a_pickle_never_runs(tmp_path: Path) -> None:
    torch.save({"encoder": _Payload(tmp_path / "ran")}, tmp_path / "evil.pt")
    with pytest.raises(ValueError, match="code in a pickle is never run"):
        convert(tmp_path / "evil.pt", tmp_path / "model")
    assert not (tmp_path / "ran").exists()
    assert not (tmp_path / "model").exists()


def _renamed(weights: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"module.{name}": value for name, value in weights.items()}


def _without(*names: str) -> Callable[[dict[str, torch.Tensor]], dict[str, torch.Tensor]]:
    return lambda weights: {name: value for name, value in weights.items() if not name.startswith(names)}


def _with(name: str, value: Any) -> Callable[[dict[str, torch.Tensor]], dict[str, Any]]:
    return lambda weights: {**weights, name: value}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (_renamed, "lacks 'encoder.conv1.weight'.*nesting_classifier_0"),
        (_without("head."), r"lacks 'head\.weight'"),
        (_without("logit_scaling"), "lacks 'logit_scaling'"),
        (_without("encoder.layers.1.fc2.bias"), r"Missing key.*layers\.1\.fc2\.bias"),
        (_with("classifier.weight", torch.zeros(2)), r"Unexpected key.*classifier\.weight"),
        (_with("encoder.layers.0.fc2.weight", torch.zeros(3, 3)), r"layers\.0\.fc2\.weight"),
        (_with("logit_scaling", torch.ones(1, 4)), "logit_scaling has 4 values"),
        (_with("logit_scaling", torch.ones(1, 8)), "sum to 1"),
        (_with("head.nesting_classifier_2.weight", torch.zeros(7, 32)), "classifier_2.weight has 7 rows"),
        (_with("epoch", 3), "not a state dict"),
        (lambda weights: list(weights.values()), "not a state dict"),
        (lambda weights: {}, "lacks 'encoder.conv1.weight'"),
    ],
)
def test_a_wrong_layout_is_refused(tmp_path: Path, change: Callable[[Any], Any], message: str) -> None:
    torch.save(change(Published(matryoshka=True).state_dict()), tmp_path / "release.pt")
    with pytest.raises(ValueError, match=f"(?s){message}"):
        convert(tmp_path / "release.pt", tmp_path / "model")
    assert not (tmp_path / "model").exists()


@pytest.mark.parametrize("name", ["release.pt", "release.safetensors"])
@pytest.mark.parametrize("content", [b"", b"not a checkpoint", b"PK\x03\x04 cut off"])
def test_a_broken_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ValueError, match=name):
        convert(tmp_path / name, tmp_path / "model")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="is not a file"):
        convert(tmp_path / "absent.pt", tmp_path / "model")
