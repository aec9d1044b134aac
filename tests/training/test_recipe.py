"""Recipes: read, overridden, refused with the file and the key."""

from pathlib import Path

import pytest

from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.finetune_recipe import FinetuneRecipe
from audio_emotion.training.recipe import Recipe, RunRecipe, load_recipe, read_recipe, save_recipe

BASE = Path(__file__).parents[2] / "training" / "recipes" / "base.yaml"
VALID = "name: a\noutput_dir: b\nmodel: {encoder: c}\ndata: [{path: d, name: e}]\n"


def test_every_shipped_recipe_is_valid() -> None:
    recipes = sorted(BASE.parent.glob("*.yaml"))
    assert BASE in recipes
    for path in recipes:
        fine_tunes = "target:" in path.read_text()
        read_recipe(FinetuneRecipe if fine_tunes else Recipe, path)


def test_no_needs_no_quotes() -> None:
    assert load_recipe(BASE, ["loop.mixed_precision=no"]).loop.mixed_precision == "no"
    assert load_recipe(BASE, ["loop.mixed_precision=bf16"]).loop.mixed_precision == "bf16"


def test_a_recipe_survives_being_saved(tmp_path: Path) -> None:
    recipe = load_recipe(BASE, ["loop.epochs=7"])
    save_recipe(recipe, tmp_path / "again.yaml")
    assert load_recipe(tmp_path / "again.yaml") == recipe
    assert recipe.loop.epochs == 7


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("- a\n", "mapping"),
        ("name: [\n", "not valid YAML"),
        (VALID + "loop: {epoch: 3}\n", "loop.epoch"),
        (VALID + "loop: {epochs: many}\n", "loop.epochs"),
        (VALID + "loop: {epochs: 0}\n", "loop.epochs"),
        (VALID + "optimizer: {learning_rate: .nan}\n", "optimizer.learning_rate"),
        (VALID + "objective: {pooled: 0, frame: 0}\n", "nothing would be learned"),
        (VALID.replace("[{path: d, name: e}]", "[]"), "at least one corpus"),
        (VALID.replace("model: {encoder: c}\n", ""), "model"),
    ],
)
def test_a_wrong_recipe_is_refused_with_file_and_key(tmp_path: Path, text: str, hint: str) -> None:
    path = tmp_path / "wrong.yaml"
    path.write_text(text)
    with pytest.raises(RecipeError, match=hint) as raised:
        load_recipe(path)
    assert "wrong.yaml" in str(raised.value)


@pytest.mark.parametrize("kind", [Recipe, FinetuneRecipe])
@pytest.mark.parametrize("other", ["d", "f"])
def test_a_name_is_one_corpus(tmp_path: Path, kind: type[RunRecipe], other: str) -> None:
    """Validation tells corpora, and training speakers, by the corpus's name."""
    head = "name: a\noutput_dir: b\n" + ("model: {encoder: c}\n" if kind is Recipe else "")
    (tmp_path / "wrong.yaml").write_text(f"{head}data: [{{path: d, name: e}}, {{path: {other}, name: e}}]\n")
    with pytest.raises(RecipeError, match=rf"corpus e is listed twice, in d and in {other}: .*name:.*corpus\.yaml"):
        read_recipe(kind, tmp_path / "wrong.yaml")


def test_a_missing_file_and_a_broken_override_are_named(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nowhere\.yaml"):
        load_recipe(tmp_path / "nowhere.yaml")
    for override in ("loop.epochs", "name.deeper=1", "loop.epochs=["):
        with pytest.raises(RecipeError, match="override"):
            load_recipe(BASE, [override])
