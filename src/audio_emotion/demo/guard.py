"""What stands in front of the page: whom it answers, how much it takes in, and what a browser may load with it."""

from __future__ import annotations

from collections.abc import Collection, MutableMapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

POLICY = (
    "default-src 'self' data: blob:; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; object-src 'none'; form-action 'self'; base-uri 'self'"
)
"""The browser itself refuses to reach any other host. Gradio's own scripts are inline, and compile templates."""
ENVELOPE_BYTES = 1_000_000
"""What a request may hold besides a file."""
LOOPBACK_HOSTS = ("127.0.0.1", "localhost", "[::1]")


class Guard:
    """ASGI middleware around the page.

    A page on this machine could otherwise be reached by any web site that the browser has open, under a name of that
    site's own which it points to 127.0.0.1 (DNS rebinding). And Gradio fetches a public address for whoever asks for
    `/file=https://...`: this page has no use for that.

    Args:
        app: The application behind.
        max_bytes: Most bytes of a request's body.
        hosts: Names it answers to; None for all.
    """

    def __init__(self, app: ASGIApp, max_bytes: int, hosts: Collection[str] | None = None) -> None:
        self.app = app
        self.max_bytes = max_bytes + ENVELOPE_BYTES
        self.hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse a request, or pass it on."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if self.hosts is not None and _host(headers.get("host", "")) not in self.hosts:
            await _refuse(send, 421, "This page answers to this machine's own name alone.")
        elif _fetches_an_address(scope["path"]):
            await _refuse(send, 403, "This page fetches nothing from elsewhere.")
        elif int(headers.get("content-length", "0") or 0) > self.max_bytes:
            await _refuse(send, 413, f"The request is larger than {self.max_bytes} bytes.")
        else:
            await self.app(scope, self._counted(receive), _with_policy(send))

    def _counted(self, receive: Receive) -> Receive:
        """A body that does not say its length is cut off where it is too long."""
        num_bytes = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal num_bytes
            message = await receive()
            num_bytes += len(message.get("body", b""))
            return message if num_bytes <= self.max_bytes else {"type": "http.disconnect"}

        return counted


def _host(header: str) -> str:
    """The Host header without its port."""
    return header.rpartition(":")[0] if header.rpartition(":")[2].isdigit() else header


def _fetches_an_address(path: str) -> bool:
    target = path.partition("file=")[2] or path.partition("proxy=")[2]
    return "proxy=" in path or "://" in target or target.startswith(("http:", "https:"))


def _with_policy(send: Send) -> Send:
    async def send_with_policy(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [
                *message.get("headers", []),
                (b"content-security-policy", POLICY.encode()),
                (b"referrer-policy", b"no-referrer"),
                (b"x-content-type-options", b"nosniff"),
            ]
        await send(message)

    return send_with_policy


async def _refuse(send: Send, status: int, reason: str) -> None:
    body = reason.encode()
    headers = [(b"content-type", b"text/plain; charset=utf-8"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
