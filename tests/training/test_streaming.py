"""Streamed corpora: the same clips as those read whole, a few row groups at a time, from a folder or the Hub."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hub_client import HubServer
from safetensors.torch import load_file

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError, RecipeError
from audio_emotion.training import loop as loop_module
from audio_emotion.training.data import ClipTable, find_clips, load_clips
from audio_emotion.training.recipe import CorpusRecipe, Recipe
from audio_emotion.training.sampling import clip_probabilities, plan_epoch
from audio_emotion.training.train import train

ROWS_PER_GROUP = 5


@pytest.fixture(scope="session")
def in_groups(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The prepared corpora in row groups of five clips, the training split of `alpha` in two files."""
    folder = tmp_path_factory.mktemp("groups") / "prepared"
    shutil.copytree(prepared, folder)
    card = folder / "README.md"
    card.write_text(card.read_text().replace("alpha/train-00000-of-00001", "alpha/train-*"))
    for path in folder.glob("*/*.parquet"):
        table = pq.read_table(path)
        pq.write_table(table, path, row_group_size=ROWS_PER_GROUP)
        if path.match("alpha/train-*"):
            path.unlink()
            for number, part in enumerate((table.slice(0, 17), table.slice(17))):
                pq.write_table(part, path.with_name(f"train-{number:05}-of-00002.parquet"), row_group_size=5)
    return folder


def streamed(recipe: Recipe, folder: Path | str, groups: int = 2) -> Recipe:
    """The recipe with `alpha` streamed and `beta` at hand."""
    data = [CorpusRecipe(path=str(folder), name="alpha", streamed_groups=groups), recipe.data[1]]
    return Recipe.model_validate(recipe.model_dump() | {"data": [corpus.model_dump() for corpus in data]})


def with_items(recipe: Recipe, count: int) -> Recipe:
    return recipe.model_copy(update={"sampling": recipe.sampling.model_copy(update={"items_per_epoch": count})})


def clips_by_item(clips: ClipTable, recipe: Recipe, epoch: int, **options: int) -> list[tuple[int, ...]]:
    return [item.clips for step in plan_epoch(clips, recipe, epoch, **options) for batch in step for item in batch]


def same_clips(first: ClipTable, second: ClipTable) -> bool:
    arrays = ("corpus_index", "row_index", "labels", "label_mask", "duration_s")
    return (
        all(np.array_equal(getattr(first, name), getattr(second, name)) for name in arrays)
        and first.speakers == second.speakers
        and first.languages == second.languages
        and all(np.array_equal(first.waveform(index), second.waveform(index)) for index in range(len(first)))
    )


def test_a_streamed_corpus_has_the_clips_of_one_read_whole(recipe: Recipe, in_groups: Path) -> None:
    for split in ("train", "validation"):
        assert same_clips(load_clips(streamed(recipe, in_groups).data, split), load_clips(recipe.data, split))
    assert find_clips(streamed(recipe, in_groups).data, "test") is None


def test_in_order_every_row_is_fetched_once(recipe: Recipe, in_groups: Path) -> None:
    clips = load_clips(streamed(recipe, in_groups).data, "train")
    for index in np.flatnonzero(clips.row_group >= 0):
        clips.waveform(index)
    assert clips._datasets[0].rows_fetched == np.sum(clips.corpus_index == 0) == 36


def test_an_epoch_draws_from_few_groups_at_a_time_and_fetches_about_what_it_uses(
    recipe: Recipe, in_groups: Path
) -> None:
    recipe = with_items(streamed(recipe, in_groups), 400)
    clips = load_clips(recipe.data, "train")
    seen: list[int] = []
    for step in plan_epoch(clips, recipe, 0):
        drawn = {index for batch in step for item in batch for index in item.clips}
        groups = {int(clips.row_group[index]) for index in drawn} - {-1}
        assert len(groups) <= 4  # two, and two more in a step across stretches
        seen += groups
        for index in sorted(drawn):
            clips.waveform(index)
    assert set(seen) == set(clips.row_group[clips.row_group >= 0])
    used = sum(clips.corpus_index[index] == 0 for item in clips_by_item(clips, recipe, 0) for index in item)
    assert clips._datasets[0].rows_fetched < 1.5 * used


def test_streaming_keeps_the_shares_of_the_mix(recipe: Recipe, in_groups: Path) -> None:
    recipe = with_items(streamed(recipe, in_groups), 1600)
    recipe = recipe.model_copy(update={"shifts": recipe.shifts.model_copy(update={"probability": 0.0})})
    clips = load_clips(recipe.data, "train")
    drawn = np.array(clips_by_item(clips, recipe, 0))[:, 0]
    expected = clip_probabilities(clips, recipe.data, recipe.sampling)
    for number in (0, 1):
        members = clips.corpus_index == number
        assert np.mean(members[drawn]) == pytest.approx(expected[members].sum(), abs=0.01)
    for emotion in range(8):
        members = clips.emotion == emotion
        assert np.mean(members[drawn]) == pytest.approx(expected[members].sum(), abs=0.04)


def test_epochs_go_on_through_the_groups(recipe: Recipe, in_groups: Path) -> None:
    recipe = with_items(streamed(recipe, in_groups, groups=1), 8)
    clips = load_clips(recipe.data, "train")
    by_epoch = [
        {int(clips.row_group[index]) for item in clips_by_item(clips, recipe, epoch) for index in item} - {-1}
        for epoch in range(8)
    ]
    assert all(len(groups) == 1 for groups in by_epoch)
    assert set.union(*by_epoch) == set(clips.row_group[clips.row_group >= 0])


def test_the_plan_is_the_same_on_any_number_of_processes(recipe: Recipe, in_groups: Path) -> None:
    recipe = streamed(recipe, in_groups)
    clips = load_clips(recipe.data, "train")
    first, second = (sorted(clips_by_item(clips, recipe, 1, num_processes=count)) for count in (1, 3))
    assert first == second


def test_a_resumed_streamed_run_ends_in_the_same_weights(
    recipe: Recipe, in_groups: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    recipe = streamed(recipe, in_groups)
    whole = train(recipe.model_copy(update={"output_dir": str(tmp_path / "whole")}))
    cut = recipe.model_copy(update={"output_dir": str(tmp_path / "cut")})
    take_step = loop_module.TrainingLoop.take_step

    def until_step_five(self, step, batches):
        if self.progress.total_steps == 5:
            raise KeyboardInterrupt
        return take_step(self, step, batches)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(loop_module.TrainingLoop, "take_step", until_step_five)
        train(cut)
    resumed = train(cut, resume=True)
    weights, again = (load_file(folder / "model.safetensors") for folder in (whole, resumed))
    assert all((weights[name] == again[name]).all() for name in weights)


def test_what_cannot_be_streamed_is_refused(recipe: Recipe, in_groups: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=r"nowhere.*corpora prepare"):
        load_clips([CorpusRecipe(path="nowhere", name="alpha", streamed_groups=1)], "train")
    folder = tmp_path / "prepared"
    shutil.copytree(in_groups, folder)
    shard = next(folder.glob("alpha/train-*"))
    pq.write_table(pq.read_table(shard).drop_columns(["speaker"]), shard)
    with pytest.raises(RecipeError, match=r"alpha.*'speaker'"):
        load_clips(streamed(recipe, folder).data, "train")
    shard.write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(RecipeError, match=rf"{shard.name} cannot be read as Parquet"):
        load_clips(streamed(recipe, folder).data, "train")


def test_a_file_that_goes_away_while_training(recipe: Recipe, in_groups: Path, tmp_path: Path) -> None:
    folder = tmp_path / "prepared"
    shutil.copytree(in_groups, folder)
    clips = load_clips(streamed(recipe, folder).data, "train")
    shard = min(folder.glob("alpha/train-*"))
    shard.unlink()
    with pytest.raises(AudioEmotionError, match=rf"{shard.name} cannot be read.*--resume"):
        clips.waveform(0)


@pytest.fixture
def online(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    with HubServer(tmp_path) as hub, hub.in_this_process():
        monkeypatch.setattr("datasets.config.HF_HUB_OFFLINE", False)
        monkeypatch.setattr("datasets.config.HF_ENDPOINT", hub.url)
        yield hub


def test_a_corpus_is_streamed_from_the_hub(online: HubServer, recipe: Recipe, in_groups: Path) -> None:
    api = online.api()
    api.create_repo("alice/speech", repo_type="dataset")
    api.upload_folder(repo_id="alice/speech", repo_type="dataset", folder_path=in_groups)
    clips = load_clips(streamed(recipe, "alice/speech").data, "train")
    assert same_clips(clips, load_clips(recipe.data, "train"))
    clips = load_clips(streamed(recipe, "alice/speech").data, "train")
    online.stop()
    with pytest.raises(AudioEmotionError, match=r"alice/speech.*train-00000-of-00002.*cannot be read.*--resume"):
        clips.waveform(0)
