import csv
import json
import shutil
from pathlib import Path

import pytest
import yaml
from hub_client import HubServer
from hume_standin import hisses
from typer.testing import CliRunner

from audio_emotion.cli import app
from audio_emotion.dataset_scripts.corpora.humeprosody import TARGETS
from audio_emotion.training.finetune_recipe import FinetuneRecipe
from audio_emotion.training.recipe import read_recipe
from benchmarks.hume_corpus import NUM_BAD, write_corpus

RECIPE = "recipes/hume_prosody.yaml"
SMALL = ("loop.epochs=1", "loop.items_per_step=8", "loop.validate_every=2", "adapter.r=2", "num_resamples=10")


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hume") / "corpus"
    write_corpus(folder, {"train": hisses(16, 0), "devel": hisses(6, 1), "test": hisses(5, 2)})
    return folder


def arguments(standin: Path, base: Path, out: Path, *more: str) -> list[str]:
    settings = [f"--set={value}" for value in (*SMALL, f"base={base}", f"output_dir={out}")]
    return ["finetune", "--config", RECIPE, "--source", str(standin), *settings, *more]


def test_the_shipped_recipe_is_found_by_its_name_and_valid() -> None:
    recipe = read_recipe(FinetuneRecipe, RECIPE)
    assert recipe.target.labels == list(TARGETS)
    assert recipe.target.problem == "intensity"


def test_finetune_and_predict(standin: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    tuned = CliRunner().invoke(app, arguments(standin, tiny_model_dir, tmp_path / "run"))
    assert tuned.exit_code == 0, tuned.output
    assert f"{NUM_BAD} bad rows" in tuned.stderr
    assert "train.csv, line 20" in tuned.stderr
    adapter = tmp_path / "run" / "final"
    assert (adapter / "adapter_model.safetensors").is_file()
    resolved = yaml.safe_load((adapter / "recipe.yaml").read_text())
    assert (resolved["target"]["problem"], resolved["loop"]["epochs"], resolved["adapter"]["r"]) == ("intensity", 1, 2)
    out = tmp_path / "predictions.csv"
    options = ["--model", str(adapter), "--source", str(standin), "--out", str(out)]
    answer = CliRunner().invoke(app, ["predict", *options])
    assert answer.exit_code == 0, answer.output
    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    table = (standin / "lab" / "test.csv").read_text().splitlines()[1:]
    assert [row["filename"] for row in rows] == [line.partition(",")[0] for line in table]
    assert tuple(rows[0]) == ("filename", *TARGETS)


def test_merge_and_full_write_whole_models(standin: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    for number, option in enumerate((["--merge"], ["--method", "full"])):
        out = tmp_path / str(number)
        answer = CliRunner().invoke(app, arguments(standin, tiny_model_dir, out, *option))
        assert answer.exit_code == 0, answer.output
        assert json.loads((out / "final" / "config.json").read_text())["problem"] == "intensity"
        assert (out / "final" / "model.safetensors").is_file()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--max-bad", "3"], "4 bad rows and files, more than max_bad=3"),
        (["--set", "target.loss=best"], "target.loss"),
        (["--set", "shifts.probability=0.5"], "intensities have none"),
        (["--set", "corpus=absent"], "no corpus is called 'absent'"),
        (["--config", "nowhere.yaml"], "nowhere.yaml"),
    ],
)
def test_what_cannot_be_is_one_line(
    options: list[str], message: str, standin: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    answer = CliRunner().invoke(app, [*arguments(standin, tiny_model_dir, tmp_path), *options])
    assert answer.exit_code == 1
    assert message in " ".join(answer.stderr.split())
    assert not (tmp_path / "checkpoints").exists()


def test_predict_says_what_it_lacks(standin: Path, tiny_model_dir: Path, tmp_path: Path) -> None:
    options = ["predict", "--model", str(tiny_model_dir), "--out", str(tmp_path / "p.csv")]
    answer = CliRunner().invoke(app, [*options, "--source", str(standin), "--split", "final"])
    assert answer.exit_code == 1
    assert "no final.csv here or below" in answer.stderr
    empty = tmp_path / "empty"
    shutil.copytree(standin / "lab", empty)
    answer = CliRunner().invoke(app, [*options, "--source", str(empty)])
    assert answer.exit_code == 1
    assert "not one of its 5 files can be read" in " ".join(answer.stderr.split())


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_an_adapter_on_the_hub_finds_its_base_there(
    hub: HubServer, standin: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    api = hub.api()
    with hub.in_this_process():
        api.create_repo("alice/base")
        api.upload_folder(repo_id="alice/base", folder_path=tiny_model_dir)
        answer = CliRunner().invoke(
            app, arguments(standin, tiny_model_dir, tmp_path / "run", "--set", "base_name=alice/base")
        )
        assert answer.exit_code == 0, answer.output
        adapter = tmp_path / "run" / "final"
        assert json.loads((adapter / "adapter_config.json").read_text())["base_model_name_or_path"] == "alice/base"
        api.create_repo("alice/adapter")
        api.upload_folder(repo_id="alice/adapter", folder_path=adapter)
        from transformers import AutoModelForAudioClassification

        model = AutoModelForAudioClassification.from_pretrained("alice/adapter")
        assert list(model.config.id2label.values()) == list(TARGETS)
