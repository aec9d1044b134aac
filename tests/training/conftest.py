"""A small prepared corpus of synthetic voices, in the layout that `corpora prepare` writes."""

import io
import shutil
from pathlib import Path

import numpy as np
import pytest
import soundfile
import yaml
from datasets import Dataset
from model_folders import write_run

from audio_emotion.dataset_scripts.schema import COLUMNS, EMOTIONS, corpus_features
from audio_emotion.training.recipe import Recipe

RATE = 16_000


def voice(emotion: str, duration_s: float, rng: np.random.Generator) -> np.ndarray:
    """A buzz whose pitch, tremor and level depend on the emotion, between two stretches of silence."""
    number = EMOTIONS.index(emotion)
    time_s = np.arange(int(duration_s * RATE)) / RATE
    pitch = (90 + 35 * number) * (1 + 0.05 * rng.standard_normal() + 0.1 * np.sin(2 * np.pi * (2 + number) * time_s))
    buzz = np.sign(np.sin(2 * np.pi * np.cumsum(pitch) / RATE)) * 0.1 + 0.01 * rng.standard_normal(len(time_s))
    silence = np.zeros(RATE // 10)
    return np.concatenate([silence, buzz, silence]).astype(np.float32)


def write_corpus(folder: Path, name: str, emotions: tuple[str, ...], clips_per_class: int, seed: int = 0) -> None:
    """Write `name` under `folder` with four speakers, the last of whom is the validation split."""
    rng = np.random.default_rng(seed)
    mask = [emotion in emotions for emotion in EMOTIONS]
    rows: dict[str, list[dict]] = {"train": [], "validation": []}
    for speaker in range(4):
        split = "validation" if speaker == 3 else "train"
        for emotion in emotions:
            for take in range(clips_per_class):
                samples = voice(emotion, rng.uniform(0.4, 0.9), rng)
                flac = io.BytesIO()
                soundfile.write(flac, samples, RATE, format="FLAC")
                distribution = [0.05 / (len(emotions) - 1) * inside for inside in mask]
                distribution[EMOTIONS.index(emotion)] = 0.95
                clip = f"s{speaker}_{emotion}_{take}"
                row = dict.fromkeys(COLUMNS) | {
                    "audio": {"bytes": flac.getvalue(), "path": f"{clip}.flac"},
                    "corpus": name,
                    "id": clip,
                    "speaker": f"s{speaker}",
                    "language": "en",
                    "emotion_raw": emotion,
                    "emotion": emotion,
                    "distribution": distribution,
                    "label_mask": mask,
                    "label_source": "smoothed",
                    "duration_s": len(samples) / RATE,
                    "split": split,
                    "license": "CC0-1.0",
                }
                rows[split].append(row)
    data_files = []
    for split, members in rows.items():
        path = folder / name / f"{split}-00000-of-00001.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        Dataset.from_list(members, features=corpus_features()).to_parquet(path)
        data_files.append({"split": split, "path": str(path.relative_to(folder))})
    card = folder / "README.md"
    configs = yaml.safe_load(card.read_text().strip("-\n"))["configs"] if card.exists() else []
    configs.append({"config_name": name, "data_files": data_files})
    card.write_text(f"---\n{yaml.safe_dump({'configs': configs})}---\n")


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two corpora: `alpha` with three classes, `beta` with all eight."""
    folder = tmp_path_factory.mktemp("prepared")
    write_corpus(folder, "alpha", ("anger", "neutral", "sadness"), clips_per_class=4)
    write_corpus(folder, "beta", EMOTIONS, clips_per_class=2, seed=1)
    return folder


@pytest.fixture(scope="session")
def with_foreign_corpus(prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same and `foreign`, a third corpus to measure on."""
    folder = tmp_path_factory.mktemp("foreign") / "prepared"
    shutil.copytree(prepared, folder)
    write_corpus(folder, "foreign", ("anger", "neutral", "sadness"), clips_per_class=2, seed=2)
    return folder


@pytest.fixture(scope="session")
def tiny_whisper(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random Whisper encoder of two layers."""
    import torch
    from transformers import WhisperConfig
    from transformers.models.whisper.modeling_whisper import WhisperEncoder

    folder = tmp_path_factory.mktemp("whisper")
    torch.manual_seed(0)
    config = WhisperConfig(d_model=32, encoder_layers=2, encoder_attention_heads=2, encoder_ffn_dim=64, init_std=0.15)
    WhisperEncoder(config).save_pretrained(folder)
    return folder


@pytest.fixture
def recipe(prepared: Path, tiny_whisper: Path, tmp_path: Path) -> Recipe:
    """A run of a few seconds on both corpora."""
    return Recipe.model_validate(
        {
            "name": "tiny",
            "output_dir": str(tmp_path / "run"),
            "model": {"encoder": str(tiny_whisper)},
            "data": [{"path": str(prepared), "name": "alpha"}, {"path": str(prepared), "name": "beta"}],
            "sampling": {"items_per_epoch": 48},
            "shifts": {"probability": 0.5},
            "optimizer": {"learning_rate": 1e-3, "head_learning_rate": 1e-2},
            "loop": {
                "epochs": 2,
                "items_per_step": 8,
                "frames_per_batch": 400,
                "validate_every": 4,
                "checkpoint_every": 2,
                "ema_decay": 0.5,
            },
        }
    )


@pytest.fixture(scope="session")
def tiny_base(tiny_whisper: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An emotion model on that encoder, to fine-tune."""
    from audio_emotion import EmotionWhisperFeatureExtractor, EmotionWhisperForAudioClassification

    folder = tmp_path_factory.mktemp("base")
    model = EmotionWhisperForAudioClassification.from_whisper(tiny_whisper, pooling="attention", layer_mix=True)
    model.save_pretrained(folder)
    EmotionWhisperFeatureExtractor(level_normalization=True).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def checkpoint(tiny_model_dir: Path, prepared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a finished run."""
    folder = tmp_path_factory.mktemp("run") / "final"
    write_run(folder, tiny_model_dir, prepared)
    return folder


@pytest.fixture(scope="session")
def bare(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkpoint without results: no pictures to draw."""
    folder = tmp_path_factory.mktemp("bare") / "final"
    shutil.copytree(checkpoint, folder)
    (folder / "results.json").unlink()
    return folder
