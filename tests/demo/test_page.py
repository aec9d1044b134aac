"""The page in a real browser: upload, result, playing, downloads, faults, two users at once, live sound."""

import csv
import io
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from demo_server import PROGRAM, served
from PIL import Image

from audio_emotion import AudioEmotionPipeline
from audio_emotion.pipeline.export_audio_emotion import WRITERS

pytestmark = pytest.mark.timeout(600)  # seconds on a free machine, minutes on a crowded one
Visit = Callable[..., Any]
POSITION = "Position in the recording"


@pytest.fixture(scope="module")
def pipe(tiny_model_dir: Path) -> AudioEmotionPipeline:
    return AudioEmotionPipeline.from_pretrained(tiny_model_dir)


def hear(page: Any, path: Path) -> None:
    page.set_input_files("#ae-file", path)
    page.wait_for_selector(f".ae-report h2:text-is('{path.name}')")


def uploads_left(server: dict[str, Any]) -> list[Path]:
    return [path for path in server["temporary"].glob("audio-emotion-demo-*/**/*") if path.is_file()]


def saved(page: Any, label: str) -> bytes:
    with page.expect_download() as download:
        page.get_by_role("button", name=label, exact=True).click()
    return Path(download.value.path()).read_bytes()


def test_a_recording_is_heard_shown_and_deleted(
    open_page: Visit, server: dict[str, Any], voice_file: Any, pipe: AudioEmotionPipeline
) -> None:
    path = voice_file("call.flac", 3.0)
    expected = pipe(str(path), return_timestamps=True)
    page = open_page()
    hear(page, path)
    strongest = expected["scores"][0]
    assert f"{strongest['label']} {round(100 * strongest['score'])} %" in page.inner_text(".ae-title p")
    rows = page.locator(".ae-chunks tbody tr").all_inner_texts()
    assert len(rows) == len(expected["chunks"])
    assert all(chunk["label"] in row for chunk, row in zip(expected["chunks"], rows, strict=True))
    shares = [int(text.split()[0]) for text in page.locator(".ae-shares .ae-number").all_inner_texts()]
    assert shares == sorted(shares, reverse=True) and 97 <= sum(shares) <= 103
    assert page.locator(".ae-bands path[d^='M']").count() >= len(pipe.model.config.id2label)
    assert uploads_left(server) == []


def test_playing_moves_the_playhead_and_a_click_seeks(open_page: Visit, voice_file: Any) -> None:
    page = open_page()
    hear(page, voice_file("call.wav", 4.0))
    stage = page.get_by_label(POSITION)
    box = stage.bounding_box()
    stage.click(position={"x": box["width"] / 2, "y": box["height"] / 3})
    assert float(stage.get_attribute("aria-valuenow")) == pytest.approx(2.0, abs=0.05)
    assert page.evaluate("document.querySelector('audio').currentTime") == pytest.approx(2.0, abs=0.05)
    stage.press("ArrowRight")
    assert float(stage.get_attribute("aria-valuenow")) == pytest.approx(3.0, abs=0.05)
    stage.press("Home")
    page.get_by_role("button", name="Play").click()
    page.wait_for_function(
        f"+document.querySelector('[aria-label=\"{POSITION}\"]').getAttribute('aria-valuenow') > 0.3"
    )
    page.get_by_role("button", name="Pause").click()


def test_downloads_hold_what_the_package_writes(open_page: Visit, voice_file: Any, pipe: AudioEmotionPipeline) -> None:
    path = voice_file("call.wav", 2.0, seed=3)
    page = open_page()
    hear(page, path)
    assert page.locator(".ae-downloads button").count() == len(WRITERS) + 1
    (entry,) = json.loads(saved(page, "JSON"))
    expected = pipe(str(path), return_timestamps=True)["chunks"]
    assert entry["file"] == "call.wav"
    assert [chunk["label"] for chunk in entry["chunks"]] == [chunk["label"] for chunk in expected]
    assert entry["chunks"][0]["score"] == pytest.approx(expected[0]["score"], abs=1e-5)
    rows = list(csv.DictReader(io.StringIO(saved(page, "CSV").decode())))
    assert [row["label"] for row in rows] == [chunk["label"] for chunk in expected]
    assert saved(page, "TextGrid").startswith(b'File type = "ooTextFile"')
    assert Image.open(io.BytesIO(saved(page, "PNG"))).width > 600


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("notes.wav", b"these are no samples" * 50, "notes.wav cannot be read as audio"),
        ("page.html", b"<script>window.stolen = 1</script>", "page.html cannot be read as audio"),
        ("empty.wav", b"", "empty.wav is empty"),
        ("large.wav", b"\0" * 1_200_000, "up to 1 MB"),
    ],
)
def test_a_file_that_cannot_be_heard_is_refused_by_name(
    open_page: Visit, server: dict[str, Any], name: str, content: bytes, message: str
) -> None:
    page = open_page()
    page.set_input_files("#ae-file", {"name": name, "mimeType": "audio/wav", "buffer": content})
    page.wait_for_selector(f".ae-problem:visible:has-text('{message}')")
    assert not page.get_by_role("button", name="Hear the example").is_disabled()
    assert page.evaluate("window.stolen") is None
    assert uploads_left(server) == []


@pytest.mark.parametrize(("duration_s", "message"), [(7.0, "longer than 0.1 minutes"), (0.01, "at least 25 ms")])
def test_too_long_or_too_short(
    open_page: Visit, server: dict[str, Any], voice_file: Any, duration_s: float, message: str
) -> None:
    page = open_page()
    page.set_input_files("#ae-file", voice_file("clip.flac", duration_s))
    page.wait_for_selector(f".ae-problem:visible:has-text('{message}')")
    page.set_input_files("#ae-file", voice_file("clip.flac", duration_s))  # the same fault again is told again
    page.wait_for_selector(f".ae-problem:visible:has-text('{message}')")
    assert uploads_left(server) == []


def test_two_users_at_once_each_get_their_own(open_page: Visit, voice_file: Any, pipe: AudioEmotionPipeline) -> None:
    paths = [voice_file(f"user{number}.wav", 2.0 + number, seed=number) for number in range(2)]
    pages = [open_page() for _ in paths]
    bad = open_page()
    bad.set_input_files("#ae-file", {"name": "bad.wav", "mimeType": "audio/wav", "buffer": b"RIFF no"})
    for page, path in zip(pages, paths, strict=True):
        page.set_input_files("#ae-file", path)
    for page, path in zip(pages, paths, strict=True):
        page.wait_for_selector(f".ae-report h2:text-is('{path.name}')")
        strongest = pipe(str(path))[0]
        assert f"{strongest['label']} {round(100 * strongest['score'])} %" in page.inner_text(".ae-title p")
    bad.wait_for_selector(".ae-problem:visible:has-text('bad.wav cannot be read')")


def test_two_users_with_the_same_recording(open_page: Visit, voice_file: Any) -> None:
    path = voice_file("same.wav", 3.0, seed=5)
    pages = [open_page() for _ in range(3)]
    for page in pages:
        page.set_input_files("#ae-file", path)
    for page in pages:
        page.wait_for_selector(".ae-problem:visible, .ae-report")
        assert page.locator(".ae-report h2").inner_text() == "same.wav"


def test_recording_with_the_microphone(open_page: Visit) -> None:
    page = open_page()
    page.get_by_role("button", name="Record", exact=True).click()
    page.wait_for_selector("button:has-text('Stop  0:01')")
    page.get_by_role("button", name="Stop").click()
    page.wait_for_selector(".ae-report h2:text-is('recording.wav')")
    assert float(page.get_by_label(POSITION).get_attribute("aria-valuemax")) > 0.9


def test_live_sound_of_two_users(open_page: Visit) -> None:
    pages = [open_page(), open_page()]
    for page in pages:
        page.get_by_role("tab", name="Live").click()
        page.get_by_role("button", name="Start listening").click()
    for page in pages:
        page.wait_for_selector(".ae-live .ae-bands path[d^='M']", state="attached")
        page.wait_for_selector("text=s behind the microphone")
        page.wait_for_function("document.querySelector('.ae-word').textContent != 'Silent'")
    for page in pages:
        page.get_by_role("button", name="Stop").click()
        page.wait_for_selector("button:has-text('Start listening')")


def test_the_page_says_what_the_model_is_not_for(open_page: Visit) -> None:
    page = open_page(viewport={"width": 390, "height": 800}, color_scheme="dark")
    text = page.inner_text("#ae-card")
    assert "Not for decisions about people" in text and "Regulation (EU) 2024/1689" in text
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(15, 18, 22)"


def test_the_example_plays(open_page: Visit, tiny_model_dir: Path, server: dict[str, Any]) -> None:
    page = open_page()
    page.get_by_role("button", name="Hear the example").click()
    page.wait_for_selector(".ae-problem:visible, .ae-report")  # 23 s are over this server's limit of 6 s
    assert "longer than 0.1 minutes" in page.inner_text(".ae-problem")


@pytest.mark.slow  # starts a server of its own
def test_a_model_folder_that_means_harm(
    open_page: Visit, tiny_model_dir: Path, tmp_path: Path, voice_file: Any
) -> None:
    steal = "window.stolen = 1"
    folder = shutil.copytree(tiny_model_dir, tmp_path / "model")
    config = json.loads((folder / "config.json").read_text())
    labels = [f"<img src=x onerror='{steal}'>", f"</script><script>{steal}</script>", "${" + steal + "}", "{{7*7}}"]
    labels += ["javascript:alert(1)", "=1+1", "[x](javascript:alert(1))", 'on"x']
    config["id2label"] = {str(index): label for index, label in enumerate(labels)}
    config["label2id"] = {label: index for index, label in enumerate(labels)}
    (folder / "config.json").write_text(json.dumps(config))
    harm = f"<script>{steal}</script><img src=x onerror='{steal}'><svg onload='{steal}'></svg>"
    harm += f"<iframe srcdoc='<script>parent.{steal}</script>'></iframe><a href='javascript:{steal}'>here</a>"
    harm += "![x](https://example.org/x.png) ![y][z]\n\n[z]: https://example.org/y.png\n"
    (folder / "README.md").write_text(f"# Model\n\n## Intended use and limits\n\nTo be read. {harm}\n")
    with served(*PROGRAM, "demo", "--port", "0", "--model", str(folder)) as server:
        page = open_page(server["address"])
        page.wait_for_selector("#ae-card:has-text('To be read.')")
        hear(page, voice_file("call.wav", 1.0))
        assert page.evaluate("window.stolen") is None
        assert page.locator("#ae-card a[href^='javascript']").count() == 0
        assert labels[0] in page.inner_text(".ae-legend")
        page.close()
