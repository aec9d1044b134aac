"""The page: what is on it, and what its events do. The browser's part lies in `static/`."""

from __future__ import annotations

import base64
import logging
import queue
import re
import threading
from collections.abc import Iterator
from concurrent.futures import CancelledError, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import gradio as gr

from audio_emotion.demo.analysis import RecordingAnalyst
from audio_emotion.demo.live import LiveEar
from audio_emotion.demo.uploads import MAX_AGE_S, UploadFolder
from audio_emotion.pipeline.colors_audio_emotion import label_colors
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

HERE = Path(__file__).parent
EXAMPLE = HERE / "examples" / "emotion_shifts.flac"
NUM_AT_ONCE = 2
"""Recordings heard at the same time; others wait their turn, so that a long one does not hold up a short one."""
LIVE_STATE_S = 3600
CARD_SECTIONS = ("What it hears, and what it does not", "Intended use and limits", "Limits and ethics")
FAILURE = "Something went wrong on the server, and its log says what. Other recordings are not affected."

logger = logging.getLogger(__name__)
Answer = dict[str, Any]


def build_page(analyst: RecordingAnalyst, uploads: UploadFolder, card: str) -> gr.Blocks:
    """The page, not yet served.

    Args:
        analyst: Hears recordings; its pipeline hears live sound too.
        uploads: Where Gradio puts uploads.
        card: Markdown of a model card; its sections on use and limits are shown.

    Returns:
        The Gradio application.
    """
    events = PageEvents(analyst, uploads)
    queued: dict[str, Any] = {"show_progress": "hidden", "api_visibility": "private"}
    hearing = queued | {"concurrency_id": "hear", "concurrency_limit": NUM_AT_ONCE}
    with gr.Blocks(title="Emotion in speech", analytics_enabled=False, delete_cache=(60, MAX_AGE_S)) as page:
        gr.HTML(html_template=_static("header.html"), js_on_load=None, apply_default_css=False, elem_id="ae-header")
        with gr.Tabs(elem_id="ae-tabs"):
            with gr.Tab("Recording"):
                recording = _component("recording", ("microphone", "timeline", "report", "recording"), analyst)
            with gr.Tab("Live"):
                live = _component("live", ("microphone", "timeline", "live"), analyst)
        gr.Markdown(card_sections(card), elem_id="ae-card")
        ear = gr.State(None, time_to_live=LIVE_STATE_S)
        recording.hear(events.hear_upload, None, recording, **hearing)
        recording.example(events.hear_example, None, recording, **hearing)
        live.block(events.hear_block, ear, [live, ear], trigger_mode="multiple", **queued)
    return page  # type: ignore[no-any-return]  # gradio's Blocks.__enter__ is typed as Any


class PageEvents:
    """What the page asks of the server. A fault of the sound is an answer, `{"error": message}`, for its sender alone.

    Args:
        analyst: Hears recordings.
        uploads: Where Gradio puts uploads.
    """

    def __init__(self, analyst: RecordingAnalyst, uploads: UploadFolder) -> None:
        self.analyst = analyst
        self.uploads = uploads

    def hear_upload(self, event: gr.EventData) -> Iterator[Answer]:
        """Answers to an upload `{"path", "name", "turn"}`: how far it is, then the report."""
        sent = _sent(event)
        turn = sent.get("turn")
        try:
            audio = self.uploads.take(sent.get("path"), self.analyst.limits.max_bytes)
        except AudioEmotionError as error:
            yield {"error": str(error), "turn": turn}
            return
        for answer in self._hear(audio, str(sent.get("name") or "recording")):
            yield answer | {"turn": turn}

    def hear_example(self, event: gr.EventData) -> Iterator[Answer]:
        """Answers to a wish `{"turn"}` for the bundled recording, which the report brings along for playing."""
        turn = _sent(event).get("turn")
        audio = EXAMPLE.read_bytes()
        for answer in self._hear(audio, EXAMPLE.name):
            if "chunks" in answer:
                answer["audio"] = base64.b64encode(audio).decode("ascii")
            yield answer | {"turn": turn}

    def hear_block(self, event: gr.EventData, ear: LiveEar | None) -> tuple[Answer, LiveEar | None]:
        """Answer to a block of live sound `{"pcm", "rate", "turn", "is_first", "is_last"}`, and the session's ear."""
        sent = _sent(event)
        turn = sent.get("turn")
        try:
            if ear is None or sent.get("is_first"):
                ear = LiveEar(self.analyst.pipe, sent.get("rate"))
            answer = ear.hear(sent.get("pcm"), bool(sent.get("is_last")))
        except AudioEmotionError as error:
            return {"error": str(error), "turn": turn}, None
        except Exception:
            logger.exception("a block of live sound could not be heard")
            return {"error": FAILURE, "turn": turn}, None
        return answer | {"turn": turn}, None if sent.get("is_last") else ear

    def _hear(self, audio: bytes, name: str) -> Iterator[Answer]:
        """Hear in a second thread, so that progress is answered meanwhile; a page that was closed stops it."""
        fractions: queue.SimpleQueue[float | None] = queue.SimpleQueue()
        is_closed = threading.Event()

        def advance(fraction: float) -> None:
            if is_closed.is_set():
                raise CancelledError
            fractions.put(fraction)

        with ThreadPoolExecutor(1) as thread:
            report = thread.submit(self.analyst.analyse, audio, name, advance)
            report.add_done_callback(lambda _: fractions.put(None))
            try:
                yield {"progress": 0.0}
                while (fraction := fractions.get()) is not None:
                    yield {"progress": fraction}
                yield report.result()
            except AudioEmotionError as error:
                yield {"error": str(error)}
            except Exception:
                logger.exception("a recording could not be heard")
                yield {"error": FAILURE}
            finally:
                is_closed.set()


def card_sections(card: str) -> str:
    """The sections of a model card that say what the model is for and what not; pictures, which may lie elsewhere, go.

    Raises:
        AudioEmotionError: If the card has no such section.
    """
    sections = re.findall(r"^## (.+?)\n(.*?)(?=^## |\Z)", card, re.MULTILINE | re.DOTALL)
    chosen = [f"## {title.strip()}\n\n{text.strip()}" for title, text in sections if title.strip() in CARD_SECTIONS]
    if not chosen:
        raise AudioEmotionError(f"The model card has none of the sections {', '.join(CARD_SECTIONS)}.")
    return re.sub(r"!\[[^\]]*\](\([^)]*\)|\[[^\]]*\])|<img[^>]*>", "", "\n\n".join(chosen))


def theme() -> gr.themes.Base:
    """Gradio's plainest theme with the system's fonts: nothing is fetched to show the page."""
    return gr.themes.Base(
        font=["system-ui", "-apple-system", "Segoe UI", "Roboto", "Helvetica Neue", "Arial", "sans-serif"],
        font_mono=["ui-monospace", "SFMono-Regular", "Menlo", "Consolas", "monospace"],
    )


def stylesheet() -> str:
    """The page's CSS."""
    return _static("page.css") + _static("report.css")


def _sent(event: gr.EventData) -> dict[str, Any]:
    """What came with an event; anyone may send anything."""
    return event._data if isinstance(event._data, dict) else {}


def _static(name: str) -> str:
    return (HERE / "static" / name).read_text(encoding="utf-8")


def _component(name: str, scripts: tuple[str, ...], analyst: RecordingAnalyst) -> Any:
    """An empty element that its scripts fill; each answer of the server arrives there as its value."""
    config: Any = analyst.pipe.model.config
    labels = [config.id2label[index] for index in range(config.num_labels)]
    look = {
        "labels": labels,
        "colors": label_colors(labels),
        "stacked": config.problem == "distribution",
        "max_mb": analyst.limits.max_mb,
        "max_minutes": analyst.limits.max_minutes,
    }
    return gr.HTML(
        html_template="",
        js_on_load="\n".join(_static(f"{script}.js") for script in scripts),
        apply_default_css=False,
        elem_id=f"ae-{name}",
        look=look,
    )
