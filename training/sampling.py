"""Which clips an epoch sees, how they are joined, and how they fall into steps and micro-batches.

A plan depends on the recipe, the clips and the epoch only, never on the number of processes: a run that is resumed, or
spread over more processes, sees the same items in the same optimiser steps.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_emotion.training.data import ClipTable
from audio_emotion.training.recipe import CorpusRecipe, RunRecipe, SamplingRecipe, ShiftRecipe


@dataclass(frozen=True)
class Item:
    """One training example: the clips it is joined from, in order, and the seed that renders it."""

    clips: tuple[int, ...]
    seed: tuple[int, ...]


MicroBatch = tuple[Item, ...]
Step = tuple[MicroBatch, ...]


def clip_probabilities(clips: ClipTable, corpora: list[CorpusRecipe], sampling: SamplingRecipe) -> NDArray[np.float64]:
    """`(num_clips,)`: the chance of every clip to be drawn, by corpus and class temperature. Sums to 1."""
    probabilities = np.zeros(len(clips))
    emotion = clips.emotion
    for number, corpus in enumerate(corpora):
        members = np.flatnonzero(clips.corpus_index == number)
        if len(members) == 0:
            continue
        counts = np.bincount(emotion[members], minlength=clips.labels.shape[1]).astype(np.float64)
        class_share = np.where(counts > 0, np.maximum(counts, 1) ** sampling.class_temperature, 0.0)
        class_share /= class_share.sum()
        corpus_share = corpus.weight * len(members) ** sampling.corpus_temperature
        probabilities[members] = corpus_share * class_share[emotion[members]] / counts[emotion[members]]
    return np.asarray(probabilities / probabilities.sum())


def class_prior(clips: ClipTable, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    """`(num_labels,)`: the mean soft label of the sampled mix, the prior that a model trained on it embodies."""
    prior = probabilities @ clips.labels
    return np.asarray(prior / prior.sum())


def embodied_prior(prior: NDArray[np.float64], logit_adjustment: float) -> NDArray[np.float64]:
    """`(num_labels,)`: the prior in the logits of a model trained with `prior` and `objective.logit_adjustment`.

    The loss adds `logit_adjustment * log(prior)` to the logits, so the logits themselves keep the rest, in proportion
    to `prior ** (1 - logit_adjustment)`. In `config.class_prior` it makes `prior="uniform"` divide out what is there.
    """
    kept = prior ** (1.0 - logit_adjustment)
    return np.asarray(kept / kept.sum())


def plan_epoch(clips: ClipTable, recipe: RunRecipe, epoch: int, num_processes: int = 1) -> list[Step]:
    """Draw an epoch's items and lay them out in optimiser steps.

    Inside a step the items are sorted by length and cut into micro-batches of at most `loop.frames_per_batch` padded
    frames, as many for every process. Where a corpus is streamed, the epoch falls into stretches; in each the corpus's
    clips come from a few of its row groups, in the same share of the items as they have in the whole mix.

    Args:
        clips: the training clips.
        recipe: sampling, shifts, batch sizes and seed.
        epoch: counted from 0.
        num_processes: a step's micro-batches are a multiple of it, as far as there are items for that.

    Returns:
        The steps of the epoch; the last, incomplete one is left out unless it is the only one.
    """
    rng = np.random.default_rng((recipe.seed, epoch))
    probabilities = clip_probabilities(clips, recipe.data, recipe.sampling)
    stretches = _stretches(clips, probabilities, recipe, epoch)
    items: list[Item] = []
    for number, at_hand in enumerate(stretches, start=1):
        count = number * recipe.sampling.items_per_epoch // len(stretches) - len(items)
        partners = _Partners(clips, at_hand)
        items += [
            Item(_join(int(anchor), clips, partners, recipe.shifts, rng), (recipe.seed, epoch, len(items) + place))
            for place, anchor in enumerate(_systematic_draw(_within(at_hand, probabilities, clips), count, rng))
        ]
    per_step = recipe.loop.items_per_step
    num_steps = max(1, len(items) // per_step)
    return [
        _cut(items[number * per_step : (number + 1) * per_step], clips, recipe.loop.frames_per_batch, num_processes)
        for number in range(num_steps)
    ]


def _stretches(
    clips: ClipTable, probabilities: NDArray[np.float64], recipe: RunRecipe, epoch: int
) -> list[NDArray[np.bool_]]:
    """`(num_clips,)` each: the clips at hand in the stretches of an epoch; one stretch with all if none is streamed.

    An epoch has so many stretches that a fetched clip is drawn about once. Each streamed corpus goes through its row
    groups in an order of its own, from epoch to epoch, and through another one when it has come to the end.
    """
    streamed = clips.row_group >= 0
    if not streamed.any():
        return [np.ones(len(clips), dtype=bool)]
    numbers = np.unique(clips.corpus_index[streamed])
    groups = {number: np.unique(clips.row_group[clips.corpus_index == number]) for number in numbers}
    at_a_time = {number: min(recipe.data[number].streamed_groups, len(groups[number])) for number in numbers}
    fetched = sum(at_a_time[number] * np.sum(clips.corpus_index == number) / len(groups[number]) for number in numbers)
    drawn = recipe.sampling.items_per_epoch * probabilities[streamed].sum()
    num_stretches = max(1, round(drawn / fetched))
    stretches = []
    for stretch in range(epoch * num_stretches, (epoch + 1) * num_stretches):
        at_hand = ~streamed
        for number in numbers:
            wanted = range(stretch * at_a_time[number], (stretch + 1) * at_a_time[number])
            chosen = [_nth_group(groups[number], place, (recipe.seed, int(number))) for place in wanted]
            at_hand |= (clips.corpus_index == number) & np.isin(clips.row_group, chosen)
        stretches.append(at_hand)
    return stretches


def _nth_group(groups: NDArray[np.int64], place: int, seed: tuple[int, ...]) -> int:
    """The row group at a place of an endless order in which every round holds each group once, shuffled."""
    round_number, inside = divmod(place, len(groups))
    return int(np.random.default_rng((*seed, round_number)).permutation(groups)[inside])


def _within(at_hand: NDArray[np.bool_], probabilities: NDArray[np.float64], clips: ClipTable) -> NDArray[np.float64]:
    """The probabilities of the clips at hand, every corpus keeping its share of the mix."""
    kept = np.where(at_hand, probabilities, 0.0)
    whole = np.bincount(clips.corpus_index, probabilities)
    left = np.bincount(clips.corpus_index, kept)
    scale = np.divide(whole, left, out=np.zeros_like(whole), where=left > 0)
    return np.asarray(kept * scale[clips.corpus_index])


def _systematic_draw(probabilities: NDArray[np.float64], count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Draw with replacement at the lowest variance: a clip expected 1.3 times comes once or twice."""
    order = rng.permutation(len(probabilities))
    positions = (rng.random() + np.arange(count)) / count
    drawn = np.searchsorted(np.cumsum(probabilities[order]), positions).clip(max=len(order) - 1)
    return rng.permutation(order[drawn])


class _Partners:
    """The clips at hand of the same speaker (of the same corpus where the speaker is unknown), by class."""

    def __init__(self, clips: ClipTable, at_hand: NDArray[np.bool_]) -> None:
        self._emotion = clips.emotion
        self._group: dict[int, str] = {}
        self._by_class: dict[str, dict[int, list[int]]] = defaultdict(lambda: defaultdict(list))
        for index in np.flatnonzero(at_hand).tolist():
            group = clips.speakers[index] or f"{clips.corpora[clips.corpus_index[index]]}/"
            self._group[index] = group
            self._by_class[group][int(self._emotion[index])].append(index)
        self._neutral = clips.label_names.index("neutral") if "neutral" in clips.label_names else -1

    def draw(self, current: int, rng: np.random.Generator) -> int | None:
        """A clip of another emotion: neutral every second time if that is a change, else any class alike."""
        classes = self._by_class[self._group[current]]
        others = [emotion for emotion in sorted(classes) if emotion != self._emotion[current]]
        if not others:
            return None
        to_neutral = self._neutral in others and rng.random() < 0.5
        emotion = self._neutral if to_neutral else others[rng.integers(len(others))]
        return classes[emotion][rng.integers(len(classes[emotion]))]


def _join(
    anchor: int, clips: ClipTable, partners: _Partners, shifts: ShiftRecipe, rng: np.random.Generator
) -> tuple[int, ...]:
    if rng.random() >= shifts.probability:
        return (anchor,)
    joined = [anchor]
    duration_s = clips.duration_s[anchor]
    for _ in range(int(rng.integers(1, shifts.max_segments))):
        partner = partners.draw(joined[-1], rng)
        if partner is None or duration_s + clips.duration_s[partner] > shifts.max_duration_s:
            break
        joined.append(partner)
        duration_s += clips.duration_s[partner]
    return tuple(joined if rng.random() < 0.5 else reversed(joined))


def _cut(items: list[Item], clips: ClipTable, frames_per_batch: int, num_processes: int) -> Step:
    frames = {item: int(sum(clips.duration_s[index] for index in item.clips) * 50) + 1 for item in items}
    batches: list[list[Item]] = [[]]
    for item in sorted(items, key=lambda item: frames[item]):  # the last one of a batch is its longest
        if batches[-1] and (len(batches[-1]) + 1) * frames[item] > frames_per_batch:
            batches.append([])
        batches[-1].append(item)
    while len(batches) % num_processes:
        largest = max(range(len(batches)), key=lambda number: len(batches[number]))
        if len(batches[largest]) == 1:
            break
        half = len(batches[largest]) // 2
        batches[largest : largest + 1] = [batches[largest][:half], batches[largest][half:]]
    return tuple(tuple(batch) for batch in batches)
