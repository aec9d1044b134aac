"""What cannot be trained is said before anything is written; a full disk leaves the last checkpoint."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset, load_dataset

from audio_emotion.dataset_scripts.schema import EMOTIONS, corpus_features
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.checkpoints import list_checkpoints, load_checkpoint
from audio_emotion.training.recipe import Recipe
from audio_emotion.training.train import train

FULL_DISK = """
import resource, sys, torch
from pathlib import Path
from audio_emotion.training.checkpoints import Progress, save_checkpoint
folder = Path(sys.argv[1])
save_checkpoint(folder, Progress(total_steps=1), {"w": torch.ones(100_000)}, {"optimizer": torch.ones(1000)})
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
save_checkpoint(folder, Progress(total_steps=2), {"w": torch.ones(100_000)}, {"optimizer": torch.ones(200_000)})
"""


def changed_corpus(prepared: Path, folder: Path, name: str, change: object, split: str = "train") -> str:
    shutil.copytree(prepared, folder)
    path = folder / name / f"{split}-00000-of-00001.parquet"
    rows = [change(row) for row in load_dataset("parquet", data_files=str(path), split="train").to_list()]
    rows = [row for row in rows if row is not None]
    columns = {name: [row[name] for row in rows] for name in corpus_features()}
    Dataset.from_dict(columns, features=corpus_features()).to_parquet(path)
    return str(folder)


def trained_on(recipe: Recipe, folder: str) -> Recipe:
    return recipe.model_copy(update={"data": [c.model_copy(update={"path": folder}) for c in recipe.data]})


CHANGES = {
    "an empty corpus": ("alpha", lambda row: None, "cannot read corpus .alpha.*no data"),
    "a mask all zero": ("alpha", lambda row: row | {"label_mask": [False] * 8}, "no clip of alpha"),
    "a class without a clip": (
        "beta",
        lambda row: (
            None
            if row["emotion"] == "fear"
            else row
            | {
                "label_mask": [e != "fear" for e in EMOTIONS],
                "distribution": [
                    0.0 if e == "fear" else share for e, share in zip(EMOTIONS, row["distribution"], strict=True)
                ],
            }
        ),
        "no training clip carries .*fear",
    ),
}


@pytest.mark.parametrize("case", CHANGES)
def test_a_mix_that_cannot_be_trained_is_refused(case: str, recipe: Recipe, prepared: Path, tmp_path: Path) -> None:
    name, change, message = CHANGES[case]
    folder = changed_corpus(prepared, tmp_path / "changed", name, change)
    with pytest.raises(RecipeError, match=message):
        train(trained_on(recipe, folder))
    assert not Path(recipe.output_dir).exists()


@pytest.mark.parametrize(
    ("model", "message"),
    [({"encoder": "nowhere"}, "encoder is nowhere"), ({"num_layers": 9}, "num_layers must be 1 to")],
)
def test_a_model_that_cannot_be_made_is_refused(model: dict, message: str, recipe: Recipe) -> None:
    section = recipe.model.model_copy(update=model)
    with pytest.raises(RecipeError, match=rf"(?s)no model can be made.*{message}.*--set model\.encoder="):
        train(recipe.model_copy(update={"model": section}))


def test_validation_clips_that_are_all_ties_are_refused(recipe: Recipe, prepared: Path, tmp_path: Path) -> None:
    tie = [0.5 * (emotion in ("anger", "neutral")) for emotion in EMOTIONS]
    folder = changed_corpus(
        prepared, tmp_path / "changed", "beta", lambda row: row | {"distribution": tie}, "validation"
    )
    only_beta = recipe.model_copy(update={"data": recipe.data[1:]})
    with pytest.raises(RecipeError, match="no validation clip of beta has one most probable class"):
        train(trained_on(only_beta, folder))
    assert not Path(recipe.output_dir).exists()
    train(trained_on(recipe, folder))


@pytest.mark.parametrize("limit", [100_000, 500_000], ids=["in the weights", "in the optimiser"])
def test_a_disk_that_is_full_leaves_the_last_checkpoint(limit: int, tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL_DISK, str(tmp_path), str(limit)]
    answer = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert answer.returncode == 1
    assert "cannot write the checkpoint of step 2" in answer.stderr and "--resume" in answer.stderr
    (only,) = list_checkpoints(tmp_path)
    assert load_checkpoint(only)[0].total_steps == 1
    assert [path.name for path in tmp_path.iterdir()] == [only.name]
