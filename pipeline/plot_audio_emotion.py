"""The timeline of one recording as a picture: scores, chunks or speakers, and the waveform over one time axis."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from .colors_audio_emotion import OKABE_ITO, ink_on, label_colors
from .columns_audio_emotion import ScoreColumns, clock_ticks, score_columns, speakers_of
from .decoding_audio_emotion import iter_audio_blocks
from .errors_audio_emotion import AudioEmotionError
from .segments_audio_emotion import NO_SPEECH

try:
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    from matplotlib.font_manager import fontManager
    from matplotlib.layout_engine import ConstrainedLayoutEngine
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch
    from matplotlib.patheffects import withStroke
except ImportError:
    Figure = None  # type: ignore[assignment,misc]

MAX_COLUMNS = 2000
"""The waveform is drawn in about as many columns as the picture is wide: hours stay quick to draw."""
MAX_SCORE_COLUMNS = 300
"""Scores are averaged more coarsely: narrower columns of a long recording would only flicker."""
MAX_OUTLINED = 150
"""From so many chunks on, white lines between them would hide what they separate."""
PLOT_SUFFIXES = (".png", ".svg", ".pdf")
MAX_TICKS = 12
MAX_LANES = 8
"""Most speakers with a lane of their own; the others share the last."""
LINE_STYLES = ("-", (0, (4, 1.5)), (0, (1, 1.2)))
"""When the colours begin again, the lines' pattern changes."""
FONTS = ("DejaVu Sans", "Noto Sans", "Noto Sans CJK JP", "Noto Sans CJK SC", "Noto Sans Arabic", "Noto Sans Devanagari")
INK, QUIET_INK, RULE, HATCH = "#222222", "#666666", "#D9D9D9", "#C4C4C4"
STYLE: Any = {
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": QUIET_INK,
    "axes.edgecolor": RULE,
    "xtick.color": QUIET_INK,
    "ytick.color": QUIET_INK,
    "hatch.color": HATCH,
    "hatch.linewidth": 0.6,
    "svg.fonttype": "none",  # text stays text: small files, and letters that the reader's fonts have
    "svg.hashsalt": "audio-emotion",  # the same picture is the same file
}


def plot_timeline(
    frames: Mapping[str, Any] | None,
    chunks: Sequence[Mapping[str, Any]],
    peaks: np.ndarray | None,
    duration_s: float,
    path: str | Path,
    title: str = "",
) -> None:
    """Draw the timeline of a recording into a file.

    Args:
        frames: What the pipeline answered with `return_timestamps="frame"`; None draws the chunks' scores.
        chunks: The `chunks` of an answer with `return_timestamps` or `segments`.
        peaks: `(num_columns, 2)`, lowest and highest sample of equal stretches (see `waveform_peaks`); None draws no
            waveform.
        duration_s: Length of the recording, in seconds.
        path: File to write; its suffix (.png, .svg, .pdf) chooses the format.
        title: Shown above, for instance the file's name.

    Raises:
        AudioEmotionError: If matplotlib is not installed, or the file cannot be written.
    """
    figure = timeline_figure(frames, chunks, peaks, duration_s, title)
    metadata = {"Date": None} if str(path).lower().endswith(".svg") else None
    try:
        with mpl.rc_context(STYLE), warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph")  # a letter that no installed font has is a box
            figure.savefig(path, dpi=144, metadata=metadata)
    except (OSError, ValueError) as error:
        raise AudioEmotionError(f"The plot cannot be written to {path}: {error}") from error


def timeline_figure(
    frames: Mapping[str, Any] | None,
    chunks: Sequence[Mapping[str, Any]],
    peaks: np.ndarray | None,
    duration_s: float,
    title: str = "",
) -> Any:
    """The timeline as a matplotlib figure, which has no window and no global state; arguments as in `plot_timeline`.

    Raises:
        AudioEmotionError: If matplotlib is not installed.
    """
    if Figure is None:
        raise AudioEmotionError("Plots need matplotlib, which is not installed. Run `pip install matplotlib`.")
    columns = score_columns({**(frames or {}), "chunks": chunks}, duration_s, MAX_SCORE_COLUMNS)
    labels = list(dict.fromkeys([*columns.labels, *(c["label"] for c in chunks if c["label"] != NO_SPEECH)]))
    colors = label_colors(labels)
    lanes = speakers_of(chunks)[:MAX_LANES] or [""]
    heights = [3.4, 0.34 * max(len(lanes), 1) + 0.1, *([] if peaks is None else [0.9])]
    with mpl.rc_context(STYLE | {"font.family": _fonts()}):
        layout = ConstrainedLayoutEngine(h_pad=0.06, hspace=0.03, w_pad=0.08)
        figure = Figure(figsize=(11, sum(heights) + 1.0), layout=layout, facecolor="white")
        FigureCanvasAgg(figure)
        axes = figure.subplots(len(heights), 1, sharex=True, height_ratios=heights)
        _draw_scores(axes[0], columns, colors, outlined=len(chunks) <= MAX_OUTLINED)
        _draw_lanes(axes[1], chunks, lanes, colors, duration_s)
        if peaks is not None:
            _draw_waveform(axes[2], peaks, duration_s)
        has_gaps = _draw_gaps(axes[0], chunks)
        _draw_clock(axes[-1], duration_s)
        for axis in axes:
            axis.spines[["top", "right", "left"]].set_visible(False)
            axis.tick_params(length=0)
            axis.set_axisbelow(True)
        for axis in axes[:-1]:
            axis.spines["bottom"].set_visible(False)
        _draw_legend(axes[0], colors, columns.independent, has_gaps)
        axes[0].set_title(title, loc="left", fontsize=13, fontweight="bold", pad=10, parse_math=False, wrap=True)
    return figure


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


def _extremes(rows: np.ndarray) -> np.ndarray:
    return np.stack([rows.min(axis=1), rows.max(axis=1)], axis=1)


def _draw_scores(axis: Any, columns: ScoreColumns, colors: Mapping[str, str], outlined: bool) -> None:
    """Stacked bands; intensities, which do not sum to one, are drawn as lines."""
    stepped = np.vstack([columns.scores, columns.scores[-1:]])  # (num_columns + 1, num_labels)
    axis.set_ylim(0, 1)
    if columns.independent:
        axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "0.25", "0.5", "0.75", "1"])
        axis.grid(axis="y", color=RULE, linewidth=0.6)
        for index, (label, values) in enumerate(zip(columns.labels, stepped.T, strict=True)):
            (line,) = axis.step(columns.edges_s, values, where="post", clip_on=False)
            line.set(**_line_style(index, colors[label]))
        axis.set_ylabel("Intensity")
        return
    axis.set_yticks([0, 0.25, 0.5, 0.75, 1], ["0", "25 %", "50 %", "75 %", "100 %"])
    tops = np.cumsum(np.nan_to_num(stepped), axis=1)
    heard = ~np.isnan(stepped).any(axis=1)
    for index, label in enumerate(columns.labels):
        bottom = tops[:, index - 1] if index else np.zeros(len(tops))
        axis.fill_between(
            columns.edges_s, bottom, tops[:, index], where=heard, step="post", color=colors[label], linewidth=0
        )
        if outlined:
            edge = np.where(heard, tops[:, index], np.nan)
            axis.step(columns.edges_s, edge, where="post", color="white", linewidth=0.4)
    axis.set_ylabel("Probability")


def _draw_gaps(axis: Any, chunks: Sequence[Mapping[str, Any]]) -> bool:
    """Hatch the stretches without speech; answers whether there is one."""
    silent = [chunk for chunk in chunks if chunk["label"] == NO_SPEECH]
    bars = [(chunk["timestamp"][0], chunk["timestamp"][1] - chunk["timestamp"][0]) for chunk in silent]
    if bars:
        axis.broken_barh(bars, (0, 1), facecolor="white", edgecolor=HATCH, hatch="////", linewidth=0)
    return bool(bars)


def _draw_lanes(
    axis: Any,
    chunks: Sequence[Mapping[str, Any]],
    lanes: Sequence[str],
    colors: Mapping[str, str],
    duration_s: float,
) -> None:
    """A strip of chunks, one lane per speaker; a chunk that is wide enough bears its label."""
    bars: dict[tuple[int, str], list[tuple[float, float]]] = {}
    edge = 0.8 if len(chunks) <= MAX_OUTLINED else 0.0
    for chunk in chunks:
        start, end = chunk["timestamp"]
        speaker, label = str(chunk.get("speaker") or ""), chunk["label"]
        rows = [lanes.index(speaker) if speaker in lanes else len(lanes) - 1]
        if label == NO_SPEECH and not speaker:
            rows = list(range(len(lanes)))
        for row in rows:
            bars.setdefault((row, label), []).append((start, end - start))
        if label != NO_SPEECH and end - start > 0.0125 * (len(label) + 1) * duration_s:
            ink = ink_on(colors[label])
            axis.text((start + end) / 2, rows[0] + 0.5, label, ha="center", va="center", color=ink, parse_math=False)
    for (row, label), spans in bars.items():
        if label == NO_SPEECH:
            axis.broken_barh(spans, (row + 0.06, 0.88), facecolor="white", edgecolor=HATCH, hatch="////", linewidth=0)
        else:
            axis.broken_barh(spans, (row + 0.06, 0.88), facecolor=colors[label], edgecolor="white", linewidth=edge)
    axis.set_ylim(len(lanes), 0)
    names = [_shortened(name) or "Emotion" for name in lanes]
    if set(speakers_of(chunks)) - set(lanes):
        names[-1] += " and others"
    axis.set_yticks([row + 0.5 for row in range(len(lanes))], names)
    for text in axis.get_yticklabels():
        text.set_parse_math(False)


def _draw_waveform(axis: Any, peaks: np.ndarray, duration_s: float) -> None:
    edges_s = np.linspace(0, duration_s, len(peaks) + 1)
    lowest, highest = np.vstack([peaks, peaks[-1:]]).T
    axis.fill_between(edges_s, lowest, highest, color="#7A7A7A", linewidth=0, step="post")
    axis.axhline(0, color="#7A7A7A", linewidth=0.5)
    loudest = max(float(np.abs(peaks).max()), 1e-3)
    axis.set_ylim(-1.05 * loudest, 1.05 * loudest)
    axis.set_yticks([0], ["Sound"])


def _draw_clock(axis: Any, duration_s: float) -> None:
    """The time axis in minutes and seconds."""
    ticks, names = zip(*clock_ticks(duration_s, MAX_TICKS), strict=True)
    axis.set_xticks(ticks, names)
    axis.set_xlim(0, duration_s or 1.0)
    axis.set_xlabel("Time (h:mm:ss)" if duration_s >= 3600 else "Time (m:ss)")


def _draw_legend(axis: Any, colors: Mapping[str, str], independent: bool, has_gaps: bool) -> None:
    """All labels at the right, in the order in which they are stacked."""
    handles: list[Any] = []
    for index, (label, color) in enumerate(colors.items()):
        if independent:
            handles.append(Line2D([], [], label=label, **_line_style(index, color)))
        else:
            handles.append(Patch(facecolor=color, linewidth=0, label=label))
    if not independent:
        handles.reverse()
    if has_gaps:
        handles.append(Patch(facecolor="white", edgecolor=HATCH, hatch="////", linewidth=0, label="no speech"))
    if handles:
        legend = axis.legend(
            handles=handles,
            loc="upper left",
            bbox_to_anchor=(1.01, 1.0),
            frameon=False,
            borderaxespad=0,
            handlelength=1.4,
            handleheight=1.1,
            labelspacing=0.55,
            ncols=1 + len(handles) // 17,
        )
        for text in legend.get_texts():
            text.set_parse_math(False)


def _line_style(index: int, color: str) -> dict[str, Any]:
    """How the line of the label with this index looks; light colours are edged, to be seen on white."""
    style = LINE_STYLES[index // len(OKABE_ITO) % len(LINE_STYLES)]
    edge = [withStroke(linewidth=2.8, foreground=QUIET_INK)] if ink_on(color, threshold=0.7) == "black" else []
    return {"color": color, "linewidth": 1.6, "linestyle": style, "path_effects": edge}


def _shortened(name: str, most: int = 18) -> str:
    """A name that fits beside its lane."""
    line = " ".join(name.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def _fonts() -> list[str]:
    """The fonts of `FONTS` that are installed here, in the order in which a letter is looked for."""
    installed = set(fontManager.get_font_names())
    return [name for name in FONTS if name in installed]
