"""transformers' own Trainer on the model, with class indices, soft labels and intensities."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import Trainer, TrainingArguments

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification

MakeModel = Callable[..., EmotionWhisperForAudioClassification]


@pytest.fixture
def make_trainer(make_clip: Callable[..., np.ndarray], tmp_path: Path) -> Callable[..., Trainer]:
    """Makes a Trainer over six clips of different lengths; `labels` are theirs."""

    def make(
        model: EmotionWhisperForAudioClassification,
        labels: torch.Tensor,
        masks: torch.Tensor | None = None,
        batch_size: int = 6,
        accumulation: int = 1,
    ) -> Trainer:
        extractor = EmotionWhisperFeatureExtractor.from_model_config(model.config)
        rows = [
            {"clip": make_clip(2000 + 777 * i, i), "labels": label, "label_mask": None if masks is None else masks[i]}
            for i, label in enumerate(labels)
        ]

        def collate(batch: list[dict[str, Any]]) -> dict[str, torch.Tensor]:
            inputs = dict(extractor([row["clip"] for row in batch], return_tensors="pt"))
            inputs["labels"] = torch.stack([row["labels"] for row in batch])
            if masks is not None:
                inputs["label_mask"] = torch.stack([row["label_mask"] for row in batch])
            return inputs

        arguments = TrainingArguments(
            tmp_path,
            use_cpu=True,
            report_to="none",
            max_steps=6,
            learning_rate=3e-3,
            per_device_train_batch_size=batch_size,
            gradient_accumulation_steps=accumulation,
            per_device_eval_batch_size=4,
            remove_unused_columns=False,
            disable_tqdm=True,
            save_strategy="no",
        )
        return Trainer(model, arguments, data_collator=collate, train_dataset=rows, eval_dataset=rows)

    return make


@pytest.mark.parametrize(
    ("fields", "labels"),
    [
        ({}, torch.tensor([0, 1, 2, 3, 4, 5])),
        ({"pooling": "attention", "layer_mix": True}, torch.eye(8)[:6] * 0.8 + 0.025),
        ({"problem": "intensity", "num_labels": 3}, torch.tensor([[0.0, 1, 0.5]] * 3 + [[1.0, 0, 0.5]] * 3)),
    ],
    ids=["class indices", "soft labels", "intensities"],
)
def test_trains_and_evaluates(make_model: MakeModel, make_trainer: Any, fields: Any, labels: torch.Tensor) -> None:
    model = make_model(**fields)
    trainer = make_trainer(model, labels, masks=torch.ones(6, model.config.num_labels))
    before = trainer.evaluate()["eval_loss"]
    trainer.train()
    predictions = trainer.predict(trainer.eval_dataset)
    assert predictions.metrics["test_loss"] < before
    assert predictions.predictions.shape == (6, model.config.num_labels)
    assert predictions.label_ids.shape == labels.shape


def test_accumulated_gradients_are_those_of_one_batch(make_model: MakeModel, make_trainer: Any) -> None:
    """A model whose forward takes **kwargs is otherwise taken for one that divides its loss itself."""
    losses = []
    for batch_size, accumulation in ((6, 1), (2, 3)):
        model = make_model()
        trainer = make_trainer(model, torch.arange(6), batch_size=batch_size, accumulation=accumulation)
        assert not trainer.model_accepts_loss_kwargs
        trainer.train()
        losses.append(trainer.state.log_history[-1]["train_loss"])
    assert losses[0] == pytest.approx(losses[1], rel=1e-3)


def test_trains_as_the_tutorial_of_transformers_does(
    make_model: MakeModel, make_clip: Callable[..., np.ndarray], tmp_path: Path
) -> None:
    model = make_model(num_labels=3)
    extractor = EmotionWhisperFeatureExtractor.from_model_config(model.config)

    def row(index: int) -> dict[str, Any]:
        inputs = extractor(make_clip(2000 + 777 * index, index), max_length=5000, truncation=True)
        return {name: values[0].tolist() for name, values in inputs.items()} | {"label": index % 3}

    data = Dataset.from_list([row(index) for index in range(6)])
    arguments = TrainingArguments(
        tmp_path / "run",
        use_cpu=True,
        report_to="none",
        num_train_epochs=6,
        learning_rate=3e-3,
        per_device_train_batch_size=3,
        per_device_eval_batch_size=4,
        eval_strategy="epoch",
        save_strategy="epoch",
        load_best_model_at_end=True,
        metric_for_best_model="loss",
        disable_tqdm=True,
    )
    trainer = Trainer(
        model,
        arguments,
        train_dataset=data,
        eval_dataset=data,
        processing_class=extractor,
        compute_metrics=lambda found: {"recall": float((found.predictions.argmax(-1) == found.label_ids).mean())},
    )
    before = trainer.evaluate()
    trainer.train()
    after = trainer.evaluate()
    assert after["eval_loss"] < before["eval_loss"]
    assert "eval_recall" in after
    trainer.save_model(tmp_path / "final")
    loaded = EmotionWhisperForAudioClassification.from_pretrained(tmp_path / "final")
    inputs = EmotionWhisperFeatureExtractor.from_pretrained(tmp_path / "final")(make_clip(4000), return_tensors="pt")
    torch.testing.assert_close(loaded(**inputs).logits, model.eval()(**inputs).logits)
