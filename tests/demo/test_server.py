"""What the server refuses when asked past the page, and what it leaves behind: nothing."""

import json
import signal
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from demo_server import PROGRAM, ask, request, served, upload
from flac_bomb import flac

pytestmark = pytest.mark.timeout(600)
SECRET = "of no concern to a visitor"


@pytest.fixture(scope="module")
def secret(server: dict[str, Any]) -> Path:
    """A file beside the uploads' folder, in the server's working folder."""
    path = Path(server["temporary"]) / "secret.wav"
    path.write_text(SECRET)
    return path


def test_no_file_of_the_server_can_be_read(server: dict[str, Any], secret: Path) -> None:
    (uploads,) = Path(server["temporary"]).glob("audio-emotion-demo-*")
    targets = [secret, "secret.wav", "./secret.wav", f"{uploads}/../secret.wav", f"{uploads}/%2e%2e/secret.wav"]
    targets += [
        f"file://{secret}",
        f"//{secret}",
        "/etc/passwd",
        "..%2f..%2f..%2fetc%2fpasswd",
        f"{uploads}%00/../secret.wav",
    ]
    doors = ["/gradio_api/file=", "/file=", "/gradio_api/file/", "/gradio_api/stream/", "/static/", "/assets/", "/"]
    for door in doors:
        for target in targets:
            status, _, body = request(server, f"{door}{target}".replace(" ", "%20"))
            assert status >= 400, (door, target)
            assert SECRET.encode() not in body and b"root:" not in body


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=http://127.0.0.1:9/x",
        "/gradio_api/file=https:/example.org",
        "/gradio_api/proxy=https://example.org/x",
    ],
)
def test_nothing_is_fetched_for_a_visitor(server: dict[str, Any], path: str) -> None:
    assert request(server, path)[0] == 403


def test_a_path_in_place_of_an_upload_is_refused(server: dict[str, Any], secret: Path) -> None:
    (uploads,) = Path(server["temporary"]).glob("audio-emotion-demo-*")
    link = uploads / "link.wav"
    link.symlink_to(secret)
    paths = [str(secret), "/etc/passwd", f"{uploads}/../secret.wav", "secret.wav", str(uploads), str(link)]
    for path in [*paths, "http://127.0.0.1:9/a.wav", "a\0b", "", None, 7, ["x"], {"path": str(secret)}]:
        answer = ask(server, "hear", {"path": path, "name": "x.wav", "turn": 1})
        assert "error" in answer and "progress" not in answer, path  # ours, or Gradio's where the path looks like one
        assert SECRET not in str(answer)
    for sent in ([], "text", None, 3):
        assert "error" in ask(server, "hear", sent)
    link.unlink()
    assert secret.read_text() == SECRET


def test_an_upload_is_heard_once_and_then_gone(server: dict[str, Any], voice_file: Any) -> None:
    status, paths = upload(server, voice_file("clip.wav", 1.0).read_bytes(), "../../clip.wav")
    assert status == 200 and Path(paths[0]).is_file()
    (uploads,) = Path(server["temporary"]).glob("audio-emotion-demo-*")
    assert Path(paths[0]).is_relative_to(uploads)
    assert "progress" in ask(server, "hear", {"path": paths[0], "name": "clip.wav"})
    assert not Path(paths[0]).exists()
    assert "upload" in ask(server, "hear", {"path": paths[0], "name": "clip.wav"})["error"]


def test_what_is_too_large_is_cut_off(server: dict[str, Any]) -> None:
    status, reason = upload(server, b"\0" * 1_500_000)
    assert status == 413 and "exceeded maximum" in reason
    assert upload(server, b"\0" * 2_500_000)[0] == 413
    assert request(server, "/gradio_api/queue/join", "POST", iter([b" " * 1_000_000] * 3))[0] >= 400
    assert not [path for path in Path(server["temporary"]).glob("audio-emotion-demo-*/**/*") if path.is_file()]


def test_gradios_own_file_objects_open_no_door(server: dict[str, Any], secret: Path) -> None:
    doors = [
        "/gradio_api/queue/join",
        "/gradio_api/run/predict",
        "/gradio_api/call/hear",
        "/gradio_api/component_server",
    ]
    for path in (str(secret), "/etc/passwd", "http://127.0.0.1:9/a.wav"):
        file = {"path": path, "url": path, "orig_name": "a.wav", "meta": {"_type": "gradio.FileData"}}
        for number in range(3):
            for door in doors:
                body = {"data": [file], "event_data": file, "fn_index": number, "session_hash": "guess"}
                answer = request(server, door, "POST", json.dumps(body).encode(), content_type="application/json")
                assert SECRET.encode() not in answer[2] and b"root:" not in answer[2]
        for event, data in (("hear", [file]), ("block", [file]), ("example", [file])):
            assert SECRET not in str(ask(server, event, file, data))
    assert secret.read_text() == SECRET
    copies = [path for path in Path(server["temporary"]).rglob("*") if path.is_file() and path != secret]
    assert not [path for path in copies if SECRET.encode() in path.read_bytes()]


def test_many_at_once_and_the_honest_ones_are_answered(server: dict[str, Any], voice_file: Any) -> None:
    honest = voice_file("clip.wav", 1.0).read_bytes()
    bad = [b"RIFF no", b"\0" * 900_000, honest[:40], flac(400, 1, 16_000), flac(300, 8, 655_350), b"<script>"]

    def send(number: int, content: bytes) -> Any:
        status, paths = upload(server, content, f"clip-{number}.wav")
        assert status == 200
        return ask(server, "hear", {"path": paths[0], "name": "clip.wav"}, last=True)

    with ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(send, range(21), [*bad, honest] * 3))
    for number, answer in enumerate(answers):
        is_honest = number % (len(bad) + 1) == len(bad)
        assert ("chunks" if is_honest else "error") in answer, (number, answer)
    assert [answer["error"] for answer in answers if "longer than 0.1 minutes" in answer.get("error", "")]
    assert not [path for path in Path(server["temporary"]).glob("audio-emotion-demo-*/**/*") if path.is_file()]


def test_other_hosts_names_get_no_answer(server: dict[str, Any]) -> None:
    assert request(server, "/config", host="rebound.example.org:80")[0] == 421
    status, headers, _ = request(server, "/")
    assert status == 200
    assert "default-src 'self'" in headers["content-security-policy"]


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"pcm": "AAAA", "rate": 16000.5}, "rate"),
        ({"pcm": "AAAA", "rate": 10**9}, "rate"),
        ({"pcm": "!!!!", "rate": 16000}, "base64"),
        ({"pcm": "AAAA", "rate": 16000}, "half a sample"),
        ({"pcm": None, "rate": 16000}, "base64"),
        ({"pcm": "A" * 900_000, "rate": 16000}, "at most 20 s"),
        ("no mapping", "rate"),
    ],
)
def test_live_blocks_that_are_no_sound(server: dict[str, Any], sent: Any, message: str) -> None:
    assert message in ask(server, "block", sent, [None])["error"]


@pytest.mark.slow  # each starts a server of its own
@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
def test_an_ended_server_leaves_nothing(tiny_model_dir: Path, end: signal.Signals) -> None:
    pytest.importorskip("gradio")
    with served(*PROGRAM, "demo", "--port", "0", "--model", str(tiny_model_dir)) as page:
        assert upload(page, b"never heard")[0] == 200
        assert list(page["temporary"].glob("audio-emotion-demo-*"))
        page["process"].send_signal(end)
        assert page["process"].wait(timeout=60) == 0
        assert [path.name for path in page["temporary"].iterdir()] == ["log"]
        assert "Traceback" not in page["log"].read_text()


@pytest.mark.slow
def test_a_port_that_is_taken(tiny_model_dir: Path) -> None:
    pytest.importorskip("gradio")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        command = [*PROGRAM, "demo", "--port", str(port), "--model", str(tiny_model_dir)]
        result = subprocess.run(command, capture_output=True, text=True, timeout=240, check=False)
    assert result.returncode == 1
    assert f"port {port}" in result.stderr and "--port 0" in result.stderr and "Traceback" not in result.stderr
