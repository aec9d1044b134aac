"""Teachers: their mean scores are targets, they never change, and one that does not fit is refused."""

from pathlib import Path

import pytest
import torch
from pydantic import ValidationError

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.data import load_clips
from audio_emotion.training.distillation import Teachers, load_teachers
from audio_emotion.training.objectives import Batch, TrainingObjective
from audio_emotion.training.recipe import ObjectiveRecipe, Recipe
from audio_emotion.training.train import build_model, train


def model_of(recipe: Recipe, seed: int) -> EmotionWhisperForAudioClassification:
    torch.manual_seed(seed)
    return build_model(recipe, load_clips(recipe.data, "train"))


@pytest.fixture
def batch() -> Batch:
    torch.manual_seed(7)
    attention_mask = torch.ones(2, 100, dtype=torch.long)
    attention_mask[1, 60:] = 0
    labels = torch.eye(8)[:2]
    return {
        "input_features": torch.randn(1, 2, 80, 100),
        "attention_mask": attention_mask,
        "labels": labels,
        "label_mask": torch.ones(2, 8, dtype=torch.bool),
        "frame_labels": labels[:, None].expand(2, 50, 8),
    }


def folder_of(model: EmotionWhisperForAudioClassification, folder: Path, **features: object) -> str:
    model.save_pretrained(folder)
    EmotionWhisperFeatureExtractor(**{"level_normalization": True} | features).save_pretrained(folder)
    return str(folder)


def test_scores_are_the_mean_of_tempered_ones(recipe: Recipe, batch: Batch) -> None:
    models = [model_of(recipe, seed).eval() for seed in (1, 2)]
    models[1].config.temperature = 2.0
    inputs = {"input_features": batch["input_features"][0], "attention_mask": batch["attention_mask"]}
    taught = Teachers(models)(**inputs)
    with torch.inference_mode():
        outputs = [model(**inputs) for model in models]
    expected = (outputs[0].logits.softmax(-1) + (outputs[1].logits / 2).softmax(-1)) / 2
    torch.testing.assert_close(taught.pooled, expected)
    heard = outputs[0].frame_mask
    torch.testing.assert_close(taught.frame.sum(-1), heard.float())
    torch.testing.assert_close(taught.frame_share.sum(1), torch.ones(2))
    assert not heard.all()


def test_the_term_falls_as_the_model_nears_its_teacher(recipe: Recipe, batch: Batch) -> None:
    teacher, other = model_of(recipe, 1).eval(), model_of(recipe, 2)

    def term(student: EmotionWhisperForAudioClassification, weight: float) -> float:
        wanted = recipe.objective.model_copy(update={"distillation": weight, "teachers": ["any"]})
        objective = TrainingObjective(student, wanted, 2, 8, teachers=Teachers([teacher])).eval()
        with torch.inference_mode():
            return float(objective(batch)["distillation"])

    assert term(teacher, 1.0) < term(other, 1.0)
    assert term(other, 4.0) == pytest.approx(4 * term(other, 1.0), rel=1e-5)


def test_the_term_is_a_sum_over_items(recipe: Recipe, batch: Batch) -> None:
    wanted = recipe.objective.model_copy(update={"distillation": 1.0, "teachers": ["any"]})
    teachers = Teachers([model_of(recipe, 1)])
    objective = TrainingObjective(model_of(recipe, 2), wanted, 2, 8, teachers=teachers).eval()
    items = [
        {name: tensor[:, [item]] if name == "input_features" else tensor[[item]] for name, tensor in batch.items()}
        for item in range(2)
    ]
    with torch.inference_mode():
        whole, parts = objective(batch), [objective(item) for item in items]
    assert float(whole["distillation"]) == pytest.approx(sum(float(part["distillation"]) for part in parts), rel=1e-5)


def test_teachers_neither_learn_nor_drop(recipe: Recipe, batch: Batch) -> None:
    teachers = Teachers([model_of(recipe, 1)])
    wanted = recipe.objective.model_copy(update={"distillation": 1.0, "teachers": ["any"]})
    objective = TrainingObjective(model_of(recipe, 2), wanted, 2, 8, teachers=teachers).train()
    assert not any(module.training for module in teachers.modules())
    objective(batch)["distillation"].backward()
    assert all(parameter.grad is None for parameter in teachers.parameters())
    assert any(parameter.grad is not None for parameter in objective.model.parameters())


def test_a_run_learns_from_teachers(recipe: Recipe, tmp_path: Path) -> None:
    teacher = folder_of(model_of(recipe, 1), tmp_path / "teacher")
    raw = recipe.model_dump()
    raw["objective"] |= {"distillation": 1.0, "teachers": [teacher]}
    raw["loop"] |= {"epochs": 1}
    final = train(Recipe.model_validate(raw))
    assert "distillation" in (Path(raw["output_dir"]) / "log.jsonl").read_text()
    assert not [
        name for name in EmotionWhisperForAudioClassification.from_pretrained(final).state_dict() if "teach" in name
    ]


def test_what_does_not_fit_is_refused(recipe: Recipe, tmp_path: Path, tiny_model_dir: Path) -> None:
    model, extractor = model_of(recipe, 1), EmotionWhisperFeatureExtractor(level_normalization=True)
    assert load_teachers([], model, extractor) is None
    with pytest.raises(RecipeError, match="nowhere is no emotion model"):
        load_teachers([str(tmp_path / "nowhere")], model, extractor)
    loud = folder_of(model, tmp_path / "loud", level_normalization=False)
    with pytest.raises(RecipeError, match="other features, level_normalization differing"):
        load_teachers([loud], model, extractor)
    renamed = model_of(recipe, 3)
    renamed.config.id2label = {**renamed.config.id2label, 0: "joy"}
    with pytest.raises(RecipeError, match="answers with joy"):
        load_teachers([folder_of(renamed, tmp_path / "renamed")], model, extractor)
    with pytest.raises(ValidationError, match="go together"):
        ObjectiveRecipe(distillation=1.0)
    with pytest.raises(ValidationError, match="go together"):
        ObjectiveRecipe(teachers=["somewhere"])
    with pytest.raises(RecipeError, match=r"needs objective\.teachers"):
        TrainingObjective(model, ObjectiveRecipe(distillation=1.0, teachers=["somewhere"]), 2, 8)
