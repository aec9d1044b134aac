"""The guard in conftest: the default suite cannot reach beyond the loopback interface. And nothing reports anywhere."""

import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest

REPORTS = ("CI", "ORT_DISABLE_TELEMETRY", "ORT_RUNNING_UNIT_TESTS")
"""Each of these silences onnxruntime, whose uploader leaves an identifier on the disk before it sends anything."""


def test_a_connection_to_the_outside_is_refused() -> None:
    with socket.socket() as client, pytest.raises(RuntimeError, match="must not use the network"):
        client.connect(("192.0.2.1", 80))


def test_a_client_that_obeys_proxies_fails_at_once() -> None:
    with pytest.raises(urllib.error.URLError):
        urllib.request.urlopen("http://example.org", timeout=5)


def test_loopback_stays_open() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as server,
        socket.create_connection(server.getsockname(), timeout=5) as client,
    ):
        assert client.getpeername() == server.getsockname()


def test_the_hub_clients_are_offline() -> None:
    assert os.environ["HF_HUB_OFFLINE"] == os.environ["HF_DATASETS_OFFLINE"] == "1"


def left_behind(code: str, folder: Path) -> list[Path]:
    """The files that a process of its own leaves in its home and among temporary files."""
    home, temporary = folder / "home", folder / "temporary"
    home.mkdir()
    temporary.mkdir()
    environment = {name: value for name, value in os.environ.items() if name not in REPORTS}
    environment |= {"HOME": str(home), "TMPDIR": str(temporary), "MPLCONFIGDIR": str(folder)}
    subprocess.run([sys.executable, "-c", code], env=environment, check=True, timeout=120)
    return [path for path in (*home.rglob("*"), *temporary.rglob("*")) if path.is_file()]


def test_onnxruntime_is_loaded_when_it_is_needed() -> None:
    code = "import sys\nfrom audio_emotion import AudioEmotionPipeline\nassert 'onnxruntime' not in sys.modules"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


@pytest.mark.parametrize(
    "load",
    [
        "from audio_emotion.modeling.onnx_emotion_whisper import load_onnxruntime\nload_onnxruntime()",
        "from audio_emotion.pipeline.activity_audio_emotion import _silero\n_silero()",
    ],
)
def test_onnxruntime_reports_nothing(load: str, tmp_path: Path) -> None:
    pytest.importorskip("silero_vad")
    assert left_behind(load, tmp_path) == []
