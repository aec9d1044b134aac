"""`import audio_emotion` loads nothing heavy, and teaches transformers the model in any order of imports."""

import subprocess
import sys
from pathlib import Path

import pytest

import audio_emotion
from audio_emotion.registration import bundled_checkpoint, register

USE = """
import sys
from transformers import AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification, pipeline
folder = sys.argv[1]
names = [type(auto.from_pretrained(folder)).__name__
         for auto in (AutoConfig, AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification)]
assert names == ["EmotionWhisperConfig", "EmotionWhisperFeatureExtractor", "EmotionWhisperModel",
                 "EmotionWhisperForAudioClassification"], names
assert type(pipeline("audio-emotion", model=folder)).__name__ == "AudioEmotionPipeline"
"""
OURS_FIRST = """
import sys, audio_emotion
heavy = {"torch", "transformers", "numpy", "soundfile", "matplotlib", "typer"} & set(sys.modules)
assert not heavy, heavy
import transformers.pipelines
ours = [name for name in sys.modules if name.startswith("audio_emotion.")]
assert ours == ["audio_emotion.registration"], ours
"""
TRANSFORMERS_FIRST = "import transformers, transformers.pipelines, audio_emotion\n"
OUR_CLASSES_FIRST = "from audio_emotion import EmotionWhisperForAudioClassification, AudioEmotionPipeline"


def run(script: str, *arguments: str | Path) -> str:
    done = subprocess.run([sys.executable, "-c", script, *arguments], text=True, capture_output=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("first", [OURS_FIRST, TRANSFORMERS_FIRST, OUR_CLASSES_FIRST])
def test_any_order_of_imports(tiny_model_dir: Path, first: str) -> None:
    run(first + USE, tiny_model_dir)


def test_registering_again_changes_nothing() -> None:
    before = list(sys.meta_path)
    register()
    assert sys.meta_path == before


def test_public_names() -> None:
    for name in audio_emotion.__all__:
        assert getattr(audio_emotion, name).__name__ == name
        assert name in dir(audio_emotion)
    with pytest.raises(AttributeError, match="no attribute 'Emotion'"):
        _ = audio_emotion.Emotion


def test_the_bundled_model_is_the_default() -> None:
    from transformers.pipelines import PIPELINE_REGISTRY

    task = PIPELINE_REGISTRY.check_task("audio-emotion")[1]
    assert task["default"]["model"] == (str(bundled_checkpoint()), None)


def test_the_bundled_model_runs(bundled_checkpoint: Path) -> None:
    import numpy as np
    from transformers import pipeline

    assert len(pipeline("audio-emotion")(np.zeros(16000, np.float32))) == 8
