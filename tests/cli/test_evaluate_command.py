import hashlib
import io
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest
import soundfile
import typer
import yaml
from datasets import Dataset
from hub_client import HubServer
from typer.testing import CliRunner

from audio_emotion.cli.evaluate import evaluate
from audio_emotion.dataset_scripts.schema import COLUMNS, EMOTIONS, corpus_features

app = typer.Typer()
app.command()(evaluate)


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory, speech: Any) -> Path:
    """One corpus of three speakers, three classes and a test split."""
    folder = tmp_path_factory.mktemp("prepared")
    classes = ("happiness", "anger", "neutral")
    rows = []
    for i in range(9):
        flac = io.BytesIO()
        soundfile.write(flac, speech(0.3 + 0.05 * i, seed=i), 16000, format="FLAC")
        emotion = classes[i % 3]
        distribution = [0.9 if label == emotion else 0.05 if label in classes else 0.0 for label in EMOTIONS]
        row = dict.fromkeys(COLUMNS) | {
            "audio": {"bytes": flac.getvalue(), "path": f"{i}.flac"},
            "corpus": "little",
            "id": str(i),
            "speaker": f"S{i // 3}",
            "language": "fr-CA",
            "emotion": emotion,
            "distribution": distribution,
            "label_mask": [label in classes for label in EMOTIONS],
            "label_source": "smoothed",
            "duration_s": 0.3 + 0.05 * i,
            "split": "test",
            "license": "cc0-1.0",
        }
        rows.append(row)
    Dataset.from_list(rows, features=corpus_features()).to_parquet(folder / "little" / "test-00000-of-00001.parquet")
    configs = [{"config_name": "little", "data_files": [{"split": "test", "path": "little/test-*.parquet"}]}]
    (folder / "README.md").write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")
    return folder


def test_the_command_measures_and_writes(
    prepared: Path,
    tiny_model_dir: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr(sys, "argv", ["/somewhere/audio-emotion", "evaluate", "--data", "prepared"])
    out, plots = tmp_path / "results" / "little.json", tmp_path / "plots"
    arguments = ["--model", str(tiny_model_dir), "--data", str(prepared), "--out", str(out)]
    options = ["--prior", "removed", "--resamples", "20", "--plots", str(plots)]
    answer = CliRunner().invoke(app, [*arguments, *options])
    assert answer.exit_code == 0, answer.output
    assert "little" in answer.stdout
    assert "too_short" not in caplog.text
    results = json.loads(out.read_text())
    assert results["settings"] == {"batch_size": 16, "prior": "uniform", "resamples": 20, "seed": 0, "split": "test"}
    assert results["corpora"]["little"]["class_sets"]["all"]["num_clips"] == 9
    assert list(results["languages"]) == ["fr"]
    assert results["command"] == "audio-emotion evaluate --data prepared"
    assert results["packages"]["transformers"]
    assert len(list(plots.glob("*.png"))) == 2


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--corpus", "absent"], "no corpus is called absent"),
        (["--split", "train"], "has a clip in split 'train'"),
        (["--model", "absent/model"], "absent/model cannot be loaded"),
    ],
)
def test_what_cannot_be_measured_is_one_line_and_writes_nothing(
    options: list[str], message: str, prepared: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    out = tmp_path / "results.json"
    arguments = ["--model", str(tiny_model_dir), "--data", str(prepared), "--out", str(out), *options]
    answer = CliRunner().invoke(app, arguments)
    assert answer.exit_code == 1
    assert message in " ".join(answer.stderr.split())
    assert not out.exists()


def test_a_prior_that_the_model_does_not_know_cannot_be_divided_out(
    prepared: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    model = shutil.copytree(tiny_model_dir, tmp_path / "model")
    config = json.loads((model / "config.json").read_text()) | {"class_prior": None}
    (model / "config.json").write_text(json.dumps(config))
    arguments = ["--model", str(model), "--data", str(prepared), "--out", str(tmp_path / "results.json")]
    refused = CliRunner().invoke(app, [*arguments, "--prior", "uniform"])
    assert refused.exit_code == 1
    assert "no class_prior to divide out" in refused.stderr
    assert CliRunner().invoke(app, [*arguments, "--resamples", "5"]).exit_code == 0


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_model_and_corpora_may_come_from_the_hub(
    hub: HubServer, prepared: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    api = hub.api()
    with hub.in_this_process():
        api.create_repo("alice/measured")
        api.create_repo("alice/clips", repo_type="dataset")
        revision = api.upload_folder(repo_id="alice/measured", folder_path=tiny_model_dir).oid
        api.upload_folder(repo_id="alice/clips", repo_type="dataset", folder_path=prepared)
    out = tmp_path / "results.json"
    arguments = ["--model", "alice/measured", "--data", "alice/clips", "--resamples", "5", "--out", str(out)]
    finished = hub.cli("evaluate", *arguments, timeout_s=280)
    assert finished.returncode == 0, finished.stderr
    model = json.loads(out.read_text())["model"]
    assert (model["name"], model["revision"]) == ("alice/measured", revision)
    weights = (tiny_model_dir / "model.safetensors").read_bytes()
    assert model["weights_sha256"] == {"model.safetensors": hashlib.sha256(weights).hexdigest()}
