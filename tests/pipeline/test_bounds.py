"""Small files that claim, or unfold to, more than any recording: refused at once, in little memory."""

import os
import struct
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from flac_bomb import BLOCK, flac

from audio_emotion import AudioDecodingError, decode_audio
from audio_emotion.pipeline.bounds_audio_emotion import UNQUESTIONED_S, believable
from audio_emotion.pipeline.decoding_audio_emotion import describe_source, iter_audio_blocks


def wav(sampling_rate: int, num_channels: int, data: bytes = b"\x80" * 4096) -> bytes:
    """An 8-bit WAV whose header says what it is told to say."""
    width = num_channels & 0xFFFF
    facts = struct.pack("<HHIIHH", 1, num_channels, sampling_rate, sampling_rate * width & 0xFFFFFFFF, width, 8)
    body = b"WAVEfmt " + struct.pack("<I", 16) + facts + b"data" + struct.pack("<I", len(data)) + data
    return b"RIFF" + struct.pack("<I", len(body)) + body


def refused(content: Any, match: str, within_s: float = 20.0) -> None:
    began = time.monotonic()
    with pytest.raises(AudioDecodingError, match=match):
        for _ in iter_audio_blocks(content):
            pass
    assert time.monotonic() - began < within_s  # seconds of a crowded machine


@pytest.mark.parametrize("sampling_rate", [1, 999, 768_001, 10**9])
def test_rates_that_no_recording_has(sampling_rate: int) -> None:
    refused(wav(sampling_rate, 1), "sampling rate")
    refused({"array": np.zeros(400, np.float32), "sampling_rate": sampling_rate}, "1000 to 768000 Hz")


def test_channels_that_no_recording_has() -> None:
    refused(wav(192_000, 1024), "1024 channels")


def test_the_smallest_and_largest_rates_are_read() -> None:
    assert len(decode_audio(wav(1000, 1))) == pytest.approx(4096 * 16, abs=16)
    assert len(decode_audio(wav(768_000, 1))) == pytest.approx(4096 / 48, abs=16)


def test_a_flac_of_days_in_a_few_kilobytes() -> None:
    content = flac(1500, 1, 16_000)
    assert len(content) < 32_000
    refused(content, r"unfolds \d+ bytes to 42\d\d s of sound and more")


@pytest.mark.slow
def test_a_flac_of_many_channels_at_the_highest_rate() -> None:
    content = flac(2000, 8, 655_350)
    refused(content, r"unfolds \d+ bytes", within_s=40)


def test_a_short_silence_is_no_bomb() -> None:
    assert len(decode_audio(flac(8, 1, 16_000))) == 8 * BLOCK


def blocks(duration_s: float, num_channels: int = 1, sampling_rate: int = 48_000) -> Iterator[np.ndarray]:
    """Blocks of a second that take no memory."""
    for _ in range(round(duration_s)):
        yield np.broadcast_to(np.zeros((1, 1), np.float32), (sampling_rate, num_channels))


@pytest.mark.parametrize(
    ("duration_s", "bits_per_s", "num_channels"),
    [
        (3600, 1, 1),  # an hour of digital silence
        (3 * 3600, 6_000, 1),  # the lowest that Opus encodes speech at
        (2 * 3600, 4_000, 1),  # the same with pauses left out
        (2 * 3600, 1_411_000, 2),
    ],
)
def test_long_recordings_pass(duration_s: float, bits_per_s: int, num_channels: int) -> None:
    num_bytes = round(duration_s * bits_per_s / 8)
    passed = sum(map(len, believable(blocks(duration_s, num_channels), 48_000, num_bytes, "call.opus")))
    assert passed == duration_s * 48_000


def test_a_bomb_is_refused_where_it_is_seen_to_be_one() -> None:
    passed = 0
    with pytest.raises(AudioDecodingError, match="unfolds 1000000 bytes"):
        for block in believable(blocks(24 * 3600), 48_000, 1_000_000, "bomb.opus"):
            passed += len(block)
    assert passed == UNQUESTIONED_S * 48_000


@pytest.mark.timeout(20)
def test_a_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.wav")
    refused(tmp_path / "pipe.wav", "is a pipe or a device")
    refused("/dev/zero", "is a pipe or a device")


@pytest.mark.parametrize("path", ["x" * 5000, "~nobody-of-this-name/a.wav", "a\0b.wav", "\udcff.wav"])
def test_paths_that_cannot_be(path: str) -> None:
    refused(path, "cannot be opened|does not exist")


@pytest.mark.parametrize("address", ["http://127.0.0.1:port/a.wav", "http://a..b/", "http:///a.wav", "https://[/x"])
def test_addresses_that_cannot_be(address: str) -> None:
    refused(address, "cannot be fetched")


@pytest.mark.parametrize("suffix", ["m4a", "wav", "ffconcat"])
def test_a_play_list_opens_no_other_file(tmp_path: Path, speech: Any, suffix: str) -> None:
    pytest.importorskip("av", reason="needs PyAV, the extra `video`")
    soundfile.write(tmp_path / "secret.wav", speech(1.0), 16000)
    for text in ("ffconcat version 1.0\nfile 'secret.wav'\n", "#EXTM3U\n#EXTINF:10,\nsecret.wav\n"):
        (tmp_path / f"list.{suffix}").write_text(text)
        refused(tmp_path / f"list.{suffix}", "cannot be read as audio")


def test_samples_too_large_for_a_resampler() -> None:
    refused({"array": np.full(8000, 3e38, np.float32), "sampling_rate": 8000}, "Scale the recording down")


def test_the_name_of_a_source_can_be_shown() -> None:
    name = describe_source({"path": "a\x1b[2J\udcff\u202e.wav", "bytes": b""})
    assert name == "a\\x1b[2J\\udcff\\u202e.wav"
    assert name.encode()
