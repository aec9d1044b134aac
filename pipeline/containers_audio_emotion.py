"""Sound files, opened: rate and blocks of whatever container holds them.

soundfile reads WAV, FLAC, OGG, Opus and MP3; what it cannot open goes to PyAV where that is installed (M4A, WebM). No
ffmpeg binary and no torchaudio is needed. A file that is shorter than it says is an error, never a silent cut.
"""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from .bounds_audio_emotion import MAX_BLOCK_VALUES, believable, check_claims
from .errors_audio_emotion import AudioDecodingError

try:
    import soundfile
except (ImportError, OSError):  # OSError: the module is there, the libsndfile library is not
    soundfile = None
try:
    import av
except ImportError:
    av = None

CONTAINERS = "mov,matroska,asf,avi,flv,mpeg,mpegts,aac,amr,amrnb,amrwb,ac3,aiff,au,caf,flac,mp3,nistsphere,ogg,w64,wav"
"""What PyAV may open: files that hold their sound. FFmpeg's play lists would read whatever other file they name."""
TOLERATED_LOSS_S = 0.025
"""A WAV header may be off by a few bytes; more than this is a recording that lost its end."""
STREAMED_SIZE = 0x7FFF0000
"""From here on a WAV's data size means "unknown": it was written into a pipe."""
READABLE = "WAV, FLAC, OGG, Opus and MP3 are read out of the box, M4A and WebM after `pip install av`"


def open_container(
    file: Any, block_s: float, name: str, stack: contextlib.ExitStack
) -> tuple[int, Iterator[np.ndarray]]:
    """Open a file for reading block by block.

    Args:
        file: Path, or a binary file object that can seek.
        block_s: Seconds in a block.
        name: What messages call the file.
        stack: Closes what was opened.

    Returns:
        Its rate in Hz, and its blocks, float32 `(num_samples, num_channels)`.

    Raises:
        AudioDecodingError: If it is empty, no decoder reads it, or (with the blocks) it is damaged or ends early.
    """
    num_bytes = _num_bytes(file)
    if num_bytes == 0:
        raise AudioDecodingError(f"{name} is empty: 0 bytes. Give an audio file.")
    if soundfile is None and av is None:
        raise AudioDecodingError(f"{name} cannot be read: no decoder is installed. Run `pip install soundfile`.")
    reason = "soundfile is not installed"
    if soundfile is not None:
        opened = _native(file) if isinstance(file, str) else _CallbackFile(file, name)
        try:
            sound = stack.enter_context(soundfile.SoundFile(opened))
            check_claims(name, sound.samplerate, sound.channels)
            blocks = _soundfile_blocks(sound, block_s, name, opened)
            return sound.samplerate, believable(blocks, sound.samplerate, num_bytes, name)
        except (soundfile.SoundFileError, TypeError) as error:  # TypeError: a headerless .raw file
            _check_reads(opened)
            reason = str(error).strip().rstrip(".")
    if av is not None:
        try:
            sampling_rate, blocks = _open_with_av(file, name, stack)
            return sampling_rate, believable(blocks, sampling_rate, num_bytes, name)
        except (av.FFmpegError, IndexError, UnicodeError) as error:
            reason = f"{reason}; PyAV: {error}"
    raise AudioDecodingError(f"{name} cannot be read as audio ({reason}). {READABLE}.")


def probe_duration_s(source: Any) -> float | None:
    """Seconds of a local file as its header says, without decoding it; None where that cannot be told."""
    if soundfile is None or not isinstance(source, (str, os.PathLike)):
        return None
    try:
        return float(soundfile.info(_native(str(Path(source).expanduser()))).duration)
    except (soundfile.SoundFileError, TypeError, OSError, RuntimeError, ValueError):
        return None


class _CallbackFile:
    """A file object for libsndfile, whose callbacks take no exception: the first of a read is kept, to be raised after.

    A broken file may send it in front of the start, where no file object goes: the position then stays.
    """

    def __init__(self, file: Any, name: str) -> None:
        self._file = file
        self.name = name
        self.error: Exception | None = None

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> None:
        with contextlib.suppress(ValueError, OSError):
            self._file.seek(offset, whence)

    def tell(self) -> int:
        return int(self._file.tell())

    def read(self, num_bytes: int) -> bytes:
        try:
            return bytes(self._file.read(num_bytes))
        except Exception as error:  # a stream fails as it likes
            self.error = self.error or error
            return b""


def _check_reads(opened: Any) -> None:
    """Raise what the file object has met, if it is one."""
    if isinstance(opened, _CallbackFile) and opened.error is not None:
        raise AudioDecodingError(f"{opened.name} cannot be read: {opened.error}.") from opened.error


def _native(path: str) -> str | bytes:
    """A path as the system has it: on Linux a name is bytes, and they need be no text."""
    return os.fsencode(path) if os.name == "posix" else path


def _num_bytes(file: Any) -> int:
    if isinstance(file, str):
        try:
            with Path(file).open("rb") as opened:
                return opened.seek(0, os.SEEK_END)
        except OSError as error:
            raise AudioDecodingError(
                f"{file} cannot be opened: {error.strerror}. Give a readable audio file."
            ) from error
    num_bytes = file.seek(0, os.SEEK_END)
    file.seek(0)
    return int(num_bytes)


def _soundfile_blocks(sound: Any, block_s: float, name: str, opened: Any) -> Iterator[np.ndarray]:
    """Blocks of an open sound file; a file that ends before its header says so is an error, never a silent cut."""
    _check_reads(opened)
    if _num_missing_from_wav(sound) > TOLERATED_LOSS_S * sound.samplerate:
        raise AudioDecodingError(_damaged(name, sound.frames, sound, "the file ends early"))
    num_samples = max(1, min(round(block_s * sound.samplerate), MAX_BLOCK_VALUES // sound.channels))
    num_read = 0
    while True:
        try:
            block = sound.read(num_samples, dtype="float32", always_2d=True)
        except soundfile.SoundFileError as error:
            _check_reads(opened)
            raise AudioDecodingError(_damaged(name, num_read, sound, str(error))) from error
        _check_reads(opened)
        if len(block) == 0:
            break
        num_read += len(block)
        yield block
    if sound.format != "MP3" and num_read < sound.frames:  # an MP3 header may only estimate the length
        raise AudioDecodingError(_damaged(name, num_read, sound, "the data ends early"))


def _damaged(name: str, num_read: int, sound: Any, reason: str) -> str:
    num_declared = sound.frames + _num_missing_from_wav(sound)
    return (
        f"{name} is truncated or damaged: {num_read / sound.samplerate:.2f} s of "
        f"{num_declared / sound.samplerate:.2f} s could be decoded ({reason.strip().rstrip('.')}). "
        "Copy or export the file again."
    )


def _num_missing_from_wav(sound: Any) -> int:
    """Samples that a WAV header declares and the file lacks; libsndfile notes that in its log and reads on."""
    sizes = re.search(r"^data : (\d+) \(should be (\d+)\)", sound.extra_info, re.MULTILINE)
    if sound.format not in ("WAV", "WAVEX") or sizes is None or sound.frames == 0:
        return 0
    declared, actual = (int(size) for size in sizes.groups())
    if declared >= STREAMED_SIZE:
        return 0
    return max(0, (declared - actual) * int(sound.frames) // actual)


def _open_with_av(file: Any, name: str, stack: contextlib.ExitStack) -> tuple[int, Iterator[np.ndarray]]:
    if not isinstance(file, str):
        file.seek(0)
    container = stack.enter_context(av.open(file, options={"format_whitelist": CONTAINERS}))
    stream = container.streams.audio[0]
    if stream.codec_context is None:
        raise AudioDecodingError(f"{name} is in a codec that PyAV does not know. {READABLE}.")
    check_claims(name, stream.codec_context.sample_rate or 0, stream.codec_context.channels)

    def blocks() -> Iterator[np.ndarray]:
        # Rate and channels stay as they are; packed, since PyAV 18 reads past the planes of 8 channels or more.
        to_float = av.AudioResampler(format="flt")
        try:
            for frame in container.decode(stream):
                for converted in to_float.resample(frame):
                    yield converted.to_ndarray().reshape(-1, converted.layout.nb_channels)
            for converted in to_float.resample(None):
                yield converted.to_ndarray().reshape(-1, converted.layout.nb_channels)
        except (av.FFmpegError, ValueError) as error:  # ValueError: rate or channels change on the way
            raise AudioDecodingError(f"{name} is damaged: {error}. Copy or export the file again.") from error

    return stream.codec_context.sample_rate, blocks()
