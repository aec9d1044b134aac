"""Fine-tuning: from a corpus as its owner ships it to an adapter that loads wherever adapters are loaded."""

import csv
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hume_standin import hiss, hisses, make_recipe
from safetensors.torch import load_file
from transformers import AutoModelForAudioClassification, pipeline

from audio_emotion import AudioEmotionPipeline, EmotionWhisperFeatureExtractor
from audio_emotion.dataset_scripts.corpora.humeprosody import TARGETS
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError, RecipeError
from audio_emotion.training import loop as loop_module
from audio_emotion.training.adapter import load_adapted, load_base
from audio_emotion.training.finetune import finetune
from audio_emotion.training.finetune_recipe import LORA
from audio_emotion.training.predict import predict
from benchmarks.hume_corpus import NUM_BAD, write_corpus

IA3 = {"peft_type": "IA3", "target_modules": ["k_proj", "v_proj", "fc2"], "feedforward_modules": ["fc2"]}
LONGER = {"epochs": 6, "validate_every": 9}
TONE = {"array": hiss(0.3, np.random.default_rng(0)), "sampling_rate": 16_000}


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hume") / "corpus"
    write_corpus(folder, {"train": hisses(24, 0), "devel": hisses(8, 1), "test": hisses(6, 2)})
    return folder


@pytest.fixture(scope="module")
def run(standin: Path, tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list]:
    """The adapter of one short run, and the bad rows that it told of."""
    bad: list = []
    out = tmp_path_factory.mktemp("run")
    recipe = make_recipe(tiny_base, out, source=str(standin), loop=LONGER, note="On a stand-in.")
    return finetune(recipe, on_bad=bad.extend), bad


def again(run: tuple[Path, list]) -> dict[str, Any]:
    """The corpus that the first run prepared."""
    return {"corpus": None, "data": [{"path": str(run[0].parent / "prepared"), "name": "humeprosody"}]}


def scores_of(model: Any) -> torch.Tensor:
    features = torch.linspace(-1, 1, 2 * 80 * 60).reshape(2, 80, 60)
    with torch.inference_mode():
        return model(input_features=features).logits.sigmoid()


def test_an_adapter_folder_is_complete_and_names_its_base(run: tuple[Path, list], tiny_base: Path) -> None:
    final, _ = run
    files = {path.name for path in final.iterdir()}
    assert files >= {"adapter_config.json", "adapter_model.safetensors", "preprocessor_config.json", "README.md"}
    assert "model.safetensors" not in files
    assert json.loads((final / "adapter_config.json").read_text())["base_model_name_or_path"] == str(tiny_base)
    assert not [name for name in load_file(final / "adapter_model.safetensors") if "original_module" in name]
    card = (final / "README.md").read_text()
    assert "| Tiredness |" in card
    assert "On a stand-in." in card
    results = json.loads((final / "results.json").read_text())
    assert set(results["splits"]) == {"validation"}  # the test labels are masked
    assert results["splits"]["validation"]["spearman"]["mean"]["value"] > 0.5


def test_bad_rows_are_listed_with_file_line_and_reason_and_left_out(run: tuple[Path, list]) -> None:
    final, bad = run
    assert len(bad) == NUM_BAD
    told = {f"{finding.where} {finding.reason}" for finding in bad}
    for hint in ("train.csv, line 26", "train.csv, line 27", "train.csv, line 28", "train.csv, line 29"):
        assert any(hint in line for line in told), (hint, told)
    assert any("Calmness is 1.2" in line for line in told)
    with (final.parent / "bad_rows.csv").open(newline="") as file:
        assert len(list(csv.DictReader(file))) == NUM_BAD


def test_too_many_bad_rows_end_a_run_before_its_first_step(
    standin: Path, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loop_module.TrainingLoop, "take_step", lambda *_: pytest.fail("a step was taken"))
    recipe = make_recipe(tiny_base, tmp_path, source=str(standin), max_bad=NUM_BAD - 1)
    with pytest.raises(RecipeError, match=r"4 bad rows.*max_bad=3"):
        finetune(recipe)


def test_the_auto_class_and_both_pipelines_load_an_adapter(run: tuple[Path, list]) -> None:
    final, _ = run
    model = AutoModelForAudioClassification.from_pretrained(final)
    assert (model.config.problem, tuple(model.config.id2label.values())) == ("intensity", TARGETS)
    for pipe in (pipeline("audio-emotion", model=str(final)), AudioEmotionPipeline.from_pretrained(final)):
        answer = pipe(TONE, return_timestamps=True)
        assert {entry["label"] for entry in answer["scores"]} == set(TARGETS)
        assert all(0 <= entry["score"] <= 1 for entry in answer["scores"])
        assert sum(entry["score"] for entry in answer["scores"]) != pytest.approx(1, abs=0.2)
        assert set(answer["chunks"][0]["scores"]) == set(TARGETS)
        assert answer["chunks"][-1]["timestamp"][1] == pytest.approx(len(TONE["array"]) / 16_000)


def test_peft_loads_it_on_the_plain_base(run: tuple[Path, list], tiny_base: Path) -> None:
    from peft import PeftModel

    final, _ = run
    adapted = PeftModel.from_pretrained(load_base(str(tiny_base)), str(final))
    expected = AutoModelForAudioClassification.from_pretrained(final)
    torch.testing.assert_close(scores_of(adapted), scores_of(expected))
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(final)
    pipe = AudioEmotionPipeline(model=adapted.get_base_model(), feature_extractor=extractor)
    with pytest.raises(AudioEmotionError, match="9 outputs and its config names 8 labels"):
        pipe(TONE)


def test_two_adapters_switch_on_one_base_with_their_own_labels(
    run: tuple[Path, list], standin: Path, tiny_base: Path, tmp_path: Path
) -> None:
    first = run[0]
    second = finetune(
        make_recipe(
            tiny_base,
            tmp_path,
            **again(run),
            target={"labels": ["Sadness", "Anger"], "loss": "rank"},
            loop={"epochs": 1},
        )
    )
    both = AutoModelForAudioClassification.from_pretrained(tiny_base)
    base_scores = scores_of(both)
    both.load_adapter(str(first), "nine")
    both.load_adapter(str(second), "two")
    assert list(both.config.id2label.values()) == ["Sadness", "Anger"]
    torch.testing.assert_close(scores_of(both), scores_of(AutoModelForAudioClassification.from_pretrained(second)))
    both.set_adapter("nine")
    assert both.config.num_labels == 9
    torch.testing.assert_close(scores_of(both), scores_of(AutoModelForAudioClassification.from_pretrained(first)))
    both.disable_adapters()
    assert both.config.problem == "distribution"
    torch.testing.assert_close(scores_of(both), base_scores)
    both.enable_adapters()
    assert scores_of(both).shape == (2, 9)


@pytest.mark.parametrize("adapter", [LORA, IA3], ids=["lora", "ia3"])
def test_a_merged_folder_answers_as_the_adapter_does(
    run: tuple[Path, list], tiny_base: Path, tmp_path: Path, adapter: dict[str, Any]
) -> None:
    recipe = make_recipe(tiny_base, tmp_path, **again(run), loop={"epochs": 1}, adapter=adapter)
    merged = finetune(recipe, merged=True)
    assert (merged / "model.safetensors").is_file()
    assert not (merged / "adapter_config.json").exists()
    model = AutoModelForAudioClassification.from_pretrained(merged)
    assert (model.config.problem, model.config.num_labels) == ("intensity", 9)
    torch.testing.assert_close(scores_of(model), scores_of(load_adapted(str(tiny_base), tmp_path / "best")))


def test_a_resumed_run_ends_in_the_same_adapter(
    run: tuple[Path, list], tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = finetune(make_recipe(tiny_base, tmp_path / "whole", **again(run)))
    cut = make_recipe(tiny_base, tmp_path / "cut", **again(run))

    class PowerCut(BaseException):
        pass

    take_step = loop_module.TrainingLoop.take_step

    def until_step_three(self: Any, step: Any, batches: Any) -> Any:
        if self.progress.total_steps == 3:
            raise PowerCut
        return take_step(self, step, batches)

    with monkeypatch.context() as patch, pytest.raises(PowerCut):
        patch.setattr(loop_module.TrainingLoop, "take_step", until_step_three)
        finetune(cut)
    with pytest.raises(RecipeError, match="--resume"):
        finetune(cut)
    resumed = finetune(cut, resume=True)
    expected, found = (load_file(folder / "adapter_model.safetensors") for folder in (whole, resumed))
    assert expected.keys() == found.keys()
    assert all(torch.equal(tensor, found[name]) for name, tensor in expected.items())
    checkpoint = load_file(next((tmp_path / "cut" / "checkpoints").glob("step-*/weights.safetensors")))
    assert not [name for name in checkpoint if "base_layer" in name], "the frozen base is in the checkpoint"


@pytest.mark.parametrize(
    "adapter",
    [
        {"peft_type": "lora", "r": 2, "target_modules": ["q_proj", "fc1", "fc2"], "use_dora": True},
        {"peft_type": "LORA", "r": 2, "target_modules": ["v_proj"], "use_rslora": True},
        IA3,
        None,
    ],
    ids=["dora", "rslora", "ia3", "full"],
)
def test_other_ways_to_tune(
    run: tuple[Path, list], tiny_base: Path, tmp_path: Path, adapter: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    changes: dict[str, Any] = {"method": "full"} if adapter is None else {"adapter": adapter}
    recipe = make_recipe(tiny_base, tmp_path, **again(run), target={"loss": "pearson"}, loop={"epochs": 1}, **changes)
    final = finetune(recipe)
    loaded = AudioEmotionPipeline.from_pretrained(final)
    assert len(loaded(TONE)) == 9
    assert "MISSING" not in capfd.readouterr().err
    weights = load_file(tmp_path / "best" / ("model.safetensors" if adapter is None else "adapter_model.safetensors"))
    for name, tensor in loaded.model.state_dict().items():
        if "lora_magnitude_vector" in name:  # transformers alone would leave these as they were before training
            assert torch.equal(tensor, weights[f"base_model.model.{name}".removesuffix(".default.weight")])
    assert (final / "model.safetensors").exists() == (adapter is None)


def test_intensities_have_no_hard_labels(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="intensities have no most probable class"):
        make_recipe(tiny_base, tmp_path, objective={"labels": "hard"})


def test_intensities_have_no_teachers(tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="distillation compare distributions"):
        make_recipe(tiny_base, tmp_path, objective={"distillation": 1.0, "teachers": [str(tiny_base)]})


@pytest.mark.parametrize(
    ("changes", "hint"),
    [
        ({"adapter": {"peft_type": "LORA", "rank": 3}}, "rank"),
        ({"adapter": {"peft_type": "LORA", "target_modules": ["nowhere"]}}, "nowhere"),
        ({"adapter": {"peft_type": "MAGIC"}}, "MAGIC"),
        ({"target": {"labels": ["Joy"]}}, "Joy.*Anger"),
    ],
)
def test_what_cannot_be_tuned_is_said_before_the_first_step(
    run: tuple[Path, list], tiny_base: Path, tmp_path: Path, changes: dict[str, Any], hint: str
) -> None:
    with pytest.raises(RecipeError, match=hint):
        finetune(make_recipe(tiny_base, tmp_path, **again(run), **changes))


def test_a_finished_run_is_not_overwritten(run: tuple[Path, list], tiny_base: Path) -> None:
    before = (run[0] / "adapter_model.safetensors").read_bytes()
    with pytest.raises(RecipeError, match=r"holds a run.*another output_dir"):
        finetune(make_recipe(tiny_base, run[0].parent, **again(run)))
    assert (run[0] / "adapter_model.safetensors").read_bytes() == before


def test_a_run_goes_on_with_its_own_recipe_alone(run: tuple[Path, list], standin: Path, tiny_base: Path) -> None:
    folder = run[0].parent
    other = make_recipe(tiny_base, folder, source=str(standin), loop={"epochs": 7}, target={"loss": "mse"}, seed=1)
    with pytest.raises(RecipeError, match=r"another recipe: seed is 1, was 0, target\.loss is 'mse', was 'ccc'\. "):
        finetune(other, resume=True)


def test_a_base_that_is_not_there_is_named(run: tuple[Path, list], tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="absent/model cannot be loaded"):
        finetune(make_recipe("absent/model", tmp_path, **again(run)))


def test_predictions_have_the_rows_of_the_split_in_their_order(
    run: tuple[Path, list], standin: Path, tmp_path: Path
) -> None:
    source = tmp_path / "corpus"
    shutil.copytree(standin, source)
    table = source / "lab" / "test.csv"
    header, *rows = table.read_text().splitlines()
    absent = rows[0].replace(rows[0][:5], "77777")
    table.write_text("\n".join([header, *reversed(rows), absent, rows[2]]) + "\n")
    answer = predict(AudioEmotionPipeline.from_pretrained(run[0]), table, source, tmp_path / "predictions.csv")
    with (tmp_path / "predictions.csv").open(newline="") as file:
        written = list(csv.DictReader(file))
    assert tuple(written[0]) == ("filename", *TARGETS)
    expected = [row.partition(",")[0] for row in (*reversed(rows), absent, rows[2])]
    assert [row["filename"] for row in written] == expected
    assert answer.num_rows == len(written) == len(rows) + 2
    assert [line for line, _ in answer.without_audio] == [len(rows) + 2]
    assert written[-1] == written[len(rows) - 3]
    assert all(0 <= float(row[name]) <= 1 for row in written for name in TARGETS)
