"""From a folder of prepared corpora to a data set on the Hub, which anyone reads back with `load_dataset`."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path

from huggingface_hub import HfApi

from audio_emotion.dataset_scripts.card import CARD_NAME, render_card
from audio_emotion.dataset_scripts.hub import Target, hub_errors, open_repository, push_files
from audio_emotion.dataset_scripts.manifest import MANIFEST_NAME, Manifest
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


def list_upload(folder: Path, has_right: bool = False) -> dict[str, Path]:
    """Name the shards that a push of this folder brings.

    Args:
        folder: What `prepare` wrote.
        has_right: Whether the caller may publish corpora whose licence does not allow it to everybody.

    Returns:
        The file behind each path in the repository, card and manifests aside.

    Raises:
        CorpusError: If the folder has no prepared corpus, one is not complete, or a licence forbids redistribution.
    """
    return _shards(_checked_manifests(folder, has_right))


def push_corpora(folder: Path, target: Target, has_right: bool = False, api: HfApi | None = None) -> str:
    """Push prepared corpora in one commit: shards, dataset card, and a manifest each.

    Corpora that the repository holds already and the folder does not stay there, and in the card.

    Args:
        folder: What `prepare` wrote.
        target: The data set's repository.
        has_right: Whether the caller may publish corpora whose licence does not allow it to everybody.
        api: The client; by default one for `HF_ENDPOINT` with the token of `HF_TOKEN` or `hf auth login`.

    Returns:
        The web address of the commit.

    Raises:
        CorpusError: If the folder has no prepared corpus, one is not complete, or a licence forbids redistribution.
        HubError: If token, repository or connection do not allow the push; the repository is then as it was.
    """
    manifests = _checked_manifests(folder, has_right)
    files = _shards(manifests)
    names = {manifest.info.name for manifest in manifests}
    api = api or HfApi()
    with tempfile.TemporaryDirectory() as staging:
        with hub_errors(target):
            repo_id, branches = open_repository(api, target)
            target = replace(target, repo_id=repo_id)
            branch = target.revision if target.revision in branches else None  # a new one begins at main
            head = api.repo_info(repo_id, repo_type=target.repo_type, revision=branch).sha
            present = _published_manifests(api, target, head, Path(staging) / "published")
        others = [manifest for manifest in present if manifest.info.name not in names]
        for manifest in manifests:
            files[f"{manifest.info.name}/{MANIFEST_NAME}"] = _public_manifest(manifest, Path(staging))
        card = Path(staging) / CARD_NAME
        both = sorted([*manifests, *others], key=lambda manifest: manifest.info.name)
        card.write_text(render_card(both, target.repo_id), encoding="utf-8")
        files[CARD_NAME] = card
        message = f"Add {', '.join(sorted(names))}"
        return push_files(files, target, message, lambda path: path.partition("/")[0] in names, api, head)


def _checked_manifests(folder: Path, has_right: bool) -> list[Manifest]:
    """The manifests of a folder of prepared corpora, once all may and can be pushed."""
    paths = sorted(folder.glob(f"*/{MANIFEST_NAME}"))
    manifests = [manifest for path in paths if (manifest := Manifest.load(path.parent)) is not None]
    if not manifests:
        raise CorpusError(
            f"{folder} holds no prepared corpus: write one with `audio-emotion corpora prepare --out {folder}`."
        )
    unfinished = [
        manifest.info.name for manifest in manifests if not manifest.complete or not _has_all_shards(manifest)
    ]
    if unfinished:
        raise CorpusError(f"{folder}: {', '.join(unfinished)} not complete; run the same `corpora prepare` again.")
    forbidden = [manifest.info for manifest in manifests if not manifest.info.redistribution]
    if forbidden and not has_right:
        listed = ", ".join(f"{info.name} ({info.license})" for info in forbidden)
        raise CorpusError(
            f"the licence does not let everybody publish {listed}. Push a folder without, or, if its owner gave "
            "you the right, add --i-have-the-right; --private alone is not enough."
        )
    return manifests


def _shards(manifests: list[Manifest]) -> dict[str, Path]:
    return {
        f"{manifest.info.name}/{name}": manifest.folder / name
        for manifest in manifests
        for name in sorted(manifest.shards)
    }


def _has_all_shards(manifest: Manifest) -> bool:
    return all(
        (manifest.folder / name).is_file() and (manifest.folder / name).stat().st_size == summary.num_bytes
        for name, summary in manifest.shards.items()
    )


def _public_manifest(manifest: Manifest, staging: Path) -> Path:
    """A copy of a manifest without its source and the reasons why audio was bad: these name folders of the machine."""
    folder = staging / manifest.info.name
    folder.mkdir()
    shards = {
        name: replace(summary, bad_audio=[(where, "") for where, _ in summary.bad_audio])
        for name, summary in manifest.shards.items()
    }
    replace(manifest, folder=folder, shards=shards, source="").save()
    return folder / MANIFEST_NAME


def _published_manifests(api: HfApi, target: Target, revision: str | None, folder: Path) -> list[Manifest]:
    """The manifests of the corpora that the repository holds at a commit."""
    manifests = []
    for path in api.list_repo_files(target.repo_id, repo_type=target.repo_type, revision=revision):
        if Path(path).name == MANIFEST_NAME:
            local = api.hf_hub_download(
                target.repo_id, path, repo_type=target.repo_type, revision=revision, local_dir=folder
            )
            manifests.append(Manifest.load(Path(local).parent))
    return [manifest for manifest in manifests if manifest is not None]
