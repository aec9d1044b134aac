"""Every kind of audio in, mono float32 blocks at one rate out, in constant memory.

A source is a path, a URL, bytes, an array or a mapping that holds one; files are opened in `containers`. Channels are
averaged here, and soxr changes the rate.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import os
import shutil
import tempfile
import urllib.error
import urllib.request
from collections.abc import Generator, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from .bounds_audio_emotion import check_claims
from .containers_audio_emotion import open_container
from .errors_audio_emotion import AudioDecodingError, printable

try:
    import soxr
except ImportError:
    soxr = None

BLOCK_S = 10.0
URL_TIMEOUT_S = 30.0
INTEGER_SCALES = {"int8": 2.0**7, "int16": 2.0**15, "int32": 2.0**31}
LARGEST_SAMPLE = 1e12
"""Full scale is 1; a sum of squares of what lies above this may leave float32."""


def decode_audio(source: Any, sampling_rate: int = 16000) -> np.ndarray:
    """Read a whole recording as one mono waveform.

    Args:
        source: Path, http(s) URL, bytes, binary file object, 1-d array or tensor at `sampling_rate`, a mapping with
            `array` or `raw` and `sampling_rate`, or with `bytes` and/or `path` (what a `datasets` Audio column holds),
            or a row that holds one of these under `audio`.
        sampling_rate: Rate of the answer, in Hz.

    Returns:
        float32 array `(num_samples,)`, the mean over channels, at `sampling_rate`.

    Raises:
        AudioDecodingError: If the source is missing, unreadable, damaged, empty, or holds NaN or infinite samples.

    Example:
        >>> decode_audio({"array": np.zeros((8000, 2), dtype=np.int16), "sampling_rate": 8000}).shape
        (16000,)
    """
    return np.concatenate(list(iter_audio_blocks(source, sampling_rate)))


def iter_audio_blocks(
    source: Any, sampling_rate: int = 16000, block_s: float = BLOCK_S
) -> Generator[np.ndarray, None, None]:
    """Read a recording block by block; memory does not grow with its length.

    Args:
        source: As in `decode_audio`.
        sampling_rate: Rate of the blocks, in Hz.
        block_s: Seconds of the source decoded at a time.

    Yields:
        Non-empty float32 arrays `(num_samples,)` of about `block_s` seconds; their concatenation is the recording.

    Raises:
        AudioDecodingError: As in `decode_audio`; raised when the fault is met, so possibly after some blocks.
    """
    name = describe_source(source)
    num_read = 0
    num_yielded = 0
    with contextlib.ExitStack() as stack:
        source_rate, blocks = _open_source(source, sampling_rate, block_s, name, stack)
        resampler = make_resampler(source_rate, sampling_rate, name)
        for block in blocks:
            mono = mix_to_mono(block, name, start_s=num_read / source_rate)
            num_read += len(mono)
            if resampler is not None:
                mono = resampler.resample_chunk(mono)
            if len(mono):
                num_yielded += len(mono)
                yield mono
        if resampler is not None and num_read:
            tail = resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True)
            if len(tail):
                num_yielded += len(tail)
                yield tail
    if num_yielded == 0:
        raise AudioDecodingError(f"{name} holds no audio: 0 samples. Give a recording of at least 25 ms.")


def describe_source(source: Any) -> str:
    """Name an audio source for a message or a table: its path or URL, printable, else its kind.

    >>> describe_source({"bytes": b"...", "path": "a.flac"})
    'a.flac'
    """
    if isinstance(source, (str, os.PathLike)):
        return printable(str(source))
    if isinstance(source, Mapping):
        if source.get("audio") is not None:
            return describe_source(source["audio"])
        return printable(str(source.get("path") or "the audio given as a mapping"))
    if isinstance(source, (bytes, bytearray, memoryview)):
        return "the audio given as bytes"
    if hasattr(source, "read"):
        return printable(str(getattr(source, "name", "the audio file object")))
    return "the audio given as an array"


def _open_source(
    source: Any, sampling_rate: int, block_s: float, name: str, stack: contextlib.ExitStack
) -> tuple[int, Iterator[np.ndarray]]:
    """Answer the source's rate and its blocks `(num_samples, num_channels)`; `stack` closes what was opened."""
    if isinstance(source, Mapping):
        return _open_mapping(source, sampling_rate, block_s, name, stack)
    if hasattr(source, "get_all_samples"):  # torchcodec's AudioDecoder: a decoded Audio column of `datasets`
        samples = source.get_all_samples()
        return _open_array(samples.data, samples.sample_rate, block_s, name, has_channels=True)
    if isinstance(source, str) and source.startswith(("http://", "https://")):
        return open_container(_download(source, stack), block_s, name, stack)
    if isinstance(source, (str, os.PathLike)):
        return open_container(_checked_path(source), block_s, name, stack)
    if isinstance(source, (bytes, bytearray, memoryview)):
        return open_container(io.BytesIO(bytes(source)), block_s, name, stack)
    if hasattr(source, "read"):
        return open_container(_seekable(source, name), block_s, name, stack)
    return _open_array(source, sampling_rate, block_s, name, has_channels=False)


def _open_mapping(
    source: Mapping[str, Any], sampling_rate: int, block_s: float, name: str, stack: contextlib.ExitStack
) -> tuple[int, Iterator[np.ndarray]]:
    for key in ("array", "raw"):
        if source.get(key) is not None:
            if source.get("sampling_rate") is None:
                raise AudioDecodingError(
                    f"{name} has the key {key!r} but no 'sampling_rate'. Give both, as in "
                    f"{{'array': samples, 'sampling_rate': 16000}}."
                )
            return _open_array(source[key], source["sampling_rate"], block_s, name, has_channels=True)
    for key in ("bytes", "path", "audio"):
        if source.get(key) is not None:
            return _open_source(source[key], sampling_rate, block_s, name, stack)
    raise AudioDecodingError(
        f"{name} has the keys {sorted(map(str, source))}, none of which holds audio. Give 'array' or 'raw' with "
        "'sampling_rate', or 'bytes', or 'path', or 'audio' with one of these."
    )


def _open_array(
    array: Any, sampling_rate: Any, block_s: float, name: str, has_channels: bool
) -> tuple[int, Iterator[np.ndarray]]:
    """Blocks of an array; two axes are channels only where the caller says so, for a bare 2-d array may be a batch."""
    try:
        rate = int(sampling_rate)
    except (TypeError, ValueError, OverflowError):
        rate = 0
    if rate <= 0 or rate != sampling_rate:
        raise AudioDecodingError(f"{name}: sampling_rate is {sampling_rate!r}; give a positive whole number of Hz.")
    samples = as_float_samples(array, name)
    samples = samples if samples.size else samples.reshape(0)  # nothing, whatever its axes
    if samples.ndim == 2 and (has_channels or 1 in samples.shape):
        samples = samples if samples.shape[0] > samples.shape[1] else samples.T  # (num_samples, num_channels)
    elif samples.ndim == 1:
        samples = samples[:, None]  # (num_samples, 1)
    else:
        raise AudioDecodingError(
            f"{name} has {samples.ndim} axes, shape {samples.shape}; a recording is (num_samples,). For several "
            "recordings give a list; for several channels give {'array': ..., 'sampling_rate': ...} or their mean."
        )
    check_claims(name, rate, max(1, samples.shape[1]))
    step = max(1, round(block_s * rate))
    return rate, (samples[start : start + step] for start in range(0, len(samples), step))


def as_float_samples(array: Any, name: str) -> np.ndarray:
    """Turn an array or tensor into floats, full scale at 1.0, whatever its integer width."""
    if hasattr(array, "detach"):
        array = array.detach().cpu()
        array = array.float() if array.is_floating_point() else array
    try:
        samples = np.asarray(array)
    except (ValueError, TypeError) as error:
        raise AudioDecodingError(f"{name} cannot be read as an array of samples: {error}.") from error
    if samples.dtype == np.uint8:
        return (samples.astype(np.float32) - 128.0) / 128.0
    if samples.dtype.name in INTEGER_SCALES:
        return (samples / INTEGER_SCALES[samples.dtype.name]).astype(np.float32)
    if samples.dtype.kind == "f":
        with np.errstate(over="ignore"):
            return samples.astype(np.float32, copy=False)
    raise AudioDecodingError(
        f"{name} is of type {type(array).__name__} with samples of type {samples.dtype}. Give a path, a URL, bytes, "
        "a file object, or an array of float, int16, int32, int8 or uint8 samples."
    )


def _checked_path(source: str | os.PathLike[str]) -> str:
    try:
        path = Path(source).expanduser()
        if path.is_dir():
            raise AudioDecodingError(f"{path} is a directory. Give an audio file, or a list of the files in it.")
        if not path.exists():
            raise AudioDecodingError(f"{path} does not exist. Give the path of an audio file.")
        if not path.is_file():  # opening a pipe would wait for whoever writes into it
            raise AudioDecodingError(f"{path} is a pipe or a device. Give a file, or open it and give the file object.")
    except (OSError, RuntimeError) as error:  # a name too long, a folder that is closed, a ~user who is not
        raise AudioDecodingError(f"{source!r} cannot be opened: {error}. Give the path of an audio file.") from error
    return str(path)


def _seekable(file: Any, name: str) -> Any:
    """A binary file that can be rewound; a pipe is read into memory first."""
    if isinstance(file, io.TextIOBase):
        raise AudioDecodingError(f"{name} is open as text. Open it in binary mode: open(path, 'rb').")
    if hasattr(file, "seekable") and file.seekable():
        file.seek(0)
        return file
    return io.BytesIO(file.read())


def _download(url: str, stack: contextlib.ExitStack) -> Any:
    file = stack.enter_context(tempfile.TemporaryFile())  # noqa: SIM115
    try:
        request = urllib.request.Request(url, headers={"User-Agent": "audio-emotion"})
        with urllib.request.urlopen(request, timeout=URL_TIMEOUT_S) as response:
            shutil.copyfileobj(response, file)
    except (urllib.error.URLError, http.client.HTTPException, OSError, ValueError) as error:
        raise AudioDecodingError(f"{url} cannot be fetched: {error}.") from error
    file.seek(0)
    return file


def make_resampler(source_rate: int, sampling_rate: int, name: str) -> Any:
    """A soxr stream from one rate to the other, for mono float32 blocks; None where the rates agree."""
    if source_rate == sampling_rate:
        return None
    if soxr is None:
        raise AudioDecodingError(
            f"{name} is at {source_rate} Hz, {sampling_rate} Hz is needed, and soxr is not installed. Run "
            f"`pip install soxr`, or resample the audio first."
        )
    return soxr.ResampleStream(source_rate, sampling_rate, num_channels=1, dtype="float32", quality="HQ")


def mix_to_mono(block: np.ndarray, name: str, start_s: float) -> np.ndarray:
    """Mean over channels: `(num_samples, num_channels)` -> a new float32 array `(num_samples,)`.

    Raises:
        AudioDecodingError: If samples are NaN, infinite, or so large that their power leaves float32.
    """
    mono = np.array(block[:, 0], dtype=np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # found out below
        for channel in range(1, block.shape[1]):  # numpy's mean over such a short axis is many times slower
            mono += block[:, channel]
        mono /= block.shape[1]
    if max(mono.max(initial=0), -mono.min(initial=0)) <= LARGEST_SAMPLE:
        return mono
    finite = np.isfinite(block).all(axis=1)
    if finite.all():
        raise AudioDecodingError(
            f"{name} holds samples up to {np.abs(block).max():.0e}, and full scale is 1. Scale the recording down."
        )
    offset = int(np.argmin(finite))
    raise AudioDecodingError(
        f"{name} holds NaN or infinite samples, the first one {offset} samples after {start_s:.3f} s. Repair the "
        "recording or replace them, for instance with numpy.nan_to_num."
    )
