"""Render an item: clips trimmed, matched in loudness and joined, with a target for every frame.

The nearest documented relative is Speech Emotion Diarization (arXiv 2306.12991), which joins two same-speaker clips;
here there are up to `shifts.max_segments`, with mixed targets inside the cross-fade (our reading of the paper's
temporal shifts).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from audio_emotion.modeling.feature_extraction_emotion_whisper import MIN_CLIP_SAMPLES
from audio_emotion.training.augmentation import (
    Waveform,
    active_range,
    augment_waveform,
    change_speed,
    match_level,
)
from audio_emotion.training.data import ClipTable
from audio_emotion.training.recipe import AugmentationRecipe, ShiftRecipe
from audio_emotion.training.sampling import Item

_GAIN_JITTER_DB = 3.0
_TRIM_PROBABILITY = 0.5


@dataclass(frozen=True)
class Rendered:
    """A rendered item.

    Attributes:
        views: augmented versions of one sound, each `(num_samples,)` at 16 kHz.
        frame_labels: `(num_frames, num_labels)`; a row of zeros is a frame without a target (silence around and between
            clips).
        label: `(num_labels,)`, the mean target of the labelled frames.
        label_mask: `(num_labels,)`, the classes that every joined clip's corpus can express.
    """

    views: tuple[Waveform, ...]
    frame_labels: NDArray[np.float32]
    label: NDArray[np.float32]
    label_mask: NDArray[np.bool_]


@dataclass(frozen=True)
class _Segment:
    waveform: Waveform
    active: tuple[int, int]
    label: NDArray[np.float32]


def render(
    item: Item,
    clips: ClipTable,
    shifts: ShiftRecipe,
    augmentation: AugmentationRecipe,
    config: EmotionWhisperConfig,
    num_views: int = 1,
) -> Rendered:
    """Render one item; the same item gives the same samples every time.

    Args:
        item: the clips to join, and the seed.
        clips: where the clips are.
        shifts: cross-fade and pauses.
        augmentation: what may happen to the sound.
        config: knows the time base; a waveform longer than its window is cut at the end, one shorter than the feature
            extractor takes ends in silence.
        num_views: augmented versions; they share the clips' order, tempo and level, so that their frames compare.
    """
    rng = np.random.default_rng(item.seed)
    sampling_rate = config.sampling_rate
    alone = len(item.clips) == 1
    trim = not alone or rng.random() < _TRIM_PROBABILITY
    segments = [_segment(index, clips, augmentation, sampling_rate, trim, rng) for index in item.clips]
    waveform, envelopes = _lay_out(segments, shifts, sampling_rate, rng)
    waveform = waveform[: config.window_samples]
    missing = max(0, MIN_CLIP_SAMPLES - len(waveform))  # where trimming or speed made a short clip shorter
    waveform = np.pad(waveform, (0, missing))
    views = tuple(augment_waveform(waveform, sampling_rate, augmentation, rng) for _ in range(num_views))
    centres = (np.arange(config.num_frames(len(waveform))) + 0.5) * config.frame_samples
    shares = np.stack([np.interp(centres, *envelope, left=0.0, right=0.0) for envelope in envelopes], axis=1)
    labelled = shares.sum(axis=1) > 1e-3  # shares: (num_frames, num_segments)
    shares[labelled] /= shares[labelled].sum(axis=1, keepdims=True)
    shares[~labelled] = 0.0
    frame_labels = shares @ np.stack([segment.label for segment in segments])  # (num_frames, num_labels)
    label = frame_labels[labelled].mean(axis=0) if labelled.any() else segments[0].label
    return Rendered(
        views=views,
        frame_labels=frame_labels.astype(np.float32),
        label=label.astype(np.float32),
        label_mask=np.logical_and.reduce([clips.label_mask[index] for index in item.clips]),
    )


def _segment(
    index: int,
    clips: ClipTable,
    augmentation: AugmentationRecipe,
    sampling_rate: int,
    trim: bool,
    rng: np.random.Generator,
) -> _Segment:
    waveform = clips.waveform(index)
    if rng.random() < augmentation.speed:
        waveform = change_speed(waveform, 1.0 + rng.uniform(-augmentation.speed_range, augmentation.speed_range))
    start, end = active_range(waveform, sampling_rate)
    if trim:
        waveform, start, end = waveform[start:end], 0, end - start
    level_db = -23.0 + rng.uniform(-_GAIN_JITTER_DB, _GAIN_JITTER_DB)
    return _Segment(match_level(waveform, level_db), (start, end), clips.labels[index])


def _lay_out(
    segments: list[_Segment], shifts: ShiftRecipe, sampling_rate: int, rng: np.random.Generator
) -> tuple[Waveform, list[tuple[NDArray[np.float64], NDArray[np.float64]]]]:
    """Place the segments one after the other, with a pause or a linear cross-fade between neighbours.

    Returns:
        The waveform, and for every segment its weight over time as the corners `(sample, weight)` of a polygon.
    """
    starts = [0]
    fades = []
    for before, after in itertools.pairwise(segments):
        end = starts[-1] + len(before.waveform)
        fade = min(int(shifts.crossfade_s * sampling_rate), len(before.waveform) // 4, len(after.waveform) // 4)
        pause = int(rng.uniform(0, shifts.max_pause_s) * sampling_rate) if rng.random() < 0.5 else -fade
        starts.append(end + pause)
        fades.append(fade)
    mixed = np.zeros(starts[-1] + len(segments[-1].waveform), dtype=np.float32)
    envelopes = []
    for number, (segment, start) in enumerate(zip(segments, starts, strict=True)):
        fade_in = fades[number - 1] if number > 0 else 0
        fade_out = fades[number] if number < len(fades) else 0
        gain = np.ones(len(segment.waveform), dtype=np.float32)
        gain[:fade_in] = np.linspace(0, 1, fade_in)
        gain[len(gain) - fade_out :] = np.linspace(1, 0, fade_out)
        mixed[start : start + len(gain)] += segment.waveform * gain
        begin, end = start + segment.active[0], start + segment.active[1]
        corners = np.array([begin - 0.5, begin + fade_in, end - fade_out, end - 0.5])
        envelopes.append((corners, np.array([0.0 if fade_in else 1.0, 1.0, 1.0, 0.0 if fade_out else 1.0])))
    return mixed, envelopes
