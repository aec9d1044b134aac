"""The mean of models: exact, refused for models that do not match, validated, and a start for another run."""

import json
import sys
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from audio_emotion.cli import app
from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError, RecipeError
from audio_emotion.training.averaging import average_models
from audio_emotion.training.data import load_clips
from audio_emotion.training.recipe import Recipe, save_recipe
from audio_emotion.training.train import build_model, train
from benchmarks import recall


def write_model(folder: Path, whisper: Path, seed: int, level_normalization: bool = True, **config: object) -> Path:
    torch.manual_seed(seed)
    settings = {"pooling": "attention", "layer_mix": True} | config
    EmotionWhisperForAudioClassification.from_whisper(whisper, **settings).save_pretrained(folder)
    EmotionWhisperFeatureExtractor(level_normalization=level_normalization).save_pretrained(folder)
    return folder


def state(folder: Path) -> dict[str, torch.Tensor]:
    return EmotionWhisperForAudioClassification.from_pretrained(folder).state_dict()


def test_every_weight_is_the_mean(tiny_whisper: Path, tmp_path: Path) -> None:
    folders = [write_model(tmp_path / str(seed), tiny_whisper, seed, temperature=2.0) for seed in range(3)]
    mean = average_models(folders, tmp_path / "mean")
    for name, tensor in state(mean).items():
        expected = torch.stack([state(folder)[name] for folder in folders]).mean(0)
        torch.testing.assert_close(tensor, expected)
    assert EmotionWhisperForAudioClassification.from_pretrained(mean).config.temperature == 1.0
    assert EmotionWhisperFeatureExtractor.from_pretrained(mean).level_normalization


@pytest.mark.parametrize(
    "other", [{"num_layers": 1}, {"pooling": "mean"}, {"num_labels": 3}, {"level_normalization": False}]
)
def test_models_that_do_not_match_are_refused(other: dict, tiny_whisper: Path, tmp_path: Path) -> None:
    folders = [write_model(tmp_path / "a", tiny_whisper, 0), write_model(tmp_path / "b", tiny_whisper, 1, **other)]
    with pytest.raises(AudioEmotionError, match="differ in architecture, labels or features"):
        average_models(folders, tmp_path / "mean")
    assert not (tmp_path / "mean").exists()


def test_the_command_says_what_is_missing(tiny_base: Path, tmp_path: Path) -> None:
    run = CliRunner().invoke(app, ["average", str(tiny_base), "--out", str(tmp_path / "mean")])
    assert run.exit_code == 1
    assert "two models or more" in run.output
    run = CliRunner().invoke(app, ["average", str(tiny_base), str(tmp_path / "no"), "--out", str(tmp_path / "mean")])
    assert run.exit_code == 1
    assert "cannot be loaded" in run.output
    assert CliRunner().invoke(app, ["average", *[str(tiny_base)] * 2, "--out", str(tmp_path / "mean")]).exit_code == 0


def test_a_run_can_start_from_a_trained_model(recipe: Recipe, tiny_base: Path) -> None:
    section = recipe.model.model_copy(update={"continue_from": str(tiny_base)})
    clips = load_clips(recipe.data, "train")
    model = build_model(recipe.model_copy(update={"model": section}), clips)
    for name, tensor in state(tiny_base).items():
        torch.testing.assert_close(model.state_dict()[name], tensor)
    assert model.config.corpora == ["alpha", "beta"]
    shorter = section.model_copy(update={"num_layers": 1})
    with pytest.raises(RecipeError, match="does not fit the model section"):
        build_model(recipe.model_copy(update={"model": shorter}), clips)


@pytest.fixture
def shallow(tiny_whisper: Path, tmp_path: Path) -> Path:
    """A trained model of one layer."""
    folder = write_model(tmp_path / "shallow", tiny_whisper, 0, num_layers=1)
    model = EmotionWhisperForAudioClassification.from_pretrained(folder)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(0.1)
    model.save_pretrained(folder)
    return folder


def test_a_run_can_put_the_encoders_next_layers_on_a_trained_model(recipe: Recipe, shallow: Path) -> None:
    section = recipe.model.model_copy(update={"continue_from": str(shallow)})
    clips = load_clips(recipe.data, "train")
    grown = build_model(recipe.model_copy(update={"model": section}), clips).state_dict()
    whisper, trained = build_model(recipe, clips).state_dict(), state(shallow)
    mix, upper = "model.layer_mix.layer_logits", "model.encoder.layers.1."
    torch.testing.assert_close(grown.pop(mix), trained.pop(mix).expand(2))
    assert {name for name in whisper if name.startswith(upper)} == grown.keys() - trained.keys() != set()
    for name, tensor in grown.items():
        torch.testing.assert_close(tensor, whisper[name] if name.startswith(upper) else trained[name])


def test_a_model_without_a_mix_of_layers_gets_none_on_top(recipe: Recipe, tiny_whisper: Path, tmp_path: Path) -> None:
    trained = write_model(tmp_path / "last", tiny_whisper, 0, num_layers=1, layer_mix=False)
    section = recipe.model.model_copy(update={"continue_from": str(trained), "layer_mix": False})
    with pytest.raises(RecipeError, match="does not fit the model section"):
        build_model(recipe.model_copy(update={"model": section}), load_clips(recipe.data, "train"))


def test_the_benchmark_says_of_a_folder_what_its_log_says(
    recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = train(recipe).parent
    lines = [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]
    logged = max((line for line in lines if "validation_uar" in line), key=lambda line: line["validation_uar"])
    save_recipe(recipe, tmp_path / "recipe.yaml")
    out = tmp_path / "recall.json"
    arguments = [str(run / "best"), "--recipe", str(tmp_path / "recipe.yaml"), "--threads", "1", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["recall.py", *arguments])
    recall.main()
    found = json.loads(out.read_text())["validation"][str(run / "best")]
    assert found == pytest.approx({name: logged[name] for name in found}, abs=1e-5)
    assert found.keys() == logged.keys() - {"step"}
