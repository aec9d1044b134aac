"""The ablation trains every variant once, and its arithmetic is that of the definition."""

import json
import sys
from pathlib import Path

import pytest

from audio_emotion.training.recipe import Recipe, save_recipe
from audio_emotion.training.shift_set import ShiftSetRecipe, write_shift_set
from benchmarks import ablation


def test_an_effect_is_on_minus_off_whatever_the_recipe_has() -> None:
    runs = {
        ablation.BASE: {"0": {"validation": 0.60}, "1": {"validation": 0.70}},
        "shifts": {"0": {"validation": 0.50}, "1": {"validation": 0.62}},
        "LoRA": {"0": {"validation": 0.58}},
    }
    found = ablation.effects(runs, {"shifts": True, "LoRA": False})
    assert found["shifts"]["validation"]["mean"] == pytest.approx(9)
    assert found["shifts"]["validation"]["spread"] == pytest.approx(2**0.5)
    assert found["LoRA"]["validation"] == {"mean": pytest.approx(-2), "spread": None}


def test_every_ingredient_changes_the_recipe_and_is_off_once_switched_off(recipe: Recipe) -> None:
    found = ablation.variants(recipe)
    assert len(found) > 25
    for name, ingredient in ablation.ingredients(recipe).items():
        variant, was_on = found[name]
        assert variant != recipe, name
        off = ablation.with_settings(recipe, ingredient.off)
        assert (off == recipe) is not was_on, name


def test_an_unknown_ingredient_is_refused(recipe: Recipe) -> None:
    with pytest.raises(SystemExit, match="no ingredient is called magic"):
        ablation.variants(recipe, ["magic"])


def test_class_sets_have_columns_whatever_their_values() -> None:
    measured = {
        "validation": 0.5,
        "held_out": {},
        "zero_shot": {"emodb": {"all": 0.4, "four": 0.4}},
        "eder": {"set": 0.3},
    }
    assert [name for name, _ in ablation.columns_of(measured)] == [
        "validation",
        "emodb, all",
        "emodb, four",
        "EDER, set",
    ]


@pytest.mark.slow
def test_the_command_trains_measures_reports_and_skips_what_is_done(
    recipe: Recipe, with_foreign_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    raw = recipe.model_dump()
    raw["loop"] |= {"epochs": 1}
    raw["data"].append({"path": "elsewhere", "name": "foreign"})
    save_recipe(Recipe.model_validate(raw), tmp_path / "recipe.yaml")
    out, page = tmp_path / "ablation.json", tmp_path / "ablation.md"
    arguments = ["--config", str(tmp_path / "recipe.yaml"), "--data", str(with_foreign_corpus), "--zero-shot"]
    arguments += ["--held-out", "foreign", "--only", "temporal shifts", "Matryoshka widths", "LoRA"]
    arguments += ["--out", str(tmp_path / "runs"), "--json", str(out), "--markdown", str(page)]
    monkeypatch.setattr(sys, "argv", ["ablation", *arguments])
    ablation.main()
    numbers = json.loads(out.read_text())
    assert set(numbers["runs"]) == {ablation.BASE, "temporal shifts", "Matryoshka widths", "LoRA"}
    assert set(numbers["runs"][ablation.BASE]["0"]) == {"validation", "foreign, held out"}
    assert numbers["is_on"] == {"temporal shifts": True, "Matryoshka widths": True, "LoRA": False}
    assert "foreign" not in [corpus["name"] for corpus in numbers["recipe"]["data"]]
    assert "| temporal shifts | on | 1 | " in page.read_text()

    def not_again(*_: object, **__: object) -> None:
        raise AssertionError("a finished variant is trained again")

    monkeypatch.setattr(ablation, "train", not_again)
    first = out.read_bytes()
    ablation.main()
    assert out.read_bytes() == first
    monkeypatch.setattr(sys, "argv", ["ablation", *arguments, "--seeds", "0", "1", "--report"])
    ablation.main()
    assert json.loads(out.read_text())["runs"] == numbers["runs"]
    write_shift_set(with_foreign_corpus, "alpha", "train", tmp_path / "shifts", ShiftSetRecipe(num_recordings=3))
    monkeypatch.setattr(sys, "argv", ["ablation", *arguments, "--shifts", str(tmp_path / "shifts")])
    ablation.main()
    with_errors = json.loads(out.read_text())["runs"]["LoRA"]["0"]
    assert with_errors.pop("EDER, alpha_shifts") > 0
    assert with_errors == numbers["runs"]["LoRA"]["0"]
    assert "less is better" in page.read_text()
    monkeypatch.setattr(sys, "argv", ["ablation", *arguments, "--set", "optimizer.learning_rate=0.01"])
    with pytest.raises(SystemExit, match="another recipe"):
        ablation.main()
