"""Any container, rate and channel count becomes the same mono waveform; what cannot be read says why."""

import io
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch

from audio_emotion import AudioDecodingError, AudioEmotionError, decode_audio
from audio_emotion.pipeline.containers_audio_emotion import probe_duration_s
from audio_emotion.pipeline.decoding_audio_emotion import describe_source, iter_audio_blocks

FORMATS = {
    "wav": (None, 0.99999),
    "flac": (None, 0.99999),
    "ogg": (None, 0.99),
    "opus": ("OPUS", 0.95),
    "mp3": (None, 0.95),
}


def write(path: Path, samples: np.ndarray, sampling_rate: int) -> Path:
    container = "OGG" if path.suffix == ".opus" else path.suffix[1:].upper()
    soundfile.write(path, samples, sampling_rate, format=container, subtype=FORMATS[path.suffix[1:]][0])
    return path


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize("sampling_rate", [8000, 16000, 48000])
def test_every_container_and_rate_gives_the_same_waveform(
    tmp_path: Path, speech: Any, suffix: str, sampling_rate: int
) -> None:
    samples = speech(1.5, sampling_rate)
    decoded = decode_audio(write(tmp_path / f"call.{suffix}", samples, sampling_rate))
    expected = decode_audio({"array": samples, "sampling_rate": sampling_rate})
    assert decoded.dtype == np.float32
    assert decoded.shape == (24000,)
    assert np.corrcoef(decoded, expected)[0, 1] > FORMATS[suffix][1]


def test_resampling_keeps_a_tone(speech: Any) -> None:
    time_s = np.arange(96000) / 96000
    tone = np.sin(2 * np.pi * 440 * time_s)
    decoded = decode_audio({"raw": tone, "sampling_rate": 96000})
    expected = np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    np.testing.assert_allclose(decoded[1000:-1000], expected[1000:-1000], atol=1e-3)


def test_channels_are_averaged(tmp_path: Path, speech: Any) -> None:
    left = speech(0.5, 96000)
    channels = np.stack([left, -left, left, left, 0 * left, left], axis=1)
    path = write(tmp_path / "six.wav", channels, 96000)
    expected = decode_audio({"array": left * 0.5, "sampling_rate": 96000})
    np.testing.assert_allclose(decode_audio(path), expected, atol=1e-4)


@pytest.mark.parametrize("layout", ["soundfile", "torchcodec"])
def test_both_layouts_of_channels_in_a_mapping(speech: Any, layout: str) -> None:
    mono = speech(0.5)
    stereo = np.stack([mono, 3 * mono], axis=1 if layout == "soundfile" else 0)
    np.testing.assert_allclose(decode_audio({"array": stereo, "sampling_rate": 16000}), 2 * mono, rtol=1e-5)


def test_every_kind_of_source_gives_the_same_waveform(tmp_path: Path, speech: Any) -> None:
    samples = speech(0.5)
    path = write(tmp_path / "call.flac", samples, 16000)
    data = path.read_bytes()
    expected = decode_audio(path)
    with path.open("rb") as file:
        sources = [
            str(path),
            data,
            bytearray(data),
            io.BytesIO(data),
            file,
            {"bytes": data, "path": None},
            {"bytes": None, "path": str(path)},
            {"bytes": data, "path": "elsewhere.flac"},
            {"audio": {"bytes": data, "path": None}, "label": 3},
        ]
        for source in [*sources, file]:  # a file object is read from its start each time
            np.testing.assert_array_equal(decode_audio(source), expected)


def test_arrays_and_tensors_at_the_models_rate(speech: Any) -> None:
    samples = speech(0.5)
    for array in (samples, samples.astype(np.float64), torch.from_numpy(samples), torch.from_numpy(samples)[None]):
        np.testing.assert_array_equal(decode_audio(array), samples)
    np.testing.assert_allclose(decode_audio(torch.from_numpy(samples).bfloat16()), samples, atol=2e-3)


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32])
def test_integers_are_scaled_to_one(dtype: Any) -> None:
    limits = np.iinfo(dtype)
    decoded = decode_audio(np.array([limits.min, 0, limits.max] * 200, dtype=dtype))
    np.testing.assert_allclose(decoded[:3], [-1.0, 0.0, 1.0], atol=0.01)


@pytest.mark.parametrize("shape", [(0,), (0, 2), (2, 0), (0, 1), (1, 0), (0, 0, 3)])
def test_arrays_of_no_samples(shape: tuple[int, ...]) -> None:
    for empty in (np.zeros(shape), {"array": np.zeros(shape), "sampling_rate": 16000}, torch.zeros(shape)):
        with pytest.raises(AudioDecodingError, match="0 samples"):
            decode_audio(empty)


def test_unsigned_bytes_are_centred() -> None:
    np.testing.assert_allclose(decode_audio(np.array([0, 128, 255] * 200, dtype=np.uint8))[:3], [-1, 0, 1], atol=0.01)


def test_a_pipe_that_cannot_seek_is_read(speech: Any) -> None:
    class Pipe(io.RawIOBase):
        def __init__(self, data: bytes) -> None:
            self.data = data

        def read(self, size: int = -1) -> bytes:
            data, self.data = self.data, b""
            return data

    buffer = io.BytesIO()
    soundfile.write(buffer, speech(0.3), 16000, format="WAV")
    assert len(decode_audio(Pipe(buffer.getvalue()))) == 4800


def test_a_torchcodec_decoder_is_read(speech: Any) -> None:
    class Samples:
        data = torch.from_numpy(np.stack([speech(0.5, 8000)] * 2))
        sample_rate = 8000

    class Decoder:
        def get_all_samples(self) -> Samples:
            return Samples()

    assert decode_audio(Decoder()).shape == (8000,)


@pytest.mark.parametrize("block_s", [0.01, 0.37, 5.0])
def test_blocks_join_to_the_whole(tmp_path: Path, speech: Any, block_s: float) -> None:
    path = write(tmp_path / "call.wav", speech(2.0, 44100), 44100)
    blocks = list(iter_audio_blocks(path, block_s=block_s))
    assert all(len(block) for block in blocks)
    np.testing.assert_allclose(np.concatenate(blocks), decode_audio(path), atol=1e-5)


def test_a_url_is_fetched(tmp_path: Path, speech: Any) -> None:
    write(tmp_path / "call.wav", speech(0.5), 16000)
    handler = partial(SimpleHTTPRequestHandler, directory=str(tmp_path))
    handler.func.log_message = lambda *_: None  # type: ignore[attr-defined]
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        root = f"http://127.0.0.1:{server.server_port}"
        try:
            assert len(decode_audio(f"{root}/call.wav")) == 8000
            with pytest.raises(AudioDecodingError, match=r"nothing\.wav cannot be fetched.*404"):
                decode_audio(f"{root}/nothing.wav")
        finally:
            server.shutdown()


def test_the_header_tells_the_duration(tmp_path: Path, speech: Any) -> None:
    path = write(tmp_path / "call.flac", speech(1.25, 8000), 8000)
    assert probe_duration_s(path) == 1.25
    assert probe_duration_s(tmp_path / "missing.wav") is None
    assert probe_duration_s(b"bytes") is None


def test_sources_have_names() -> None:
    assert describe_source({"audio": {"path": "a.wav", "bytes": b""}}) == "a.wav"
    assert describe_source(b"") == "the audio given as bytes"
    assert describe_source(np.zeros(3)) == "the audio given as an array"
    assert describe_source(io.BytesIO()) == "the audio file object"


@pytest.mark.parametrize("fault", ["streamed", "two bytes short"])
def test_wav_headers_that_are_off_are_read(tmp_path: Path, speech: Any, fault: str) -> None:
    data = write(tmp_path / "whole.wav", speech(1.0), 16000).read_bytes()
    size = b"\xff" * 4 if fault == "streamed" else data[40:44]
    body = data[44:] if fault == "streamed" else data[44:-2]
    assert abs(len(decode_audio(data[:40] + size + body)) - 16000) <= 1


def test_m4a_is_read_where_pyav_is_installed(tmp_path: Path, speech: Any) -> None:
    av = pytest.importorskip("av", reason="needs PyAV, the extra `video`")
    samples = np.stack([speech(1.0, 48000), np.zeros(48000, np.float32)])
    with av.open(str(tmp_path / "call.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="stereo")
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="stereo")
        frame.sample_rate = 48000
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            container.mux(packet)
    decoded = decode_audio(tmp_path / "call.m4a")
    expected = decode_audio({"array": samples, "sampling_rate": 48000})
    assert abs(len(decoded) - 16000) < 1000  # AAC pads to whole frames
    shift = np.argmax(np.correlate(decoded[:8000], expected[1000:6000], "valid")) - 1000
    assert np.corrcoef(decoded[1000 + shift : 6000 + shift], expected[1000:6000])[0, 1] > 0.9
    with pytest.raises(AudioDecodingError, match=r"notes\.wav cannot be read as audio .*; PyAV: "):
        decode_audio(_text_file(tmp_path / "notes.wav"))


def test_eight_channels_are_read_by_pyav(tmp_path: Path, speech: Any) -> None:
    av = pytest.importorskip("av", reason="needs PyAV, the extra `video`")
    samples = np.outer(np.arange(8) / 8, speech(1.0, 48000)).astype(np.float32)
    with av.open(str(tmp_path / "cinema.m4a"), "w") as container:
        stream = container.add_stream("aac", rate=48000, layout="7.1")
        packed = np.ascontiguousarray(samples.T).reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(packed, format="flt", layout="7.1")
        frame.sample_rate = 48000
        to_planes = av.AudioResampler(format="fltp")
        for part in [*to_planes.resample(frame), *to_planes.resample(None)]:
            for packet in stream.encode(part):
                container.mux(packet)
        for packet in stream.encode(None):
            container.mux(packet)
    decoded = decode_audio(tmp_path / "cinema.m4a")
    assert abs(len(decoded) - 16000) < 1500
    loudness = np.sqrt(np.mean(decode_audio({"array": samples, "sampling_rate": 48000}) ** 2))
    assert np.sqrt(np.mean(decoded**2)) == pytest.approx(loudness, rel=0.2)


def _text_file(path: Path) -> Path:
    path.write_text("Dear diary, " * 100)
    return path


class TestBadAudio:
    """Each fault is an AudioDecodingError that says what was wrong."""

    def fails(self, source: Any, match: str) -> None:
        with pytest.raises(AudioDecodingError, match=match) as caught:
            decode_audio(source)
        assert isinstance(caught.value, AudioEmotionError)
        assert isinstance(caught.value, ValueError)

    def test_missing_file(self, tmp_path: Path) -> None:
        self.fails(tmp_path / "no.wav", r"no\.wav does not exist")

    def test_directory(self, tmp_path: Path) -> None:
        self.fails(tmp_path, "is a directory")

    def test_empty_file(self, tmp_path: Path) -> None:
        (tmp_path / "empty.wav").touch()
        self.fails(tmp_path / "empty.wav", r"empty\.wav is empty: 0 bytes")
        self.fails(b"", "is empty: 0 bytes")

    def test_text_renamed_to_wav(self, tmp_path: Path) -> None:
        self.fails(
            _text_file(tmp_path / "notes.wav"), r"notes\.wav cannot be read as audio.*WAV, FLAC, OGG, Opus and MP3"
        )

    def test_headerless_raw_file(self, tmp_path: Path) -> None:
        (tmp_path / "take.raw").write_bytes(bytes(3200))
        self.fails(tmp_path / "take.raw", r"take\.raw cannot be read as audio")

    def test_no_samples(self, tmp_path: Path) -> None:
        soundfile.write(tmp_path / "none.wav", np.zeros(0), 16000)
        self.fails(tmp_path / "none.wav", "0 samples")
        self.fails(np.zeros(0), "0 samples")

    @pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
    def test_not_finite(self, tmp_path: Path, value: float) -> None:
        samples = np.zeros((16000, 2), dtype=np.float32)
        samples[8000, 1] = value
        soundfile.write(tmp_path / "bad.wav", samples, 16000, subtype="FLOAT")
        self.fails(tmp_path / "bad.wav", r"bad\.wav holds NaN or infinite samples, the first one 8000 samples after")
        self.fails(samples[:, 1], "NaN or infinite")

    @pytest.mark.parametrize("kept", [0.3, 0.99])
    def test_truncated_flac(self, tmp_path: Path, speech: Any, kept: float) -> None:
        data = write(tmp_path / "whole.flac", speech(3.0), 16000).read_bytes()
        path = tmp_path / "cut.flac"
        path.write_bytes(data[: int(kept * len(data))])
        self.fails(path, r"cut\.flac is truncated or damaged: .* s of 3\.00 s")

    @pytest.mark.parametrize("channels", [1, 2])
    def test_truncated_wav(self, tmp_path: Path, speech: Any, channels: int) -> None:
        data = write(tmp_path / "whole.wav", np.stack([speech(3.0)] * channels, axis=1), 16000).read_bytes()
        (tmp_path / "cut.wav").write_bytes(data[: len(data) // 3])
        self.fails(tmp_path / "cut.wav", r"cut\.wav is truncated or damaged: 1\.00 s of 3\.00 s")

    @pytest.mark.parametrize("shape", [(), (2, 3, 400), (8, 16000)])
    def test_wrong_rank(self, shape: tuple[int, ...]) -> None:
        self.fails(np.zeros(shape, dtype=np.float32), "axes, shape")

    def test_too_many_channels(self) -> None:
        self.fails({"array": np.zeros((400, 400)), "sampling_rate": 16000}, "400 channels")

    @pytest.mark.parametrize("array", [None, 3, "", [object()], [[1.0], [1.0, 2.0]], np.zeros(400, dtype=complex)])
    def test_not_audio_at_all(self, array: Any) -> None:
        with pytest.raises(AudioDecodingError):
            decode_audio(array)

    def test_int64_says_which_types_work(self) -> None:
        self.fails(np.zeros(400, dtype=np.int64), "int64.*float, int16")

    def test_array_without_rate(self) -> None:
        self.fails({"array": np.zeros(400)}, "no 'sampling_rate'")

    @pytest.mark.parametrize("rate", [0, -1, "fast", 0.5, float("nan")])
    def test_rate_that_is_none(self, rate: Any) -> None:
        self.fails({"array": np.zeros(400), "sampling_rate": rate}, "positive whole number of Hz")

    def test_mapping_without_audio(self) -> None:
        self.fails({"text": "hello", "path": None}, r"\['path', 'text'\], none of which holds audio")

    @pytest.mark.parametrize("readable", [0, 20_000])
    def test_a_file_object_that_fails(self, tmp_path: Path, speech: Any, readable: int) -> None:
        """Neither silently cut nor a traceback out of a callback."""

        class Unplugged(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                if self.tell() >= readable:
                    raise OSError("the disk was unplugged")
                return super().read(size)

        file = Unplugged(write(tmp_path / "call.wav", speech(2.0, 16_000), 16_000).read_bytes())
        with pytest.raises(AudioDecodingError, match=r"the audio file object cannot be read: the disk was unplugged"):
            decode_audio(file)

    def test_text_file_object(self, tmp_path: Path) -> None:
        (tmp_path / "a.wav").write_text("x")
        with (tmp_path / "a.wav").open() as file:
            self.fails(file, "open as text")
