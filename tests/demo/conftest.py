"""A page served by the command itself in a process of its own, and a real browser that looks at it."""

import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from demo_server import PROGRAM, served

BROWSER = os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("chromium-browser")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]
FLAGS += ["--disable-sync", "--no-first-run", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"]
WAIT_MS = 60_000


@pytest.fixture(scope="session")
def server(tiny_model_dir: Path) -> Iterator[dict[str, Any]]:
    """The page with a tiny model; takes at most 0.1 minutes and 1 MB."""
    pytest.importorskip("gradio", reason="needs the extra: pip install 'audio-emotion[demo]'")
    options = ["--port", "0", "--model", str(tiny_model_dir), "--max-minutes", "0.1", "--max-mb", "1"]
    with served(*PROGRAM, "demo", *options) as page:
        yield page
        assert "could not be heard" not in page["log"].read_text(), "a fault of ours, not of what was sent"


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory, speech: Any) -> Iterator[Any]:
    """A headless Chromium whose microphone hears a voice of sorts."""
    playwright = pytest.importorskip("playwright.sync_api", reason="needs playwright, of the dev extra")
    if BROWSER is None:
        pytest.skip("needs a browser: apt-get install chromium, or its path in CHROMIUM")
    voice = tmp_path_factory.mktemp("microphone") / "voice.wav"
    soundfile.write(voice, speech(10.0), 48_000)
    with playwright.sync_playwright() as runner:
        flags = [*FLAGS, f"--use-file-for-fake-audio-capture={voice}"]
        browser = runner.chromium.launch(executable_path=BROWSER, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Any, server: dict[str, Any]) -> Iterator[Callable[..., Any]]:
    """`open_page(**context)` opens the page as a new visitor; at the end, none had an error or asked another host."""
    visitors = []
    faults: list[str] = []

    def visit(address: str = server["address"], **context: Any) -> Any:
        visitor = chromium.new_context(accept_downloads=True, permissions=["microphone"], **context)
        visitors.append(visitor)
        page = visitor.new_page()
        page.set_default_timeout(WAIT_MS)
        page.on("console", lambda message: message.type == "error" and faults.append(message.text))
        page.on("pageerror", lambda error: faults.append(str(error)))
        local = (address, "blob:", "data:")
        page.on("request", lambda request: request.url.startswith(local) or faults.append(f"outside: {request.url}"))
        page.goto(address)
        page.wait_for_selector(".ae-drop")
        return page

    yield visit
    for visitor in visitors:
        visitor.close()
    assert not faults


@pytest.fixture(scope="session")
def voice_file(tmp_path_factory: pytest.TempPathFactory, speech: Any) -> Callable[..., Path]:
    """`voice_file(name, duration_s, seed)` writes a recording, its format by its name."""

    def write(name: str, duration_s: float, seed: int = 0, sampling_rate: int = 16_000) -> Path:
        path = tmp_path_factory.mktemp("voices") / name
        soundfile.write(path, np.asarray(speech(duration_s, sampling_rate, seed)), sampling_rate)
        return path

    return write
