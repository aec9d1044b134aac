"""The test Hub's endpoints: who asks, what the repositories hold, and how commits and large files come in."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote

from hub_repository import Blobs, Commit, HubError, Repository, check_card, read_card
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, RedirectResponse, Response
from xet_shards import xet_hash

TOKENS = {
    "hf_aliceWriteTokenForTheTestsOnly0000": ("alice", "write"),
    "hf_aliceReadTokenForTheTestsOnly00000": ("alice", "read"),
    "hf_bobWriteTokenForTheTestsOnly000000": ("bob", "write"),
}
LARGE_SUFFIXES = (".safetensors", ".parquet", ".bin", ".png", ".wav", ".flac", ".opus")
LARGE_SIZE = 10_000_000
PART_SIZE = 5_000_000  # above it an upload goes in parts


class Hub:
    """What both ports share: the repositories, the stored bytes, and the two addresses."""

    def __init__(self, folder: Path, hub_url: str, storage_url: str) -> None:
        self.folder, self.hub_url, self.storage_url = folder, hub_url, storage_url
        self.blobs = Blobs(folder / "blobs")
        self.repositories: dict[tuple[str, str], Repository] = {}

    def user(self, request: Request) -> tuple[str | None, str | None]:
        """The user and role behind the request's token; an unknown token is an error, none is a stranger."""
        header = request.headers.get("authorization")
        if header is None:
            return None, None
        if (token := header.removeprefix("Bearer ")) not in TOKENS:
            raise HubError(401, "Invalid credentials in Authorization header")
        return TOKENS[token]

    def repository(self, request: Request, write: bool = False) -> Repository:
        """The repository that the path names, if the user may see it (and, with `write`, change it)."""
        user, role = self.user(request)
        name = f"{request.path_params['namespace']}/{request.path_params['name']}"
        repository = self.repositories.get((request.path_params.get("type", "model"), name))
        if repository is None or (repository.private and user != repository.owner):
            raise HubError(404 if user else 401, "Repository not found", "RepoNotFound")
        if write and (user != repository.owner or role != "write"):
            raise HubError(403 if user else 401, "You don't have the rights to write to this repository")
        return repository

    def commit(self, request: Request) -> Commit:
        return self.repository(request).resolve(unquote(request.path_params.get("rev", "main")))


def hub_of(request: Request) -> Hub:
    return request.app.state.hub  # type: ignore[no-any-return]


# --- users and repositories ---


async def whoami(request: Request) -> Response:
    user, role = hub_of(request).user(request)
    if user is None:
        raise HubError(401, "Invalid username or password.")
    token = {"displayName": "tests", "role": role}
    return JSONResponse(
        {
            "type": "user",
            "name": user,
            "fullname": user,
            "orgs": [],
            "auth": {"type": "access_token", "accessToken": token},
        }
    )


async def create_repository(request: Request) -> Response:
    hub, body = hub_of(request), await request.json()
    user, role = hub.user(request)
    if user is None:
        raise HubError(401, "Invalid username or password.")
    namespace, kind = body.get("organization") or user, body.get("type", "model")
    name = f"{namespace}/{body['name']}"
    url = f"{hub.hub_url}/{'datasets/' if kind == 'dataset' else ''}{name}"
    if user != namespace or role != "write":
        raise HubError(403, f'You don\'t have the rights to create a {kind} under the namespace "{namespace}"')
    if (kind, name) in hub.repositories:
        return JSONResponse({"error": f"You already created this {kind} repo", "url": url}, 409)
    hub.repositories[kind, name] = Repository(kind, name, private=body.get("visibility") == "private", blobs=hub.blobs)
    return JSONResponse({"url": url, "name": name, "id": name})


async def delete_repository(request: Request) -> Response:
    hub, body = hub_of(request), await request.json()
    request.path_params.update(
        type=body.get("type", "model"), namespace=body.get("organization") or hub.user(request)[0], name=body["name"]
    )
    repository = hub.repository(request, write=True)
    del hub.repositories[repository.type, repository.name]
    return Response()


async def settings(request: Request) -> Response:
    repository, body = hub_of(request).repository(request, write=True), await request.json()
    repository.private = body.get("visibility") == "private" or bool(body.get("private"))
    return JSONResponse({"private": repository.private})


async def validate_yaml(request: Request) -> Response:
    body = await request.json()
    errors = [{"message": message} for message in check_card(body["content"], body.get("repoType", "model"))]
    return JSONResponse({"errors": errors, "warnings": []}, 400 if errors else 200)


async def information(request: Request) -> Response:
    """What the Hub's page of a repository knows: its files, its card, and what pipeline() reads the task from."""
    hub = hub_of(request)
    repository, commit = hub.repository(request), hub.commit(request)
    blobs = "blobs" in request.query_params
    card = read_card(hub.blobs.read(commit.tree["README.md"].sha256).decode()) if "README.md" in commit.tree else {}
    config = (
        json.loads(hub.blobs.read(commit.tree["config.json"].sha256))
        if "config.json" in commit.tree and repository.type == "model"
        else {}
    )
    answer = {
        "_id": commit.oid[:24],
        "id": repository.name,
        "author": repository.owner,
        "sha": commit.oid,
        "lastModified": commit.date,
        "createdAt": repository.resolve("main").date,
        "private": repository.private,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": card.get("tags", []),
        "cardData": card,
        "siblings": [
            {"rfilename": path, **({"size": f.size, "blobId": f.blob_id, "lfs": f.lfs} if blobs else {})}
            for path, f in sorted(commit.tree.items())
        ],
    }
    if repository.type == "model":
        answer |= {"modelId": repository.name, "pipeline_tag": card.get("pipeline_tag"), "config": config}
        answer |= {"library_name": card.get("library_name")}
    return JSONResponse(answer)


# --- files of a revision ---


async def tree(request: Request) -> Response:
    hub = hub_of(request)
    commit = hub.commit(request)
    entries = commit.entries(
        unquote(request.path_params.get("path", "")),
        recursive=request.query_params.get("recursive") in ("True", "true"),
    )
    if entries is None:
        raise HubError(404, "The path does not exist", "EntryNotFound", commit.oid)
    return JSONResponse(entries)


async def paths_info(request: Request) -> Response:
    hub = hub_of(request)
    paths = parse_qs((await request.body()).decode()).get("paths", [])
    return JSONResponse([entry for path in paths if (entry := hub.commit(request).entry(path.rstrip("/")))])


async def resolve(request: Request) -> Response:
    """A small file as it is; a large one as a redirect to the storage, on another origin."""
    hub = hub_of(request)
    repository, commit = hub.repository(request), hub.commit(request)
    file = commit.tree.get(unquote(request.path_params["path"]))
    if file is None:
        raise HubError(404, "Entry not found", "EntryNotFound", commit.oid)
    headers = {"X-Repo-Commit": commit.oid, "Accept-Ranges": "bytes"}
    if not file.lfs:
        return FileResponse(hub.blobs.path(file.sha256), headers=headers | {"ETag": f'"{file.blob_id}"'})
    headers |= {"X-Linked-Etag": f'"{file.sha256}"', "X-Linked-Size": str(file.size)}
    if file.sha256 not in hub.blobs:
        token_url = f"{hub.hub_url}/api/{repository.type}s/{repository.name}/xet-read-token/{commit.oid}"
        headers |= {
            "X-Xet-Hash": xet_hash(hub.folder / "xet", file.sha256) or "",
            "Link": f'<{token_url}>; rel="xet-auth"',
        }
    return RedirectResponse(f"{hub.storage_url}/{file.sha256}", 302, headers)


async def xet_token(request: Request) -> Response:
    """Points the client's xet library at a folder, through the file-system store that its wheel contains."""
    hub = hub_of(request)
    hub.repository(request, write="xet-write-token" in request.url.path)
    url, token, expiry = f"local://{hub.folder}", "xet-test-token", 4_000_000_000
    headers = {"X-Xet-Cas-Url": url, "X-Xet-Access-Token": token, "X-Xet-Token-Expiration": str(expiry)}
    return JSONResponse({"casUrl": url, "accessToken": token, "exp": expiry}, headers=headers)


# --- refs and commits ---


async def refs(request: Request) -> Response:
    repository = hub_of(request).repository(request)

    def listed(names: dict[str, str], kind: str) -> list[dict[str, str]]:
        return [{"name": n, "ref": f"refs/{kind}/{n}", "targetCommit": oid} for n, oid in names.items()]

    return JSONResponse(
        {"branches": listed(repository.branches, "heads"), "tags": listed(repository.tags, "tags"), "converts": []}
    )


async def commits(request: Request) -> Response:
    hub = hub_of(request)
    return JSONResponse([c.summary() for c in hub.repository(request).history(hub.commit(request))])


async def branch(request: Request) -> Response:
    repository, name = hub_of(request).repository(request, write=True), unquote(request.path_params["branch"])
    if request.method == "DELETE":
        del repository.branches[name]
        return Response()
    if name in repository.branches:
        raise HubError(409, f"Reference already exists: {name}")
    body = json.loads(await request.body() or "{}")
    repository.branches[name] = repository.resolve(body.get("startingPoint") or "main").oid
    return JSONResponse({}, 201)


async def tag(request: Request) -> Response:
    repository, rev = hub_of(request).repository(request, write=True), unquote(request.path_params["rev"])
    if request.method == "DELETE":
        del repository.tags[rev]
        return Response()
    name = (await request.json())["tag"]
    if name in repository.tags:
        raise HubError(409, f"Tag reference exists already: {name}")
    repository.tags[name] = repository.resolve(rev).oid
    return JSONResponse({}, 201)


async def preupload(request: Request) -> Response:
    hub = hub_of(request)
    hub.repository(request, write=True)
    present = hub.commit(request).tree

    def plan(path: str, size: int) -> dict[str, Any]:
        large = path.endswith(LARGE_SUFFIXES) or size >= LARGE_SIZE
        file = present.get(path)
        oid = (file.sha256 if file.lfs else file.blob_id) if file else None
        return {"path": path, "uploadMode": "lfs" if large else "regular", "shouldIgnore": False, "oid": oid}

    return JSONResponse({"files": [plan(f["path"], f["size"]) for f in (await request.json())["files"]]})


async def make_commit(request: Request) -> Response:
    """All of the body's lines or none: the new tree is complete before the branch moves to it."""
    hub = hub_of(request)
    repository = hub.repository(request, write=True)
    lines = [json.loads(line) for line in (await request.body()).splitlines() if line]
    header = next(line["value"] for line in lines if line["key"] == "header")
    name = unquote(request.path_params["rev"])
    if name not in repository.branches:
        raise HubError(404, f"Invalid rev id: {name}", "RevisionNotFound")
    parent = repository.resolve(name)
    if header.get("parentCommit") and not parent.oid.startswith(header["parentCommit"]):
        raise HubError(412, "A commit has happened since. Please refresh and try again.")
    tree = dict(parent.tree)
    for line in lines:
        value = line["value"]
        match line["key"]:
            case "file":
                tree[value["path"]] = hub.blobs.add(base64.b64decode(value["content"]))
            case "lfsFile":
                if value["oid"] not in repository.large_files and not xet_hash(hub.folder / "xet", value["oid"]):
                    raise HubError(400, f"LFS object {value['oid']} was never uploaded")
                tree[value["path"]] = hub.blobs.large(value["oid"], value.get("size"))
            case "deletedFile":
                if tree.pop(value["path"], None) is None:
                    raise HubError(404, "A file with this name doesn't exist", "EntryNotFound", parent.oid)
            case "deletedFolder":
                prefix = value["path"].rstrip("/") + "/"
                tree = {path: file for path, file in tree.items() if not path.startswith(prefix)}
    commit = repository.add_commit(name, tree, header["summary"], header.get("description", ""))
    prefix = "datasets/" if repository.type == "dataset" else ""
    url = f"{hub.hub_url}/{prefix}{repository.name}/commit/{commit.oid}"
    return JSONResponse({"success": True, "commitOid": commit.oid, "commitUrl": url, "hookOutput": ""})


# --- large files ---


async def lfs_batch(request: Request) -> Response:
    """Where each large file goes: nowhere (present), in one piece, or in parts."""
    hub = hub_of(request)
    repository = hub.repository(request, write=True)
    prefix = request.url.path.removesuffix("/batch")

    def action(oid: str, size: int) -> dict[str, Any]:
        if oid in repository.large_files:
            return {"oid": oid, "size": size}
        upload: dict[str, Any] = {"href": f"{hub.storage_url}/{oid}"}
        if size > PART_SIZE:
            parts = {str(n + 1): f"{hub.storage_url}/{oid}/{n + 1}" for n in range(-(-size // PART_SIZE))}
            upload = {"href": f"{hub.hub_url}{prefix}/complete", "header": {"chunk_size": str(PART_SIZE), **parts}}
        verify = {"href": f"{hub.hub_url}{prefix}/verify"}
        return {"oid": oid, "size": size, "actions": {"upload": upload, "verify": verify}}

    objects = [action(item["oid"], item["size"]) for item in (await request.json())["objects"]]
    return JSONResponse({"transfer": "basic", "objects": objects}, media_type="application/vnd.git-lfs+json")


async def lfs_complete(request: Request) -> Response:
    body = await request.json()
    hub_of(request).blobs.join(body["oid"], len(body["parts"]))
    return JSONResponse({})


async def lfs_verify(request: Request) -> Response:
    hub, body = hub_of(request), await request.json()
    repository = hub.repository(request, write=True)
    if body["oid"] not in hub.blobs or hub.blobs.path(body["oid"]).stat().st_size != body["size"]:
        raise HubError(404, "LFS object is missing or has another size")
    repository.large_files.add(body["oid"])
    return JSONResponse({})


async def store(request: Request) -> Response:
    """An upload to the storage port, checked against the name that the Hub gave it."""
    hub, oid, part = hub_of(request), request.path_params["oid"], request.path_params.get("part", "")
    content = await request.body()
    return Response(headers={"ETag": f'"{hub.blobs.put(oid, content, part)}"'})


async def fetch(request: Request) -> Response:
    hub, oid = hub_of(request), request.path_params["oid"]
    return (
        FileResponse(hub.blobs.path(oid), headers={"ETag": f'"{oid}"'})
        if oid in hub.blobs
        else Response(status_code=404)
    )
