"""A small Hub: the HTTP API that huggingface_hub, transformers and datasets use, served by a real process on loopback.

`python tests/hub_server.py FOLDER` prints one JSON line with its two addresses and serves until its standard input
closes. The Hub listens on one port and the storage (large files) on another, as in reality: the client must follow a
redirect to another origin, and a token that arrives there is a leak, which the server refuses and reports.

Tests steer it through `/_test/...`: faults to inject, the requests seen, the tokens leaked. `hub_client.py` starts it.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import hub_endpoints as at
import uvicorn
from hub_endpoints import Hub
from hub_repository import HubError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from uvicorn.protocols.http.h11_impl import H11Protocol

Endpoint = Callable[[Request], Awaitable[Response]]

ROUTES: list[tuple[str, Endpoint, str]] = [
    ("/api/whoami-v2", at.whoami, "GET"),
    ("/api/repos/create", at.create_repository, "POST"),
    ("/api/repos/delete", at.delete_repository, "DELETE"),
    ("/api/validate-yaml", at.validate_yaml, "POST"),
]
# {api} and {page} are the two addresses of a repository; each route stands once for models and once for data sets.
REPOSITORY_ROUTES: list[tuple[str, Endpoint, str]] = [
    ("{api}", at.information, "GET"),
    ("{api}/revision/{rev}", at.information, "GET"),
    ("{api}/settings", at.settings, "PUT"),
    ("{api}/tree/{rev}", at.tree, "GET"),
    ("{api}/tree/{rev}/{path:path}", at.tree, "GET"),
    ("{api}/paths-info/{rev}", at.paths_info, "POST"),
    ("{api}/refs", at.refs, "GET"),
    ("{api}/commits/{rev}", at.commits, "GET"),
    ("{api}/branch/{branch}", at.branch, "POST DELETE"),
    ("{api}/tag/{rev}", at.tag, "POST DELETE"),
    ("{api}/preupload/{rev}", at.preupload, "POST"),
    ("{api}/commit/{rev}", at.make_commit, "POST"),
    ("{api}/xet-read-token/{rev}", at.xet_token, "GET"),
    ("{api}/xet-write-token/{rev}", at.xet_token, "GET"),
    ("{page}.git/info/lfs/objects/batch", at.lfs_batch, "POST"),
    ("{page}.git/info/lfs/objects/complete", at.lfs_complete, "POST"),
    ("{page}.git/info/lfs/objects/verify", at.lfs_verify, "POST"),
    ("{page}/resolve/{rev}/{path:path}", at.resolve, "GET HEAD"),
]
STORAGE_ROUTES: list[tuple[str, Endpoint, str]] = [
    ("/{oid}", at.fetch, "GET HEAD"),
    ("/{oid}", at.store, "PUT"),
    ("/{oid}/{part}", at.store, "PUT"),
]


@dataclass
class Fault:
    """Requests that match `method` and the regular expression `path` fail, `times` times (None: for ever).

    With `status` they get that answer; with `cut_after` the connection is cut after so many body bytes; with `delay_s`
    they are answered, and late.
    """

    method: str
    path: str
    status: int | None = None
    cut_after: int | None = None
    delay_s: float | None = None
    times: int | None = 1


class Watch:
    """The faults that tests asked for, and what both ports saw."""

    def __init__(self) -> None:
        self.faults: list[Fault] = []
        self.requests: list[dict[str, str]] = []
        self.leaks: list[str] = []

    def fault_for(self, method: str, path: str) -> Fault | None:
        for fault in self.faults:
            if fault.method == method and fault.times != 0 and re.search(fault.path, path):
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None

    def routes(self) -> list[Route]:
        async def add_fault(request: Request) -> Response:
            self.faults.append(Fault(**await request.json()))
            return Response()

        async def report(_: Request) -> Response:
            return JSONResponse({"requests": self.requests, "leaks": self.leaks})

        async def reset(_: Request) -> Response:
            """Forgets faults and requests, never leaks."""
            self.faults, self.requests = [], []
            return Response()

        return [
            Route("/_test/fault", add_fault, methods=["POST"]),
            Route("/_test/report", report),
            Route("/_test/reset", reset, methods=["POST"]),
        ]


class Gate:
    """Before every request: note it, refuse leaked tokens on the storage port, inject the faults asked for."""

    def __init__(self, app: Starlette, watch: Watch, port: str) -> None:
        self.app, self.watch, self.port = app, watch, port

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        scope["path"] = path = scope["raw_path"].decode()  # a quoted slash in a revision stays one segment
        if path.startswith("/_test/"):
            await self.app(scope, receive, send)
            return
        method = scope["method"]
        self.watch.requests.append({"port": self.port, "method": method, "path": path})
        if self.port == "storage" and (b"authorization" in dict(scope["headers"]) or b"hf_" in scope["query_string"]):
            self.watch.leaks.append(f"{method} {path}")
            await Response("a token reached the storage port", 400)(scope, receive, send)
        elif (fault := self.watch.fault_for(method, path)) is None:
            await self.app(scope, receive, send)
        elif fault.delay_s is not None:
            await asyncio.sleep(fault.delay_s)
            await self.app(scope, receive, send)
        elif fault.status is not None:
            await JSONResponse({"error": "injected fault"}, fault.status)(scope, receive, send)
        elif method in ("PUT", "POST"):
            await self.cut_request(fault.cut_after or 0, scope, receive)
        else:
            await self.cut_answer(fault.cut_after or 0, scope, receive, send)

    async def cut_request(self, limit: int, scope: Any, receive: Any) -> None:
        """Reads more than `limit` bytes of the request's body (or all of it), then hangs up."""
        seen = 0
        while (message := await receive()).get("more_body") and seen <= limit:
            seen += len(message["body"])
        scope["state"]["transport"].abort()

    async def cut_answer(self, limit: int, scope: Any, receive: Any, send: Any) -> None:
        """Sends `limit` bytes of the answer's body, then hangs up."""

        async def send_some(message: Any) -> None:
            if message["type"] != "http.response.body":
                await send(message)
                return
            await send(message | {"body": message.get("body", b"")[:limit], "more_body": True})
            scope["state"]["transport"].close()  # after what is buffered, unlike abort

        await self.app(scope, receive, send_some)


class CuttableProtocol(H11Protocol):
    """Hands the connection to the application, so that it can hang up in the middle of a body."""

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        self.app_state = {**self.app_state, "transport": transport}


def for_repositories(kind: str, prefix: str) -> list[Route]:
    """The routes of all repositories of one kind; each endpoint finds the kind among its path parameters."""
    api, page = f"/api/{kind}s/{{namespace}}/{{name}}", f"{prefix}/{{namespace}}/{{name}}"

    def typed(endpoint: Endpoint) -> Endpoint:
        async def with_type(request: Request) -> Response:
            request.path_params["type"] = kind
            return await endpoint(request)

        return with_type

    return [
        Route(path.replace("{api}", api).replace("{page}", page), typed(endpoint), methods=methods.split())
        for path, endpoint, methods in REPOSITORY_ROUTES
    ]


async def answer_error(_: Request, error: Exception) -> Response:
    """Errors as the Hub words them: a status, and headers from which the client makes its exceptions."""
    assert isinstance(error, HubError)
    headers = {"X-Error-Message": error.message, "X-Error-Code": error.code, "X-Repo-Commit": error.commit}
    return JSONResponse({"error": error.message}, error.status, {key: value for key, value in headers.items() if value})


async def serve(folder: Path) -> None:
    """Both ports, until standard input closes: whoever started this process is then done, or gone."""
    watch = Watch()
    routes = {
        "hub": [
            *watch.routes(),
            *(Route(path, endpoint, methods=methods.split()) for path, endpoint, methods in ROUTES),
            *for_repositories("dataset", "/datasets"),
            *for_repositories("model", ""),
        ],
        "storage": [Route(path, endpoint, methods=methods.split()) for path, endpoint, methods in STORAGE_ROUTES],
    }
    apps = {port: Starlette(routes=routes[port], exception_handlers={HubError: answer_error}) for port in routes}
    servers = [
        uvicorn.Server(
            uvicorn.Config(Gate(app, watch, port), port=0, http=CuttableProtocol, log_level="critical", lifespan="off")
        )
        for port, app in apps.items()
    ]
    sockets = [server.config.bind_socket() for server in servers]
    urls = ["http://{}:{}".format(*sock.getsockname()) for sock in sockets]
    hub = Hub(folder, *urls)
    for app in apps.values():
        app.state.hub = hub
    tasks = [asyncio.create_task(server.serve([sock])) for server, sock in zip(servers, sockets, strict=True)]
    while not all(server.started for server in servers):
        await asyncio.sleep(0.01)
    print(json.dumps({"hub": urls[0], "storage": urls[1]}), flush=True)
    await asyncio.to_thread(sys.stdin.read)
    for server in servers:
        server.should_exit = server.force_exit = True
    await asyncio.gather(*tasks)


if __name__ == "__main__":
    asyncio.run(serve(Path(sys.argv[1])))
