"""Folders to push: what a training run leaves behind, and an adapter."""

import json
import os
import shutil
from pathlib import Path

import numpy as np
import yaml

from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
from audio_emotion.training.adapter import add_adapter, begin_task
from audio_emotion.training.evaluation import evaluate_corpora
from audio_emotion.training.evaluation_run import RESULTS_FORMAT, describe_model, read_corpora, write_results


def write_run(folder: Path, tiny_model_dir: Path, prepared: Path) -> None:
    """A tiny random model with everything that a run leaves behind, things that must stay there among them."""
    shutil.copytree(tiny_model_dir, folder)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"corpora": ["ravdess", "emodb", "mine"]}))
    recipe = {"output_dir": str(folder), "model": {"encoder": f"{Path.home()}/encoders/whisper-base"}}
    (folder / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    (folder / "calibration.json").write_text('{"temperature": 1.0}')
    pipe = AudioEmotionPipeline.from_pretrained(folder, device="cpu")
    corpora, _ = read_corpora([prepared], ["alpha"], "validation")
    results = evaluate_corpora(pipe, corpora, num_resamples=20)
    results["format"], results["model"], results["packages"] = (
        RESULTS_FORMAT,
        describe_model(pipe, str(folder)),
        {"a": "1"},
    )
    results["settings"] = {"prior": "train", "split": "validation"}
    results["command"] = f"audio-emotion evaluate --model {folder} --data {prepared} --out results.json"
    write_results(results, folder / "results.json")
    for left in ("optimizer.bin", "training_args.bin", "scheduler.pt", "checkpoints/state.pt", "notes.txt", ".env"):
        (folder / left).parent.mkdir(exist_ok=True)
        (folder / left).write_bytes(os.urandom(64))


def write_adapter(folder: Path, base: str) -> None:
    """An adapter with three labels of its own, beside the model in `folder` that it was made for."""
    model = EmotionWhisperForAudioClassification.from_pretrained(folder)
    begin_task(model, "distribution", ["calm", "tense", "none"], np.full(3, 1 / 3), ["mine"])
    add_adapter(model, {"peft_type": "LORA", "r": 2, "target_modules": ["q_proj"]}, base)
    (folder / "config.json").unlink()
    (folder / "model.safetensors").unlink()
    model.save_pretrained(folder)
    (folder / "README.md").write_text("---\nbase_model: alice/tiny\nlibrary_name: peft\n---\n# An adapter\n")
    (folder / "results.json").write_text('{"problem": "distribution"}')
