"""Recipes of training and fine-tuning, and the settings that override them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from fuzz_doors.door import Door

OVERRIDES = b"loop.epochs=2\nmodel.nesting_dims=[8, 16]\naugmentation.noise_snr_db=[1, 2]\nseed=3\ndata.0.name=y"


def _recipe_seeds(*names: str) -> Callable[[Path], list[bytes]]:
    from audio_emotion.training.recipe import SHIPPED

    return lambda _: [(SHIPPED / name).read_bytes() for name in names]


def _read_recipe(kind: str) -> Callable[[bytes, Path], None]:
    def read(content: bytes, folder: Path) -> None:
        from audio_emotion.training.finetune_recipe import FinetuneRecipe
        from audio_emotion.training.recipe import Recipe, read_recipe, save_recipe

        path = folder / "recipe.yaml"
        path.write_bytes(content)
        recipe: Any = read_recipe(Recipe if kind == "train" else FinetuneRecipe, path)
        save_recipe(recipe, folder / "saved.yaml")
        assert read_recipe(type(recipe), folder / "saved.yaml") == recipe

    return read


def _override_recipe(content: bytes, _: Path) -> None:
    from audio_emotion.training.recipe import SHIPPED, load_recipe

    load_recipe(SHIPPED / "base.yaml", content.decode(errors="surrogateescape").split("\n"))


DOORS = {
    "recipe-train": Door(_recipe_seeds("base.yaml", "continued.yaml"), _read_recipe("train"), weight=2),
    "recipe-finetune": Door(_recipe_seeds("hume_prosody.yaml"), _read_recipe("finetune"), weight=2),
    "recipe-set": Door(lambda _: [OVERRIDES], _override_recipe, weight=2),
}
