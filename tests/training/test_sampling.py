"""Plans of an epoch: shares, joins, steps; the same whatever the number of processes."""

import io
import itertools
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_emotion.modeling.labels_emotion_whisper import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training import data as data_module
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.recipe import CorpusRecipe, Recipe, SamplingRecipe
from audio_emotion.training.sampling import class_prior, clip_probabilities, plan_epoch


@pytest.fixture
def clips(recipe: Recipe) -> ClipTable:
    return load_clips(recipe.data, "train")


def with_sections(recipe: Recipe, **sections: dict) -> Recipe:
    raw = recipe.model_dump()
    for section, values in sections.items():
        raw[section] |= values
    return Recipe.model_validate(raw)


def test_clips_are_read_with_their_labels_and_sound(clips: ClipTable) -> None:
    assert clips.corpora == ("alpha", "beta")
    assert len(clips) == 3 * 3 * 4 + 3 * 8 * 2
    assert set(clips.speakers) == {f"{corpus}/s{number}" for corpus in clips.corpora for number in range(3)}
    for index in (0, len(clips) - 1):
        assert len(clips.waveform(index)) == round(clips.duration_s[index] * 16_000)
    assert clips.label_mask[clips.corpus_index == 0].sum(axis=1).tolist() == [3] * 36


def test_hard_labels_are_the_most_probable_class(clips: ClipTable) -> None:
    hard = clips.labelled("hard")
    assert (hard.labels.sum(axis=1) == 1).all()
    assert (hard.labels.max(axis=1) == 1).all()
    assert (hard.emotion == clips.emotion).all()
    assert clips.labelled("soft").labels.max() == pytest.approx(0.95)


def test_hard_labels_of_a_tie_are_shared(clips: ClipTable) -> None:
    labels = clips.labels.copy()
    labels[0] = [0, 0.1, 0, 0, 0, 0.45, 0, 0.45]
    hard = replace(clips, labels=labels).labelled("hard").labels
    assert hard[0].tolist() == [0, 0, 0, 0, 0, 0.5, 0, 0.5]
    assert (hard[1:].max(axis=1) == 1).all()


def test_an_epoch_decodes_no_clip_twice(recipe: Recipe, clips: ClipTable, monkeypatch: pytest.MonkeyPatch) -> None:
    decoded: list[bytes] = []
    read = soundfile.read

    def counting(file: io.BytesIO, **options: Any) -> Any:
        decoded.append(file.getvalue())
        return read(file, **options)

    monkeypatch.setattr(soundfile, "read", counting)
    drawn = [index for step in plan_epoch(clips, recipe, 0) for batch in step for item in batch for index in item.clips]
    waveforms = {index: clips.waveform(index) for index in drawn}
    assert len(drawn) > len(set(drawn)) == len(decoded)
    assert all(np.array_equal(clips.waveform(index), waveform) for index, waveform in waveforms.items())


def test_clips_decoded_ahead_are_not_decoded_again(
    recipe: Recipe, clips: ClipTable, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [load_clips(recipe.data, "train").waveform(index) for index in range(len(clips))]
    clips.decode_ahead(num_threads=3)
    monkeypatch.setattr(soundfile, "read", None)
    assert all(np.array_equal(clips.waveform(index), waveform) for index, waveform in enumerate(expected))
    beta = clips.select(clips.corpus_index == 1)  # other numbers for the same clips
    assert np.array_equal(beta.waveform(0), expected[36])


def test_decoding_ahead_stops_where_the_memory_does(recipe: Recipe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data_module, "CACHE_BYTES", 100_000)
    monkeypatch.setattr(data_module, "_DECODED_AT_ONCE", 6)
    clips = load_clips(recipe.data, "train")
    decoded: list[int] = []
    read = soundfile.read
    monkeypatch.setattr(soundfile, "read", lambda file, **options: decoded.append(1) or read(file, **options))
    clips.decode_ahead(num_threads=2)
    assert len(decoded) == 6  # some 30 kB each
    clips.waveform(0)
    assert len(decoded) == 6
    clips.waveform(len(clips) - 1)
    assert len(decoded) == 7


def test_what_cannot_be_trained_on_is_refused(recipe: Recipe) -> None:
    with pytest.raises(RecipeError, match=r"nowhere.*corpora prepare"):
        load_clips([CorpusRecipe(path="nowhere", name="alpha")], "train")
    with pytest.raises(RecipeError, match="gamma"):
        load_clips([CorpusRecipe(path=recipe.data[0].path, name="gamma")], "train")
    with pytest.raises(RecipeError, match="'test' split"):
        load_clips(recipe.data, "test")


@pytest.mark.parametrize(("temperature", "ratio"), [(0.0, 1.0), (1.0, 36 / 48)])
def test_corpus_temperature_sets_the_shares(clips: ClipTable, recipe: Recipe, temperature: float, ratio: float) -> None:
    sampling = SamplingRecipe(corpus_temperature=temperature, class_temperature=1.0)
    probabilities = clip_probabilities(clips, recipe.data, sampling)
    shares = [probabilities[clips.corpus_index == number].sum() for number in range(2)]
    assert sum(shares) == pytest.approx(1.0)
    assert shares[0] / shares[1] == pytest.approx(ratio)
    assert class_prior(clips, probabilities).sum() == pytest.approx(1.0)


def test_joined_clips_share_the_speaker_and_change_the_emotion(clips: ClipTable, recipe: Recipe) -> None:
    plan = plan_epoch(clips, with_sections(recipe, shifts={"probability": 1.0}), epoch=0)
    joins = [item.clips for step in plan for batch in step for item in batch]
    assert max(map(len, joins)) > 2
    for join in joins:
        assert len({clips.speakers[index] for index in join}) == 1
        assert all(clips.emotion[a] != clips.emotion[b] for a, b in itertools.pairwise(join))
    neutral = EMOTIONS.index("neutral")
    with_neutral = np.mean([any(clips.emotion[index] == neutral for index in join) for join in joins])
    assert with_neutral > 0.4


def test_no_shifts_means_single_clips(clips: ClipTable, recipe: Recipe) -> None:
    plan = plan_epoch(clips, with_sections(recipe, shifts={"probability": 0.0}), epoch=0)
    assert all(len(item.clips) == 1 for step in plan for batch in step for item in batch)


def test_plans_repeat_and_differ_between_epochs(clips: ClipTable, recipe: Recipe) -> None:
    assert plan_epoch(clips, recipe, 3) == plan_epoch(clips, recipe, 3)
    assert plan_epoch(clips, recipe, 3) != plan_epoch(clips, recipe, 4)


def test_more_processes_cut_the_same_steps_finer(clips: ClipTable, recipe: Recipe) -> None:
    one, three = (plan_epoch(clips, recipe, 0, num_processes) for num_processes in (1, 3))
    for step, finer in zip(one, three, strict=True):
        assert {item for batch in step for item in batch} == {item for batch in finer for item in batch}
        assert len(finer) >= 3


def test_micro_batches_hold_no_more_frames_than_allowed(clips: ClipTable, recipe: Recipe) -> None:
    for step in plan_epoch(clips, recipe, 0):
        for batch in step:
            frames = [50 * sum(clips.duration_s[index] for index in item.clips) for item in batch]
            assert len(batch) == 1 or max(frames) * len(batch) <= recipe.loop.frames_per_batch + len(batch)
