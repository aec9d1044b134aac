"""One recording heard for the page: from a file's bytes to what the report shows and offers for download."""

from __future__ import annotations

import base64
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from audio_emotion.pipeline.colors_audio_emotion import label_colors
from audio_emotion.pipeline.decoding_audio_emotion import iter_audio_blocks
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.pipeline.export_audio_emotion import SUFFIXES, WRITERS
from audio_emotion.pipeline.plot_audio_emotion import plot_timeline, waveform_peaks

if TYPE_CHECKING:
    from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline

NUM_COLUMNS = 400
"""Most columns of the timeline in the browser: more cannot be told apart on a screen."""
NUM_PEAKS = 400
MAX_NAME_LENGTH = 80


@dataclass(frozen=True)
class Limits:
    """What one recording may be.

    Attributes:
        max_minutes: Longest recording, in minutes.
        max_mb: Largest file, in units of 10^6 bytes.
    """

    max_minutes: float = 30.0
    max_mb: float = 100.0

    @property
    def max_bytes(self) -> int:
        """Largest file, in bytes."""
        return int(self.max_mb * 1_000_000)


class RecordingAnalyst:
    """Hears recordings with one pipeline; several threads may share it.

    Args:
        pipe: The pipeline.
        limits: What is refused.
    """

    def __init__(self, pipe: AudioEmotionPipeline, limits: Limits) -> None:
        self.pipe = pipe
        self.limits = limits

    def analyse(
        self, audio: bytes, name: str, on_progress: Callable[[float], None] = lambda fraction: None
    ) -> dict[str, Any]:
        """Hear one recording.

        Args:
            audio: The bytes of an audio file.
            name: What its owner calls it; used in messages and for the names of the downloads.
            on_progress: Called with the share that was heard, from 0 to 1.

        Returns:
            The report, as JSON takes it: `name`, `duration_s`, `labels`, `colors`, `stacked`, `edges_s`, `columns`,
            `peaks`, `scores`, `shares`, `chunks`, `downloads`.

        Raises:
            AudioDecodingError: If the bytes are no audio, or too short.
            AudioEmotionError: If the recording is over a limit.
        """
        name = display_name(name)
        samples = self._decode(audio, name)
        rate = int(self.pipe.feature_extractor.sampling_rate)
        duration_s = len(samples) / rate
        heard_s = 0.0

        def advance(seconds: float) -> None:
            nonlocal heard_s
            heard_s += seconds
            on_progress(min(heard_s / duration_s, 1.0))

        source = {"array": samples, "sampling_rate": rate, "path": name}
        recording = self.pipe.score_recording(source, on_progress=advance)
        result = self.pipe.postprocess(recording, return_timestamps=True)
        frames = self.pipe.postprocess(recording, return_timestamps="frame")
        edges_s, columns = _columns(frames["frames"], frames["frame_period_s"], duration_s)
        colors = label_colors(frames["labels"])
        return {
            "name": name,
            "duration_s": duration_s,
            "labels": frames["labels"],
            "colors": colors,
            "stacked": self.pipe.model.config.problem == "distribution",
            "edges_s": edges_s,
            "columns": columns,
            "peaks": waveform_peaks(samples, NUM_PEAKS, rate).round(4).tolist(),
            "scores": result["scores"],
            "shares": _shares(frames["frames"], frames["labels"]),
            "chunks": result["chunks"],
            "downloads": [*_texts(name, result), _picture(name, frames, result, samples, rate)],
        }

    def _decode(self, audio: bytes, name: str) -> np.ndarray:
        """The whole recording, refused as soon as it is seen to be over a limit: a small file may hold many hours."""
        if len(audio) > self.limits.max_bytes:
            raise AudioEmotionError(
                f"{name} has {len(audio) / 1e6:.1f} MB; this page takes files of up to {self.limits.max_mb:g} MB."
            )
        rate = int(self.pipe.feature_extractor.sampling_rate)
        most = self.limits.max_minutes * 60 * rate
        blocks, num_samples = [], 0
        for block in iter_audio_blocks({"bytes": audio, "path": name}, rate):
            num_samples += len(block)
            if num_samples > most:
                raise AudioEmotionError(
                    f"{name} is longer than {self.limits.max_minutes:g} minutes, the longest this page takes. "
                    "Cut it, or use the command line: audio-emotion analyze."
                )
            blocks.append(block)
        return np.concatenate(blocks)


def display_name(name: str) -> str:
    """The last part of a file's name without control characters, at most `MAX_NAME_LENGTH` long.

    >>> display_name("../calls/monday.wav")
    'monday.wav'
    """
    last = name.replace("\\", "/").rpartition("/")[2]
    printable = "".join(character for character in last if character.isprintable()).strip()
    return printable[-MAX_NAME_LENGTH:] or "recording"


def _columns(frames: np.ndarray, frame_period_s: float, duration_s: float) -> tuple[list[float], list[list[float]]]:
    """Edges in seconds, one more than columns, and the mean scores between them."""
    bounds = np.unique(np.linspace(0, len(frames), min(NUM_COLUMNS, len(frames)) + 1).astype(int))
    means = np.add.reduceat(frames, bounds[:-1], axis=0) / np.diff(bounds)[:, None]  # (num_columns, num_labels)
    edges_s = bounds * frame_period_s
    edges_s[-1] = duration_s  # the last frame may reach over the end
    return edges_s.round(3).tolist(), means.astype(float).round(4).tolist()


def _shares(frames: np.ndarray, labels: Sequence[str]) -> list[dict[str, Any]]:
    """Mean score of each label over all frames, the largest first: the area of its band in the timeline."""
    means = frames.mean(axis=0, dtype=np.float64)
    return [{"label": labels[index], "share": float(means[index])} for index in np.argsort(-means, kind="stable")]


def _texts(name: str, result: dict[str, Any]) -> list[dict[str, str]]:
    """Every text format that the package writes."""
    return [
        {"format": label, "file": f"{Path(name).stem}{SUFFIXES[label]}", "text": write({name: result})}
        for label, write in WRITERS.items()
    ]


def _picture(
    name: str, frames: dict[str, Any], result: dict[str, Any], samples: np.ndarray, rate: int
) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "timeline.png"
        duration_s = len(samples) / rate
        plot_timeline(frames, result["chunks"], waveform_peaks(samples, sampling_rate=rate), duration_s, path, name)
        picture = base64.b64encode(path.read_bytes()).decode("ascii")
    return {"format": "png", "file": f"{Path(name).stem}.png", "base64": picture}
