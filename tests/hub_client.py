"""Starts the test Hub as a process of its own, steers it, and runs fresh Python processes against it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import textwrap
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace, TracebackType
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from huggingface_hub import HfApi

ALICE = "hf_aliceWriteTokenForTheTestsOnly0000"
ALICE_READ_ONLY = "hf_aliceReadTokenForTheTestsOnly00000"
BOB = "hf_bobWriteTokenForTheTestsOnly000000"

# Makes audio_emotion unimportable, as on a machine that never installed it.
WITHOUT_THE_PACKAGE = """
import sys

class Absent:
    @staticmethod
    def find_spec(name, path=None, target=None):
        if name.partition(".")[0] == "audio_emotion":
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent)
"""


class HubServer:
    """The server process; a context manager that ends it.

    Attributes:
        folder: where the server keeps its files and the processes their caches.
        url: the Hub's address, for `HF_ENDPOINT`.
        storage_url: where large files come from.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.process = self._start()
        addresses = json.loads(self._first_line())
        self.url: str = addresses["hub"]
        self.storage_url: str = addresses["storage"]

    def _start(self) -> subprocess.Popen[str]:
        command = [sys.executable, str(Path(__file__).with_name("hub_server.py")), str(self.folder / "server")]
        return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _first_line(self) -> str:
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the test Hub did not start (exit code {self.process.wait(timeout=10)})")
        return line

    def __enter__(self) -> HubServer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    def stop(self) -> None:
        """Ends the process by closing its standard input."""
        if self.process.poll() is None:
            self.process.communicate(timeout=20)

    def api(self, token: str | bool = ALICE) -> HfApi:
        """The real client, pointed at this server."""
        from huggingface_hub import HfApi  # here, since conftest sets its environment before anything imports it

        return HfApi(endpoint=self.url, token=token)

    @contextmanager
    def in_this_process(self, token: str = ALICE) -> Iterator[None]:
        """Lets this process use the Hub by default: online, over plain HTTP, with no wait before a retry."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
            patch.setattr("huggingface_hub.constants.HF_HUB_DISABLE_XET", True)
            patch.setattr("huggingface_hub.constants.ENDPOINT", self.url)
            pattern = self.url + "/{repo_id}/resolve/{revision}/{filename}"
            patch.setattr("huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE", pattern)
            patch.setattr("huggingface_hub.utils._http.time", SimpleNamespace(sleep=lambda _: None))
            patch.setenv("HF_TOKEN", token)
            yield

    def fault(self, method: str, path: str, **fault: Any) -> None:
        """Makes requests fail; see `hub_server.Fault`."""
        self._control("fault", {"method": method, "path": path, **fault})

    def reset(self) -> None:
        """Forgets the faults and the requests seen so far."""
        self._control("reset", {})

    def requests(self, method: str, port: str = "hub") -> list[str]:
        """The paths asked for with this method since the last reset."""
        seen = self._control("report")["requests"]
        return [r["path"] for r in seen if r["method"] == method and r["port"] == port]

    def leaks(self) -> list[str]:
        """Requests to the storage port that carried a token."""
        leaks: list[str] = self._control("report")["leaks"]
        return leaks

    def _control(self, name: str, body: dict[str, Any] | None = None) -> Any:
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{self.url}/_test/{name}", data), timeout=10) as answer:
            content = answer.read()
        return json.loads(content) if content else None

    def environment(self, home: str = "home", token: str | None = ALICE, **variables: str) -> dict[str, str]:
        """The environment of a process that uses this Hub; `home` names its cache, apart from every other one."""
        environment = {k: v for k, v in os.environ.items() if not k.startswith("HF_")}
        environment |= {
            "HF_ENDPOINT": self.url,
            "HF_HOME": str(self.folder / home),
            "HF_HUB_DISABLE_XET": "1",
            "HF_HUB_DISABLE_TELEMETRY": "1",
            "HF_HUB_DISABLE_PROGRESS_BARS": "1",
            "OMP_NUM_THREADS": "1",
        }
        return environment | ({"HF_TOKEN": token} if token else {}) | variables

    def run(
        self, *command: str, home: str = "home", token: str | None = ALICE, timeout_s: float = 280, **variables: str
    ) -> subprocess.CompletedProcess[str]:
        """Runs a command in an empty folder with `environment`."""
        folder = self.folder / "elsewhere"
        folder.mkdir(exist_ok=True)
        return subprocess.run(
            command,
            cwd=folder,
            env=self.environment(home, token, **variables),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=timeout_s,
            check=False,
        )

    def cli(self, *arguments: str, **options: Any) -> subprocess.CompletedProcess[str]:
        """Runs `audio-emotion` as a user would."""
        return self.run(sys.executable, "-c", "from audio_emotion.cli import app; app()", *arguments, **options)

    def python(self, code: str, *, installed: bool = False, **options: Any) -> Any:
        """Runs code in a fresh process, by default where `audio_emotion` is not installed.

        Returns:
            what the code's last line printed, read as JSON.
        """
        code = ("" if installed else WITHOUT_THE_PACKAGE) + textwrap.dedent(code)
        finished = self.run(sys.executable, "-W", "ignore", "-c", code, **options)
        if finished.returncode:
            raise AssertionError(f"exit code {finished.returncode}\n{finished.stdout}\n{finished.stderr}")
        return json.loads(finished.stdout.splitlines()[-1])
