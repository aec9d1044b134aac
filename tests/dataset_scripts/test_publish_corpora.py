"""Prepared corpora go to the Hub and come back with `load_dataset`, and none of our code on the other side."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hub_client import ALICE, HubServer
from huggingface_hub import DatasetCard
from typer.testing import CliRunner

from audio_emotion.cli import app
from audio_emotion.dataset_scripts import publish
from audio_emotion.dataset_scripts.hub import Target
from audio_emotion.dataset_scripts.prepare import prepare
from audio_emotion.dataset_scripts.publish import push_corpora
from audio_emotion.pipeline.errors_audio_emotion import CorpusError, HubError

pytestmark = pytest.mark.timeout(300)

NAMES = {
    "ravdess": [f"Actor_{actor:02}/03-01-05-01-02-01-{actor:02}.wav" for actor in range(1, 25)],
    "emodb": ["wav/03a01Wa.wav", "wav/08a01Fd.wav", "wav/16b10Tb.wav"],
    "turevdb": ["Sound Source/Angry/1157_kz_acik.wav", "Sound Source/Angry/7895_kz_acik.wav"],
}


@pytest.fixture(scope="module")
def prepared_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """RAVDESS and EMO-DB (free to publish) and TurEV-DB (not), a folder of their own each, of noise."""
    root = tmp_path_factory.mktemp("corpora")
    rng = np.random.default_rng(0)
    for corpus, names in NAMES.items():
        for name in names:
            path = root / "source" / corpus / name
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, 0.1 * rng.standard_normal(4800), 16000)
        if corpus == "ravdess":
            path.write_bytes(b"no audio at all")
        prepare(corpus, root / "source" / corpus, root / corpus)
    return root


def push(hub: HubServer, folder: Path, name: str, has_right: bool = False, private: bool = False) -> str:
    return push_corpora(folder, Target(name, "dataset", private), has_right, hub.api())


def test_pushed_corpora_come_back_row_by_row(online: HubServer, prepared_folder: Path) -> None:
    """One private repository, two pushes, and a process that knows only `datasets`."""
    push(online, prepared_folder / "ravdess", "alice/speech", private=True)
    push(online, prepared_folder / "emodb", "alice/speech")
    code = """
        import io, json, soundfile
        from datasets import Audio, get_dataset_config_names, load_dataset
        data = load_dataset("alice/speech", "ravdess")
        stream = load_dataset("alice/speech", "ravdess", split="train", streaming=True)
        other = load_dataset("alice/speech", "emodb", split="test").cast_column("audio", Audio(decode=False))
        print(json.dumps({
            "configs": sorted(get_dataset_config_names("alice/speech")),
            "splits": {split: list(rows["id"]) for split, rows in data.items()},
            "streamed": [row["id"] for row in stream],
            "emotions": list(other["emotion"]),
            "num_samples": [len(soundfile.read(io.BytesIO(row["bytes"]))[0]) for row in other["audio"]],
        }))
    """
    answer = online.python(code, home="datasets", USE_TORCH="NO")  # which saves the import of torch
    assert answer["configs"] == ["emodb", "ravdess"]
    assert sum(map(len, answer["splits"].values())) == len(NAMES["ravdess"]) - 1
    assert answer["streamed"] == answer["splits"]["train"]
    assert set(answer["emotions"]) <= {"anger", "happiness", "sadness"} and set(answer["num_samples"]) == {4800}


def test_only_shards_card_and_manifest_go_along(online: HubServer, prepared_folder: Path, tmp_path: Path) -> None:
    push(online, prepared_folder / "ravdess", "alice/files")
    push(online, prepared_folder / "emodb", "alice/files")
    api = online.api()
    paths = set(api.list_repo_files("alice/files", repo_type="dataset"))
    shards = {
        path.relative_to(prepared_folder / path.parts[-3]).as_posix() for path in prepared_folder.rglob("*.parquet")
    }
    shards = {shard for shard in shards if not shard.startswith("turevdb")}
    assert paths == shards | {"README.md", ".gitattributes", "ravdess/manifest.json", "emodb/manifest.json"}
    card, manifest = (
        Path(api.hf_hub_download("alice/files", name, repo_type="dataset", local_dir=tmp_path)).read_text()
        for name in ("README.md", "ravdess/manifest.json")
    )
    assert str(prepared_folder) not in card + manifest and "/manifest" not in card
    assert [config["config_name"] for config in DatasetCard(card).data.configs] == ["emodb", "ravdess"]
    assert 'load_dataset("alice/files", "emodb"' in card
    bad_audio = [bad for shard in json.loads(manifest)["shards"].values() for bad in shard["bad_audio"]]
    assert bad_audio == [[NAMES["ravdess"][-1], ""]]


def test_a_push_that_breaks_leaves_the_data_set_and_the_next_one_completes_it(
    online: HubServer, prepared_folder: Path
) -> None:
    push(online, prepared_folder / "emodb", "alice/breaks")
    api = online.api()
    before = api.dataset_info("alice/breaks").sha
    online.fault("PUT", ".", cut_after=1000, times=None)
    with pytest.raises(HubError, match="the connection to the Hub broke"):
        push(online, prepared_folder / "ravdess", "alice/breaks")
    assert api.dataset_info("alice/breaks").sha == before
    online.reset()
    push(online, prepared_folder / "ravdess", "alice/breaks")
    assert "ravdess/manifest.json" in api.list_repo_files("alice/breaks", repo_type="dataset")


@pytest.mark.parametrize("revision", [None, "new"])
@pytest.mark.parametrize("exists", [True, False], ids=["a data set", "a new one"])
def test_of_two_pushes_at_once_the_later_is_refused_and_completes_when_it_is_repeated(
    online: HubServer, prepared_folder: Path, monkeypatch: pytest.MonkeyPatch, exists: bool, revision: str | None
) -> None:
    name, api = f"alice/at-once-{exists}-{revision}".lower(), online.api()
    target = Target(name, "dataset", revision=revision)
    if exists:
        api.create_repo(name, repo_type="dataset")
    read_manifests = publish._published_manifests

    def pushed_meanwhile(*args: Any) -> Any:
        found = read_manifests(*args)
        monkeypatch.setattr(publish, "_published_manifests", read_manifests)
        push_corpora(prepared_folder / "emodb", target, api=api)
        return found

    monkeypatch.setattr(publish, "_published_manifests", pushed_meanwhile)
    with pytest.raises(HubError, match=f"somebody else pushed to {name} meanwhile.*run the same command again"):
        push_corpora(prepared_folder / "ravdess", target, api=api)
    push_corpora(prepared_folder / "ravdess", target, api=api)
    card = api.hf_hub_download(name, "README.md", repo_type="dataset", revision=revision)
    assert [config["config_name"] for config in DatasetCard.load(card).data.configs] == ["emodb", "ravdess"]


def test_a_licence_that_forbids_it_is_heeded(online: HubServer, prepared_folder: Path) -> None:
    folder = prepared_folder / "turevdb"
    for private in (False, True):
        with pytest.raises(CorpusError, match=r"publish turevdb \(cc-by-nc-nd-4.0\).*--i-have-the-right"):
            push(online, folder, "alice/forbidden", private=private)
    assert not online.api().repo_exists("alice/forbidden", repo_type="dataset")
    push(online, folder, "alice/forbidden", has_right=True)
    assert online.api().repo_exists("alice/forbidden", repo_type="dataset")


def test_what_is_not_prepared_is_not_pushed(online: HubServer, prepared_folder: Path, tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="holds no prepared corpus"):
        push(online, tmp_path, "alice/nothing")
    folder = tmp_path / "emodb"
    shutil.copytree(prepared_folder / "emodb", folder)
    next(folder.rglob("*.parquet")).unlink()
    with pytest.raises(CorpusError, match=r"emodb not complete; run the same `corpora prepare` again"):
        push(online, folder, "alice/nothing")
    assert online.requests("POST") == []


def test_shards_of_an_earlier_push_do_not_linger(online: HubServer, prepared_folder: Path) -> None:
    api = online.api()
    push(online, prepared_folder / "emodb", "alice/lingers")
    api.upload_file(
        path_or_fileobj=b"PAR1",
        path_in_repo="emodb/test-00001-of-00002.parquet",
        repo_id="alice/lingers",
        repo_type="dataset",
    )
    push(online, prepared_folder / "emodb", "alice/lingers")
    assert "emodb/test-00001-of-00002.parquet" not in api.list_repo_files("alice/lingers", repo_type="dataset")


def test_the_command(online: HubServer, prepared_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = str(prepared_folder / "emodb")
    listed = CliRunner().invoke(app, ["corpora", "push", folder, "alice/command", "--dry-run"])
    assert listed.exit_code == 0 and "emodb/test-00000-of-00001.parquet" in listed.output
    assert online.requests("GET") == online.requests("POST") == []
    monkeypatch.setenv("HF_TOKEN", "hf_wrong")
    refused = CliRunner().invoke(app, ["corpora", "push", folder, "alice/command"])
    assert refused.exit_code == 1 and "error: the Hub does not know this token" in refused.output
    monkeypatch.setenv("HF_TOKEN", ALICE)
    pushed = CliRunner().invoke(app, ["corpora", "push", folder, "alice/command", "--tag", "v1"])
    assert pushed.exit_code == 0 and f"{online.url}/datasets/alice/command/commit/" in pushed.output
