"""A run is logged where the recipe says."""

from pathlib import Path

import pytest

from audio_emotion.training.recipe import Recipe
from audio_emotion.training.train import train


def logged(recipe: Recipe, tracker: str) -> Recipe:
    raw = recipe.model_dump()
    raw["loop"] |= {"epochs": 1, "log_with": tracker}
    return Recipe.model_validate(raw)


def test_tensorboard_gets_losses_and_validation(recipe: Recipe) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    train(logged(recipe, "tensorboard"))
    (events,) = Path(recipe.output_dir).rglob("events.out.tfevents.*.0")
    board = EventAccumulator(str(events))
    board.Reload()
    assert {"pooled", "frame", "validation_uar", "learning_rate"} <= set(board.Tags()["scalars"])
    assert [event.step for event in board.Scalars("pooled")] == [1, 2, 3, 4, 5, 6]


def test_trackio_gets_losses_and_validation(recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("trackio")
    import trackio.utils
    from trackio.sqlite_storage import SQLiteStorage

    for module in (trackio.utils, __import__("trackio.sqlite_storage", fromlist=["TRACKIO_DIR"])):
        monkeypatch.setattr(module, "TRACKIO_DIR", tmp_path / "trackio", raising=False)
    train(logged(recipe, "trackio"))
    (run,) = SQLiteStorage.get_runs("audio-emotion")
    rows = SQLiteStorage.get_logs("audio-emotion", run)
    assert {"pooled", "validation_uar"} <= {name for row in rows for name in row}
