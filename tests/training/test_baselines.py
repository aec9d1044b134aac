"""The baselines run as their usage says, on corpora of synthetic voices; what they score is not judged here."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from audio_emotion.training.recipe import Recipe, save_recipe
from audio_emotion.training.shift_set import ShiftSetRecipe, write_shift_set
from benchmarks import baseline, stock_recipe
from benchmarks.baseline import training_clips

SECONDS = 2


@pytest.fixture
def arguments(recipe: Recipe, with_foreign_corpus: Path, tmp_path: Path) -> list[str]:
    save_recipe(recipe, tmp_path / "recipe.yaml")
    write_shift_set(with_foreign_corpus, "foreign", "train", tmp_path / "shifts", ShiftSetRecipe(num_recordings=3))
    folders = ["--data", str(with_foreign_corpus), "--shifts", str(tmp_path / "shifts")]
    return ["--config", str(tmp_path / "recipe.yaml"), *folders, "--corpus", "foreign"]


def run(command: object, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["baseline.py", *arguments])
    command.main()


def check_results(path: Path) -> dict:
    results = json.loads(path.read_text(encoding="utf-8"))
    measured = results["corpora"]["foreign"]
    assert measured["zero_shot"] is True
    assert measured["class_sets"]["all"]["classes"] == ["sadness", "anger", "neutral"]
    uar = measured["class_sets"]["all"]["priors"]["train"]["uar"]
    assert 0 <= uar["low"] <= uar["value"] <= uar["high"] <= 1
    assert 0 <= results["shifts"]["foreign_shifts"]["windows"]["eder"]["value"] <= 1
    return results


def test_stock_recipe_trains_measures_and_goes_on(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(stock_recipe, "CPU_WINDOW_S", SECONDS)
    monkeypatch.setattr(stock_recipe, "GPU_WINDOW_S", SECONDS)
    out = tmp_path / "stock.json"
    run_folder = ["--output-dir", str(tmp_path / "stock")]
    arguments = [*arguments, "--json", str(out), *run_folder, "--save-every", "1"]
    run(stock_recipe, [*arguments, "--items", "64"], monkeypatch)
    results = check_results(out)
    assert results["model"]["items"] == 64
    assert results["model"]["window_s"] == SECONDS
    assert "trained on 64 clips" in capsys.readouterr().out
    first = out.read_bytes()
    run(stock_recipe, [*arguments, "--items", "64"], monkeypatch)
    assert out.read_bytes() == first
    assert "trained" not in capsys.readouterr().out
    with pytest.raises(SystemExit, match="another run"):
        run(stock_recipe, [*arguments, "--items", "96"], monkeypatch)


def test_what_is_kept_is_that_of_the_same_clips(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(baseline, "CLIPS_A_FILE", 2)
    computed = []

    def means(clips: list[np.ndarray], advance: Callable[[int], None]) -> np.ndarray:
        computed.append(len(clips))
        return np.array([[clip.mean()] for clip in clips])

    def ask(clips: list[np.ndarray]) -> list[float]:
        return baseline.kept_in_files(tmp_path / "emodb", iter(clips), len(clips), means)[:, 0].tolist()

    clips = [np.full(100, value, dtype=np.float32) for value in range(5)]
    assert ask(clips) == ask(clips) == [0, 1, 2, 3, 4]
    assert computed == [2, 2, 1]
    assert ask([*clips[:2], -clips[2], clips[3]]) == [0, 1, -2, 3]
    assert computed == [2, 2, 1, 2]
    assert ask([np.append(clips[0], clips[1][:50]), clips[1][50:]]) == [pytest.approx(1 / 3), 1]


def test_the_cut_stock_model_is_whisper_on_a_short_window(tiny_whisper: Path) -> None:
    cut, whole = stock_recipe.load_stock(str(tiny_whisper), SECONDS), stock_recipe.load_stock(str(tiny_whisper), 30)
    assert cut.encoder.embed_positions.weight.shape == (SECONDS * 50, 32)
    for name, tensor in cut.encoder.state_dict().items():
        assert torch.equal(tensor, whole.encoder.state_dict()[name][: len(tensor)]), name


def test_stock_features_are_padded_to_the_window_and_long_clips_cut(recipe: Recipe) -> None:
    clips = training_clips(recipe)
    extractor = stock_recipe.WhisperFeatureExtractor(feature_size=80, chunk_length=1)
    assert clips.duration_s.max() > 1 > clips.duration_s.min()
    examples = stock_recipe.StockClips(clips, extractor, seed=0)
    for index in (int(clips.duration_s.argmax()), int(clips.duration_s.argmin())):
        assert examples[index]["input_features"].shape == (80, 100)
        assert examples[index]["labels"] == clips.labels[index].argmax()


def test_a_corpus_that_measures_is_not_trained_on(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SystemExit, match="trains on alpha"):
        run(stock_recipe, [*arguments[:-1], "alpha", "--output-dir", str(tmp_path)], monkeypatch)


def test_opensmile_extracts_once_and_measures_both_classifiers(
    arguments: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("opensmile")
    from benchmarks import opensmile_baseline

    out = tmp_path / "opensmile.json"
    arguments = [*arguments, "--json", str(out), "--cache", str(tmp_path / "features")]
    run(opensmile_baseline, arguments, monkeypatch)
    assert "LinearSVC" in check_results(out)["model"]["name"]
    assert "LogisticRegression" in check_results(tmp_path / "opensmile_logistic.json")["model"]["name"]
    (features,) = (tmp_path / "features").glob("train-alpha+beta-000000-*.npy")
    assert np.load(features).shape[1] == 88
    first = out.read_bytes()
    monkeypatch.setattr(opensmile_baseline.Functionals, "_compute", None)
    run(opensmile_baseline, arguments, monkeypatch)
    assert out.read_bytes() == first
