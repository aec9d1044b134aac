"""The files of a Space: they name what exists, and the app starts."""

import runpy
from pathlib import Path
from typing import Any

import pytest
import yaml
from demo_server import request, served

from audio_emotion import __version__
from audio_emotion.demo import server as demo_server

SPACE = Path(__file__).parents[2] / "examples" / "space"


def test_the_front_matter_is_that_of_a_space() -> None:
    front = yaml.safe_load((SPACE / "README.md").read_text(encoding="utf-8").split("---")[1])
    assert front["sdk"] == "gradio" and (SPACE / front["app_file"]).is_file()
    assert len(front["short_description"]) <= 60
    assert front["license"] == "cc-by-nc-sa-4.0"  # the bundled checkpoint's


def test_the_requirement_is_this_version() -> None:
    (line,) = (SPACE / "requirements.txt").read_text(encoding="utf-8").splitlines()
    assert line.startswith("audio-emotion[demo] @ https://") and f"-{__version__}-" in line


def test_the_app_serves_all_addresses_with_its_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(demo_server, "serve", lambda **options: calls.append(options))
    monkeypatch.setenv("MODEL", "org/name")
    runpy.run_path(str(SPACE / "app.py"))
    assert calls[0]["host"] == "0.0.0.0" and calls[0]["port"] == 7860 and calls[0]["model"] == "org/name"
    assert calls[0]["limits"].max_minutes == 10


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_app_starts(tiny_model_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("gradio")
    import sys

    port = demo_server.free_port("127.0.0.1")
    monkeypatch.setenv("MODEL", str(tiny_model_dir))
    monkeypatch.setenv("PORT", str(port))
    with served(sys.executable, "-u", str(SPACE / "app.py")) as space:
        local = space | {"address": f"http://127.0.0.1:{port}"}
        status, _, body = request(local, "/")
        assert status == 200 and b"Emotion in speech" in body
