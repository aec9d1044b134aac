"""What the pipeline answers about time: a plain dictionary that also draws itself, and writes what other tools read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .columns_audio_emotion import duration_of
from .errors_audio_emotion import AudioEmotionError
from .export_audio_emotion import SUFFIXES, WRITERS, to_dataframe
from .notebook_audio_emotion import timeline_html


class EmotionTimeline(dict[str, Any]):
    """An answer with `chunks` or `frames`; equal to the dictionary with the same items, and JSON to `json.dumps`.

    A notebook shows it as a picture.

    Args:
        answer: The items.
        name: Where the audio came from.
        duration_s: Length of the recording, in seconds; None takes the end of the last chunk or frame.

    Example:
        >>> scores = {"anger": 0.9, "fear": 0.1}
        >>> chunk = {"timestamp": (0.0, 1.5), "label": "anger", "score": 0.9, "scores": scores}
        >>> timeline = EmotionTimeline({"scores": [], "chunks": [chunk]}, name="call.wav")
        >>> timeline == {"scores": [], "chunks": [chunk]}, timeline.duration_s
        (True, 1.5)
    """

    def __init__(self, answer: Mapping[str, Any], name: str = "", duration_s: float | None = None) -> None:
        super().__init__(answer)
        self.name = name
        self.duration_s = duration_of(answer) if duration_s is None else duration_s

    def to_dataframe(self) -> Any:
        """A `pandas.DataFrame` with a row for each chunk, or for each frame with its `start_s` and `end_s`.

        Raises:
            AudioEmotionError: If pandas is not installed.
        """
        if "frames" not in self:
            return to_dataframe({self.name: self})
        try:
            import pandas
        except ImportError as error:
            raise AudioEmotionError("A DataFrame needs pandas. Run `pip install pandas`.") from error
        table = pandas.DataFrame(self["frames"], columns=self["labels"])
        edges_s = np.arange(len(table) + 1) * self["frame_period_s"]
        table.insert(0, "start_s", edges_s[:-1])
        table.insert(1, "end_s", edges_s[1:])
        return table

    def save(self, path: str | Path, file_format: str | None = None) -> None:
        """Write the chunks into a file.

        Args:
            path: The file; .json, .jsonl, .csv, .TextGrid, .rttm, .vtt, or .txt for Audacity's labels.
            file_format: A key of `WRITERS` where the suffix does not say it.

        Raises:
            AudioEmotionError: If the suffix names no format, there are no chunks, or the file cannot be written.
        """
        by_suffix = {suffix.lower(): name for name, suffix in SUFFIXES.items()}
        chosen = file_format or by_suffix.get(Path(path).suffix.lower())
        if chosen not in WRITERS:
            raise AudioEmotionError(
                f"{path} names no format that is known by its suffix. Known are {sorted(SUFFIXES.values())}; or give "
                f"file_format, one of {sorted(WRITERS)}."
            )
        text = WRITERS[chosen]({self.name: self})
        try:
            Path(path).write_bytes(text.encode("utf-8"))
        except OSError as error:
            raise AudioEmotionError(f"{path} cannot be written: {error.strerror}. Choose another place.") from error

    def plot(self, path: str | Path, audio: Any = None, title: str | None = None) -> None:
        """Draw the timeline into a picture.

        Args:
            path: File to write; its suffix (.png, .svg, .pdf) chooses the format.
            audio: The recording, in any form that the pipeline takes, for the waveform; None leaves that out.
            title: Shown above; None takes the name of the recording.

        Raises:
            AudioEmotionError: If matplotlib is not installed, or the file cannot be written.
        """
        # Matplotlib costs half a second to import: those who only want scores do not pay it.
        from .plot_audio_emotion import plot_timeline, waveform_peaks

        plot_timeline(
            frames=self if "frames" in self else None,
            chunks=self.get("chunks") or [],
            peaks=None if audio is None else waveform_peaks(audio),
            duration_s=self.duration_s,
            path=path,
            title=Path(self.name).name if title is None else title,
        )

    def _repr_html_(self) -> str:
        return timeline_html(self, self.duration_s, Path(self.name).name)
