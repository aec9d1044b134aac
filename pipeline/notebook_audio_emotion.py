"""The timeline of a result as a small picture inside a notebook: SVG in HTML, without scripts or anything to load."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import numpy as np

from .colors_audio_emotion import ink_on, label_colors
from .columns_audio_emotion import ScoreColumns, clock, clock_ticks, score_columns, speakers_of
from .segments_audio_emotion import NO_SPEECH

WIDTH, SCORES_HEIGHT, LANE_HEIGHT, CLOCK_HEIGHT, NAMES_WIDTH = 720, 96, 20, 18, 84
MAX_COLUMNS = 240
MAX_LANES = 6
MAX_TICKS = 8
MAX_TIPS = 100
"""So many chunks of a lane tell their times under the pointer; more would be too narrow to point at."""
LETTER_WIDTH = 7
"""Pixels of a letter, about: a label is written where its chunk has room for it."""
FAINT = 'fill="currentColor" opacity=".7"'


def timeline_html(answer: Mapping[str, Any], duration_s: float, title: str = "") -> str:
    """Draw an answer with `chunks` or `frames`; a few kilobytes, whatever the length of the recording.

    Args:
        answer: What the pipeline answered with `return_timestamps` or `segments`.
        duration_s: Length of the recording, in seconds.
        title: Shown above.

    Returns:
        HTML whose texts are escaped.
    """
    columns = score_columns(answer, duration_s, MAX_COLUMNS)
    chunks = answer.get("chunks") or []
    labels = list(dict.fromkeys([*columns.labels, *(c["label"] for c in chunks if c["label"] != NO_SPEECH)]))
    colors = label_colors(labels)
    lanes = speakers_of(chunks)[:MAX_LANES]
    left = NAMES_WIDTH if any(lanes) else 0
    width = WIDTH - left
    scale = width / duration_s if duration_s > 0 else 0.0
    draw = _lines if columns.independent else _bands
    parts = draw(columns, colors, scale)
    for row, speaker in enumerate(lanes):
        parts += _lane(chunks, speaker, row, colors, scale)
    bottom = SCORES_HEIGHT + 4 + LANE_HEIGHT * len(lanes)
    parts.append(f'<path d="M0,{SCORES_HEIGHT}H{width}" stroke="currentColor" opacity=".3"/>')
    for seconds, text in clock_ticks(duration_s, MAX_TICKS):
        x = seconds * scale
        anchor = "start" if x < LETTER_WIDTH else "end" if x > width - 2 * LETTER_WIDTH else "middle"
        parts.append(f'<text x="{x:.0f}" y="{bottom + 13}" text-anchor="{anchor}" {FAINT}>{text}</text>')
    height = bottom + CLOCK_HEIGHT
    svg = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{-left} 0 {WIDTH} {height}" width="{WIDTH}" '
        f'height="{height}" role="img" aria-label="{escape(_spoken(answer, title))}" '
        f'style="max-width:100%;font:11px sans-serif">{"".join(parts)}</svg>'
    )
    heading = f'<div style="font-weight:bold">{escape(title)}</div>' if title else ""
    return f'<div style="font-family:sans-serif;font-size:12px">{heading}{svg}<div>{_legend(colors)}</div></div>'


def _bands(columns: ScoreColumns, colors: Mapping[str, str], scale: float) -> list[str]:
    """One stacked band for each label; nothing where nothing was scored."""
    tops = np.cumsum(np.nan_to_num(columns.scores), axis=1)  # (num_columns, num_labels)
    parts = []
    for index, label in enumerate(columns.labels):
        bottoms = tops[:, index - 1] if index else np.zeros(len(tops))
        path = "".join(
            f"M{left:.1f},{_y(bottom):.1f}V{_y(top):.1f}H{right:.1f}V{_y(bottom):.1f}Z"
            for left, right, bottom, top in _runs(columns.edges_s * scale, bottoms, tops[:, index])
        )
        parts.append(f'<path fill="{colors[label]}" d="{path}"><title>{escape(label)}</title></path>')
    return parts


def _lines(columns: ScoreColumns, colors: Mapping[str, str], scale: float) -> list[str]:
    """One line for each label."""
    middles = (columns.edges_s[:-1] + columns.edges_s[1:]) / 2 * scale
    parts = []
    for label, values in zip(columns.labels, columns.scores.T, strict=True):
        heard = ~np.isnan(values)
        points = " ".join(f"{x:.1f},{_y(y):.1f}" for x, y in zip(middles[heard], values[heard], strict=True))
        parts.append(
            f'<polyline fill="none" stroke="{colors[label]}" stroke-width="2" points="{points}">'
            f"<title>{escape(label)}</title></polyline>"
        )
    return parts


def _lane(
    chunks: Sequence[Mapping[str, Any]], speaker: str, row: int, colors: Mapping[str, str], scale: float
) -> list[str]:
    """The chunks of one speaker; of many in one column of pixels the longest is drawn."""
    y = SCORES_HEIGHT + 4 + LANE_HEIGHT * row
    spans = _visible(chunks, speaker, 1 / scale if scale else 1.0)
    name = speaker if len(speaker) * LETTER_WIDTH < NAMES_WIDTH else f"{speaker[: NAMES_WIDTH // LETTER_WIDTH - 2]}…"
    parts = [f'<text x="-6" y="{y + 12}" text-anchor="end" {FAINT}>{escape(name)}</text>'] if speaker else []
    for start, end, label in spans:
        left, width = start * scale, max((end - start) * scale, 0.5)
        paint = 'fill="none" stroke="currentColor" stroke-dasharray="2 3" opacity=".4"'
        if label != NO_SPEECH:
            paint = f'fill="{colors[label]}"'
        tip = f"{speaker}: {label}" if speaker else label
        tip = f"<title>{escape(tip)}, {clock(start, 1)} to {clock(end, 1)}</title>" if len(spans) <= MAX_TIPS else ""
        box = f'x="{left:.1f}" y="{y}" width="{width:.1f}" height="{LANE_HEIGHT - 3}"'
        parts.append(f"<rect {box} {paint}>{tip}</rect>")
        text = label.replace("_", " ")
        if len(text) * LETTER_WIDTH < width:
            ink = FAINT if label == NO_SPEECH else f'fill="{ink_on(colors[label])}"'
            parts.append(
                f'<text x="{left + width / 2:.1f}" y="{y + 12}" text-anchor="middle" {ink} pointer-events="none">'
                f"{escape(text)}</text>"
            )
    return parts


def _visible(chunks: Sequence[Mapping[str, Any]], speaker: str, pixel_s: float) -> list[tuple[float, float, str]]:
    """The chunks of a speaker, and of nobody, as spans; those that begin within the same two pixels become one."""
    own = [
        (*chunk["timestamp"], chunk["label"])
        for chunk in chunks
        if str(chunk.get("speaker") or "") == speaker or (chunk["label"] == NO_SPEECH and not chunk.get("speaker"))
    ]
    spans = []
    for _, together in itertools.groupby(sorted(own), key=lambda span: int(span[0] / (2 * pixel_s))):
        group = list(together)
        longest = max(group, key=lambda span: span[1] - span[0])
        spans.append((group[0][0], max(span[1] for span in group), longest[2]))
    return spans


def _runs(edges: np.ndarray, bottoms: np.ndarray, tops: np.ndarray) -> list[tuple[float, float, float, float]]:
    """Neighbouring columns that look the same as one `(left, right, bottom, top)`; empty ones are left out."""
    runs: list[tuple[float, float, float, float]] = []
    for left, right, bottom, top in zip(edges, edges[1:], np.round(bottoms, 2), np.round(tops, 2), strict=False):
        if runs and runs[-1][1:] == (left, bottom, top):
            runs[-1] = (runs[-1][0], right, bottom, top)
        elif top > bottom:
            runs.append((left, right, bottom, top))
    return runs


def _y(score: float) -> float:
    return SCORES_HEIGHT * (1 - min(max(score, 0.0), 1.0))


def _legend(colors: Mapping[str, str]) -> str:
    return " ".join(
        f'<span style="white-space:nowrap;margin-right:.8em"><span style="display:inline-block;width:.8em;height:.8em;'
        f'background:{color}"></span> {escape(label)}</span>'
        for label, color in colors.items()
    )


def _spoken(answer: Mapping[str, Any], title: str) -> str:
    """What a screen reader says in place of the picture."""
    strongest = ", ".join(f"{entry['label']} {entry['score']:.2f}" for entry in (answer.get("scores") or [])[:3])
    return f"Emotions over time{f' of {title}' if title else ''}: {strongest}"
