"""Pushing files to a Hub in one commit: what goes there, and how each failure ends."""

import os
from pathlib import Path
from typing import Any

import pytest
from hub_client import ALICE, ALICE_READ_ONLY, BOB, HubServer

from audio_emotion.dataset_scripts.hub import Target, push_files
from audio_emotion.pipeline.errors_audio_emotion import HubError


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    """A card and two large files of random bytes."""
    contents = {
        "README.md": b"---\nlicense: mit\n---\n# A model\n",
        "a.bin": os.urandom(1000),
        "b/c.bin": os.urandom(1000),
    }
    for name, content in contents.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(content)
    return {name: tmp_path / name for name in contents}


def state(hub: HubServer, repo_id: str) -> Any:
    """Everything a failed push must leave alone."""
    api = hub.api()
    refs = api.list_repo_refs(repo_id)
    return sorted((ref.ref, ref.target_commit) for ref in [*refs.branches, *refs.tags])


def push(hub: HubServer, files: dict[str, Path], name: str, token: str | bool = ALICE, **target: Any) -> str:
    return push_files(files, Target(name, "model", **target), "Push", api=hub.api(token))


def test_one_commit_holds_all_files(online: HubServer, files: dict[str, Path]) -> None:
    url = push(online, files, "one-commit", private=True, tag="v1")
    api = online.api()
    assert url.startswith(f"{online.url}/alice/one-commit/commit/")
    assert api.repo_info("alice/one-commit").private
    assert [commit.title for commit in api.list_repo_commits("alice/one-commit")] == ["Push", "initial commit"]
    assert set(api.list_repo_files("alice/one-commit", revision="v1")) == {*files, ".gitattributes"}


def test_a_second_push_sends_only_what_changed(online: HubServer, files: dict[str, Path]) -> None:
    first = push(online, files, "alice/again")
    online.reset()
    assert push(online, files, "alice/again") == first
    assert online.requests("PUT", "storage") == []
    files["a.bin"].write_bytes(os.urandom(1000))
    assert push(online, files, "alice/again") != first
    assert len(online.requests("PUT", "storage")) == 1


def test_a_push_deletes_only_what_it_speaks_for(online: HubServer, files: dict[str, Path]) -> None:
    push(online, files, "alice/stale")
    kept = {name: files[name] for name in ("README.md", "a.bin")}
    target = Target("alice/stale", "model")
    push_files(kept, target, "Push", replaces=lambda path: path.startswith("b/"), api=online.api())
    assert set(online.api().list_repo_files("alice/stale")) == {*kept, ".gitattributes"}


def test_a_push_to_a_branch_leaves_main_alone(online: HubServer, files: dict[str, Path]) -> None:
    push(online, {"README.md": files["README.md"]}, "alice/branch")
    push(online, files, "alice/branch", revision="try/this")
    api = online.api()
    assert "a.bin" not in api.list_repo_files("alice/branch")
    assert "a.bin" in api.list_repo_files("alice/branch", revision="try/this")


@pytest.mark.parametrize(
    ("token", "name", "message"),
    [
        ("hf_wrong", "alice/refused", "does not know this token: run `hf auth login`"),
        (ALICE_READ_ONLY, "alice/refused", "may only read: make one with the write role"),
        (BOB, "alice/refused", "may not write to alice/refused"),
        (ALICE, "nobody/new", "may not write to nobody/new"),
        (ALICE, "alice/not a name", "alice/not a name: Repo id must"),
    ],
)
def test_a_push_that_is_not_allowed_is_one_line(
    online: HubServer, files: dict[str, Path], token: str, name: str, message: str
) -> None:
    online.api().create_repo("alice/refused", exist_ok=True)
    before = state(online, "alice/refused")
    with pytest.raises(HubError, match=message) as error:
        push(online, files, name, token, revision="other")
    assert "\n" not in str(error.value) and token not in str(error.value)
    assert state(online, "alice/refused") == before
    assert online.requests("PUT", "storage") == []


def test_no_token_at_all(online: HubServer, files: dict[str, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.hf_api.get_token", lambda: None)
    with pytest.raises(HubError, match="no Hub token found: run `hf auth login`, or set HF_TOKEN"):
        push(online, files, "alice/none", token=None)


def test_offline_mode_says_so(hub: HubServer, files: dict[str, Path]) -> None:
    with pytest.raises(HubError, match="HF_HUB_OFFLINE is set"):
        push(hub, files, "alice/offline")


def test_what_exists_is_not_made_public_or_retagged(online: HubServer, files: dict[str, Path]) -> None:
    push(online, files, "alice/public", tag="v1")
    before = state(online, "alice/public")
    files["a.bin"].write_bytes(os.urandom(1000))
    with pytest.raises(HubError, match="exists and is public"):
        push(online, files, "alice/public", private=True)
    with pytest.raises(HubError, match="has the tag v1 already"):
        push(online, files, "alice/public", tag="v1")
    assert state(online, "alice/public") == before


@pytest.mark.parametrize(
    ("name", "method", "path", "fault", "revision", "message"),
    [
        ("upload-cut", "PUT", ".", {"cut_after": 100}, None, "the connection to the Hub broke"),
        ("storage-busy", "PUT", ".", {"status": 503}, "new", "the connection to the Hub broke .*503"),
        ("error-on-commit", "POST", "/commit/", {"status": 500}, "new", "the Hub answered 500"),
        ("commit-cut", "POST", "/commit/", {"cut_after": 10}, None, "the connection to the Hub broke"),
    ],
)
def test_a_broken_push_changes_nothing_and_the_next_one_completes_it(
    online: HubServer,
    files: dict[str, Path],
    name: str,
    method: str,
    path: str,
    fault: dict[str, int],
    revision: str | None,
    message: str,
) -> None:
    push(online, {"README.md": files["README.md"]}, name)
    before = state(online, f"alice/{name}")
    online.fault(method, path, times=None, **fault)
    with pytest.raises(HubError, match=message) as error:
        push(online, files, name, revision=revision)
    assert "run the same command again" in str(error.value) and "\n" not in str(error.value)
    assert state(online, f"alice/{name}") == before
    online.reset()
    push(online, files, name, revision=revision)
    assert set(online.api().list_repo_files(f"alice/{name}", revision=revision)) == {*files, ".gitattributes"}
    assert len(online.requests("PUT", "storage")) == (2 if method == "PUT" else 0), "sent again, or not at all"


def test_a_tag_that_fails_is_told_apart(online: HubServer, files: dict[str, Path]) -> None:
    online.fault("POST", "/tag/", status=500)
    with pytest.raises(HubError, match=r"The commit is made .* and lacks its tag; run the same command again"):
        push(online, files, "alice/tagless", tag="v1")
    online.reset()
    push(online, files, "alice/tagless", tag="v1")
    assert "a.bin" in online.api().list_repo_files("alice/tagless", revision="v1")


def test_bad_metadata_is_refused_before_the_upload(online: HubServer, files: dict[str, Path]) -> None:
    files["README.md"].write_text("---\nlicense: mine\n---\n")
    with pytest.raises(HubError, match=r"Invalid metadata in README.md. - .*'mine'"):
        push(online, files, "alice/metadata")
    assert online.requests("PUT", "storage") == []
