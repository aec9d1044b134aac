"""What a command's arguments name: files, folders of recordings, globs, URLs, and `-` for standard input."""

from __future__ import annotations

import glob
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from audio_emotion.pipeline.errors_audio_emotion import AudioDecodingError, AudioEmotionError, path_as_text
from audio_emotion.pipeline.export_audio_emotion import recording_stem

AUDIO_SUFFIXES = frozenset(
    {
        *(".wav", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".au", ".caf", ".rf64", ".w64"),
        *(".m4a", ".mp4", ".webm"),
    }
)
"""What a folder's files end with to be taken as recordings; a file that is named itself may end with anything."""
STDIN = "-"


@dataclass(frozen=True)
class Recording:
    """One input of a command.

    Attributes:
        name: What it is called in results and messages.
        argument: The path or URL, or `-`.
        stem: Where its own outputs go below a folder, without suffix; mirrors the folder that was given.
        is_alone: It was named itself, not found in a folder or by a glob.
    """

    name: str
    argument: str
    stem: str
    is_alone: bool

    @cached_property
    def source(self) -> Any:
        """What the pipeline reads; standard input is read to its end when this is first asked for."""
        if self.argument != STDIN:
            return self.argument
        return {"bytes": sys.stdin.buffer.read(), "path": self.name}

    @property
    def path(self) -> Path | None:
        """The local file, where it is one."""
        return None if self.argument == STDIN or _is_url(self.argument) else Path(self.argument).expanduser()


def find_recordings(arguments: list[str]) -> tuple[list[Recording], list[AudioDecodingError]]:
    """The recordings that arguments name, each once, in their order; those of a folder or a glob sorted.

    Args:
        arguments: Paths of files and folders, globs (a shell may have left them as they are), URLs, or `-`.

    Returns:
        The recordings, and an error for each file that does not exist.

    Raises:
        AudioEmotionError: If a folder holds no audio, a glob matches nothing, or standard input is a terminal.
    """
    found: dict[str, Recording] = {}
    missing = []
    for argument in arguments:
        try:
            for recording in _expand(argument):
                key = os.path.realpath(recording.path) if recording.path else recording.argument
                found.setdefault(key, recording)
        except AudioDecodingError as error:
            missing.append(error)
        except (OSError, RuntimeError) as error:  # a name too long, a closed folder, a ~user who is not
            missing.append(AudioDecodingError(f"{argument!r} cannot be opened: {error}. Give an audio file."))
    return list(found.values()), missing


def _expand(argument: str) -> Iterator[Recording]:
    name = path_as_text(argument)
    if argument == STDIN:
        if sys.stdin.isatty():
            raise AudioEmotionError(
                "- reads a recording from standard input, which is a terminal. Pipe a file into it."
            )
        yield Recording("stdin", STDIN, "stdin", is_alone=True)
    elif _is_url(argument):
        yield Recording(name, argument, recording_stem(name), is_alone=True)
    elif (path := Path(argument).expanduser()).is_dir():
        yield from _of_paths(sorted(_audio_files(path)), path, f"{name} is a folder without audio files")
    elif path.exists():
        yield Recording(name, argument, recording_stem(name), is_alone=True)
    elif glob.has_magic(argument):
        matches = glob.glob(str(path), recursive=True)  # noqa: PTH207  (Path.glob knows no absolute pattern)
        paths = [Path(match) for match in sorted(matches)]
        yield from _of_paths([match for match in paths if match.is_file()], None, f"{name} matches no file")
    else:
        raise AudioDecodingError(f"{name} does not exist. Give the path of an audio file.")


def _of_paths(paths: list[Path], root: Path | None, fault: str) -> Iterator[Recording]:
    if not paths:
        raise AudioEmotionError(f"{fault}. Known suffixes are {', '.join(sorted(AUDIO_SUFFIXES))}.")
    for path in paths:
        name = path_as_text(path)
        stem = recording_stem(name)
        if root is not None:
            stem = (path.parent.relative_to(root) / stem).as_posix()
        yield Recording(name, str(path), stem, is_alone=False)


def _audio_files(folder: Path) -> Iterator[Path]:
    """The audio files below a folder; hidden ones are left out."""
    for path in folder.rglob("*"):
        is_hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.suffix.lower() in AUDIO_SUFFIXES and not is_hidden and path.is_file():
            yield path


def _is_url(argument: str) -> bool:
    return argument.startswith(("http://", "https://"))
