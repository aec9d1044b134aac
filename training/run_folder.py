"""The output folder of a run: for one run at a time, and for one recipe."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from accelerate import PartialState
from filelock import FileLock, Timeout

from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.checkpoints import list_checkpoints
from audio_emotion.training.processes import join_processes
from audio_emotion.training.recipe import RunRecipe, read_recipe

RECIPE_NAME = "recipe.yaml"
_LOCK = ".lock"


@contextmanager
def run_folder(folder: Path, resume: bool = False) -> Iterator[PartialState]:
    """The processes of a run, with its output folder to themselves.

    Args:
        folder: the run's `output_dir`; it is made if it is absent, and goes again if nothing is written to it.
        resume: whether a run that lies there is gone on with.

    Yields:
        What `join_processes` returns.

    Raises:
        RecipeError: if another run writes there, or one lies there and `resume` is False.
    """
    processes = join_processes()
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / _LOCK, timeout=0)
    try:
        if processes.is_main_process:
            lock.acquire()
    except Timeout:
        raise RecipeError(f"another run writes to {folder}: wait for it, or choose another output_dir") from None
    try:
        if not resume and _holds_run(folder):
            raise RecipeError(f"{folder} holds a run: continue it with --resume, or choose another output_dir")
        yield processes
    finally:
        lock.release()
        if processes.is_main_process and [path.name for path in folder.iterdir()] == [_LOCK]:
            shutil.rmtree(folder)


def check_same_run(recipe: RunRecipe, folder: Path) -> None:
    """Refuse to go on with a run by a recipe that would have led elsewhere.

    Args:
        recipe: what is asked for.
        folder: the run's `output_dir`, with the recipe that it was begun with; it need not hold a run.

    Raises:
        RecipeError: if the two differ in more than `MAY_CHANGE`; the message names the keys with both values.
    """
    if not _holds_run(folder) or not (folder / RECIPE_NAME).exists():
        return
    asked, begun = _by_key(recipe), _by_key(read_recipe(type(recipe), folder / RECIPE_NAME))
    differing = [key for key in asked | begun if key not in recipe.MAY_CHANGE and asked.get(key) != begun.get(key)]
    if differing:
        changes = ", ".join(f"{key} is {asked.get(key)!r}, was {begun.get(key)!r}" for key in differing)
        raise RecipeError(
            f"{folder} holds a run of another recipe: {changes}. Go on with what it was, or choose another output_dir"
        )


def _holds_run(folder: Path) -> bool:
    return any((folder / name).exists() for name in ("best", "final")) or bool(list_checkpoints(folder / "checkpoints"))


def _by_key(recipe: RunRecipe) -> dict[str, Any]:
    """The values by `key` or `section.key`, as YAML holds them."""
    values: dict[str, Any] = {}
    for key, value in recipe.model_dump(mode="json").items():
        values |= {f"{key}.{name}": inner for name, inner in value.items()} if isinstance(value, dict) else {key: value}
    return values
