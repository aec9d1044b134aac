"""One commit to the Hub, for models and data sets alike: all of it or nothing, and one clear line when it fails."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from httpx2 import HTTPError
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi, constants
from huggingface_hub.errors import (
    HfHubHTTPError,
    LocalTokenNotFoundError,
    OfflineModeIsEnabled,
    RepositoryNotFoundError,
)

from audio_emotion.pipeline.errors_audio_emotion import HubError

_UNCHANGED = "The repository is unchanged; run the same command again, what is uploaded already is not sent twice"


@dataclass(frozen=True)
class Target:
    """Where a push goes.

    Attributes:
        repo_id: `namespace/name`, or a name in the token's own namespace.
        repo_type: `"model"` or `"dataset"`.
        private: whether the repository must be private; an existing public one is then refused.
        revision: the branch, made from `main` where it does not exist; None is `main`.
        tag: a new tag for the commit; None tags nothing.
    """

    repo_id: str
    repo_type: Literal["model", "dataset"]
    private: bool = False
    revision: str | None = None
    tag: str | None = None


def push_files(
    files: Mapping[str, Path],
    target: Target,
    message: str,
    replaces: Callable[[str], bool] = lambda path: False,
    api: HfApi | None = None,
    parent: str | None = None,
) -> str:
    """Push files in one commit.

    Everything that can be refused is refused before the first byte is uploaded, and the commit comes last: a push that
    fails leaves the branch as it was.

    Args:
        files: the file behind each path in the repository.
        target: where they go.
        message: what the commit says.
        replaces: which of the repository's paths this push speaks for; those that it does not bring are deleted.
        api: the client; by default one for `HF_ENDPOINT` with the token of `HF_TOKEN` or `hf auth login`.
        parent: the commit that the files were made for; the push is refused where the branch has moved on since.

    Returns:
        The web address of the commit.

    Raises:
        HubError: if token, repository, metadata or connection do not allow it; its one line says what to do.
    """
    api = api or HfApi()
    with hub_errors(target):
        repo_id, branches = open_repository(api, target)
        kind, branch = target.repo_type, target.revision or constants.DEFAULT_REVISION
        is_new = branch not in branches
        present = api.list_repo_files(repo_id, repo_type=kind, revision=None if is_new else branch)
        stale = [path for path in present if path not in files and replaces(path)]
        operations: list[CommitOperationAdd | CommitOperationDelete] = [
            *(CommitOperationAdd(path, file) for path, file in sorted(files.items())),
            *(CommitOperationDelete(path, is_folder=False) for path in stale),
        ]
        if is_new:
            api.create_branch(repo_id, repo_type=kind, branch=branch, revision=parent)
        try:
            commit = api.create_commit(
                repo_id, operations, commit_message=message, repo_type=kind, revision=branch, parent_commit=parent
            )
        except BaseException:
            if is_new:
                with suppress(HTTPError, OSError):
                    api.delete_branch(repo_id, repo_type=kind, branch=branch)
            raise
    if target.tag:
        with hub_errors(
            target, done=f"The commit is made ({commit.commit_url}) and lacks its tag; run the same command again"
        ):
            api.create_tag(repo_id, repo_type=kind, tag=target.tag, revision=commit.oid)
    return commit.commit_url


def check_access(target: Target, api: HfApi | None = None) -> None:
    """Find out before hours of work whether the push after it has a token that may write.

    Args:
        target: where the push will go.
        api: the client, as for `push_files`.

    Raises:
        HubError: if there is no token, the Hub does not know it, or it may only read.
    """
    with hub_errors(target):
        full_repo_id(api or HfApi(), target)


def full_repo_id(api: HfApi, target: Target) -> str:
    """The target's id with its namespace: the token's own where the target names none.

    Raises:
        HubError: if the token may only read.
    """
    user = api.whoami(cache=True)
    if user["auth"].get("accessToken", {}).get("role") == "read":
        raise HubError(
            "this token may only read: make one with the write role at https://huggingface.co/settings/tokens"
        )
    return target.repo_id if "/" in target.repo_id else f"{user['name']}/{target.repo_id}"


def open_repository(api: HfApi, target: Target) -> tuple[str, set[str]]:
    """The repository's full id and the names of its branches; it is made where it does not exist.

    Raises:
        HubError: if the token may only read, or the repository is public or has the tag and must not.
    """
    repo_id = full_repo_id(api, target)
    try:
        information = api.repo_info(repo_id, repo_type=target.repo_type)
    except RepositoryNotFoundError:
        api.create_repo(repo_id, repo_type=target.repo_type, private=target.private or None)
        return repo_id, {constants.DEFAULT_REVISION}
    if target.private and not information.private:
        raise HubError(f"{repo_id} exists and is public: make it private in its settings, or push without --private")
    refs = api.list_repo_refs(repo_id, repo_type=target.repo_type)
    if target.tag in {ref.name for ref in refs.tags}:
        raise HubError(f"{repo_id} has the tag {target.tag} already: choose another, or delete that one first")
    return repo_id, {ref.name for ref in refs.branches}


@contextmanager
def hub_errors(target: Target, done: str = _UNCHANGED) -> Iterator[None]:
    """Turns what the client raises into a `HubError` of one line that says what to do.

    Args:
        target: the push under way.
        done: the state in which a broken connection or an error of the server leaves it.
    """
    try:
        yield
    except HubError:
        raise
    except LocalTokenNotFoundError as error:
        raise HubError("no Hub token found: run `hf auth login`, or set HF_TOKEN") from error
    except OfflineModeIsEnabled as error:
        raise HubError("HF_HUB_OFFLINE is set: unset it to push") from error
    except HfHubHTTPError as error:
        raise HubError(_explain_answer(error, target, done)) from error
    except ValueError as error:
        raise HubError(f"{target.repo_id}: {_one_line(error)}") from error
    except (HTTPError, OSError, RuntimeError) as error:
        cause = error.__cause__ or error
        raise HubError(f"the connection to the Hub broke ({_one_line(cause)}). {done}") from error


def _explain_answer(error: HfHubHTTPError, target: Target, done: str) -> str:
    """What an answer other than success means for a push."""
    status = error.response.status_code
    match status:
        case 401:
            return "the Hub does not know this token: run `hf auth login`, or set HF_TOKEN to a valid one"
        case 403:
            return (
                f"this token may not write to {target.repo_id}: use one with the write role for the namespace "
                f"{target.repo_id.partition('/')[0]}, or push to a namespace of yours"
            )
        case 404:
            return (
                f"the Hub has no {target.repo_type} {target.repo_id}, or this token may not see it: {_one_line(error)}"
            )
        case 412:
            return f"somebody else pushed to {target.repo_id} meanwhile. {done}"
        case _:
            return f"the Hub answered {status} to the push to {target.repo_id}. {done}"


def _one_line(error: BaseException) -> str:
    text = " ".join(str(error).split()) or type(error).__name__
    return text if len(text) <= 300 else f"{text[:299]}…"
