"""What a recipe can switch on: frozen layers, LoRA, logit adjustment, pitch, codecs, temperature."""

from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from audio_emotion.cli import app
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.augmentation import CODECS, round_trip, shift_pitch
from audio_emotion.training.checkpoints import list_checkpoints, load_checkpoint
from audio_emotion.training.data import load_clips
from audio_emotion.training.lora import merge_lora
from audio_emotion.training.objectives import TrainingObjective
from audio_emotion.training.optimizer import parameter_groups
from audio_emotion.training.recipe import ObjectiveRecipe, OptimizerRecipe, Recipe
from audio_emotion.training.sampling import embodied_prior
from audio_emotion.training.train import build_model, train

RATE = 16_000
PRIOR = np.array([0.4, 0.2, 0.1, 0.1, 0.05, 0.05, 0.05, 0.05])


def changed(recipe: Recipe, **sections: dict) -> Recipe:
    raw = recipe.model_dump()
    for section, values in sections.items():
        raw[section] |= values
    return Recipe.model_validate(raw)


def objective_of(recipe: Recipe, **options: object) -> TrainingObjective:
    return TrainingObjective(build_model(recipe, load_clips(recipe.data, "train")), recipe.objective, 2, 8, **options)


def test_frozen_layers_take_no_gradient_and_those_above_do(recipe: Recipe) -> None:
    objective = objective_of(recipe)
    parameter_groups(objective, OptimizerRecipe(freeze_layers=1))
    encoder = objective.model.model.encoder
    assert not any(parameter.requires_grad for parameter in encoder.layers[0].parameters())
    assert not encoder.conv1.weight.requires_grad
    assert all(parameter.requires_grad for parameter in encoder.layers[1].parameters())
    with pytest.raises(RecipeError, match=r"freeze_layers is 3.*2 layers"):
        parameter_groups(objective, OptimizerRecipe(freeze_layers=3))


def test_lora_trains_small_updates_and_ships_a_plain_model(recipe: Recipe, tiny_whisper: Path) -> None:
    recipe = changed(recipe, model={"lora": {"rank": 2, "dropout": 0.1}})
    final = train(recipe)
    model = EmotionWhisperForAudioClassification.from_pretrained(final)
    start = EmotionWhisperForAudioClassification.from_whisper(tiny_whisper).model.encoder.state_dict()
    tuned = model.model.encoder.state_dict()
    assert tuned.keys() == start.keys()
    moved = {name for name in start if not torch.allclose(start[name], tuned[name], atol=1e-3)}
    assert moved and all("self_attn" in name and name.endswith("weight") for name in moved)
    _, weights, _ = load_checkpoint(list_checkpoints(Path(recipe.output_dir) / "checkpoints")[-1])
    of_encoder = [name for name in weights if ".encoder." in name and "embed_positions" not in name]
    assert of_encoder and all("lora_" in name for name in of_encoder)


def test_merging_lora_changes_no_answer(recipe: Recipe) -> None:
    objective = objective_of(changed(recipe, model={"lora": {"rank": 2}}))
    for name, parameter in objective.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(parameter, std=0.3)
    model = objective.model.eval()
    features = torch.randn(2, 80, 100)
    merged = merge_lora(model)
    assert merged is not model and not any("lora" in name for name in merged.state_dict())
    with torch.inference_mode():
        assert torch.allclose(model(features).logits, merged(features).logits, atol=1e-5)
        plain = objective_of(recipe).model.eval()
        assert merge_lora(plain) is plain


@pytest.mark.parametrize("adjustment", [0.0, 0.5, 1.0])
def test_adjusted_logits_embody_the_rest_of_the_prior(recipe: Recipe, adjustment: float) -> None:
    """Logits that hear nothing, trained on a mix of uneven classes, end in exactly `embodied_prior`."""
    recipe = changed(recipe, objective={"logit_adjustment": adjustment})
    objective = objective_of(recipe, class_prior=PRIOR.tolist())
    logits = torch.zeros(8, requires_grad=True)
    optimizer = torch.optim.LBFGS([logits], max_iter=100)

    def loss() -> torch.Tensor:
        optimizer.zero_grad()
        value = -(torch.tensor(PRIOR).float() * objective._adjusted(logits).log_softmax(0)).sum()
        value.backward()
        return value

    optimizer.step(loss)
    assert logits.softmax(0).detach().numpy() == pytest.approx(embodied_prior(PRIOR, adjustment), abs=1e-3)


def test_adjustment_changes_the_loss_and_the_stored_prior(recipe: Recipe) -> None:
    adjusted = changed(recipe, objective={"logit_adjustment": 1.0})
    clips = load_clips(recipe.data, "train")
    assert build_model(adjusted, clips).config.class_prior == pytest.approx([1 / 8] * 8)
    assert build_model(recipe, clips).config.class_prior != pytest.approx([1 / 8] * 8)
    torch.manual_seed(0)
    plain = objective_of(recipe).eval()
    other = TrainingObjective(plain.model, adjusted.objective, 2, 8, class_prior=PRIOR.tolist()).eval()
    labels = torch.eye(8)[:2]
    batch = {
        "input_features": torch.randn(1, 2, 80, 100),
        "attention_mask": torch.ones(2, 100, dtype=torch.long),
        "labels": labels,
        "label_mask": torch.ones(2, 8, dtype=torch.bool),
        "frame_labels": labels[:, None].expand(2, 50, 8),
    }
    with torch.inference_mode():
        before, after = plain(batch), other(batch)
    assert all(not torch.isclose(before[name], after[name]) for name in ("pooled", "frame"))
    with pytest.raises(RecipeError, match="class shares"):
        TrainingObjective(plain.model, ObjectiveRecipe(logit_adjustment=0.5), 2, 8)


@pytest.mark.parametrize("semitones", [-5.0, -1.0, 3.0])
def test_pitch_moves_and_tempo_stays(semitones: float) -> None:
    time_s = np.arange(RATE) / RATE
    tone = (0.3 * np.sin(2 * np.pi * 440 * time_s) * (time_s > 0.5)).astype(np.float32)
    shifted = shift_pitch(tone, semitones)
    assert shifted.shape == tone.shape and shifted.dtype == np.float32
    spectrum = np.abs(np.fft.rfft(shifted))
    assert spectrum.argmax() == pytest.approx(440 * 2 ** (semitones / 12), rel=0.02)
    energy = np.cumsum(np.square(shifted, dtype=np.float64))
    assert np.searchsorted(energy, 0.02 * energy[-1]) / RATE == pytest.approx(0.5, abs=0.06)


@pytest.mark.parametrize("codec", CODECS, ids=lambda codec: codec[1])
@pytest.mark.parametrize("num_samples", [200, 16_001])
def test_a_codec_changes_a_little_and_moves_nothing(codec: tuple[str, str], num_samples: int) -> None:
    time_s = np.arange(num_samples) / RATE
    sound = (0.3 * np.sin(2 * np.pi * (200 + 300 * time_s) * time_s)).astype(np.float32)
    coded = round_trip(sound, RATE, np.random.default_rng(0), codec)
    assert coded.shape == sound.shape and coded.dtype == np.float32
    assert not np.array_equal(coded, sound)
    assert np.array_equal(coded, round_trip(sound, RATE, np.random.default_rng(0), codec))
    if num_samples > RATE:
        assert np.corrcoef(coded, sound)[0, 1] > 0.9


def test_calibrate_command_finds_the_overconfidence_it_is_given(
    recipe: Recipe, prepared: Path, tiny_base: Path, tmp_path: Path
) -> None:
    temperatures = {}
    for factor in (1.0, 2.0):
        model = EmotionWhisperForAudioClassification.from_pretrained(tiny_base)
        with torch.no_grad():
            for classifier in model.head.children():
                classifier.weight.mul_(factor)
                classifier.bias.mul_(factor)
        folder = tmp_path / f"model{factor}"
        model.save_pretrained(folder)
        for name in ("preprocessor_config.json",):
            (folder / name).write_bytes((tiny_base / name).read_bytes())
        arguments = ["calibrate", str(folder), "--data", str(prepared), "--corpus", "alpha", "--corpus", "beta"]
        out = tmp_path / f"out{factor}"
        answer = CliRunner().invoke(app, [*arguments, "--out", str(out)])
        assert answer.exit_code == 0, answer.output
        calibrated = EmotionWhisperForAudioClassification.from_pretrained(out)
        temperatures[factor] = calibrated.config.temperature
        assert 0 <= calibrated.config.calibration_error <= 1
    bounded = [min(5.0, max(0.2, temperatures[1.0] * 2))]
    assert temperatures[2.0] == pytest.approx(bounded[0], rel=0.05)


def test_calibrate_says_what_is_wrong(tmp_path: Path, prepared: Path) -> None:
    answer = CliRunner().invoke(
        app, ["calibrate", str(tmp_path), "--data", str(prepared), "--out", str(tmp_path / "o")]
    )
    assert answer.exit_code == 1
    assert "cannot be loaded" in " ".join(answer.output.split())
    assert not (tmp_path / "o").exists()
