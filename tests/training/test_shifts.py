"""Rendered items: every frame has the target of the clip that sounds there."""

import itertools
from dataclasses import replace

import numpy as np
import pytest

from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.training.batches import TrainingBatches
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.recipe import AugmentationRecipe, Recipe, ShiftRecipe
from audio_emotion.training.sampling import Item
from audio_emotion.training.shifts import render

PLAIN = AugmentationRecipe(speed=0, noise=0, reverb=0, band_limit=0, equalizer=0)


@pytest.fixture
def clips(recipe: Recipe) -> ClipTable:
    return load_clips(recipe.data, "train")


def rendered(clips: ClipTable, members: tuple[int, ...], seed: int = 0, **shifts: float):
    return render(Item(members, (0, 0, seed)), clips, ShiftRecipe(**shifts), PLAIN, EmotionWhisperConfig())


def of_emotions(clips: ClipTable, *numbers: int) -> tuple[int, ...]:
    chosen = [np.flatnonzero((clips.emotion == number) & (clips.corpus_index == 1))[0] for number in numbers]
    return tuple(int(index) for index in chosen)


@pytest.mark.parametrize("seed", range(8))
def test_shapes_sums_and_order(clips: ClipTable, seed: int) -> None:
    members = of_emotions(clips, 5, 7, 0)
    item = rendered(clips, members, seed)
    assert len(item.frame_labels) == EmotionWhisperConfig().num_frames(len(item.views[0]))
    sums = item.frame_labels.sum(axis=1)
    assert np.all(np.isclose(sums, 1, atol=1e-5) | (sums == 0))
    assert item.label.sum() == pytest.approx(1, abs=1e-5)
    order = item.frame_labels[sums > 0].argmax(axis=1)
    assert [int(order[0]), *(int(b) for a, b in itertools.pairwise(order) if a != b)] == [5, 7, 0]


def test_targets_mix_inside_the_cross_fade_and_nowhere_else(clips: ClipTable) -> None:
    seed = next(s for s in range(20) if rendered(clips, of_emotions(clips, 5, 7), s, max_pause_s=0.0, crossfade_s=0.1))
    item = rendered(clips, of_emotions(clips, 5, 7), seed, max_pause_s=0.0, crossfade_s=0.1)
    mixed = np.sum((item.frame_labels[:, 5] > 0.1) & (item.frame_labels[:, 7] > 0.1))
    assert mixed <= 6


def test_pauses_carry_no_target(clips: ClipTable) -> None:
    items = [rendered(clips, of_emotions(clips, 5, 7), seed, max_pause_s=1.0) for seed in range(12)]
    gaps = [np.sum(item.frame_labels.sum(axis=1) == 0) for item in items]
    assert max(gaps) > 10
    assert min(gaps) <= 1


def test_the_silence_around_a_single_clip_carries_no_target(clips: ClipTable) -> None:
    for seed in range(10):
        item = rendered(clips, (0,), seed)
        silent = item.frame_labels.sum(axis=1) == 0
        assert silent.sum() in range(8, 13) if len(item.views[0]) == len(clips.waveform(0)) else not silent.any()


def test_a_joined_label_is_the_mean_of_its_frames_and_its_mask_what_all_can_express(clips: ClipTable) -> None:
    alpha = int(np.flatnonzero(clips.corpus_index == 0)[0])
    beta = of_emotions(clips, 7)[0]
    item = rendered(clips, (alpha, beta))
    assert item.label_mask.sum() == 3
    labelled = item.frame_labels.sum(axis=1) > 0
    assert np.allclose(item.label, item.frame_labels[labelled].mean(axis=0), atol=1e-6)


def test_a_long_item_is_cut_at_the_window(clips: ClipTable) -> None:
    members = tuple(int(index) for index in np.tile(of_emotions(clips, 5, 7, 0, 1), 16))
    assert len(rendered(clips, members).views[0]) == EmotionWhisperConfig().window_samples


SHORTEST = np.random.default_rng(0).uniform(-0.1, 0.1, 400).astype(np.float32)
CLICK = np.pad(SHORTEST[:160], (8000, 7840))


@pytest.mark.parametrize("waveform", [SHORTEST, CLICK], ids=["25 ms", "a click in silence"])
@pytest.mark.parametrize("members", [(0,), (0, 1)])
def test_an_item_is_never_shorter_than_the_extractor_takes(
    recipe: Recipe, clips: ClipTable, monkeypatch: pytest.MonkeyPatch, waveform: np.ndarray, members: tuple[int, ...]
) -> None:
    short = replace(clips, duration_s=np.full(len(clips), len(waveform) / 16_000))
    monkeypatch.setattr(ClipTable, "waveform", lambda *_: waveform)
    items = [(Item(members, (0, 0, seed)),) for seed in range(20)]
    batches = TrainingBatches(items, short, recipe, EmotionWhisperConfig(), EmotionWhisperFeatureExtractor())
    for batch in (batches[number] for number in range(len(items))):
        num_frames = -(-int(batch["attention_mask"].sum()) // 2)
        sums = batch["frame_labels"][0].sum(dim=1)
        assert len(sums) == num_frames
        assert sums.any() and set(sums.round(decimals=4).tolist()) <= {0, 1}
        assert batch["labels"].sum() == pytest.approx(1, abs=1e-5)
