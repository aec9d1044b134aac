"""What a recording may claim of itself: a few bytes can promise days of sound, and some decoders believe them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np

from .errors_audio_emotion import AudioDecodingError

MIN_SAMPLING_RATE, MAX_SAMPLING_RATE = 1_000, 768_000
"""Hz that are read: from below any telephone to the fastest converters."""
MAX_CHANNELS = 64
MAX_BLOCK_VALUES = 2**22
"""Values (samples times channels) decoded at a time, whatever rate and channels a header claims: 16 MB."""
UNQUESTIONED_S = 4_200.0
"""Any file may hold so many seconds (256 MB as float32 at 16 kHz), be it an hour of silence in a few kilobytes."""
LEAST_BITS_PER_S = 2_000
"""A longer one has at least this bit rate: a third of the lowest that speech codecs offer. Below it is silence."""
UNQUESTIONED_VALUES = 2**28
"""Values that any file may decode to: 46 minutes of stereo at 48 kHz."""
MOST_VALUES_PER_BYTE = 256
"""More of them need bytes behind them."""


def check_claims(name: str, sampling_rate: int, num_channels: int) -> None:
    """Refuse a header that no recording has.

    Args:
        name: The recording, for the message.
        sampling_rate: In Hz.
        num_channels: Channels.

    Raises:
        AudioDecodingError: If the rate or the number of channels is out of its range.
    """
    if not MIN_SAMPLING_RATE <= sampling_rate <= MAX_SAMPLING_RATE:
        raise AudioDecodingError(
            f"{name} has a sampling rate of {sampling_rate} Hz; {MIN_SAMPLING_RATE} to {MAX_SAMPLING_RATE} Hz are "
            "read. Where the header is wrong, write the file again with the right one."
        )
    if not 1 <= num_channels <= MAX_CHANNELS:
        raise AudioDecodingError(f"{name} has {num_channels} channels; 1 to {MAX_CHANNELS} are averaged.")


def believable(blocks: Iterable[np.ndarray], sampling_rate: int, num_bytes: int, name: str) -> Iterator[np.ndarray]:
    """Pass a file's blocks on as long as its bytes can hold so much sound.

    Args:
        blocks: `(num_samples, num_channels)` each.
        sampling_rate: Of the blocks, in Hz.
        num_bytes: Size of the file.
        name: The recording, for the message.

    Yields:
        The same blocks.

    Raises:
        AudioDecodingError: If they hold more than any recording of that size: a decompression bomb.
    """
    num_samples = num_values = 0
    for block in blocks:
        num_samples += len(block)
        num_values += block.size
        duration_s = num_samples / sampling_rate
        is_empty_sound = duration_s > UNQUESTIONED_S and 8 * num_bytes < LEAST_BITS_PER_S * duration_s
        if is_empty_sound or num_values > max(UNQUESTIONED_VALUES, MOST_VALUES_PER_BYTE * num_bytes):
            raise AudioDecodingError(
                f"{name} unfolds {num_bytes} bytes to {duration_s:.0f} s of sound and more, which is silence at best. "
                "Cut it into shorter files where it is a recording."
            )
        yield block
