"""What every test shares: no network, audio, a tiny model, and what a checkout may lack (corpora, weights)."""

import ipaddress
import logging
import os
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hub_client import HubServer

ROOT = Path(__file__).parents[1]

# Before any import of huggingface_hub or matplotlib, and inherited by the processes that tests start. The proxy address
# is one where nothing listens: whoever obeys proxies fails at once.
os.environ.update(
    HF_HUB_OFFLINE="1",
    HF_DATASETS_OFFLINE="1",
    HF_HUB_DISABLE_TELEMETRY="1",
    MPLBACKEND="Agg",
    http_proxy="http://127.0.0.1:9",
    https_proxy="http://127.0.0.1:9",
    no_proxy="localhost,127.0.0.1,::1",
)

_connect = socket.socket.connect


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _connect_to_loopback_only(self: socket.socket, address: Any) -> None:
    if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_loopback(address[0]):
        raise RuntimeError(f"the tests must not use the network, and one tried to reach {address[0]}:{address[1]}")
    _connect(self, address)


class _DeprecationsAreErrors(logging.Handler):
    """What a library deprecates in its log rather than by a warning."""

    def emit(self, record: logging.LogRecord) -> None:
        if "deprecated" in record.getMessage():
            raise DeprecationWarning(f"{record.name}: {record.getMessage()}")


def pytest_configure() -> None:
    socket.socket.connect = _connect_to_loopback_only  # type: ignore[method-assign,assignment]
    for name in ("transformers", "datasets", "huggingface_hub"):
        logging.getLogger(name).addHandler(_DeprecationsAreErrors())


@pytest.fixture(scope="session")
def shared_dir() -> Path:
    """The folder of real corpora and encoders beside the checkout; the test is skipped where it is absent."""
    folder = ROOT.parent / "shared"
    if not (folder / "corpora").is_dir():
        pytest.skip("needs ../shared (real corpora and encoders), which is not beside this checkout")
    return folder


@pytest.fixture(scope="session")
def bundled_checkpoint() -> Path:
    """The folder of the bundled checkpoint; the test is skipped while the package bundles none."""
    folder = ROOT / "src" / "audio_emotion" / "checkpoint"
    if not (folder / "model.safetensors").is_file():
        pytest.skip("needs the bundled checkpoint, and src/audio_emotion/checkpoint/ holds no model.safetensors")
    return folder


@pytest.fixture(scope="session")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HubServer]:
    """A Hub on loopback, shared by the whole run: each test uses repositories of its own."""
    with HubServer(tmp_path_factory.mktemp("hub")) as server:
        yield server
        assert server.leaks() == [], "a token went to the storage port"


@pytest.fixture
def online(hub: HubServer) -> Iterator[HubServer]:
    """The Hub with a clean record, which this process may use (see `HubServer.in_this_process`)."""
    hub.reset()
    with hub.in_this_process():
        yield hub


@pytest.fixture(scope="session")
def tiny_model_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a random emotion model (hidden 32, 2 layers) whose scores are far from equal."""
    import torch

    from audio_emotion import (
        EmotionWhisperConfig,
        EmotionWhisperFeatureExtractor,
        EmotionWhisperForAudioClassification,
    )

    torch.manual_seed(0)
    config = EmotionWhisperConfig(
        encoder_config={
            "d_model": 32,
            "encoder_layers": 2,
            "encoder_attention_heads": 2,
            "encoder_ffn_dim": 64,
            "num_mel_bins": 80,
            "max_source_positions": 1500,
        },
        pooling="attention",
        class_prior=[0.2, 0.2, 0.05, 0.1, 0.05, 0.2, 0.05, 0.15],
        temperature=1.5,
    )
    model = EmotionWhisperForAudioClassification(config)
    with torch.no_grad():
        for weights in model.head.parameters():
            weights.mul_(50)
        model.pooling.score.weight.normal_()
    folder = tmp_path_factory.mktemp("tiny_model")
    model.save_pretrained(folder)
    EmotionWhisperFeatureExtractor.from_model_config(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def tiny_onnx_dir(tiny_model_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `audio-emotion export` makes of the tiny model."""
    from audio_emotion.training.onnx_export import export_onnx

    return export_onnx(tiny_model_dir, tmp_path_factory.mktemp("tiny_onnx") / "model").folder


def speech_like(duration_s: float, sampling_rate: int = 16000, seed: int = 0) -> np.ndarray:
    """A voice of sorts, float32 `(num_samples,)`: a gliding buzz in syllables of four a second, over soft noise."""
    rng = np.random.default_rng(seed)
    time_s = np.arange(round(duration_s * sampling_rate)) / sampling_rate
    pitch = 140 + 60 * np.sin(2 * np.pi * 0.3 * time_s + seed)
    phase = 2 * np.pi * np.cumsum(pitch) / sampling_rate
    buzz = sum(np.sin(harmonic * phase) / harmonic for harmonic in (1, 2, 3, 5, 8))
    syllables = np.clip(np.sin(2 * np.pi * 4 * time_s), 0, 1) * (1 + 0.5 * np.sin(2 * np.pi * 0.1 * time_s))
    return (0.1 * buzz * syllables + 0.003 * rng.standard_normal(len(time_s))).astype(np.float32)


@pytest.fixture(scope="session")
def speech() -> Any:
    """`speech(duration_s, sampling_rate=16000, seed=0)` makes a speech-like float32 waveform."""
    return speech_like
