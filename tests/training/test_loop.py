"""The loop: it learns, resumes bit for bit, sees the same items on any number of processes, and fails clearly."""

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError, RecipeError
from audio_emotion.training import loop as loop_module
from audio_emotion.training.checkpoints import Progress, list_checkpoints, load_checkpoint, save_checkpoint
from audio_emotion.training.recipe import Recipe, load_recipe, save_recipe
from audio_emotion.training.run_folder import run_folder
from audio_emotion.training.train import train


def elsewhere(recipe: Recipe, folder: Path, **sections: dict) -> Recipe:
    raw = recipe.model_dump() | {"output_dir": str(folder)}
    for section, values in sections.items():
        raw[section] |= values
    return Recipe.model_validate(raw)


def interrupted_at(total_steps: int) -> Callable[..., dict[str, float]]:
    take_step = loop_module.TrainingLoop.take_step

    def until_then(self, step, batches):
        if self.progress.total_steps == total_steps:
            raise KeyboardInterrupt
        return take_step(self, step, batches)

    return until_then


def test_a_run_learns_and_writes_a_whole_model_folder(recipe: Recipe, tmp_path: Path) -> None:
    quiet = {
        "speed": 0,
        "noise": 0,
        "reverb": 0,
        "band_limit": 0,
        "equalizer": 0,
        "frequency_masks": 0,
        "time_masks": 0,
    }
    recipe = elsewhere(recipe, tmp_path, loop={"epochs": 6}, augmentation=quiet, sampling={"items_per_epoch": 64})
    final = train(recipe)
    model = EmotionWhisperForAudioClassification.from_pretrained(final)
    assert {path.name for path in final.iterdir()} >= {
        "config.json",
        "model.safetensors",
        "preprocessor_config.json",
        "recipe.yaml",
    }
    assert next(iter(load_file(final / "model.safetensors").values())).dtype == torch.float16
    assert model.dtype == torch.float32
    assert model.config.corpora == ["alpha", "beta"]
    assert sum(model.config.class_prior) == pytest.approx(1.0)
    assert 0.2 <= model.config.temperature <= 5.0
    assert 0.0 <= model.config.calibration_error <= 1.0
    lines = [json.loads(line) for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    losses = [line["pooled"] for line in lines if "pooled" in line]
    assert np.mean(losses[-8:]) < 0.8 * np.mean(losses[:8])
    assert max(line["validation_uar"] for line in lines if "validation_uar" in line) > 0.5


def test_worker_processes_change_nothing(recipe: Recipe, tmp_path: Path) -> None:
    alone, helped = (
        load_file(train(elsewhere(recipe, tmp_path / str(count), loop={"num_workers": count})) / "model.safetensors")
        for count in (0, 2)
    )
    assert all(torch.equal(weights, helped[name]) for name, weights in alone.items())


@pytest.mark.parametrize("sections", [{"loop": {"items_per_step": 3}}, {"sampling": {"items_per_epoch": 3}}])
def test_a_step_with_fewer_items_than_processes_is_refused(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sections: dict
) -> None:
    monkeypatch.setattr(loop_module.Accelerator, "num_processes", 4)
    with pytest.raises(RecipeError, match=r"a step has 3 items .* too few for 4 processes"):
        train(elsewhere(recipe, tmp_path / "run", **sections))
    assert not (tmp_path / "run").exists()


def test_two_runs_in_one_folder(recipe: Recipe, tmp_path: Path) -> None:
    with run_folder(tmp_path / "run"), pytest.raises(RecipeError, match=r"another run writes to .*run: wait for it"):
        train(elsewhere(recipe, tmp_path / "run"))


def test_a_finished_run_is_not_overwritten(recipe: Recipe, tmp_path: Path) -> None:
    short = elsewhere(recipe, tmp_path, loop={"epochs": 1, "checkpoint_every": 100})
    weights = train(short) / "model.safetensors"
    before = weights.read_bytes()
    with pytest.raises(RecipeError, match=r"holds a run.*--resume.*another output_dir"):
        train(elsewhere(short, tmp_path, optimizer={"learning_rate": 5e-3}))
    assert weights.read_bytes() == before


def test_a_run_goes_on_with_its_own_recipe_alone(recipe: Recipe, tmp_path: Path) -> None:
    """What a checkpoint is made of must stay; length and bookkeeping may change."""
    short = elsewhere(recipe, tmp_path, loop={"epochs": 1})
    final = train(short)
    changed = {"optimizer": {"head_learning_rate": 2e-6}, "sampling": {"items_per_epoch": 16}}
    with pytest.raises(RecipeError) as raised:
        train(elsewhere(short, tmp_path, **changed), resume=True)
    assert "optimizer.head_learning_rate is 2e-06, was 0.01" in str(raised.value)
    assert "sampling.items_per_epoch is 16, was 48" in str(raised.value)
    assert "loop" not in str(raised.value)
    assert load_recipe(final.parent / "recipe.yaml") == short
    bookkeeping = {"epochs": 2, "patience": 9, "validate_every": 5, "checkpoint_every": 3, "frames_per_batch": 500}
    longer = elsewhere(short, tmp_path, loop=bookkeeping)
    assert load_recipe(train(longer, resume=True) / "recipe.yaml") == longer


def validated_steps(run: Path) -> list[int]:
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    return [line["step"] for line in lines if "validation_uar" in line]


def test_the_last_step_is_validated_too(recipe: Recipe, tmp_path: Path) -> None:
    twelve = elsewhere(recipe, tmp_path, loop={"validate_every": 5, "checkpoint_every": 12})
    train(twelve)
    assert validated_steps(tmp_path) == [5, 10, 12]
    train(twelve, resume=True)
    assert validated_steps(tmp_path) == [5, 10, 12], "nothing is left to do"
    train(elsewhere(twelve, tmp_path, loop={"epochs": 3}), resume=True)
    assert validated_steps(tmp_path) == [5, 10, 12, 15, 18]


def test_a_run_that_is_cut_short_is_validated_where_it_stands(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = elsewhere(recipe, tmp_path, loop={"epochs": 3, "validate_every": 5, "checkpoint_every": 7})
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop_module.TrainingLoop, "take_step", interrupted_at(8))
        train(long)
    train(elsewhere(long, tmp_path, loop={"epochs": 1}), resume=True)
    assert validated_steps(tmp_path) == [5, 7]


@pytest.mark.parametrize("resume", [True, False])
def test_a_run_that_never_took_a_step_leaves_the_folder_free(recipe: Recipe, tmp_path: Path, resume: bool) -> None:
    save_recipe(recipe, tmp_path / "recipe.yaml")
    other = elsewhere(recipe, tmp_path, loop={"epochs": 1}, optimizer={"learning_rate": 2e-3})
    assert load_recipe(train(other, resume) / "recipe.yaml") == other


@pytest.mark.parametrize("validate_every", [4, 7])
def test_a_resumed_run_ends_in_the_same_weights(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, validate_every: int
) -> None:
    recipe = elsewhere(recipe, tmp_path, loop={"validate_every": validate_every})
    whole = train(elsewhere(recipe, tmp_path / "whole"))
    cut = elsewhere(recipe, tmp_path / "cut")

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop_module.TrainingLoop, "take_step", interrupted_at(5))
        train(cut)
    with pytest.raises(RecipeError, match="--resume"):
        train(cut)
    resumed = train(cut, resume=True)
    expected, found = load_file(whole / "model.safetensors"), load_file(resumed / "model.safetensors")
    assert expected.keys() == found.keys()
    for name, tensor in expected.items():
        assert torch.equal(tensor, found[name]), name


def test_a_loss_that_is_not_finite_stops_the_run_and_keeps_the_checkpoints(
    recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    forward = loop_module.TrainingObjective.forward
    calls = iter(range(10**6))

    def broken(self, batch):
        terms = forward(self, batch)
        return terms if next(calls) < 20 else {name: term * float("nan") for name, term in terms.items()}

    monkeypatch.setattr(loop_module.TrainingObjective, "forward", broken)
    with pytest.raises(AudioEmotionError, match="not finite"):
        train(recipe)
    newest = list_checkpoints(Path(recipe.output_dir) / "checkpoints")[-1]
    assert all(torch.isfinite(tensor).all() for tensor in load_checkpoint(newest)[1].values())


def test_an_interrupted_checkpoint_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def ctrl_c(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("audio_emotion.training.checkpoints.flush", ctrl_c)
    with pytest.raises(KeyboardInterrupt):
        save_checkpoint(tmp_path, Progress(total_steps=1), {"w": torch.tensor([1.0])}, {})
    assert list(tmp_path.iterdir()) == []


def test_only_complete_checkpoints_are_seen_and_two_are_kept(tmp_path: Path) -> None:
    for step in (1, 2, 3):
        save_checkpoint(tmp_path, Progress(total_steps=step), {"w": torch.tensor([float(step)])}, {})
    (tmp_path / ".step-00000009.partial").mkdir()
    assert [path.name for path in list_checkpoints(tmp_path)] == ["step-00000002", "step-00000003"]
    progress, weights, _ = load_checkpoint(tmp_path / "step-00000003")
    assert progress.total_steps == 3
    assert weights["w"].item() == 3.0


def test_a_full_disk_keeps_the_last_checkpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_checkpoint(tmp_path, Progress(total_steps=1), {"w": torch.ones(1)}, {})

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(torch, "save", full)
    with pytest.raises(AudioEmotionError, match=r"No space left.*--resume"):
        save_checkpoint(tmp_path, Progress(total_steps=2), {"w": torch.ones(1)}, {})
    assert [path.name for path in tmp_path.iterdir()] == ["step-00000001"]


def test_a_damaged_checkpoint_is_named(tmp_path: Path) -> None:
    path = save_checkpoint(tmp_path, Progress(total_steps=1), {"w": torch.ones(1)}, {})
    (path / "weights.safetensors").write_bytes(b"half")
    with pytest.raises(AudioEmotionError, match="step-00000001"):
        load_checkpoint(path)
