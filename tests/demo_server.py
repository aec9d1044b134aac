"""Starts `audio-emotion demo` as a process of its own, and asks it past the page, as anyone could."""

import http.client
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.parse
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

START_S = 500
PROGRAM = [sys.executable, "-c", "from audio_emotion.cli import app; app()"]


@contextmanager
def served(*command: str) -> Iterator[dict[str, Any]]:
    """A command that serves a page: its address, the process, the folder for its temporary files, and its log."""
    root = Path(tempfile.mkdtemp(prefix="demo-test-"))
    environment = {**os.environ, "TMPDIR": str(root), "OMP_NUM_THREADS": "1", "NO_COLOR": "1"}
    with (root / "log").open("w") as log:
        process = subprocess.Popen(command, env=environment, cwd=root, stdout=log, stderr=subprocess.STDOUT)
        try:
            deadline = time.monotonic() + START_S
            while not (found := re.search(r"(http://[^\s/]+:\d+)", (root / "log").read_text())):
                assert process.poll() is None and time.monotonic() < deadline, (root / "log").read_text()
                time.sleep(0.1)
            yield {"address": found[1], "process": process, "temporary": root, "log": root / "log"}
        finally:
            process.kill()
            process.wait(timeout=20)
            shutil.rmtree(root, ignore_errors=True)


def request(
    server: dict[str, Any], path: str, method: str = "GET", body: Any = None, **headers: str
) -> tuple[int, dict[str, str], bytes]:
    """One HTTP request with its path sent as it stands: status, headers and body."""
    connection = http.client.HTTPConnection(urllib.parse.urlsplit(server["address"]).netloc, timeout=60)
    try:
        connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
        response = connection.getresponse()
        return response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
    finally:
        connection.close()


def upload(server: dict[str, Any], content: bytes, name: str = "clip.wav") -> tuple[int, Any]:
    """An upload without the page: status, and the paths or the refusal."""
    edge = "edge-of-a-part"
    head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
    body = head.encode() + content + f"\r\n--{edge}--\r\n".encode()
    kind = f"multipart/form-data; boundary={edge}"
    status, _, answer = request(server, "/gradio_api/upload", "POST", body, content_type=kind)
    return status, json.loads(answer) if status == 200 else answer.decode()


def ask(server: dict[str, Any], event: str, sent: Any, data: list[Any] | None = None, last: bool = False) -> Any:
    """Trigger an event of the page with any payload: the first answer's value, or what the queue says instead.

    `last` waits for the last answer: the report, or the fault that was met on the way.
    """
    config = json.loads(request(server, "/config")[2])
    (number,) = (entry["id"] for entry in config["dependencies"] if entry["targets"][0][1] == event)
    session = uuid.uuid4().hex
    body = {"data": data or [], "event_data": sent, "fn_index": number, "session_hash": session, "trigger_id": None}
    asked = json.dumps(body).encode()
    status, _, answer = request(server, "/gradio_api/queue/join", "POST", asked, content_type="application/json")
    if status != 200:
        return {"refused": status, "text": answer.decode()}
    lines = request(server, f"/gradio_api/queue/data?session_hash={session}")[2].decode().splitlines()
    messages = [json.loads(line.removeprefix("data: ")) for line in lines if line.startswith("data: ")]
    answers = [message for message in messages if message["msg"] in ("process_generating", "process_completed")]
    values = [answer["output"].get("data", [answer["output"]])[0] for answer in answers]
    return next(value for value in (reversed(values) if last else values) if value)
