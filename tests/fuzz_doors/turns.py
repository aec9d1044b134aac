"""Turns of speakers: RTTM, and segments in JSON."""

from __future__ import annotations

import json
from pathlib import Path

from fuzz_doors.door import Door

RTTM = b""";; made by hand
SPEAKER call 1 0.000 1.250 <NA> <NA> agent <NA> <NA>
SPEAKER call 1 1.250 0.750 <NA> <NA> caller <NA> <NA>
"""
SEGMENTS = b'[{"start": 0.0, "end": 1.5, "speaker": "A"}, {"start": 1.0, "end": 2, "speaker": null}]'


def _check_rttm(content: bytes, folder: Path) -> None:
    from audio_emotion.pipeline.segments_audio_emotion import spans_from_segments
    from audio_emotion.pipeline.speakers_audio_emotion import check_segments

    path = folder / "turns.rttm"
    path.write_bytes(content)
    for turns in dict(check_segments(path)).values():  # type: ignore[call-overload]
        spans_from_segments(turns, 32000, 320, 16000, "call.wav")


def _check_segments(content: bytes, _: Path) -> None:
    from audio_emotion.pipeline.segments_audio_emotion import spans_from_segments
    from audio_emotion.pipeline.speakers_audio_emotion import check_all_segments

    try:
        segments = json.loads(content)
    except (ValueError, RecursionError):
        return  # the caller's own JSON
    for turns in check_all_segments(segments):
        if isinstance(turns, list):
            spans_from_segments(turns, 32000, 320, 16000, "call.wav")


DOORS = {
    "turns-rttm": Door(lambda _: [RTTM], _check_rttm, weight=3),
    "turns-json": Door(lambda _: [SEGMENTS], _check_segments, weight=3),
}
