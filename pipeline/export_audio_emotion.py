"""A result with chunks as a file that other tools open: JSON, CSV, Praat TextGrid, Audacity labels, RTTM.

Each writer takes `results`, a mapping from a recording's name to what the pipeline answered with `return_timestamps` or
`segments`, and returns the file's text. TextGrid and Audacity files describe one recording each.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from .errors_audio_emotion import AudioEmotionError

Results = Mapping[str, Mapping[str, Any]]


def to_json(results: Results) -> str:
    """A JSON list with one object per recording: `file`, `scores` and `chunks` with times in seconds."""
    objects = [{"file": name, **_checked(name, result)} for name, result in results.items()]
    return json.dumps(objects, indent=2, ensure_ascii=False) + "\n"


def to_csv(results: Results) -> str:
    """One row per chunk: file, start_s, end_s, speaker, label, score, and a column for the score of each label."""
    rows = [
        {
            "file": name,
            "start_s": f"{chunk['timestamp'][0]:.3f}",
            "end_s": f"{chunk['timestamp'][1]:.3f}",
            "speaker": chunk.get("speaker", ""),
            "label": chunk["label"],
            "score": f"{chunk['score']:.6f}",
            **{f"score_{label}": f"{score:.6f}" for label, score in chunk["scores"].items()},
        }
        for name, chunk in _chunks(results)
    ]
    text = io.StringIO()
    if rows:
        writer = csv.DictWriter(text, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return text.getvalue()


def to_textgrid(results: Results) -> str:
    """Praat's long text format with an interval tier of labels; one tier per speaker, and more where turns overlap."""
    name, result = _only(results, "TextGrid")
    chunks = sorted(_checked(name, result)["chunks"], key=lambda chunk: chunk["timestamp"])
    duration = max((chunk["timestamp"][1] for chunk in chunks), default=0.0)
    tiers: dict[str, list[tuple[float, float, str]]] = {}
    for chunk in chunks:
        start, end = chunk["timestamp"]
        intervals = tiers.setdefault(_free_tier(tiers, chunk.get("speaker", "emotion"), start), [])
        covered = intervals[-1][1] if intervals else 0.0
        if start > covered:
            intervals.append((covered, start, ""))
        intervals.append((start, end, chunk["label"]))
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {duration}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    for number, (tier, intervals) in enumerate(tiers.items(), start=1):
        if intervals[-1][1] < duration:
            intervals.append((intervals[-1][1], duration, ""))
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_praat_string(tier)}"]
        lines += ["        xmin = 0", f"        xmax = {duration}", f"        intervals: size = {len(intervals)}"]
        for index, (start, end, label) in enumerate(intervals, start=1):
            lines += [f"        intervals [{index}]:", f"            xmin = {start}", f"            xmax = {end}"]
            lines += [f"            text = {_praat_string(label)}"]
    return "\n".join(lines) + "\n"


def to_audacity(results: Results) -> str:
    """An Audacity label track: start, end and label, separated by tabs; a speaker stands in front of the label."""
    name, result = _only(results, "Audacity")
    lines = []
    for chunk in _checked(name, result)["chunks"]:
        start, end = chunk["timestamp"]
        speaker = f"{chunk['speaker']}: " if "speaker" in chunk else ""
        lines.append(f"{start:.6f}\t{end:.6f}\t{' '.join((speaker + chunk['label']).split())}\n")
    return "".join(lines)


def to_rttm(results: Results) -> str:
    """NIST Rich Transcription lines: the label stands in the name field, its score in the confidence field."""
    lines = []
    for name, chunk in _chunks(results):
        start, end = chunk["timestamp"]
        recording, label = ("_".join(text.split()) for text in (Path(name).stem, chunk["label"]))
        lines.append(
            f"SPEAKER {recording} 1 {start:.3f} {end - start:.3f} <NA> <NA> {label} {chunk['score']:.4f} <NA>\n"
        )
    return "".join(lines)


WRITERS: dict[str, Callable[[Results], str]] = {
    "json": to_json,
    "csv": to_csv,
    "textgrid": to_textgrid,
    "audacity": to_audacity,
    "rttm": to_rttm,
}
SUFFIXES = {"json": ".json", "csv": ".csv", "textgrid": ".TextGrid", "audacity": ".txt", "rttm": ".rttm"}
ONE_RECORDING_EACH = frozenset({"textgrid", "audacity"})
"""Formats whose file describes a single recording."""


def _checked(name: str, result: Mapping[str, Any]) -> Mapping[str, Any]:
    if not isinstance(result, Mapping) or "chunks" not in result:
        raise AudioEmotionError(
            f"The result of {name} has no chunks to write. Call the pipeline with return_timestamps=True, a window in "
            "seconds, or segments."
        )
    return result


def _chunks(results: Results) -> Iterable[tuple[str, Mapping[str, Any]]]:
    return ((name, chunk) for name, result in results.items() for chunk in _checked(name, result)["chunks"])


def _only(results: Results, file_format: str) -> tuple[str, Mapping[str, Any]]:
    if len(results) != 1:
        raise AudioEmotionError(
            f"A {file_format} file describes one recording, and {len(results)} were given. Write one file for each."
        )
    return next(iter(results.items()))


def _free_tier(tiers: Mapping[str, list[tuple[float, float, str]]], name: str, start: float) -> str:
    """The first tier of this name that is free at `start`: the intervals of a tier must not overlap."""
    candidate, number = name, 1
    while tiers.get(candidate) and tiers[candidate][-1][1] > start:
        number += 1
        candidate = f"{name} ({number})"
    return candidate


def _praat_string(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
