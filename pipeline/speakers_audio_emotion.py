"""Speaker turns, in whatever form the caller's diarisation has them: mappings, RTTM, a DataFrame, an Annotation."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from numbers import Real
from pathlib import Path
from typing import Any

from .decoding_audio_emotion import describe_source
from .errors_audio_emotion import AudioEmotionError, printable
from .export_audio_emotion import rttm_id

Turns = list[Mapping[str, Any]]
KINDS = "a list of {'start', 'end', 'speaker'}, the path of an .rttm file, a DataFrame, or a pyannote Annotation"


class RttmTurns(dict[str, Turns]):
    """The turns of every recording that an RTTM file names, by the recording's name.

    Args:
        path: The file.

    Raises:
        AudioEmotionError: If the file cannot be read, or a line is broken; the message names file and line.
    """

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.path = path
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
        except (OSError, UnicodeDecodeError) as error:
            raise AudioEmotionError(f"{path} cannot be read as RTTM: {error}. Give a readable .rttm file.") from error
        for number, line in enumerate(lines, start=1):
            fields = line.split()
            # ";;" begins a comment; other record types of RTTM (SPKR-INFO, LEXEME, ...) hold no turns.
            if fields and fields[0] == "SPEAKER":
                recording, turn = _parse_turn(fields, f"{path}, line {number}")
                self.setdefault(recording, []).append(turn)
            elif fields and not fields[0].startswith(";;") and fields[0] not in OTHER_RECORDS:
                raise AudioEmotionError(
                    f"{path}, line {number}: {fields[0]!r} is no RTTM record. A turn reads 'SPEAKER FILE "
                    "CHANNEL "
                    "START_S DURATION_S <NA> <NA> SPEAKER_NAME <NA> <NA>'."
                )

    def of(self, name: str, is_alone: bool = False) -> Turns:
        """The turns of a recording: those under what an RTTM file calls it, its file's stem.

        Args:
            name: The recording's path, URL, or what `describe_source` calls it.
            is_alone: No other recording is heard: one that is no file then has the turns under the only name.

        Raises:
            AudioEmotionError: If the file does not name the recording.
        """
        own = rttm_id(name)
        if own in self:
            return self[own]
        is_file = not name.startswith("the audio ")
        if is_alone and len(self) == 1 and not is_file:
            return next(iter(self.values()))
        raise AudioEmotionError(
            f"{self.path} holds no turns of {name}: "
            + (f"no SPEAKER line names {own!r}" if is_file else "it is no file, and not heard alone")
            + f". It names {sorted(self)[:10]}."
        )


LONGEST_S = 1e9
"""No recording has a turn after this: 30 years."""
OTHER_RECORDS = {
    "SEGMENT", "NOSCORE", "NO_RT_METADATA", "LEXEME", "NON-LEX", "NON-SPEECH", "FILLER", "EDIT", "SU", "IP", "CB",
    "A/P", "SPKR-INFO",
}  # fmt: skip
"""The other record types of NIST's RT-09 evaluation plan, appendix A."""


def check_all_segments(segments: Any) -> list[Turns | RttmTurns]:
    """Read and check what can be checked of `segments` before any audio is heard.

    Args:
        segments: The turns of one recording, in a form that `check_segments` takes, or a list of such, one per
            recording.

    Returns:
        The turns of each recording; one `RttmTurns` serves any number.

    Raises:
        AudioEmotionError: As `check_segments`.
    """
    listed = isinstance(segments, (list, tuple)) and segments
    if listed and all(isinstance(item, (list, tuple)) or _is_diarization(item) for item in segments):
        return [check_segments(turns) for turns in segments]
    return [check_segments(segments)]


def turns_per_recording(segments: list[Turns | RttmTurns] | None, inputs: Any) -> Iterable[Turns | RttmTurns | None]:
    """The turns of each input; of a stream, whose names are not known yet, the whole RTTM file each time.

    Args:
        segments: What `check_all_segments` made of the caller's.
        inputs: A list of recordings, or a stream of them.

    Returns:
        As many as there are inputs, or without end; None where no turns are given.

    Raises:
        AudioEmotionError: If there are more or fewer than recordings, or an RTTM file does not name one of them.
    """
    if segments is None:
        return itertools.repeat(None)
    one_file = segments[0] if len(segments) == 1 and isinstance(segments[0], RttmTurns) else None
    if one_file is not None and isinstance(inputs, list):
        return [one_file.of(describe_source(source), is_alone=len(inputs) == 1) for source in inputs]
    if one_file is not None:
        return itertools.repeat(one_file)
    if not isinstance(inputs, list) or len(inputs) != len(segments):
        raise AudioEmotionError("segments belong to recordings: give one list of segments per recording of a list.")
    return [
        turns.of(describe_source(source), is_alone=True) if isinstance(turns, RttmTurns) else turns
        for turns, source in zip(segments, inputs, strict=True)
    ]


def check_segments(segments: Any) -> Turns | RttmTurns:
    """Read the turns of one recording.

    Args:
        segments: A sequence of mappings with `start` and `end` in seconds and optionally `speaker`; the path of an
            RTTM file (`.rttm`), which may name several recordings; a pandas DataFrame with the columns `start`, `end`
            and optionally `speaker`; or what has pyannote's `itertracks`.

    Returns:
        The turns as a list of mappings, or an `RttmTurns`.

    Raises:
        AudioEmotionError: If they are of another kind, one lacks a bound, begins before 0, or ends before it begins.
    """
    if isinstance(segments, (str, os.PathLike)) and str(segments).lower().endswith(".rttm"):
        return RttmTurns(Path(segments).expanduser())
    if hasattr(segments, "itertracks"):
        tracks = segments.itertracks(yield_label=True)
        segments = [{"start": part.start, "end": part.end, "speaker": speaker} for part, _, speaker in tracks]
    elif _is_data_frame(segments):
        if missing := [column for column in ("start", "end") if column not in segments.columns]:
            raise AudioEmotionError(
                f"segments is a DataFrame without the columns {missing}; it has {list(segments.columns)}. Give 'start' "
                "and 'end' in seconds, and 'speaker' where known."
            )
        segments = segments.to_dict("records")
    if isinstance(segments, (str, bytes, Mapping)) or not isinstance(segments, Sequence):
        raise AudioEmotionError(f"segments must be {KINDS}, got {type(segments).__name__}: {segments!r:.80}.")
    return [_checked_turn(segment, index) for index, segment in enumerate(segments)]


def _is_data_frame(value: Any) -> bool:
    return hasattr(value, "columns") and hasattr(value, "to_dict")


def _is_diarization(value: Any) -> bool:
    return hasattr(value, "itertracks") or _is_data_frame(value) or isinstance(value, (str, os.PathLike))


def _checked_turn(segment: Any, index: int) -> Mapping[str, Any]:
    if not isinstance(segment, Mapping) or not {"start", "end"} <= segment.keys():
        raise AudioEmotionError(f"segments[{index}] is {segment!r}; give a mapping with 'start' and 'end' in seconds.")
    start, end, speaker = segment["start"], segment["end"], segment.get("speaker")
    if not all(isinstance(bound, Real) and abs(bound) < LONGEST_S for bound in (start, end)):  # type: ignore[operator]
        raise AudioEmotionError(f"segments[{index}] has start {start!r} and end {end!r}; give seconds as numbers.")
    if start < 0 or end <= start:
        raise AudioEmotionError(
            f"segments[{index}] goes from {start} s to {end} s; a segment begins at 0 or later and ends after that."
        )
    unknown = speaker is None or speaker != speaker  # a DataFrame's gap is NaN
    return {"start": float(start), "end": float(end), "speaker": None if unknown else printable(str(speaker))}


def _parse_turn(fields: list[str], where: str) -> tuple[str, Mapping[str, Any]]:
    if len(fields) < 8:
        raise AudioEmotionError(
            f"{where}: a SPEAKER line has at least 8 fields, 'SPEAKER FILE CHANNEL START_S DURATION_S <NA> <NA> "
            f"SPEAKER_NAME', and this one has {len(fields)}."
        )
    try:
        start, duration = float(fields[3]), float(fields[4])
    except ValueError as error:
        raise AudioEmotionError(f"{where}: start {fields[3]!r} and duration {fields[4]!r} must be seconds.") from error
    if not (0 <= start < LONGEST_S and 0 < duration < LONGEST_S):
        raise AudioEmotionError(f"{where}: start {start} must be at least 0 and duration {duration} above 0 seconds.")
    speaker = None if fields[7] == "<NA>" else printable(fields[7])
    return fields[1], {"start": start, "end": start + duration, "speaker": speaker}
