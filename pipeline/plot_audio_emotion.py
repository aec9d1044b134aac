"""The timeline of one recording as a picture: stacked scores, chunks and waveform over one time axis."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .decoding_audio_emotion import iter_audio_blocks
from .errors_audio_emotion import AudioEmotionError

try:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.patches import Patch
except ImportError:
    Figure = None  # type: ignore[assignment,misc]

# Okabe and Ito, "Color Universal Design" (2008): told apart with any of the common colour vision deficiencies.
OKABE_ITO = ("#E69F00", "#56B4E9", "#009E73", "#F0E442", "#CC79A7", "#D55E00", "#000000", "#BBBBBB")
COLORS = {
    "happiness": "#F0E442",
    "sadness": "#0072B2",
    "disgust": "#009E73",
    "fear": "#CC79A7",
    "surprise": "#56B4E9",
    "anger": "#D55E00",
    "other": "#000000",
    "neutral": "#BBBBBB",
}
"""Colours of the canonical labels; others take those of `OKABE_ITO` in turn."""
MAX_COLUMNS = 2000
"""Frames are averaged to about the picture's width: hours stay quick to draw."""


def plot_timeline(
    frames: Mapping[str, Any],
    chunks: Sequence[Mapping[str, Any]],
    peaks: np.ndarray,
    duration_s: float,
    path: str | Path,
    title: str = "",
) -> None:
    """Draw the timeline of a recording into a file.

    Args:
        frames: What the pipeline answered with `return_timestamps="frame"`.
        chunks: The `chunks` of an answer with `return_timestamps` or `segments`.
        peaks: `(num_columns, 2)`, lowest and highest sample of equal stretches (see `waveform_peaks`).
        duration_s: Length of the recording, in seconds.
        path: File to write; its suffix (.png, .svg, .pdf) chooses the format.
        title: Shown above, for instance the file's name.

    Raises:
        AudioEmotionError: If matplotlib is not installed, or the file cannot be written.
    """
    if Figure is None:
        raise AudioEmotionError("Plots need matplotlib, which is not installed. Run `pip install matplotlib`.")
    labels = list(frames["labels"])
    colors = label_colors(labels)
    figure = Figure(figsize=(12, 6), layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(3, 1, sharex=True, height_ratios=[5, 1, 2])
    _draw_scores(axes[0], np.asarray(frames["frames"]), float(frames["frame_period_s"]), labels, colors)
    _draw_chunks(axes[1], chunks, colors, duration_s)
    _draw_waveform(axes[2], peaks, duration_s)
    axes[2].set_xlabel("Time (s)")
    axes[2].set_xlim(0, duration_s)
    figure.align_ylabels(axes)
    handles = [Patch(facecolor=color, edgecolor="black", linewidth=0.5, label=label) for label, color in colors.items()]
    figure.legend(handles=handles[::-1], loc="outside right upper", frameon=False)
    if title:
        axes[0].set_title(title, loc="left")
    try:
        figure.savefig(path, dpi=120)
    except (OSError, ValueError) as error:
        raise AudioEmotionError(f"The plot cannot be written to {path}: {error}") from error


def waveform_peaks(source: Any, num_columns: int = MAX_COLUMNS, sampling_rate: int = 16000) -> np.ndarray:
    """Lowest and highest sample of at most `num_columns` equal stretches of a recording, in constant memory.

    Args:
        source: Anything that the pipeline takes as one input.
        num_columns: Most rows of the answer.
        sampling_rate: Rate to decode at, in Hz.

    Returns:
        float32 array `(num_columns, 2)`.
    """
    step = sampling_rate // 100  # 10 ms, coarser once the whole length is known
    columns, rest = [], np.zeros(0, dtype=np.float32)
    for block in iter_audio_blocks(source, sampling_rate):
        samples = np.concatenate([rest, block])
        whole = len(samples) // step * step
        columns.append(_extremes(samples[:whole].reshape(-1, step)))  # (num_steps, step)
        rest = samples[whole:]
    if len(rest):
        columns.append(_extremes(rest[None]))
    steps = np.concatenate(columns)
    bounds = np.unique(np.linspace(0, len(steps), min(num_columns, len(steps)) + 1).astype(int))[:-1]
    lowest = np.minimum.reduceat(steps[:, 0], bounds)
    return np.stack([lowest, np.maximum.reduceat(steps[:, 1], bounds)], axis=1)


def label_colors(labels: Sequence[str]) -> dict[str, str]:
    """A colour for each label, the same for a canonical emotion in every plot."""
    return {label: COLORS.get(label, OKABE_ITO[index % len(OKABE_ITO)]) for index, label in enumerate(labels)}


def _extremes(rows: np.ndarray) -> np.ndarray:
    return np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1)


def _draw_scores(
    axis: Any, scores: np.ndarray, frame_period_s: float, labels: Sequence[str], colors: Mapping[str, str]
) -> None:
    """Stacked bands; intensities, which do not sum to one, are drawn as lines."""
    bounds = np.unique(np.linspace(0, len(scores), min(MAX_COLUMNS, len(scores)) + 1).astype(int))
    means = np.add.reduceat(scores, bounds[:-1], axis=0) / np.diff(bounds)[:, None]  # (num_columns, num_labels)
    edges_s = bounds * frame_period_s
    stepped = np.vstack([means, means[-1:]])
    if np.allclose(scores.sum(axis=1), 1.0, atol=1e-3):
        axis.stackplot(edges_s, stepped.T, colors=list(colors.values()), step="post", linewidth=0)
        axis.set_ylabel("Probability")
    else:
        for label, column in zip(labels, stepped.T, strict=True):
            axis.step(edges_s, column, where="post", color=colors[label], linewidth=1.2)
        axis.set_ylabel("Intensity")
    axis.set_ylim(0, 1)


def _draw_chunks(axis: Any, chunks: Sequence[Mapping[str, Any]], colors: Mapping[str, str], duration_s: float) -> None:
    """A strip of chunks, one row per speaker; a chunk that is wide enough bears its label."""
    speakers = list(dict.fromkeys(chunk.get("speaker", "") for chunk in chunks)) or [""]
    for chunk in chunks:
        start, end = chunk["timestamp"]
        row = speakers.index(chunk.get("speaker", ""))
        color = colors[chunk["label"]]
        axis.broken_barh([(start, end - start)], (row, 1), facecolor=color, edgecolor="white", linewidth=0.8)
        if end - start > 0.011 * len(chunk["label"]) * duration_s:
            axis.text((start + end) / 2, row + 0.5, chunk["label"], ha="center", va="center", color=_ink(color))
    axis.set_ylim(len(speakers), 0)
    axis.set_yticks([row + 0.5 for row in range(len(speakers))], speakers)
    axis.tick_params(axis="y", length=0)
    axis.set_ylabel("Speaker" if any(speakers) else "Chunks")


def _draw_waveform(axis: Any, peaks: np.ndarray, duration_s: float) -> None:
    edges_s = np.linspace(0, duration_s, len(peaks) + 1)[:-1]
    axis.fill_between(edges_s, peaks[:, 0], peaks[:, 1], color="#444444", linewidth=0, step="post")
    loudest = max(float(np.abs(peaks).max()), 1e-3)
    axis.set_ylim(-1.05 * loudest, 1.05 * loudest)
    axis.set_ylabel("Waveform")


def _ink(color: str) -> str:
    """Black or white, whichever is read more easily on `color` (relative luminance of sRGB, weights of BT.709)."""
    red, green, blue = (int(color[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return "black" if 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.4 else "white"
