"""A live stream gives the same final frames however it is cut into blocks, in time, and loses nothing to an error."""

import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio_emotion import AudioDecodingError, AudioEmotionError, AudioEmotionPipeline, EmotionStream, decode_audio
from audio_emotion.pipeline.stream_audio_emotion import StreamFrames

SHORT = {"window_s": 1.0, "hop_s": 0.2, "look_ahead_s": 0.1}


@pytest.fixture
def make_stream(pipe: AudioEmotionPipeline) -> Callable[..., EmotionStream]:
    def make(sampling_rate: int = 16000, **options: Any) -> EmotionStream:
        return EmotionStream(sampling_rate, pipe, **(SHORT | options))

    return make


def scores_of(stream: EmotionStream, blocks: Any) -> np.ndarray:
    """All frames of a stream; checks that they follow one another."""
    scores = []
    num_frames = 0
    for frames in stream.iter_frames(blocks):
        assert frames.start_s == pytest.approx(num_frames * 0.02)
        num_frames += len(frames)
        scores.append(frames.scores)
    return np.concatenate(scores) if scores else np.zeros((0, len(stream.labels)), np.float32)


def frame_scores(pipe: AudioEmotionPipeline, samples: np.ndarray) -> np.ndarray:
    return pipe(samples, return_timestamps="frame")["frames"]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    sampling_rate=st.sampled_from([8000, 16000, 44100]),
    duration_s=st.floats(0.03, 1.8),
    cuts=st.lists(st.floats(0, 1), max_size=20),
    num_channels=st.sampled_from([None, 1, 2]),
    dtype=st.sampled_from(["float32", "float64", "int16"]),
)
def test_any_cutting_gives_the_same_frames(
    make_stream: Callable[..., EmotionStream],
    pipe: AudioEmotionPipeline,
    speech: Any,
    sampling_rate: int,
    duration_s: float,
    cuts: list[float],
    num_channels: int | None,
    dtype: str,
) -> None:
    samples = speech(1.8, sampling_rate)[: round(duration_s * sampling_rate)]
    if num_channels is not None:
        samples = np.stack([samples, 0.5 * samples], axis=1)[:, :num_channels]
    samples = (samples * 32767).astype(np.int16) if dtype == "int16" else samples.astype(dtype)
    blocks = np.split(samples, sorted(round(cut * len(samples)) for cut in cuts))
    stream = make_stream(sampling_rate)
    scores = scores_of(stream, blocks)
    np.testing.assert_array_equal(scores, scores_of(make_stream(sampling_rate), [samples]))
    offline = pipe.score_recording({"array": samples, "sampling_rate": sampling_rate}, batch_size=3, plan=stream.plan)
    np.testing.assert_allclose(scores, pipe.postprocess(offline, return_timestamps="frame")["frames"], atol=1e-5)


@pytest.mark.parametrize("num_samples", [4799, 4800, 4801, 4959, 16000, 16001, 40000, 47999])
def test_each_frame_is_heard_in_the_window_that_ends_next(
    make_stream: Callable[..., EmotionStream], pipe: AudioEmotionPipeline, speech: Any, num_samples: int
) -> None:
    samples = speech(3.0)[:num_samples]
    expected = []
    end, is_last = 4800, False  # 0.3 s: a hop and the look-ahead
    while not is_last:
        is_last = end >= num_samples
        start = max(0, end - 16000)
        alone = frame_scores(pipe, samples[start:end])
        first = sum(map(len, expected)) - start // 320
        expected.append(alone[first:] if is_last else alone[first : len(alone) - 5])
        end += 3200
    scores = scores_of(make_stream(), np.split(samples, range(1000, num_samples, 1000)))
    np.testing.assert_allclose(scores, np.concatenate(expected), atol=1e-5)


def test_whole_windows_give_the_frames_of_the_pipeline(
    make_stream: Callable[..., EmotionStream], pipe: AudioEmotionPipeline, speech: Any
) -> None:
    sampling_rate = 44100
    samples = speech(58.0, sampling_rate)
    stream = make_stream(sampling_rate, whole_windows=True)
    assert stream.delay_s == 30
    offline = pipe({"array": samples, "sampling_rate": sampling_rate}, return_timestamps="frame")["frames"]
    scores = scores_of(stream, np.split(samples, range(0, len(samples), 7777)))
    np.testing.assert_allclose(scores, offline, atol=1e-4)


def test_a_recording_that_ends_within_the_delay_is_heard_as_by_the_pipeline(
    pipe: AudioEmotionPipeline, speech: Any
) -> None:
    samples = speech(0.65)
    np.testing.assert_array_equal(scores_of(EmotionStream(16000, pipe), [samples]), frame_scores(pipe, samples))


@pytest.mark.parametrize("sampling_rate", [8000, 16000, 44100, 96000])
def test_by_default_no_frame_is_more_than_a_second_behind(
    pipe: AudioEmotionPipeline, speech: Any, sampling_rate: int
) -> None:
    stream = EmotionStream(sampling_rate, pipe)
    samples = speech(2.0, sampling_rate)
    block = sampling_rate // 100
    behind_s = []
    for end in range(block, len(samples) + 1, block):
        frames = stream.feed(samples[end - block : end])
        if len(frames):
            behind_s.append(end / sampling_rate - frames.start_s)
    assert len(behind_s) >= 2
    assert max(behind_s) <= stream.delay_s + 0.13
    assert stream.delay_s + 0.13 < 1.0


def test_labels_and_prior_are_those_of_the_pipeline(
    make_stream: Callable[..., EmotionStream], pipe: AudioEmotionPipeline, speech: Any
) -> None:
    options = {"labels": ["anger", "neutral", "sadness"], "prior": "uniform"}
    samples = speech(0.25)
    stream = make_stream(**options)
    frames = [*stream.iter_frames([samples])][-1]
    expected = pipe(samples, return_timestamps="frame", **options)
    assert frames.labels == stream.labels == tuple(expected["labels"])
    assert frames.frame_period_s == stream.frame_period_s == 0.02
    np.testing.assert_array_equal(frames.scores, expected["frames"])


def test_silence_scores_as_the_prior(make_stream: Callable[..., EmotionStream], pipe: AudioEmotionPipeline) -> None:
    scores = scores_of(make_stream(), [np.zeros(16000)] * 2)
    np.testing.assert_allclose(scores, np.tile(pipe.model.config.class_prior, (100, 1)), atol=1e-6)


@pytest.mark.parametrize("kind", ["tensor", "list", "column", "reused buffer"])
def test_kinds_of_blocks(make_stream: Callable[..., EmotionStream], speech: Any, kind: str) -> None:
    samples = speech(0.6)
    expected = scores_of(make_stream(), [samples])
    buffer = np.zeros((480, 1), np.float32)

    def blocks() -> Iterator[Any]:
        for block in np.split(samples, 20):
            buffer[:, 0] = block
            yield {
                "tensor": torch.from_numpy(block),
                "list": block.tolist(),
                "column": block[:, None],
                "reused buffer": buffer,
            }[kind]

    np.testing.assert_array_equal(scores_of(make_stream(), blocks()), expected)


def test_the_dtype_may_change(make_stream: Callable[..., EmotionStream], speech: Any) -> None:
    pcm = (speech(0.6) * 32767).astype(np.int16)
    floats = pcm / 32768
    expected = scores_of(make_stream(), [pcm])
    np.testing.assert_allclose(scores_of(make_stream(), [pcm[:3000], floats[3000:]]), expected, atol=1e-5)


@pytest.mark.parametrize("empty", [[], np.zeros(0, np.int16), np.zeros((0, 2)), np.zeros((2, 0))])
def test_empty_blocks_change_nothing(make_stream: Callable[..., EmotionStream], speech: Any, empty: Any) -> None:
    samples = speech(0.6)
    stream = make_stream()
    np.testing.assert_array_equal(
        scores_of(stream, [empty, samples[:3000], empty, samples[3000:], empty]), scores_of(make_stream(), [samples])
    )


@pytest.mark.parametrize("num_samples", [0, 1, 399])
@pytest.mark.parametrize("sampling_rate", [16000, 44100])
def test_a_stream_too_short_to_hear_has_no_frames(
    make_stream: Callable[..., EmotionStream], num_samples: int, sampling_rate: int
) -> None:
    stream = make_stream(sampling_rate)
    assert scores_of(stream, [np.ones(num_samples)]).shape == (0, 8)
    assert stream.flush().scores.shape == (0, 8)


BAD_BLOCKS = [
    (np.array([0.1, np.nan]), AudioDecodingError, r"the stream holds NaN or infinite samples.*1 samples after 0\.5"),
    (np.array([[np.inf, -np.inf]]), AudioEmotionError, "1 samples after|2 channels"),
    (np.zeros((10, 2)), AudioEmotionError, "given 2 channels.*blocks before had 1"),
    (np.zeros((1, 1000)), AudioEmotionError, r"shape \(1, 1000\).*at most 64 channels"),
    (np.zeros((2, 3, 4)), AudioEmotionError, r"shape \(2, 3, 4\)"),
    (np.float32(0.5), AudioEmotionError, r"shape \(\)"),
    (np.zeros(4, np.complex64), AudioDecodingError, "complex64"),
    (b"\0\0", AudioEmotionError, "numpy.frombuffer"),
    ("call.wav", AudioEmotionError, "pipeline"),
    (None, AudioDecodingError, "NoneType"),
    ([[0.1], [0.1, 0.2]], AudioDecodingError, "cannot be read as an array"),
]


@pytest.mark.parametrize(("block", "error", "match"), BAD_BLOCKS, ids=lambda value: type(value).__name__)
def test_a_bad_block_is_refused_and_the_stream_goes_on(
    make_stream: Callable[..., EmotionStream], speech: Any, block: Any, error: type[Exception], match: str
) -> None:
    samples = speech(1.0)
    stream = make_stream()
    parts = [stream.feed(samples[:8000])]
    with pytest.raises(error, match=match):
        stream.feed(block)
    parts += [stream.feed(samples[8000:]), stream.flush()]
    np.testing.assert_array_equal(
        np.concatenate([frames.scores for frames in parts]), scores_of(make_stream(), [samples])
    )


def test_a_failure_of_the_model_loses_nothing(
    make_stream: Callable[..., EmotionStream], pipe: AudioEmotionPipeline, speech: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    samples = speech(2.0)
    expected = scores_of(make_stream(), [samples])
    calls = 0
    forward = pipe.forward

    def interrupted(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        calls += 1
        if calls in (3, 8):
            raise KeyboardInterrupt
        return forward(*args, **kwargs)

    monkeypatch.setattr(pipe, "forward", interrupted)
    stream = make_stream()
    parts: list[StreamFrames] = []
    for step in (lambda: stream.feed(samples), lambda: stream.feed([]), stream.flush, stream.flush):
        try:
            parts.append(step())
        except KeyboardInterrupt:
            continue
    assert calls > 8
    assert len(parts) == 2
    np.testing.assert_array_equal(np.concatenate([frames.scores for frames in parts]), expected)


def test_after_flush_the_stream_is_finished(make_stream: Callable[..., EmotionStream], speech: Any) -> None:
    stream = make_stream()
    stream.feed(speech(0.5))
    assert len(stream.flush()) > 0
    assert len(stream.flush()) == 0
    with pytest.raises(AudioEmotionError, match="finished: make a new EmotionStream"):
        stream.feed(speech(0.5))


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"sampling_rate": 0}, "sampling_rate is 0"),
        ({"sampling_rate": 44100.5}, r"sampling_rate is 44100\.5"),
        ({"sampling_rate": True}, "sampling_rate is True"),
        ({"labels": ["joy"]}, "joy"),
        ({"prior": "flat"}, "prior"),
        ({"window_s": 31}, "at most the 30 s"),
        ({"window_s": 0.2}, "do not fit"),
        ({"hop_s": 0.0}, "do not fit"),
        ({"look_ahead_s": float("nan")}, "look_ahead_s is nan"),
        ({"model": 3}, "model is of type int"),
        ({"model": "no/such-model"}, "no/such-model cannot be loaded"),
    ],
)
def test_wrong_options(pipe: AudioEmotionPipeline, options: dict[str, Any], match: str) -> None:
    arguments = {"sampling_rate": 16000, "model": pipe} | options
    with pytest.raises(AudioEmotionError, match=match):
        EmotionStream(**arguments)


def test_a_folder_and_the_bundled_model(tiny_model_dir: Path, bundled_checkpoint: Path, speech: Any) -> None:
    assert scores_of(EmotionStream(16000, tiny_model_dir), [speech(0.3)]).shape == (15, 8)
    assert Path(EmotionStream(16000).pipeline.model.config.name_or_path) == bundled_checkpoint


def test_memory_does_not_grow(make_stream: Callable[..., EmotionStream], speech: Any) -> None:
    stream = make_stream(window_s=4.0, hop_s=2.0)
    block = speech(1.0)

    def peak_after(num_blocks: int) -> int:
        tracemalloc.reset_peak()
        for _ in range(num_blocks):
            stream.feed(block)
        return tracemalloc.get_traced_memory()[1]

    tracemalloc.start()
    try:
        early = peak_after(10)
        assert peak_after(50) < 1.05 * early
    finally:
        tracemalloc.stop()


def test_decoded_blocks_of_a_file_are_a_stream(
    make_stream: Callable[..., EmotionStream], call_wav: Path, pipe: AudioEmotionPipeline
) -> None:
    samples = decode_audio(call_wav)
    scores = scores_of(make_stream(), np.split(samples, 10))
    assert scores.shape == frame_scores(pipe, samples).shape
