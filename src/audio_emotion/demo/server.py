"""Serves the page: loads the model, binds the port, and leaves nothing behind."""

from __future__ import annotations

import importlib.util
import os
import signal
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

if TYPE_CHECKING:
    from audio_emotion.demo.analysis import Limits

DEFAULT_HOST = "127.0.0.1"
LOOPBACK_ADDRESSES = ("127.0.0.1", "localhost", "::1")


def check_extra() -> None:
    """Find out before any work that Gradio is there.

    Raises:
        AudioEmotionError: If not, with the command that installs it.
    """
    if importlib.util.find_spec("gradio") is None:
        raise AudioEmotionError("The web page needs Gradio, which is not installed: pip install 'audio-emotion[demo]'")


def serve(
    model: str | Path | None = None,
    host: str = DEFAULT_HOST,
    port: int | None = 7860,
    limits: Limits | None = None,
    share: bool = False,
    on_ready: Callable[[str], None] = print,
) -> None:
    """Serve the page until Ctrl-C or SIGTERM.

    Args:
        model: Model folder or Hub repo; None takes the bundled checkpoint.
        host: Address to listen at; any but the default lets other machines in.
        port: Port to listen at; 0 takes a free one.
        limits: What a recording may be.
        share: Whether to open a public link through Gradio's servers.
        on_ready: Called with the page's address once it answers.

    Raises:
        AudioEmotionError: If Gradio is absent, the model cannot be loaded, or the port is taken.
    """
    check_extra()
    from audio_emotion.demo.uploads import UploadFolder

    uploads = UploadFolder()
    uploads.use()  # before Gradio is imported, which makes its folders then
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    from starlette.middleware import Middleware

    from audio_emotion.demo.analysis import Limits, RecordingAnalyst
    from audio_emotion.demo.guard import LOOPBACK_HOSTS, Guard
    from audio_emotion.demo.page import build_page, stylesheet, theme

    limits = limits or Limits()
    analyst = RecordingAnalyst(_load(model), limits)
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # as Ctrl-C, so that the folder is removed
    is_private = host in LOOPBACK_ADDRESSES and not share
    guard = Middleware(Guard, max_bytes=limits.max_bytes, hosts=LOOPBACK_HOSTS if is_private else None)
    page = build_page(analyst, uploads, _card(model))
    try:
        try:
            _, address, public = page.queue().launch(
                server_name=host,
                server_port=port or free_port(host),
                share=share,
                max_file_size=limits.max_bytes,
                app_kwargs={"middleware": [guard], "docs_url": None, "redoc_url": None, "openapi_url": None},
                theme=theme(),
                css=stylesheet(),
                footer_links=[],
                ssr_mode=False,
                pwa=False,
                mcp_server=False,
                enable_monitoring=False,
                quiet=True,
                prevent_thread_lock=True,
            )
        except OSError as error:
            raise AudioEmotionError(
                f"The page cannot listen at {host}, port {port}: {error}. Choose another with --port, or --port 0."
            ) from error
        on_ready(public or address)
        page.block_thread()
    finally:
        page.close(verbose=False)
        uploads.remove()


def _load(model: str | Path | None) -> Any:
    from transformers.utils import logging as transformers_logging

    from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
    from audio_emotion.registration import bundled_checkpoint

    transformers_logging.disable_progress_bar()
    return AudioEmotionPipeline.from_pretrained(bundled_checkpoint() if model is None else model)


def _card(model: str | Path | None) -> str:
    """The model's own card where it is a folder that holds one, else the card that every pushed model gets."""
    from audio_emotion.demo.page import CARD_SECTIONS
    from audio_emotion.training.hub_card import TEMPLATE

    own = Path(model) / "README.md" if model is not None else None
    if own is not None and own.is_file():
        text = own.read_text(encoding="utf-8")
        if any(f"\n## {title}" in text for title in CARD_SECTIONS):
            return text
    return TEMPLATE.read_text(encoding="utf-8")


def free_port(host: str) -> int:
    """A port at which nothing listens."""
    with socket.create_server((host, 0), family=socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        return int(probe.getsockname()[1])
