"""The test Hub behaves as the real client expects: what else is proven with it rests on this."""

import json
import os
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from hub_client import ALICE, ALICE_READ_ONLY, BOB, HubServer
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, hf_hub_download
from huggingface_hub.errors import HfHubHTTPError, RepositoryNotFoundError


def commit(api: HfApi, repo_id: str, revision: str | None = None, **files: bytes) -> str:
    operations = [CommitOperationAdd(name.replace("_", "."), content) for name, content in files.items()]
    return api.create_commit(repo_id, operations, commit_message="files", revision=revision).oid


def download(api: HfApi, repo_id: str, name: str, folder: Path, revision: str | None = None) -> bytes:
    path = hf_hub_download(
        repo_id, name, revision=revision, cache_dir=folder, endpoint=api.endpoint, token=api.token or False
    )
    return Path(path).read_bytes()


def test_large_files_travel_in_parts_and_come_back_whole(online: HubServer, tmp_path: Path) -> None:
    api, large = online.api(), os.urandom(12_000_000)
    api.create_repo("alice/parts")
    commit(api, "alice/parts", weights_bin=large, config_json=b"{}")
    assert len(online.requests("PUT", "storage")) == 3
    assert download(api, "alice/parts", "weights.bin", tmp_path) == large
    assert download(api, "alice/parts", "config.json", tmp_path) == b"{}"


def test_branches_tags_and_deletions(online: HubServer, tmp_path: Path) -> None:
    api = online.api()
    api.create_repo("alice/refs")
    first = commit(api, "alice/refs", a_txt=b"one")
    api.create_tag("alice/refs", tag="v1")
    api.create_branch("alice/refs", branch="try/this")
    api.create_commit(
        "alice/refs",
        [CommitOperationDelete("a.txt")],
        commit_message="remove",
        revision="try/this",
        parent_commit=first,
    )
    assert api.list_repo_files("alice/refs", revision="try/this") == [".gitattributes"]
    assert [c.title for c in api.list_repo_commits("alice/refs", revision="try/this")] == [
        "remove",
        "files",
        "initial commit",
    ]
    assert download(api, "alice/refs", "a.txt", tmp_path, revision="v1") == b"one"
    commit(api, "alice/refs", a_txt=b"two")
    with pytest.raises(HfHubHTTPError, match="412"):
        api.create_commit("alice/refs", [CommitOperationDelete("a.txt")], commit_message="late", parent_commit=first)


@pytest.mark.parametrize("token", [ALICE_READ_ONLY, BOB, "hf_unknown", False])
def test_only_the_owner_with_a_write_token_changes_a_repository(online: HubServer, token: str | bool) -> None:
    api = online.api()
    api.create_repo("alice/roles", exist_ok=True)
    with pytest.raises(HfHubHTTPError):
        commit(online.api(token), "alice/roles", a_txt=b"x")
    assert api.list_repo_files("alice/roles") == [".gitattributes"]


def test_a_private_repository_is_hidden_from_others(online: HubServer, tmp_path: Path) -> None:
    api = online.api()
    api.create_repo("alice/hidden", private=True)
    commit(api, "alice/hidden", a_bin=b"x")
    assert download(online.api(ALICE_READ_ONLY), "alice/hidden", "a.bin", tmp_path) == b"x"
    for stranger in (BOB, False):
        with pytest.raises(RepositoryNotFoundError):
            online.api(stranger).repo_info("alice/hidden")


def test_an_upload_that_is_cut_once_is_retried(online: HubServer, tmp_path: Path) -> None:
    api, content = online.api(), os.urandom(500_000)
    api.create_repo("alice/cut")
    online.fault("PUT", ".", cut_after=100_000)
    commit(api, "alice/cut", a_bin=content)
    online.fault("GET", "^/[0-9a-f]{64}$", cut_after=1000)
    assert download(api, "alice/cut", "a.bin", tmp_path) == content
    assert len(online.requests("PUT", "storage")) == 2


def test_a_token_at_the_storage_port_is_refused_and_reported(tmp_path: Path) -> None:
    with HubServer(tmp_path) as server:
        request = urllib.request.Request(
            f"{server.storage_url}/{'0' * 64}", headers={"Authorization": f"Bearer {ALICE}"}
        )
        with pytest.raises(urllib.error.HTTPError, match="400"):
            urllib.request.urlopen(request, timeout=10)
        assert server.leaks() == [f"GET /{'0' * 64}"]


def test_bad_metadata_of_a_card_is_refused_before_anything_is_uploaded(online: HubServer) -> None:
    api = online.api()
    api.create_repo("alice/card")
    card = b"---\nlicense: mine\nlanguage: [german]\nmodel-index: [{results: [{task: {}}]}]\n---\n# Title\n"
    with pytest.raises(ValueError, match="'mine'") as refused:
        commit(api, "alice/card", README_md=card)
    assert all(word in str(refused.value) for word in ("german", "name", "task.type", "metrics"))
    assert api.list_repo_files("alice/card") == [".gitattributes"]


def test_the_default_upload_through_xet(hub: HubServer) -> None:
    """The client's default way, into the file-system store that its wheel carries: undocumented, so it may skip."""
    code = """
        import json, os
        from huggingface_hub import CommitOperationAdd, HfApi, hf_hub_download
        api, content = HfApi(), os.urandom(2_000_000)
        api.create_repo("alice/xet")
        api.create_commit("alice/xet", [CommitOperationAdd("a.bin", content)], commit_message="files")
        path = hf_hub_download("alice/xet", "a.bin")
        print(json.dumps(open(path, "rb").read() == content))
    """
    hub.reset()
    try:
        same = hub.python(code, home="xet", HF_HUB_DISABLE_XET="0")
    except AssertionError as error:
        pytest.skip(f"this huggingface_hub has no local xet store: {error}")
    assert same and hub.requests("PUT", "storage") == []
    assert json.dumps(hub.requests("GET")).count("xet-") >= 2
