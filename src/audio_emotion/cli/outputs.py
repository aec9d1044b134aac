"""Where results and plots go: planned and checked before the work, so that nothing is lost after it."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audio_emotion.cli.recordings import Recording
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.pipeline.export_audio_emotion import ONE_RECORDING_EACH, SUFFIXES, rttm_id

TABLE = "table"
PICTURE_SUFFIX = ".png"


@dataclass(frozen=True)
class OutputPlan:
    """Where the outputs of each recording go.

    Attributes:
        common: The file that holds the results of all recordings, or None.
        texts: The file of each recording's own result, by the recording's name.
        pictures: The file of each recording's plot, by the recording's name.
    """

    common: Path | None = None
    texts: dict[str, Path] = field(default_factory=dict)
    pictures: dict[str, Path] = field(default_factory=dict)

    def paths(self) -> Iterator[tuple[str, Path]]:
        """Every output, and what it is of."""
        if self.common is not None:
            yield "the results", self.common
        yield from self.texts.items()
        yield from ((f"the plot of {name}", path) for name, path in self.pictures.items())


def plan_outputs(recordings: Sequence[Recording], file_format: str, out: str | None, plot: str | None) -> OutputPlan:
    """Decide and check where everything goes; writes nothing.

    `out` is a folder, with a file for each recording, if it is one already, ends with a slash, or the format describes
    one recording and there are several. Else it is the one file of all results. The same holds for `plot`.

    Args:
        recordings: What is analysed.
        file_format: A key of `WRITERS`, or `table`.
        out: What `--out` says.
        plot: What `--plot` says.

    Returns:
        The plan.

    Raises:
        AudioEmotionError: If two outputs have one name, an output is an input, a picture's suffix is unknown, or a
            place cannot be written.
    """
    several = len(recordings) != 1 or not recordings[0].is_alone
    one_each = file_format in ONE_RECORDING_EACH
    common, texts = None, {}
    if out is None:
        if one_each and several:
            raise AudioEmotionError(f"--format {file_format} describes one recording: give a folder as --out.")
    elif _is_folder(out) or (one_each and several):
        texts = _in_folder(Path(out), recordings, SUFFIXES.get(file_format, ".txt"))
    elif one_each:
        texts = {recordings[0].name: Path(out)}
    else:
        common = Path(out)
    pictures = {}
    if plot is not None:
        is_folder = several or _is_folder(plot)
        place = Path(plot)
        pictures = _in_folder(place, recordings, PICTURE_SUFFIX) if is_folder else {recordings[0].name: place}
        _check_pictures(pictures)
    plan = OutputPlan(common, texts, pictures)
    if file_format == "rttm" and (common or out is None):
        _check_rttm_ids(recordings)
    _check_apart(plan, recordings)
    named = [Path(place) for place in (out, plot) if place is not None]
    for _, path in plan.paths():
        _check_writable(path, make_parents=path not in named)
    return plan


def write_whole(path: Path, text: str) -> None:
    """Write a file at once: whoever looks sees all of it, or what was there before.

    Raises:
        AudioEmotionError: If it cannot be written.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.exists() and not path.is_file():  # a device or a pipe
            path.write_text(text, encoding="utf-8", newline="")
            return
        part = path.with_name(f".{path.name}.part")
        try:
            part.write_text(text, encoding="utf-8", newline="")
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def unwritable(path: Path, error: OSError) -> AudioEmotionError:
    """The error that says why a path cannot be written."""
    return AudioEmotionError(f"{path} cannot be written: {error.strerror}. Choose another place.")


def _is_folder(place: str) -> bool:
    return Path(place).is_dir() or place.endswith(("/", os.sep))


def _in_folder(folder: Path, recordings: Sequence[Recording], suffix: str) -> dict[str, Path]:
    if folder.exists() and not folder.is_dir():
        raise AudioEmotionError(f"{folder} is a file, and several recordings need a folder. Choose another place.")
    return {recording.name: folder / f"{recording.stem}{suffix}" for recording in recordings}


def _check_pictures(pictures: dict[str, Path]) -> None:
    from audio_emotion.pipeline.plot_audio_emotion import PLOT_SUFFIXES

    for path in pictures.values():
        if path.suffix.lower() not in PLOT_SUFFIXES:
            raise AudioEmotionError(f"{path}: plots are written as {', '.join(PLOT_SUFFIXES)}. Name such a file.")


def _check_rttm_ids(recordings: Sequence[Recording]) -> None:
    """One RTTM file names recordings by their stem: two of one name would become one."""
    seen: dict[str, str] = {}
    for recording in recordings:
        other = seen.setdefault(rttm_id(recording.name), recording.name)
        if other != recording.name:
            raise AudioEmotionError(
                f"{other} and {recording.name} are both called {rttm_id(recording.name)} in an RTTM file. Give a "
                "folder as --out, or analyse them one by one."
            )


def _check_apart(plan: OutputPlan, recordings: Sequence[Recording]) -> None:
    """No output is another one, and none is a recording."""
    inputs = {os.path.realpath(recording.path): recording.name for recording in recordings if recording.path}
    seen: dict[str, str] = {}
    for owner, path in plan.paths():
        place = os.path.realpath(path)
        if place in inputs:
            raise AudioEmotionError(f"{path} is a recording to analyse, and would be overwritten. Name another file.")
        if place in seen:
            raise AudioEmotionError(
                f"{seen[place]} and {owner} would both be written to {path}. Analyse them one by one, or name another "
                "place."
            )
        seen[place] = owner


def _check_writable(path: Path, make_parents: bool) -> None:
    """Find out before the work that a file cannot be written; leaves no trace."""
    if path.is_dir():
        raise AudioEmotionError(f"{path} is a folder. Give the name of the file to write.")
    parent = path.parent
    while make_parents and not parent.exists():
        parent = parent.parent
    try:
        if path.exists():
            with path.open("ab"):
                pass
        if not path.exists() or path.is_file():
            with tempfile.TemporaryFile(dir=parent):
                pass
    except OSError as error:
        raise unwritable(path, error) from error
