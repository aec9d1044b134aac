"""The exported folder says what it is, is checked before it is there, and eight bits change little."""

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import soundfile
import torch

from audio_emotion import (
    AudioEmotionError,
    AudioEmotionPipeline,
    EmotionWhisperConfig,
    EmotionWhisperFeatureExtractor,
    EmotionWhisperForAudioClassification,
)
from audio_emotion.training import onnx_int8
from audio_emotion.training.onnx_export import check_graph, export_onnx, read_calibration
from audio_emotion.training.onnx_int8 import (
    frame_logits,
    layer_errors,
    linear_layers,
    quantise,
    quantise_layers,
    quantise_weight,
    relative_l2,
)

SPEECH_S = (0.6, 2.0, 1.3)
pytestmark = pytest.mark.timeout(300)  # tracing a graph takes seconds, and minutes on a busy machine


@pytest.fixture(scope="module")
def graph(tiny_onnx_dir: Path) -> Any:
    return onnx.load(tiny_onnx_dir / "model.onnx")


@pytest.fixture(scope="module")
def clips(tiny_onnx_dir: Path, speech: Any) -> list[dict[str, Any]]:
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(tiny_onnx_dir)
    return [dict(extractor(speech(s, seed=seed), return_tensors="np")) for seed, s in enumerate(SPEECH_S)]


def test_the_folder_and_its_metadata(tiny_model_dir: Path, tiny_onnx_dir: Path, graph: Any) -> None:
    names = {path.name for path in tiny_onnx_dir.iterdir()}
    assert names == {"README.md", "config.json", "model.onnx", "preprocessor_config.json"}
    assert not list(tiny_onnx_dir.parent.glob(".*"))
    about = {entry.key: json.loads(entry.value) for entry in graph.metadata_props if entry.key != "int8"}
    config = EmotionWhisperConfig.from_pretrained(tiny_model_dir)
    assert about["labels"] == list(config.id2label.values())
    assert (about["frame_period_s"], about["sampling_rate"], about["hop_length"]) == (0.02, 16000, 160)
    assert about["temperature"] == 1.5
    assert about["class_prior"] == config.class_prior
    assert about["features"]["feature_size"] == 80
    assert {output.name for output in graph.graph.output} >= {"logits", "frame_logits", "frame_log_weights"}
    assert {node.domain for node in graph.graph.node} == {""}, "standard operators alone"


def test_a_graph_that_answers_otherwise_is_caught(tiny_model_dir: Path, tiny_onnx_dir: Path) -> None:
    model = EmotionWhisperForAudioClassification.from_pretrained(tiny_model_dir)
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(tiny_model_dir)
    assert check_graph(tiny_onnx_dir / "model.onnx", model, extractor) < 1e-4
    with torch.no_grad():
        model.head.nesting_classifier_2.bias[0] += 1e-3
    with pytest.raises(AudioEmotionError, match=r"logits differs from PyTorch's by .* on clips of 0\.025 s"):
        check_graph(tiny_onnx_dir / "model.onnx", model, extractor)


def test_nothing_is_left_of_a_failed_export(
    tiny_model_dir: Path, tiny_onnx_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def other_graph(model: Any, feature_extractor: Any, path: Path) -> None:
        shutil.copy(tiny_onnx_dir / "model.onnx", path)

    from audio_emotion.training import onnx_graph

    other = Path(shutil.copytree(tiny_model_dir, tmp_path / "other"))
    model = EmotionWhisperForAudioClassification.from_pretrained(other)
    with torch.no_grad():
        model.head.nesting_classifier_2.weight.mul_(1.01)
    model.save_pretrained(other)
    monkeypatch.setattr(onnx_graph, "write_graph", other_graph)
    with pytest.raises(AudioEmotionError, match="Nothing was written"):
        export_onnx(other, tmp_path / "out")
    assert {path.name for path in tmp_path.iterdir()} == {"other"}


class TestWhatCannotBeExported:
    def test_a_taken_place(self, tiny_model_dir: Path, tmp_path: Path) -> None:
        (tmp_path / "notes.txt").touch()
        with pytest.raises(AudioEmotionError, match="not an empty folder"):
            export_onnx(tiny_model_dir, tmp_path)

    def test_no_model(self, tmp_path: Path) -> None:
        with pytest.raises(AudioEmotionError, match="gone cannot be loaded as a model to export"):
            export_onnx(tmp_path / "gone", tmp_path / "out")

    def test_an_adapter(self, tmp_path: Path) -> None:
        (tmp_path / "adapter_config.json").write_text("{}")
        with pytest.raises(AudioEmotionError, match=r"is an adapter.*Merge it"):
            export_onnx(tmp_path, tmp_path / "out")

    def test_an_export(self, tiny_onnx_dir: Path, tmp_path: Path) -> None:
        with pytest.raises(AudioEmotionError, match="no weights in safetensors"):
            export_onnx(tiny_onnx_dir, tmp_path / "out")

    def test_no_calibration_audio(self, tiny_model_dir: Path, tmp_path: Path) -> None:
        with pytest.raises(AudioEmotionError, match="holds no calibration audio"):
            export_onnx(tiny_model_dir, tmp_path / "out", calibration=tmp_path)

    def test_missing_packages(self, tiny_model_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(__import__("sys").modules, "onnxscript", None)
        with pytest.raises(AudioEmotionError, match=r"onnxscript.*pip install 'audio-emotion\[onnx\]'"):
            export_onnx(tiny_model_dir, tmp_path / "out")


def test_calibration_audio_is_cut_to_windows(tiny_onnx_dir: Path, tmp_path: Path, speech: Any) -> None:
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(tiny_onnx_dir)
    soundfile.write(tmp_path / "long.wav", speech(31.0), 16000)
    soundfile.write(tmp_path / "other_rate.flac", speech(1.0, 8000), 8000)
    (tmp_path / "notes.txt").write_text("no audio")
    lengths = [clip["input_features"].shape[2] for clip in read_calibration(tmp_path, extractor)]
    assert lengths == [3000, 100, 100]
    assert len(read_calibration(tmp_path / "other_rate.flac", extractor)) == 1


class TestInt8:
    def test_every_linear_layer_of_the_encoder_is_found(self, graph: Any) -> None:
        of_a_layer = [f"self_attn.{name}_proj" for name in ("q", "k", "v", "out")] + ["fc1", "fc2"]
        assert sorted(linear_layers(graph)) == sorted(
            f"layers.{layer}.{name}" for layer in range(2) for name in of_a_layer
        )

    def test_weights_are_rounded_to_their_nearest_level(self) -> None:
        weight = np.random.default_rng(0).standard_normal((32, 8)).astype(np.float32)
        weight[:, 3] = 0
        levels, scales = quantise_weight(weight)
        assert levels.dtype == np.int8
        assert np.abs(levels).max() == 63
        assert (np.abs(levels * scales - weight) <= scales / 2 + 1e-7).all()

    def test_the_error_is_small_but_there(self, graph: Any, clips: Any) -> None:
        quantised = quantise_layers(graph, linear_layers(graph))
        assert 1e-4 < relative_l2(frame_logits(quantised, clips), frame_logits(graph, clips)) < 0.1
        assert quantise_layers(graph, []) == graph

    def test_a_batch_gives_what_its_clips_give_alone(
        self, graph: Any, clips: Any, tiny_onnx_dir: Path, tmp_path: Path, speech: Any
    ) -> None:
        folder = Path(shutil.copytree(tiny_onnx_dir, tmp_path / "int8"))
        onnx.save(quantise_layers(graph, linear_layers(graph)), folder / "model.onnx")
        pipe = AudioEmotionPipeline.from_pretrained(folder)
        waveforms = [speech(s, seed=seed) for seed, s in enumerate(SPEECH_S)]
        together = pipe(waveforms, batch_size=3, return_timestamps="frame")
        for waveform, answer in zip(waveforms, together, strict=True):
            alone = pipe(waveform, return_timestamps="frame")
            np.testing.assert_allclose(answer["frames"], alone["frames"], atol=2e-3)

    def test_sensitive_layers_stay_in_float32_until_the_error_fits(
        self, tiny_onnx_dir: Path, graph: Any, clips: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        errors = layer_errors(graph, clips, frame_logits(graph, clips))
        whole = quantise(tiny_onnx_dir / "model.onnx", clips)
        assert whole.float_layers == ()
        monkeypatch.setattr(onnx_int8, "MAX_RELATIVE_L2", 0.7 * whole.relative_l2)
        part = quantise(tiny_onnx_dir / "model.onnx", clips)
        assert part.relative_l2 <= 0.7 * whole.relative_l2
        assert part.layers and part.float_layers
        assert min(errors[name] for name in part.float_layers) >= max(errors[name] for name in part.layers)

    def test_the_folder_says_what_was_quantised(
        self, tiny_model_dir: Path, tiny_onnx_dir: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, speech: Any
    ) -> None:
        from audio_emotion.training import onnx_graph

        soundfile.write(tmp_path / "speech.wav", speech(2.0), 16000)
        copy = lambda model, extractor, path: shutil.copy(tiny_onnx_dir / "model.onnx", path)  # noqa: E731
        monkeypatch.setattr(onnx_graph, "write_graph", copy)
        exported = export_onnx(tiny_model_dir, tmp_path / "out", tmp_path / "speech.wav")
        assert exported.int8 is not None
        assert exported.num_bytes < exported.int8["float32_bytes"]
        about = {entry.key: entry.value for entry in onnx.load(exported.folder / "model.onnx").metadata_props}
        assert json.loads(about["int8"]) == exported.int8
        assert json.loads(about["labels"])
        assert "eight bits" in (exported.folder / "README.md").read_text()


@pytest.mark.slow
@pytest.mark.parametrize(
    "fields",
    [
        {"pad_to_window": True},
        {"problem": "intensity", "id2label": {0: "Calmness", 1: "Awe"}},
        {"layer_mix": True, "pooling": "attention"},
    ],
    ids=["padded", "intensity", "layer_mix"],
)
def test_other_models_too(tmp_path: Path, fields: dict[str, Any], speech: Any) -> None:
    encoder = {"d_model": 32, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 64}
    config = EmotionWhisperConfig(encoder_config=encoder, **fields)
    torch.manual_seed(0)
    EmotionWhisperForAudioClassification(config).save_pretrained(tmp_path / "model")
    EmotionWhisperFeatureExtractor.from_model_config(config).save_pretrained(tmp_path / "model")
    export_onnx(tmp_path / "model", tmp_path / "out")
    clip = speech(2.0)
    torch_pipe, onnx_pipe = (AudioEmotionPipeline.from_pretrained(tmp_path / name) for name in ("model", "out"))
    for options in ({}, {"return_timestamps": 0.5}):
        expected, answer = torch_pipe(clip, **options), onnx_pipe(clip, **options)
        if options:
            expected, answer = ([chunk["scores"] for chunk in each["chunks"]] for each in (expected, answer))
            for one, other in zip(expected, answer, strict=True):
                assert other == pytest.approx(one, abs=1e-4)
        else:
            by_label = [{entry["label"]: entry["score"] for entry in each} for each in (expected, answer)]
            assert by_label[1] == pytest.approx(by_label[0], abs=1e-4)
