"""What the test Hub keeps: stored bytes by hash, repositories with branches, tags and commits, the card's metadata."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import yaml

LICENSES = {"apache-2.0", "mit", "cc0-1.0", "gpl-3.0", "odbl", "odc-by", "unknown", "other"}
LICENSES |= {f"cc-by-{kind}" for kind in ("4.0", "sa-4.0", "nc-4.0", "nc-sa-4.0", "nc-nd-4.0")}
REPOSITORY_ID = r"[\w.-]+(/[\w.-]+)?"


class HubError(Exception):
    """An answer other than success, with the headers from which the client makes its exceptions."""

    def __init__(self, status: int, message: str, code: str | None = None, commit: str | None = None) -> None:
        super().__init__(message)
        self.status, self.message, self.code, self.commit = status, message, code, commit


@dataclass(frozen=True)
class File:
    """One file of a commit: its size in bytes, its git blob id, and the sha256 of its bytes."""

    size: int
    blob_id: str
    sha256: str
    large: bool

    @property
    def lfs(self) -> dict[str, Any] | None:
        return (
            {"oid": self.sha256, "sha256": self.sha256, "size": self.size, "pointerSize": 134} if self.large else None
        )


def git_blob_id(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content).hexdigest()


class Blobs:
    """Bytes in a folder, each file named by its sha256."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder

    def __contains__(self, sha256: str) -> bool:
        return self.path(sha256).is_file()

    def path(self, sha256: str) -> Path:
        return self.folder / sha256

    def read(self, sha256: str) -> bytes:
        return self.path(sha256).read_bytes()

    def add(self, content: bytes) -> File:
        """Stores a small file."""
        sha256 = hashlib.sha256(content).hexdigest()
        self.path(sha256).write_bytes(content)
        return File(len(content), git_blob_id(content), sha256, large=False)

    def large(self, sha256: str, size: int | None) -> File:
        """A large file, whose bytes lie in the storage already."""
        size = self.path(sha256).stat().st_size if size is None else size
        pointer = f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256}\nsize {size}\n"
        return File(size, git_blob_id(pointer.encode()), sha256, large=True)

    def put(self, sha256: str, content: bytes, part: str) -> str:
        """Stores an upload, or one part of it; a whole one must have the hash that names it."""
        digest = hashlib.sha256(content).hexdigest()
        if not part and digest != sha256:
            raise HubError(400, "the bytes do not have the hash they were announced with")
        self.path(f"{sha256}.part{part}" if part else sha256).write_bytes(content)
        return digest

    def join(self, sha256: str, num_parts: int) -> None:
        """Makes one file of the parts that were put."""
        parts = [self.path(f"{sha256}.part{n + 1}") for n in range(num_parts)]
        self.put(sha256, b"".join(part.read_bytes() for part in parts), "")
        for part in parts:
            part.unlink()


@dataclass(frozen=True)
class Commit:
    """A complete tree of files, and what was said when it was made."""

    parent: str | None
    title: str
    message: str
    date: str
    tree: dict[str, File]

    @property
    def oid(self) -> str:
        return hashlib.sha1(repr(self).encode()).hexdigest()

    def summary(self) -> dict[str, Any]:
        return {"id": self.oid, "title": self.title, "message": self.message, "date": self.date, "authors": []}

    def entry(self, path: str) -> dict[str, Any] | None:
        """The API's description of a file or a folder; None when there is neither."""
        if file := self.tree.get(path):
            entry = {"type": "file", "path": path, "oid": file.blob_id, "size": file.size}
            return entry | ({"lfs": file.lfs} if file.lfs else {})
        if any(name.startswith(f"{path}/") for name in self.tree):
            return {"type": "directory", "path": path, "oid": git_blob_id(path.encode()), "size": 0}
        return None

    def entries(self, folder: str, recursive: bool) -> list[dict[str, Any]] | None:
        """What lies in a folder ("" is the top); None when there is no such folder."""
        prefix = f"{folder.rstrip('/')}/" if folder else ""
        below = [name.removeprefix(prefix) for name in sorted(self.tree) if name.startswith(prefix)]
        if folder and not below:
            return None
        names: dict[str, None] = {}
        for name in below:
            parts = name.split("/")
            depth = len(parts) if recursive else 1
            names.update(dict.fromkeys("/".join(parts[: n + 1]) for n in range(depth)))
        return [entry for name in names if (entry := self.entry(prefix + name))]


@dataclass
class Repository:
    """A model or data set: branches and tags that point into its commits, and the large files uploaded to it."""

    type: str
    name: str
    private: bool
    blobs: Blobs
    branches: dict[str, str] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    commits: dict[str, Commit] = field(default_factory=dict)
    large_files: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        attributes = self.blobs.add(b"*.safetensors filter=lfs diff=lfs merge=lfs -text\n")
        self.add_commit("main", {".gitattributes": attributes}, "initial commit", "")

    @property
    def owner(self) -> str:
        return self.name.partition("/")[0]

    def resolve(self, revision: str) -> Commit:
        """The commit behind a branch, a tag or (the beginning of) a commit's id."""
        oid = self.branches.get(revision) or self.tags.get(revision)
        if oid is None and len(revision) >= 7:
            oid = next((known for known in self.commits if known.startswith(revision)), None)
        if oid is None:
            raise HubError(404, f"Invalid rev id: {revision}", "RevisionNotFound")
        return self.commits[oid]

    def add_commit(self, branch: str, tree: dict[str, File], title: str, message: str) -> Commit:
        date = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        commit = Commit(self.branches.get(branch), title, message, date, tree)
        self.commits[commit.oid] = commit
        self.branches[branch] = commit.oid
        return commit

    def history(self, commit: Commit) -> Iterator[Commit]:
        yield commit
        while commit.parent is not None:
            commit = self.commits[commit.parent]
            yield commit


def read_card(text: str) -> dict[str, Any]:
    """The YAML block at the top of a README.md; empty when there is none."""
    block = re.match(r"---\s*\n(.*?)\n---\s*(\n|$)", text, re.DOTALL)
    metadata = yaml.safe_load(block[1]) if block else {}
    if not isinstance(metadata, dict):
        raise HubError(400, "the metadata must be a mapping")
    return metadata


def check_card(text: str, repo_type: str) -> list[str]:
    """What the Hub would refuse in a card's metadata, one message each."""
    try:
        card = read_card(text)
    except (yaml.YAMLError, HubError) as error:
        return [f"the metadata is no valid YAML mapping: {error}"]

    def listed(key: str) -> list[Any]:
        value = card.get(key, [])
        return value if isinstance(value, list) else [value]

    errors = [
        f'"license" must be a known identifier, got {name!r}' for name in listed("license") if name not in LICENSES
    ]
    for key, pattern in (
        ("language", r"[a-z]{2,3}|multilingual"),
        ("datasets", REPOSITORY_ID),
        ("base_model", REPOSITORY_ID),
    ):
        errors += [f'"{key}" cannot be {item!r}' for item in listed(key) if not re.fullmatch(pattern, str(item))]
    for key in ("tags", "metrics"):
        errors += [f'"{key}" must be strings, got {item!r}' for item in listed(key) if not isinstance(item, str)]
    if repo_type == "model":
        errors += [error for entry in listed("model-index") for error in check_results(entry)]
    else:
        configs = [config for config in listed("configs") if not {"config_name", "data_files"} <= set(config)]
        errors += [f'"configs" need "config_name" and "data_files", got {config}' for config in configs]
    return errors


def check_results(entry: dict[str, Any]) -> list[str]:
    """What the Hub would refuse in one entry of a model card's `model-index`."""
    errors = [] if isinstance(entry.get("name"), str) else ['"model-index[].name" is required']
    for result in entry.get("results", []):
        dataset, metrics = result.get("dataset", {}), result.get("metrics", [])
        if not isinstance(result.get("task", {}).get("type"), str):
            errors.append('"results[].task.type" is required')
        if not isinstance(dataset.get("name"), str) or not re.fullmatch(REPOSITORY_ID, str(dataset.get("type", "/"))):
            errors.append('"results[].dataset" needs a "name" and a "type"')
        if not metrics or not all({"type", "value"} <= set(metric) for metric in metrics):
            errors.append('"results[].metrics" need a "type" and a "value"')
    return errors
