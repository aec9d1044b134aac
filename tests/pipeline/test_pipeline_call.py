"""What a call takes and what it answers."""

import io
import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
import soundfile
import torch
from transformers import pipeline
from transformers.pipelines.pt_utils import KeyDataset

from audio_emotion import AudioDecodingError, AudioEmotionError, AudioEmotionPipeline, decode_audio
from audio_emotion.pipeline import batching_audio_emotion

EMOTIONS = ["happiness", "sadness", "disgust", "fear", "surprise", "anger", "other", "neutral"]


def score_vector(scores: list[dict[str, Any]]) -> np.ndarray:
    by_label = {entry["label"]: entry["score"] for entry in scores}
    return np.array([by_label[label] for label in EMOTIONS])


def test_scores_are_ranked_and_sum_to_one(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    scores = pipe(call_wav)
    assert [list(entry) for entry in scores] == [["label", "score"]] * 8
    assert {entry["label"] for entry in scores} == set(EMOTIONS)
    values = [entry["score"] for entry in scores]
    assert values == sorted(values, reverse=True)
    assert sum(values) == pytest.approx(1)
    assert values[0] > 2 * values[-1]  # the tiny model's answers can tell right from wrong


def test_scores_equal_the_models_own(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    features = pipe.feature_extractor(decode_audio(call_wav), sampling_rate=16000, return_tensors="pt")
    with torch.no_grad():
        logits = pipe.model(**features).logits[0]
    expected = (logits / pipe.model.config.temperature).softmax(-1).numpy()
    np.testing.assert_allclose(score_vector(pipe(call_wav)), expected, atol=1e-6)


def test_every_input_kind_gives_the_same_scores(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    samples = decode_audio(call_wav)
    data = call_wav.read_bytes()
    expected = pipe(str(call_wav))
    inputs = [
        call_wav,
        data,
        io.BytesIO(data),
        samples,
        torch.from_numpy(samples),
        (samples * 32768).astype(np.int16),
        {"array": samples, "sampling_rate": 16000},
        {"raw": samples, "sampling_rate": 16000},
        {"bytes": data, "path": None},
        {"path": str(call_wav), "bytes": None},
    ]
    for source in inputs:
        np.testing.assert_allclose(score_vector(pipe(source)), score_vector(expected), atol=1e-6)


@pytest.mark.parametrize(("sampling_rate", "num_channels"), [(8000, 1), (96000, 6)])
def test_any_rate_and_channels(
    pipe: AudioEmotionPipeline, tmp_path: Path, speech: Any, sampling_rate: int, num_channels: int
) -> None:
    path = tmp_path / "call.wav"
    soundfile.write(path, np.stack([speech(1.0, sampling_rate)] * num_channels, axis=1), sampling_rate)
    answer = pipe(path, return_timestamps="frame")
    assert answer["frames"].shape == (50, 8)


def test_frames(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    answer = pipe(call_wav, return_timestamps="frame")
    assert set(answer) == {"scores", "entropy", "warnings", "frames", "frame_period_s", "labels"}
    assert answer["labels"] == EMOTIONS
    assert answer["frame_period_s"] == 0.02
    assert answer["frames"].dtype == np.float32
    assert answer["frames"].shape == (100, 8)
    np.testing.assert_allclose(answer["frames"].sum(axis=1), 1, atol=1e-5)
    assert answer["scores"] == pipe(call_wav)


@pytest.mark.parametrize("return_timestamps", [True, 0.02, 0.3, 0.5, 1, 100.0])
@pytest.mark.parametrize("duration_s", [0.025, 0.519, 2.0, 33.333])
def test_chunks_tile_the_recording(
    pipe: AudioEmotionPipeline, speech: Any, return_timestamps: bool | float, duration_s: float
) -> None:
    samples = speech(duration_s)
    answer = pipe(samples, return_timestamps=return_timestamps)
    assert set(answer) == {"scores", "entropy", "warnings", "chunks"}
    bounds = [chunk["timestamp"] for chunk in answer["chunks"]]
    assert bounds[0][0] == 0.0
    assert bounds[-1][1] == len(samples) / 16000
    assert all(before[1] == after[0] for before, after in itertools.pairwise(bounds))
    assert all(start < end for start, end in bounds)
    for chunk in answer["chunks"]:
        assert list(chunk) == ["timestamp", "label", "score", "confidence", "peak_s", "entropy", "scores"]
        assert chunk["timestamp"][0] <= chunk["peak_s"] <= chunk["timestamp"][1]
        assert 0 <= chunk["confidence"] <= 1 and 0 <= chunk["entropy"] <= 1
        assert sum(chunk["scores"].values()) == pytest.approx(1)
        assert chunk["scores"][chunk["label"]] == chunk["score"] == max(chunk["scores"].values())


def test_one_chunk_over_all_equals_the_whole(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    answer = pipe(call_wav, return_timestamps=100.0)
    assert answer["chunks"][0]["scores"] == pytest.approx({e["label"]: e["score"] for e in answer["scores"]}, abs=1e-6)


def test_speaker_turns(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    turns = [{"start": 1.0, "end": 2.0, "speaker": "B"}, {"start": 0.0, "end": 2.0}, {"start": 0.5, "end": 0.505}]
    chunks = pipe(call_wav, segments=turns)["chunks"]
    assert [chunk["timestamp"] for chunk in chunks] == [(1.0, 2.0), (0.0, 2.0), (0.5, 0.505)]
    assert [chunk.get("speaker") for chunk in chunks] == ["B", None, None]
    halves = pipe(call_wav, return_timestamps=1.0)["chunks"]
    assert chunks[0]["scores"] == halves[1]["scores"]


def test_segments_of_a_list(pipe: AudioEmotionPipeline, speech: Any) -> None:
    inputs, turns = [speech(1.0), speech(2.0)], [[{"start": 0, "end": 1}], []]
    answers = pipe(inputs, segments=turns)
    assert [len(answer["chunks"]) for answer in answers] == [1, 0]
    with pytest.raises(AudioEmotionError, match="one list of segments per recording"):
        pipe(inputs, segments=turns[0])
    with pytest.raises(AudioEmotionError, match=r"ends at 1\.000 s"):
        pipe(inputs[0], segments=[{"start": 0, "end": 3}])


def test_top_k(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    assert pipe(call_wav, top_k=3) == pipe(call_wav)[:3]
    assert len(pipe(call_wav, top_k=99)) == 8
    assert len(pipe(call_wav, top_k=None)) == 8


@pytest.mark.parametrize("return_timestamps", [True, 0.5])
def test_label_subset_sums_to_one_everywhere(
    pipe: AudioEmotionPipeline, call_wav: Path, return_timestamps: bool | float
) -> None:
    labels = ["neutral", "anger"]
    answer = pipe(call_wav, labels=labels, return_timestamps=return_timestamps)
    assert sum(entry["score"] for entry in answer["scores"]) == pytest.approx(1)
    for chunk in answer["chunks"]:
        assert list(chunk["scores"]) == labels
        assert sum(chunk["scores"].values()) == pytest.approx(1)
    frames = pipe(call_wav, labels=labels, return_timestamps="frame")["frames"]
    np.testing.assert_allclose(frames.sum(axis=1), 1, atol=1e-6)


def test_uniform_prior(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    expected = score_vector(pipe(call_wav)) / np.array(pipe.model.config.class_prior)
    uniform = score_vector(pipe(call_wav, prior="uniform"))
    np.testing.assert_allclose(uniform, expected / expected.sum(), atol=1e-6)


def test_options_of_the_pipeline_hold_for_every_call(tiny_model_dir: Path, call_wav: Path) -> None:
    strict = pipeline("audio-emotion", model=str(tiny_model_dir), top_k=2, labels=["anger", "neutral", "fear"])
    assert len(strict(call_wav)) == 2
    assert len(strict(call_wav, top_k=1)) == 1
    assert {entry["label"] for entry in strict(call_wav, top_k=None)} == {"anger", "neutral", "fear"}


@pytest.mark.parametrize("batch_size", [1, 2, 3, 16])
def test_a_list_equals_single_calls(pipe: AudioEmotionPipeline, speech: Any, batch_size: int) -> None:
    inputs = [speech(duration_s, seed=seed) for seed, duration_s in enumerate((0.7, 3.1, 0.025, 36.0, 1.4, 0.7))]
    answers = pipe(inputs, batch_size=batch_size, return_timestamps="frame")
    for samples, answer in zip(inputs, answers, strict=True):
        single = pipe(samples, return_timestamps="frame")
        np.testing.assert_allclose(answer["frames"], single["frames"], atol=1e-5)
        np.testing.assert_allclose(score_vector(answer["scores"]), score_vector(single["scores"]), atol=1e-5)


def test_tuples_and_empty_lists(pipe: AudioEmotionPipeline, call_wav: Path) -> None:
    assert pipe((call_wav, call_wav)) == [pipe(call_wav)] * 2
    assert pipe([]) == []


@pytest.mark.parametrize("batch_size", [1, 4])
def test_streams_answer_in_order(pipe: AudioEmotionPipeline, speech: Any, batch_size: int) -> None:
    inputs = [speech(0.5 + 0.1 * seed, seed=seed) for seed in range(6)]
    expected = [score_vector(answer) for answer in pipe(inputs)]
    for stream in (iter(inputs), (samples for samples in inputs), KeyDataset([{"a": x} for x in inputs], "a")):
        answers = pipe(stream, batch_size=batch_size)
        assert isinstance(answers, Iterator)
        np.testing.assert_allclose([score_vector(answer) for answer in answers], expected, atol=1e-5)


def test_a_generator_is_not_read_ahead(pipe: AudioEmotionPipeline, speech: Any) -> None:
    taken = 0

    def endless() -> Iterator[np.ndarray]:
        nonlocal taken
        while True:
            taken += 1
            yield speech(0.1)

    next(iter(pipe(endless())))
    assert taken == 1


@pytest.mark.parametrize("streaming", [False, True])
def test_a_dataset_with_an_audio_column(pipe: AudioEmotionPipeline, call_wav: Path, streaming: bool) -> None:
    audio = {"bytes": call_wav.read_bytes(), "path": None}
    stored = {"bytes": datasets.Value("binary"), "path": datasets.Value("string")}
    data = datasets.Dataset.from_list([{"audio": audio}] * 2, datasets.Features(audio=stored))
    data = data.cast_column("audio", datasets.Audio())
    data = data.to_iterable_dataset() if streaming else data
    assert list(pipe(data)) == list(pipe(data["audio"])) == [pipe(call_wav)] * 2


def test_options_of_a_call_join_those_of_the_pipeline(tiny_model_dir: Path, call_wav: Path) -> None:
    pair = AudioEmotionPipeline.from_pretrained(tiny_model_dir, labels=["anger", "neutral"])
    prior = {"anger": 0.9, "neutral": 0.1}
    whole = AudioEmotionPipeline.from_pretrained(tiny_model_dir)
    assert pair(call_wav, prior=prior) == whole(call_wav, labels=["anger", "neutral"], prior=prior)
    assert pair(call_wav, prior=None, return_timestamps=None, top_k=np.int64(2)) == pair(call_wav)


@pytest.mark.parametrize("batch_size", [0, -1, 2.5, True, "2"])
def test_batch_sizes_that_cannot_be(pipe: AudioEmotionPipeline, call_wav: Path, batch_size: Any) -> None:
    for inputs in (call_wav, [call_wav, call_wav]):
        with pytest.raises(AudioEmotionError, match="batch_size is"):
            pipe(inputs, batch_size=batch_size)
    with pytest.raises(AudioEmotionError, match="batch_size is"):
        next(pipe.score_recordings([call_wav], batch_size))


def test_progress_adds_up_to_the_duration(pipe: AudioEmotionPipeline, speech: Any) -> None:
    heard: list[float] = []
    pipe(speech(61.3), on_progress=heard.append)
    assert len(heard) == 3
    assert sum(heard) == pytest.approx(61.3, abs=1e-3)


@pytest.mark.parametrize("level", [0.0, 5e-5])
def test_silence_has_the_scores_of_the_prior_and_is_named(
    pipe: AudioEmotionPipeline, level: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[str] = []
    monkeypatch.setattr(batching_audio_emotion.logger, "warning", said.append)
    noise = level * np.random.default_rng(0).uniform(-1, 1, 32000).astype(np.float32)
    answer = pipe(noise, return_timestamps="frame")
    assert np.allclose(answer["frames"], pipe.model.config.class_prior, atol=1e-5)
    assert len(said) == 2 and "silent from 0.0 to 2.0 s" in said[0] and "[too_quiet]" in said[1]


def test_a_silent_window_does_not_count_beside_a_loud_one(pipe: AudioEmotionPipeline, speech: Any) -> None:
    loud = speech(20.0)
    alone, followed = (
        {entry["label"]: entry["score"] for entry in pipe(samples)}
        for samples in (np.concatenate([loud, np.zeros(16000 * 9)]), np.concatenate([loud, np.zeros(16000 * 60)]))
    )
    prior = dict(zip(pipe.model.config.id2label.values(), pipe.model.config.class_prior, strict=True))
    away_from_prior = max(abs(alone[label] - prior[label]) for label in alone)
    assert max(abs(alone[label] - followed[label]) for label in alone) < 0.5 * away_from_prior


class TestBadCalls:
    """Faults that the decoder cannot see."""

    @pytest.mark.parametrize("num_samples", [1, 399])
    def test_under_25_ms(self, pipe: AudioEmotionPipeline, num_samples: int) -> None:
        with pytest.raises(AudioDecodingError, match=rf"{num_samples} samples at 16000 Hz\); at least 25 ms"):
            pipe(np.zeros(num_samples, np.float32))

    def test_25_ms_work(self, pipe: AudioEmotionPipeline, speech: Any) -> None:
        assert pipe(speech(0.025), return_timestamps="frame")["frames"].shape == (1, 8)

    def test_a_bad_item_of_a_list_is_named(self, pipe: AudioEmotionPipeline, call_wav: Path, tmp_path: Path) -> None:
        with pytest.raises(AudioDecodingError, match=r"gone\.wav does not exist"):
            pipe([call_wav, tmp_path / "gone.wav"])

    @pytest.mark.parametrize(
        ("options", "match"),
        [
            ({"labels": ["joy"]}, "does not know"),
            ({"return_timestamps": 0}, "window in seconds"),
            ({"return_timestamps": -1.0}, "window in seconds"),
            ({"return_timestamps": "word"}, "'frame' for every frame"),
            ({"top_k": 0}, "at least 1"),
            ({"top_k": 2.5}, "at least 1"),
            ({"prior": "flat"}, "'uniform'"),
            ({"segments": [{"start": 2, "end": 1}]}, "ends after that"),
            ({"return_timestamp": True}, r"Unknown options \['return_timestamp'\]"),
        ],
    )
    def test_a_bad_option_is_found_before_the_audio_is_read(
        self, pipe: AudioEmotionPipeline, options: dict[str, Any], match: str
    ) -> None:
        with pytest.raises(AudioEmotionError, match=match):
            pipe("no-such-file.wav", **options)

    def test_options_are_checked_together(self, tiny_model_dir: Path) -> None:
        some = AudioEmotionPipeline.from_pretrained(tiny_model_dir, prior=dict.fromkeys(EMOTIONS, 1))
        assert len(some(np.zeros(400, np.float32), labels=["anger", "fear"])) == 2
        with pytest.raises(AudioEmotionError, match=r"missing: \['fear'\]"):
            some("no-such-file.wav", prior={"anger": 1}, labels=["anger", "fear"])
