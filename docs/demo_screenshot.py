"""Makes docs/demo.png: the web page's report on the example recording. Needs Chromium, playwright and the extra `demo`.

Run from the project's root: `python docs/demo_screenshot.py`.
"""

import io
import os
import shutil
import subprocess
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

OUT = Path(__file__).with_name("demo.png")
WIDTH, HEIGHT = 1100, 1180
NUM_COLORS = 128
"""A palette keeps the picture below 200 KB."""


def main() -> None:
    """Serve the page, hear the example, move the playhead, and keep the picture."""
    browser_path = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if browser_path is None:
        sys.exit("Chromium is not installed. Install it, or set CHROMIUM to its path.")
    program = [sys.executable, "-c", "from audio_emotion.cli import app; app()", "demo", "--port", "0"]
    with subprocess.Popen(program, stderr=subprocess.PIPE, text=True) as server, sync_playwright() as playwright:
        assert server.stderr is not None
        try:
            address = next(line for line in server.stderr if "Open http" in line).split()[1]
            browser = playwright.chromium.launch(executable_path=browser_path, args=["--no-sandbox", "--disable-gpu"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.goto(address)
            page.get_by_role("button", name="Hear the example").click()
            page.wait_for_selector(".ae-report h2", timeout=300_000)
            stage = page.get_by_label("Position in the recording")
            box = stage.bounding_box()
            assert box is not None
            stage.click(position={"x": 0.55 * box["width"], "y": 20})
            page.mouse.move(0, 0)
            page.wait_for_timeout(500)
            page.evaluate("window.scrollTo(0, 0)")
            picture = page.screenshot()
            browser.close()
        finally:
            server.terminate()
    image = Image.open(io.BytesIO(picture)).convert("RGB").quantize(NUM_COLORS, dither=Image.Dither.NONE)
    image.save(OUT, optimize=True)
    print(f"{OUT}: {OUT.stat().st_size / 1000:.0f} KB")


if __name__ == "__main__":
    main()
