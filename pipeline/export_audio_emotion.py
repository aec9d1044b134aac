"""A result with chunks as a file that other tools open: JSON, JSONL, CSV, TextGrid, Audacity, RTTM, WebVTT, DataFrame.

Each writer takes `results`, a mapping from a recording's name to what the pipeline answered with `return_timestamps` or
`segments`, and returns the file's text. TextGrid, Audacity and WebVTT files describe one recording each.
"""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any
from urllib.parse import urlsplit

from .errors_audio_emotion import AudioEmotionError
from .segments_audio_emotion import NO_SPEECH

Results = Mapping[str, Mapping[str, Any]]

CHUNK_COLUMNS = ("file", "start_s", "end_s", "speaker", "label", "score", "confidence", "peak_s", "entropy")
"""The columns of every table, in front of one `score_<label>` for each label; empty where a chunk lacks the value."""
SCORE_PREFIX = "score_"
LINE_BREAKS = {character: f"\\u{character:04x}" for character in (0x85, 0x2028, 0x2029)}
"""Breaks of a line to some readers though not to JSON, as JSON's escapes."""


def to_json(results: Results) -> str:
    """A JSON list with one object per recording: `file`, `scores` and `chunks` with times in seconds."""
    objects = [json_object(name, result) for name, result in results.items()]
    return json.dumps(objects, indent=2, ensure_ascii=False) + "\n"


def to_jsonl(results: Results) -> str:
    """JSON Lines (NDJSON): the objects of `to_json`, each on a line of its own."""
    lines = (json.dumps(json_object(name, result), ensure_ascii=False) for name, result in results.items())
    return "".join(line.translate(LINE_BREAKS) + "\n" for line in lines)


def to_csv(results: Results) -> str:
    """One row per chunk: `CHUNK_COLUMNS`, and a column for the score of each label."""
    chunks = list(_chunks(results))
    labels = list(dict.fromkeys(label for _, chunk in chunks for label in _scores(chunk)))
    return csv_header(labels) + "".join(csv_rows(name, result, labels) for name, result in results.items())


def csv_header(labels: Iterable[str]) -> str:
    """The first line of a table with these labels."""
    return csv_line([*CHUNK_COLUMNS, *(SCORE_PREFIX + label for label in labels)])


def csv_rows(name: str, result: Mapping[str, Any], labels: Iterable[str]) -> str:
    """The rows of one recording below `csv_header(labels)`: times to the millisecond, scores to six digits.

    Raises:
        AudioEmotionError: If a chunk has the score of a label that has no column.
    """
    columns = [*CHUNK_COLUMNS, *(SCORE_PREFIX + label for label in labels)]
    lines = []
    for _, chunk in _chunks({name: result}):
        row = _row(name, chunk)
        if homeless := row.keys() - set(columns):
            raise AudioEmotionError(
                f"{name} has values without a column: {sorted(homeless)}. Write a table of its own."
            )
        lines.append(csv_line([_csv_cell(column, row.get(column)) for column in columns]))
    return "".join(lines)


def csv_line(cells: list[str]) -> str:
    """One line of a table, whatever its cells hold; a null, which Python 3.10 cannot write, is replaced."""
    text = io.StringIO()
    printable = [cell.replace("\0", "\ufffd") for cell in cells]
    csv.writer(text, lineterminator="\r\n").writerow(printable)  # a cell with either character is quoted
    return text.getvalue().removesuffix("\r\n") + "\n"


def to_dataframe(results: Results) -> Any:
    """The table of `to_csv` as a `pandas.DataFrame`, in full precision; NaN where a chunk lacks a number.

    Raises:
        AudioEmotionError: If pandas is not installed, or a result has no chunks.
    """
    try:
        import pandas
    except ImportError as error:
        raise AudioEmotionError(
            "A DataFrame needs pandas, which is not installed. Run `pip install pandas`."
        ) from error
    rows = [_row(name, chunk) for name, chunk in _chunks(results)]
    labels = dict.fromkeys(column for row in rows for column in row if column.startswith(SCORE_PREFIX))
    numbers = {"start_s", "end_s", "score", "confidence", "peak_s", "entropy", *labels}
    table = pandas.DataFrame(rows, columns=[*CHUNK_COLUMNS, *labels])
    return table.astype({column: "float64" if column in numbers else "object" for column in table})


def to_textgrid(results: Results) -> str:
    """Praat's long text format with an interval tier of labels; one tier per speaker, and more where turns overlap."""
    name, result = _only(results, "TextGrid")
    chunks = sorted(_checked(name, result)["chunks"], key=lambda chunk: chunk["timestamp"])
    duration_s = max([getattr(result, "duration_s", None) or 0.0, *(chunk["timestamp"][1] for chunk in chunks)])
    tiers: dict[tuple[str, int], list[tuple[float, float, str]]] = {} if chunks else {("emotion", 1): []}
    for chunk in chunks:
        start, end = chunk["timestamp"]
        intervals = tiers.setdefault(_free_tier(tiers, _one_line(chunk.get("speaker") or "emotion"), start), [])
        covered = intervals[-1][1] if intervals else 0.0
        intervals += [(covered, start, ""), (start, end, _one_line(chunk["label"]))]
    lines = ['File type = "ooTextFile"', 'Object class = "TextGrid"', "", "xmin = 0", f"xmax = {_seconds(duration_s)}"]
    lines += ["tiers? <exists>", f"size = {len(tiers)}", "item []:"]
    titles: set[str] = set()
    for number, ((tier, copy), intervals) in enumerate(tiers.items(), start=1):
        title = tier if copy == 1 else f"{tier} ({copy})"
        while title in titles:
            title += "'"
        titles.add(title)
        lines += [f"    item [{number}]:", '        class = "IntervalTier"', f"        name = {_praat_string(title)}"]
        lines += _praat_intervals([*intervals, (intervals[-1][1] if intervals else 0.0, duration_s, "")], duration_s)
    return "\n".join(lines) + "\n"


def to_audacity(results: Results) -> str:
    """An Audacity label track: start, end and label, separated by tabs; a speaker stands in front of the label."""
    name, result = _only(results, "Audacity")
    lines = []
    for chunk in _checked(name, result)["chunks"]:
        start, end = chunk["timestamp"]
        speaker = f"{chunk['speaker']}: " if chunk.get("speaker") else ""
        lines.append(f"{start:.6f}\t{end:.6f}\t{_one_line(speaker + chunk['label'])}\n")
    return "".join(lines)


def to_rttm(results: Results) -> str:
    """NIST Rich Transcription lines: `label`, or `speaker/label`, is the name, and its score the confidence.

    Fields hold no white space, so it becomes `_`. Where nobody speaks there is no line, as in any RTTM.
    """
    lines = []
    for name, chunk in _chunks(results):
        if chunk["label"] == NO_SPEECH:
            continue
        start, end = chunk["timestamp"]
        speaker = f"{chunk['speaker']}/" if chunk.get("speaker") else ""
        label = _rttm_field(speaker + chunk["label"])
        lines.append(
            f"SPEAKER {rttm_id(name)} 1 {start:.3f} {end - start:.3f} <NA> <NA> {label} {chunk['score']:.4f} <NA>\n"
        )
    return "".join(lines)


def to_webvtt(results: Results) -> str:
    """WebVTT cues, which any web player shows with the sound: label and score, spoken by the chunk's speaker.

    Where nobody speaks there is no cue. (W3C, "WebVTT: The Web Video Text Tracks Format".)
    """
    name, result = _only(results, "WebVTT")
    cues = []
    for chunk in sorted(_checked(name, result)["chunks"], key=lambda chunk: chunk["timestamp"]):
        if chunk["label"] == NO_SPEECH:
            continue
        start_ms, end_ms = (round(1000 * bound) for bound in chunk["timestamp"])
        voice = f"<v {_vtt_text(chunk['speaker'])}>" if chunk.get("speaker") else ""
        times = f"{_vtt_time(start_ms)} --> {_vtt_time(max(end_ms, start_ms + 1))}"
        cues.append(f"\n{times}\n{voice}{_vtt_text(chunk['label'])} {chunk['score']:.2f}\n")
    return "WEBVTT\n" + "".join(cues)


WRITERS: dict[str, Callable[[Results], str]] = {
    "json": to_json,
    "jsonl": to_jsonl,
    "csv": to_csv,
    "textgrid": to_textgrid,
    "audacity": to_audacity,
    "rttm": to_rttm,
    "vtt": to_webvtt,
}
SUFFIXES = {
    "json": ".json",
    "jsonl": ".jsonl",
    "csv": ".csv",
    "textgrid": ".TextGrid",
    "audacity": ".txt",
    "rttm": ".rttm",
    "vtt": ".vtt",
}
ONE_RECORDING_EACH = frozenset({"textgrid", "audacity", "vtt"})
"""Formats whose file describes a single recording."""


def json_object(name: str, result: Mapping[str, Any]) -> dict[str, Any]:
    """What `to_json` writes of one recording: JSON's types alone, null for a number that is not finite."""
    return {"file": name, **_plain(_checked(name, result))}


def recording_stem(name: str) -> str:
    """The name of a recording without folders and suffix, of a path or a URL.

    >>> recording_stem("calls/monday.1.wav"), recording_stem("https://host/a.mp3?key=1")
    ('monday.1', 'a')
    """
    path = urlsplit(name).path if name.startswith(("http://", "https://")) else name
    last = path.replace("\\", "/").rstrip("/").rpartition("/")[2]
    stem, dot, _ = last.rpartition(".")
    return stem if dot and stem else last


def rttm_id(name: str) -> str:
    """What an RTTM file calls a recording."""
    return _rttm_field(recording_stem(name))


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


def _scores(chunk: Mapping[str, Any]) -> Mapping[str, float]:
    return chunk.get("scores") or {}


def _row(name: str, chunk: Mapping[str, Any]) -> dict[str, Any]:
    """A chunk by the columns of a table; those that it lacks are absent."""
    start, end = chunk["timestamp"]
    optional = {key: chunk[key] for key in CHUNK_COLUMNS[3:] if chunk.get(key) is not None}
    scores = {SCORE_PREFIX + label: score for label, score in _scores(chunk).items()}
    return {"file": name, "start_s": start, "end_s": end, **optional, **scores}


def _csv_cell(column: str, value: Any) -> str:
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, str):
        return value
    return f"{value:.3f}" if column in ("start_s", "end_s", "peak_s") else f"{value:.6f}"


def _plain(value: Any) -> Any:
    """Mappings, sequences, arrays and numbers as JSON has them, all the way down."""
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    if hasattr(value, "tolist"):
        return _plain(value.tolist())
    return None if isinstance(value, float) and not math.isfinite(value) else value


def _free_tier(tiers: Mapping[tuple[str, int], list[tuple[float, float, str]]], name: str, start: float) -> Any:
    """The first tier of this name that is free at `start`: the intervals of a tier must not overlap."""
    number = 1
    while tiers.get((name, number)) and tiers[name, number][-1][1] > start:
        number += 1
    return name, number


def _praat_intervals(intervals: list[tuple[float, float, str]], duration_s: float) -> list[str]:
    """The lines of a tier's intervals; those without length are left out, as Praat has none."""
    written = [(_seconds(start), _seconds(end), label) for start, end, label in intervals]
    written = [interval for interval in written if interval[0] != interval[1]]
    lines = ["        xmin = 0", f"        xmax = {_seconds(duration_s)}", f"        intervals: size = {len(written)}"]
    for index, (start, end, label) in enumerate(written, start=1):
        lines += [f"        intervals [{index}]:", f"            xmin = {start}", f"            xmax = {end}"]
        lines += [f"            text = {_praat_string(label)}"]
    return lines


def _seconds(value: float) -> str:
    """Seconds without an exponent, finer than a sample.

    >>> _seconds(0.0), _seconds(3.24), _seconds(1 / 16000)
    ('0', '3.24', '0.0000625')
    """
    return f"{value:.7f}".rstrip("0").rstrip(".")


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _praat_string(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _rttm_field(text: str) -> str:
    return "_".join(text.split()) or "<NA>"


def _vtt_text(text: str) -> str:
    return _one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _vtt_time(milliseconds: int) -> str:
    seconds, rest = divmod(milliseconds, 1000)
    return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}.{rest:03d}"
