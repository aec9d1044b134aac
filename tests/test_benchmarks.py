"""The benchmarks run as their usage says, at a size that takes seconds; what they measure is not judged here."""

import importlib
import json
import sys
from pathlib import Path

import pytest
import soundfile as sf

from benchmarks import encoder_speed, import_time, long_audio, memory, prepare_speed, scale, stream
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
