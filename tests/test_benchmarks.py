"""The benchmarks run as their usage says, at a size that takes seconds; what they measure is not judged here."""

import importlib
import json
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile as sf
import torch
from transformers import WhisperFeatureExtractor

from audio_emotion.dataset_scripts.prepare import prepare
from audio_emotion.dataset_scripts.prepared import load_prepared
from audio_emotion.pipeline.decoding_audio_emotion import decode_audio
from audio_emotion.training.recipe import SHIPPED, load_recipe
from benchmarks import (
    clip_lengths,
    encoder_speed,
    import_time,
    long_audio,
    memory,
    opus_copy,
    peers,
    prepare_speed,
    roof,
    scale,
    stream,
    training_speed,
)
from benchmarks.encoder_speed import load, stock_twin
from benchmarks.measure import Spread, alternate

FILES = sorted((Path(__file__).parents[1] / "benchmarks").glob("*.py"))
COMMANDS = [f"benchmarks.{file.stem}" for file in FILES if "\ndef main(" in file.read_text(encoding="utf-8")]


def test_spread_is_median_and_quartiles() -> None:
    assert Spread.of([1.0, 2.0, 3.0, 4.0, 5.0]) == Spread(median=3.0, low=2.0, high=4.0)


def test_candidates_take_turns_and_warm_up_first() -> None:
    calls: list[str] = []
    times = alternate({"a": lambda: calls.append("a"), "b": lambda: calls.append("b")}, runs=3, warmup=1)
    assert "".join(calls) == "ab" * 4
    assert {name: len(seconds) for name, seconds in times.items()} == {"a": 3, "b": 3}


@pytest.mark.parametrize("command", COMMANDS)
def test_help(command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark", "--help"])
    with pytest.raises(SystemExit, match="0"):
        importlib.import_module(command).main()
    assert "--json" in capsys.readouterr().out


@pytest.mark.parametrize("case", memory.CASES)
def test_recordings_have_the_rate_channels_and_length_of_their_case(case: str, tmp_path: Path) -> None:
    sampling_rate, num_channels = memory.CASES[case]
    path = (tmp_path / case).with_suffix("." + case.partition("-")[0])
    memory.write_recording(path, sampling_rate, num_channels, duration_s=10)
    info = sf.info(path)
    assert (info.samplerate, info.channels) == (sampling_rate, num_channels)
    assert info.duration == pytest.approx(10, abs=0.1)


def run(command: object, *arguments: str, out: Path, monkeypatch: pytest.MonkeyPatch) -> dict:
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments, "--json", str(out)])
    command.main()
    return json.loads(out.read_text(encoding="utf-8"))


def test_encoder_speed(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--model", str(tiny_model_dir), "--runs", "2", "--seconds", "1")
    numbers = run(encoder_speed, *arguments, out=tmp_path / "speed.json", monkeypatch=monkeypatch)
    assert numbers["d_model"] == 32
    for row in numbers["comparisons"].values():
        assert row["ratio"]["low"] <= row["ratio"]["median"] <= row["ratio"]["high"]


@pytest.mark.slow
def test_memory(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--model", str(tiny_model_dir), "--duration-s", "40", "--cases", "wav-44100-2")
    numbers = run(memory, *arguments, out=tmp_path / "memory.json", monkeypatch=monkeypatch)
    case = numbers["cases"]["wav-44100-2"]
    assert case["end_s"] == pytest.approx(40)
    assert 50e6 < case["peak_bytes"] < 1.5e9


@pytest.mark.slow
def test_import_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = run(import_time, "--runs", "2", out=tmp_path / "import.json", monkeypatch=monkeypatch)
    assert numbers["import_transformers_s"]["median"] > numbers["import_audio_emotion_adds_s"]["median"] > 0


def test_stream(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--model", str(tiny_model_dir), "--seconds", "2", "--sampling-rate", "8000")
    numbers = run(stream, *arguments, out=tmp_path / "stream.json", monkeypatch=monkeypatch)
    assert 0.4 < numbers["delay_s"]["p50"] <= numbers["delay_s"]["p95"] <= numbers["delay_s"]["max"]
    assert 0 < numbers["core_share"] < 4
    assert 0 <= numbers["against_the_pipeline"]["jensen_shannon_nats"] < 0.7


@pytest.mark.slow
def test_long_audio(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "long.json"
    model = ("--model", str(tiny_model_dir))
    run(long_audio, *model, "--minutes", "0.5", "1.5", "--mp3-minutes", out=out, monkeypatch=monkeypatch)
    numbers = run(long_audio, *model, "--minutes", "--mp3-minutes", "0.5", out=out, monkeypatch=monkeypatch)
    lengths = {name: case["seconds_of_audio"] for name, case in numbers["cases"].items()}
    assert lengths == pytest.approx({"wav-0.5-min": 30, "wav-1.5-min": 90, "mp3-0.5-min": 30}, abs=0.1)
    assert numbers["cases"]["mp3-0.5-min"]["over_encoder"] > 1
    assert 0.5 < numbers["growth"]["peak_memory_longest_to_next"] < 2


def test_prepare_speed_on_a_corpus_of_one_clip(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Angry").mkdir()
    memory.write_recording(tmp_path / "Angry" / "SM1_F10_A010.wav", 16_000, 1, duration_s=10)
    numbers = tmp_path / "numbers.json"
    arguments = ["urdu", "--source", str(tmp_path), "--num-proc", "1", "--json", str(numbers)]
    monkeypatch.setattr(sys, "argv", ["benchmark", *arguments])
    prepare_speed.main()
    assert json.loads(numbers.read_text())["duration_s"] == 10


def test_an_opus_copy_is_the_corpus_but_for_its_audio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "Angry").mkdir()
    memory.write_recording(tmp_path / "Angry" / "SM1_F10_A010.wav", 16_000, 1, duration_s=10)
    prepare("urdu", tmp_path, tmp_path / "prepared")
    arguments = ["--data", str(tmp_path / "prepared"), "--corpus", "urdu", "--out", str(tmp_path / "coded")]
    numbers = run(opus_copy, *arguments, out=tmp_path / "out.json", monkeypatch=monkeypatch)
    assert 5 < numbers["kbit_per_s"]["urdu"] < 100
    (original,), (copy,) = (load_prepared(tmp_path / folder, "urdu")["test"] for folder in ("prepared", "coded"))
    sound, coded = (decode_audio(row.pop("audio")) for row in (original, copy))
    assert copy == original
    assert sound.shape == coded.shape
    assert 0 < np.abs(sound - coded).max() < 1


def test_sizing_is_arithmetic() -> None:
    numbers = scale.sizing(rate_per_core=50.0, mean_clip_s=3.6, clip_bytes=80.0, price=0.05)
    assert numbers["core_hours"] == 20_000
    assert numbers["cost"] == pytest.approx(1000)
    assert numbers["hours_on_machines"]["100"] == pytest.approx(20_000 / 3200)
    assert numbers["clip_table_bytes"] == pytest.approx(1e9 * 80)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_scale(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arguments = ("--model", str(tiny_model_dir), "--clips", "40", "--block-size", "4", "--runs", "2")
    numbers = run(scale, *arguments, out=tmp_path / "scale.json", monkeypatch=monkeypatch)
    assert set(numbers["workers"]) == {"1", "2"}
    assert numbers["scaling"]["median"] > 0
    assert 20 < numbers["bytes_per_clip"]["clips"] < 2000


def test_the_mix_is_spread_like_the_corpora() -> None:
    table = json.loads(clip_lengths.TABLE.read_text(encoding="utf-8"))
    lengths = clip_lengths.mix_lengths(200)
    assert sum(lengths) / 200 == pytest.approx(table["mean_s"], rel=0.03)
    assert table["percentiles_s"]["0"] <= min(lengths) <= max(lengths) <= table["percentiles_s"]["100"]
    assert lengths != sorted(lengths)


def test_clip_lengths_reads_prepared_corpora(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for corpus, durations in {"one": [1.0, 2.0], "two": [6.0]}.items():
        (tmp_path / corpus).mkdir()
        pq.write_table(pa.table({"duration_s": durations}), tmp_path / corpus / "train-00000-of-00001.parquet")
    numbers = run(clip_lengths, "--data", str(tmp_path), out=tmp_path / "out.json", monkeypatch=monkeypatch)
    assert numbers["num_clips"] == {"one": 2, "two": 1}
    assert numbers["mean_s"] == 3.0
    assert numbers["percentiles_s"]["50"] == 2.0


def test_clips_of_the_example_follow_each_other(tmp_path: Path) -> None:
    recording, _ = sf.read(clip_lengths.EXAMPLE, dtype="float32")
    first, second = clip_lengths.cut_example([0.5, 1.0])
    np.testing.assert_array_equal(np.concatenate([first, second]), recording[:24_000])
    paths = clip_lengths.write_clips(tmp_path / "clips", [first, second])
    assert [sf.info(path).duration for path in paths] == [0.5, 1.0]


def test_peers(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = ("--mix-clips", "3", "--runs", "2", "--long-runs", "2", "--threads", "1", "--peers", "stock", "reference")
    out = tmp_path / "peers.json"
    model = ("--model", str(tiny_model_dir))
    run(peers, *model, *size, "--lengths", "1", "--batches", "1", out=out, monkeypatch=monkeypatch)
    numbers = run(peers, *model, *size, "--lengths", "mix", "--batches", "2", out=out, monkeypatch=monkeypatch)
    assert set(numbers["cases"]) == {"1, batch 1", "mix, batch 2"}
    case = numbers["cases"]["mix, batch 2"]
    assert (case["num_clips"], case["batch_size"], case["bar"]["at_least"]) == (3, 2, 8.0)
    assert set(case["ours_is_faster"]) == {"stock", "reference"}


def test_every_peer_hears_the_same_encoder(tiny_model_dir: Path, tmp_path: Path) -> None:
    ctranslate2 = pytest.importorskip("ctranslate2")
    ours, features = load(str(tiny_model_dir))
    window = features(clip_lengths.cut_example([30.0])[0], return_tensors="pt")["input_features"]
    with torch.inference_mode():
        expected = ours.model.encoder(window).last_hidden_state.numpy()
        stock = stock_twin(ours).encoder(window).last_hidden_state.numpy()
    peers.write_ctranslate2(ours, tmp_path / "converted")
    engine = ctranslate2.models.Whisper(str(tmp_path / "converted"), device="cpu", compute_type="float32")
    converted = np.array(engine.encode(ctranslate2.StorageView.from_array(window.numpy())))
    np.testing.assert_allclose(stock, expected, atol=1e-5)
    np.testing.assert_allclose(converted, expected, atol=1e-4)


def test_roof(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roof, "SQUARES", (64,))
    arguments = ("--model", str(tiny_model_dir), "--seconds", "1", "--runs", "2", "--threads", "1")
    numbers = run(roof, *arguments, out=tmp_path / "roof.json", monkeypatch=monkeypatch)
    assert numbers["roof"] in numbers["gemm_gflops"]
    assert 0 < numbers["share_of_roof"]["median"] < 1.5
    assert sum(numbers["time"].values()) == pytest.approx(1)
    assert {"gemm", "attention", "convolution"} <= set(numbers["time"])


def test_flops_are_those_of_the_formula(tiny_model_dir: Path) -> None:
    ours, features = load(str(tiny_model_dir))
    config = ours.config.encoder_config
    inputs = dict(features(clip_lengths.cut_example([2.0])[0], return_tensors="pt"))
    flops = roof.count_flops(lambda: ours.model(**inputs))
    frames, width, inner, layers = 100, config.d_model, config.encoder_ffn_dim, config.encoder_layers
    assert flops["gemm"] == 2 * layers * frames * (4 * width * width + 2 * width * inner)
    assert flops["attention"] == 2 * layers * 2 * frames * frames * width
    assert flops["convolution"] == 2 * 3 * width * (2 * frames * config.num_mel_bins + frames * width)


def test_training_speed(tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    size = ("--seconds", "0.5", "--clips", "3", "--stock-batch", "2", "--runs", "2", "--threads", "1")
    model = ("--model", str(tiny_model_dir))
    numbers = run(training_speed, *model, *size, out=tmp_path / "training.json", monkeypatch=monkeypatch)
    assert numbers["ours_is_faster"]["median"] > 0
    assert set(numbers["clips_per_second"]) == {"ours", "stock"}


def test_both_training_steps_learn(tiny_model_dir: Path) -> None:
    ours, features = load(str(tiny_model_dir))
    clips, labels = clip_lengths.cut_example([0.5, 0.6]), [0, 5]
    recipe = load_recipe(SHIPPED / "base.yaml")
    stock = stock_twin(ours)
    stock_features = WhisperFeatureExtractor(feature_size=features.feature_size)
    for step in (
        training_speed.make_stock_step(stock, stock_features, recipe, clips, labels, batch_size=1),
        training_speed.make_our_step(ours, features, recipe, clips, labels),
    ):
        losses = [step() for _ in range(6)]
        assert losses[-1] < losses[0]


def test_training_batches_hold_at_most_so_many_frames() -> None:
    clips = [np.zeros(length, np.float32) for length in (640, 320, 320, 960)]
    assert training_speed.frame_batches(clips, frames_per_batch=4, frame_samples=320) == [[1, 2], [0], [3]]
