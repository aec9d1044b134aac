"""The work of `audio-emotion analyze`: hear recordings, shape their answers, and write each when it is ready."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from audio_emotion.cli.hearing import hear
from audio_emotion.cli.outputs import TABLE, OutputPlan, write_whole
from audio_emotion.cli.progress import ListeningProgress
from audio_emotion.cli.record_file import RecordFile
from audio_emotion.cli.recordings import Recording
from audio_emotion.cli.timeline_table import print_timeline
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.pipeline.export_audio_emotion import WRITERS

if TYPE_CHECKING:
    from rich.console import Console

    from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
    from audio_emotion.pipeline.scores_audio_emotion import ScoredRecording

TABLE_FILE_WIDTH = 120


class AnalysisJob:
    """Recordings heard, answered and written one after the other.

    Args:
        plan: Where everything goes; None where there is nothing to do.
        records: The common file or stream of results.
        file_format: A key of `WRITERS`, or `table`.
        options: Options of the pipeline.
        resume: Whether results of an earlier run count.
        finished: Names of the recordings that `records` held at the start.
        messages: Where bars are drawn.
    """

    def __init__(
        self,
        plan: OutputPlan | None,
        records: RecordFile,
        file_format: str,
        options: dict[str, Any],
        resume: bool,
        finished: set[str],
        messages: Console,
    ) -> None:
        self.plan, self.records, self.file_format = plan, records, file_format
        self.options, self.resume, self.finished, self.messages = options, resume, finished, messages
        self.num_heard = 0

    def has_text(self, recording: Recording) -> bool:
        """Whether an earlier run has written this recording's result."""
        text = self.plan.texts.get(recording.name) if self.plan else None
        written = self.records.name_in_file(recording.name) in self.finished
        return self.resume and (written if text is None else text.is_file())

    def is_waiting(self, recording: Recording) -> bool:
        """Whether something of this recording is still to be made."""
        picture = self.plan.pictures.get(recording.name) if self.plan else None
        return not self.has_text(recording) or (picture is not None and not picture.is_file())

    def run(
        self,
        pipe: AudioEmotionPipeline,
        recordings: Sequence[Recording],
        batch_size: int | None,
        quiet: bool,
        report: Callable[[AudioEmotionError], None],
    ) -> int:
        """Do the work; answers how many recordings failed."""
        num_failed = 0
        with ListeningProgress(self.messages, len(recordings), quiet) as progress:
            for recording, heard in hear(pipe, recordings, batch_size, progress, self.options.get("vad", False)):
                fault = heard if isinstance(heard, AudioEmotionError) else None
                if not isinstance(heard, AudioEmotionError):
                    with progress.paused():
                        fault = self._write(pipe, recording, heard)
                progress.next_recording()
                if fault is None:
                    self.num_heard += 1
                    continue
                num_failed += 1
                with progress.paused():
                    report(fault)
        return num_failed

    def _write(
        self, pipe: AudioEmotionPipeline, recording: Recording, heard: ScoredRecording
    ) -> AudioEmotionError | None:
        """Answer one recording and write it everywhere; a fault of this recording alone is the answer."""
        picture = self.plan.pictures.get(recording.name) if self.plan else None
        try:
            answer = pipe.postprocess(heard, **self.options)
            needs_frames = picture is not None or self.file_format == TABLE
            frames = pipe.postprocess(heard, **self._frame_options()) if needs_frames else {}
            if picture is not None:
                picture.parent.mkdir(parents=True, exist_ok=True)
                _plot(recording, answer, frames, picture)
        except AudioEmotionError as error:
            return error
        if self.has_text(recording):
            return None
        text = self.plan.texts.get(recording.name) if self.plan else None
        table = self._table(recording.name, answer, frames, text is None) if self.file_format == TABLE else ""
        if text is None:
            self.records.add(recording.name, answer, table)
        else:
            write_whole(text, table or WRITERS[self.file_format]({recording.name: answer}))
        return None

    def _frame_options(self) -> dict[str, Any]:
        kept = {name: value for name, value in self.options.items() if name in ("labels", "prior", "top_k")}
        return {**kept, "return_timestamps": "frame"}

    def _table(self, name: str, answer: Mapping[str, Any], frames: Mapping[str, Any], may_print: bool) -> str:
        """A result's table as the terminal shows it, or without colours for a file."""
        from audio_emotion.cli.terminal import Terminal

        printed = may_print and self.records.path is None
        console = Terminal() if printed else Terminal(file=io.StringIO(), width=TABLE_FILE_WIDTH)
        with console.capture() as capture:
            print_timeline(console, name, answer, frames, answer.duration_s)  # type: ignore[attr-defined]
        return capture.get()


def _plot(recording: Recording, answer: Any, frames: Mapping[str, Any], path: Path) -> None:
    from audio_emotion.pipeline.plot_audio_emotion import plot_timeline, waveform_peaks

    plot_timeline(
        frames=frames,
        chunks=answer["chunks"],
        peaks=waveform_peaks(recording.source),
        duration_s=answer.duration_s,
        path=path,
        title=Path(recording.name).name,
    )
