"""Which folders become a pipeline, and what is said about those that do not."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import (
    AutoFeatureExtractor,
    AutoModelForAudioClassification,
    Wav2Vec2Config,
    Wav2Vec2ForSequenceClassification,
    pipeline,
)

from audio_emotion import AudioEmotionError, AudioEmotionPipeline


@pytest.fixture
def copied(tiny_model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "model"))


def fails(folder: Path | str, match: str) -> None:
    with pytest.raises(AudioEmotionError, match=match):
        AudioEmotionPipeline.from_pretrained(folder)


def test_transformers_pipeline_and_from_pretrained_agree(
    pipe: AudioEmotionPipeline, tiny_model_dir: Path, speech: Any
) -> None:
    made = pipeline("audio-emotion", model=str(tiny_model_dir), device="cpu")
    assert type(made) is AudioEmotionPipeline
    assert made(speech(1.0)) == pipe(speech(1.0))


def test_weights_may_lie_on_disk(pipe: AudioEmotionPipeline, tiny_model_dir: Path, speech: Any, tmp_path: Path) -> None:
    placed = {"device_map": "auto", "max_memory": {"cpu": "230kB"}, "offload_folder": tmp_path}
    model = AutoModelForAudioClassification.from_pretrained(tiny_model_dir, **placed)
    assert any(weight.is_meta for weight in model.parameters())
    extractor = AutoFeatureExtractor.from_pretrained(tiny_model_dir)
    offloaded = AudioEmotionPipeline(model=model, feature_extractor=extractor, task="audio-emotion")
    assert offloaded(speech(1.0)) == pipe(speech(1.0))


def test_the_stock_audio_classification_pipeline_gives_the_uncalibrated_scores(
    pipe: AudioEmotionPipeline, tiny_model_dir: Path, speech: Any, caplog: pytest.LogCaptureFixture
) -> None:
    stock = pipeline("audio-classification", model=str(tiny_model_dir), top_k=8)
    logits = pipe.score_recording(speech(1.0)).logits
    expected = torch.from_numpy(logits).softmax(-1).sort(descending=True).values
    np.testing.assert_allclose([entry["score"] for entry in stock(speech(1.0))], expected, atol=1e-5)
    assert "not supported" not in caplog.text


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_files_run_in_float32_on_a_cpu(tiny_model_dir: Path, tmp_path: Path, dtype: torch.dtype) -> None:
    model = AutoModelForAudioClassification.from_pretrained(tiny_model_dir)
    model.to(dtype).save_pretrained(tmp_path)
    shutil.copy(tiny_model_dir / "preprocessor_config.json", tmp_path)
    assert AudioEmotionPipeline.from_pretrained(tmp_path, device="cpu").dtype == torch.float32
    assert pipeline("audio-emotion", model=str(tmp_path), device="cpu").dtype == torch.float32
    chosen = AudioEmotionPipeline.from_pretrained(tmp_path, device="cpu", dtype=torch.bfloat16)
    assert chosen.dtype == torch.bfloat16
    assert np.isfinite(chosen(np.zeros(8000, np.float32), return_timestamps="frame")["frames"]).all()


def test_a_saved_pipeline_names_the_task_and_loads_again(
    pipe: AudioEmotionPipeline, tiny_model_dir: Path, tmp_path: Path, speech: Any
) -> None:
    AudioEmotionPipeline.from_pretrained(tiny_model_dir).save_pretrained(tmp_path)
    custom = json.loads((tmp_path / "config.json").read_text())["custom_pipelines"]
    assert custom["audio-emotion"]["impl"] == "pipeline_audio_emotion.AudioEmotionPipeline"
    assert custom["audio-emotion"]["pt"] == ["AutoModelForAudioClassification"]
    assert "default" not in custom["audio-emotion"]  # that would be a path of this machine
    for module in ("pipeline", "batching", "decoding", "windows", "scores", "segments", "errors"):
        assert (tmp_path / f"{module}_audio_emotion.py").is_file()
    assert AudioEmotionPipeline.from_pretrained(tmp_path)(speech(1.0)) == pipe(speech(1.0))


def test_a_saved_repo_runs_without_this_package(
    pipe: AudioEmotionPipeline, tiny_model_dir: Path, tmp_path: Path, speech: Any, call_wav: Path
) -> None:
    from audio_emotion import (
        EmotionWhisperConfig,
        EmotionWhisperFeatureExtractor,
        EmotionWhisperForAudioClassification,
    )

    script = (
        "import json, sys; from pathlib import Path; from transformers import pipeline\n"
        "pipe = pipeline('audio-emotion', model=sys.argv[1], trust_remote_code=True, device='cpu')\n"
        "assert 'audio_emotion' not in sys.modules\n"
        "print(json.dumps(pipe(sys.argv[2], return_timestamps=True)))"
    )
    registered = (EmotionWhisperConfig, EmotionWhisperFeatureExtractor, EmotionWhisperForAudioClassification)
    before = [vars(cls).get("_auto_class") for cls in registered]
    try:
        EmotionWhisperConfig.register_for_auto_class()
        EmotionWhisperFeatureExtractor.register_for_auto_class("AutoFeatureExtractor")
        EmotionWhisperForAudioClassification.register_for_auto_class("AutoModelForAudioClassification")
        AudioEmotionPipeline.from_pretrained(tiny_model_dir).save_pretrained(tmp_path / "repo")
    finally:
        for cls, auto_class in zip(registered, before, strict=True):
            cls._auto_class = auto_class
    environment = {"HF_MODULES_CACHE": str(tmp_path / "modules"), "HF_HUB_OFFLINE": "1", "PATH": ""}
    output = subprocess.check_output(
        [sys.executable, "-c", script, tmp_path / "repo", call_wav], text=True, env=environment
    )
    answer, expected = json.loads(output.splitlines()[-1]), pipe(call_wav, return_timestamps=True)
    assert [entry["label"] for entry in answer["scores"]] == [entry["label"] for entry in expected["scores"]]
    for chunk, known in zip(answer["chunks"], expected["chunks"], strict=True):
        assert chunk["timestamp"] == list(known["timestamp"])
        assert chunk["scores"] == pytest.approx(known["scores"], abs=1e-5)


class TestBadModels:
    def test_nothing_there(self, tmp_path: Path) -> None:
        fails(tmp_path / "gone", r"gone cannot be loaded as an 'emotion_whisper' model")

    def test_empty_folder(self, tmp_path: Path) -> None:
        fails(tmp_path, r"holds no model\.safetensors")

    def test_file(self, copied: Path) -> None:
        fails(copied / "model.safetensors", "is a file; a model is a folder")

    @pytest.mark.parametrize("name", ["pytorch_model.bin", "whisper_emotion.pt"])
    def test_pickle(self, copied: Path, name: str) -> None:
        torch.save(load_file(copied / "model.safetensors"), copied / name)
        (copied / "model.safetensors").unlink()
        fails(copied, rf"as a pickle \({name}\).*audio-emotion convert .*{name} --out")

    def test_pickle_through_transformers(self, copied: Path) -> None:
        torch.save(load_file(copied / "model.safetensors"), copied / "pytorch_model.bin")
        (copied / "model.safetensors").unlink()
        with pytest.raises(ValueError, match="audio-emotion convert"):
            pipeline("audio-emotion", model=str(copied))

    def test_other_architecture_with_audio_head(self, tmp_path: Path, copied: Path) -> None:
        config = Wav2Vec2Config(
            hidden_size=16,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=16,
            conv_dim=(8,),
            conv_stride=(5,),
            conv_kernel=(10,),
            num_conv_pos_embeddings=2,
            num_conv_pos_embedding_groups=1,
        )
        Wav2Vec2ForSequenceClassification(config).save_pretrained(tmp_path / "other")
        shutil.copy(copied / "preprocessor_config.json", tmp_path / "other")
        fails(tmp_path / "other", "is a 'wav2vec2' model, and the audio-emotion pipeline runs 'emotion_whisper'")
        with pytest.raises(AudioEmotionError, match="is a 'wav2vec2' model"):
            pipeline("audio-emotion", model=str(tmp_path / "other"))

    def test_other_architecture_without_audio_head(self, copied: Path) -> None:
        (copied / "config.json").write_text('{"model_type": "bert"}')
        fails(copied, "cannot be loaded as an 'emotion_whisper' model.*BertConfig")

    def test_missing_weights(self, copied: Path) -> None:
        weights = load_file(copied / "model.safetensors")
        del weights["head.nesting_classifier_0.bias"]
        save_file(weights, copied / "model.safetensors", metadata={"format": "pt"})
        fails(copied, r"lacks weights.*head\.nesting_classifier_0\.bias")

    def test_no_feature_extractor(self, copied: Path) -> None:
        (copied / "preprocessor_config.json").unlink()
        fails(copied, r"preprocessor_config\.json")

    def test_broken_config(self, copied: Path) -> None:
        (copied / "config.json").write_text("{")
        fails(copied, "cannot be loaded")
