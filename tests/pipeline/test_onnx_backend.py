"""An exported model in the pipeline: the same answers from onnxruntime, wherever a model is asked for."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import AutoModelForAudioClassification, pipeline

from audio_emotion import AudioEmotionError, AudioEmotionPipeline
from audio_emotion.modeling.onnx_emotion_whisper import OnnxEmotionWhisper

pytestmark = pytest.mark.timeout(300)  # tracing a graph takes seconds, and minutes on a busy machine


@pytest.fixture(scope="module")
def onnx_pipe(tiny_onnx_dir: Path) -> AudioEmotionPipeline:
    return AudioEmotionPipeline.from_pretrained(tiny_onnx_dir, backend="onnx")


def test_every_way_of_loading_gives_onnxruntime(tiny_onnx_dir: Path, onnx_pipe: AudioEmotionPipeline) -> None:
    folder = str(tiny_onnx_dir)
    for pipe in (
        onnx_pipe,
        AudioEmotionPipeline.from_pretrained(folder),
        pipeline("audio-emotion", model=folder, backend="onnx"),
        pipeline("audio-emotion", model=folder),
    ):
        assert isinstance(pipe.model, OnnxEmotionWhisper)
        assert str(pipe.device) == "cpu"
    assert isinstance(AutoModelForAudioClassification.from_pretrained(folder), OnnxEmotionWhisper)


@pytest.mark.parametrize("duration_s", [0.025, 0.5, 3.01, 30.0, 41.0])
def test_frames_and_scores_are_those_of_torch(
    pipe: AudioEmotionPipeline, onnx_pipe: AudioEmotionPipeline, speech: Any, duration_s: float
) -> None:
    clip = speech(duration_s)
    expected, answer = (each(clip, return_timestamps="frame") for each in (pipe, onnx_pipe))
    np.testing.assert_allclose(answer["frames"], expected["frames"], atol=1e-4)
    assert [entry["label"] for entry in answer["scores"]] == [entry["label"] for entry in expected["scores"]]


def test_a_batch_gives_what_its_clips_give_alone(onnx_pipe: AudioEmotionPipeline, speech: Any) -> None:
    clips = [speech(duration_s, seed=seed) for seed, duration_s in enumerate((0.4, 2.0, 1.1))]
    together = onnx_pipe(clips, batch_size=3, return_timestamps="frame")
    for clip, answer in zip(clips, together, strict=True):
        np.testing.assert_allclose(answer["frames"], onnx_pipe(clip, return_timestamps="frame")["frames"], atol=1e-5)


def test_outputs_are_the_models(tiny_model_dir: Path, onnx_pipe: AudioEmotionPipeline, speech: Any) -> None:
    model = AutoModelForAudioClassification.from_pretrained(tiny_model_dir)
    features = onnx_pipe.feature_extractor([speech(1.0), speech(0.5)], return_tensors="pt")
    with torch.inference_mode():
        expected = model(**features)
    answer = onnx_pipe.model(**features)
    assert set(answer) == {name for name, value in expected.items() if value is not None}
    for name in answer:
        torch.testing.assert_close(answer[name], expected[name], atol=1e-4, rtol=1e-4)
    unmasked = onnx_pipe.model(features["input_features"][:1])
    torch.testing.assert_close(unmasked.logits[0], expected.logits[0], atol=1e-4, rtol=1e-4)
    with pytest.raises(ValueError, match="1 to 3000 mel frames, got 3001"):
        onnx_pipe.model(torch.zeros(1, 80, 3001))


def test_it_takes_torchs_threads_as_they_are_now(onnx_pipe: AudioEmotionPipeline, speech: Any) -> None:
    before = torch.get_num_threads()
    try:
        for num_threads in (1, 2):
            torch.set_num_threads(num_threads)
            onnx_pipe(speech(0.1))
            assert onnx_pipe.model.session.get_session_options().intra_op_num_threads == num_threads
    finally:
        torch.set_num_threads(before)


def test_a_saved_pipeline_loads_again(onnx_pipe: AudioEmotionPipeline, tmp_path: Path, speech: Any) -> None:
    onnx_pipe.save_pretrained(tmp_path)
    assert AudioEmotionPipeline.from_pretrained(tmp_path)(speech(1.0)) == onnx_pipe(speech(1.0))


def test_torch_weights_come_first_and_the_backend_chooses(
    tiny_model_dir: Path, tiny_onnx_dir: Path, tmp_path: Path
) -> None:
    folder = Path(shutil.copytree(tiny_model_dir, tmp_path / "both"))
    shutil.copy(tiny_onnx_dir / "model.onnx", folder)
    assert pipeline("audio-emotion", model=str(folder), device="cpu").model.backend == "torch"
    assert pipeline("audio-emotion", model=str(folder), backend="onnx").model.backend == "onnx"
    assert AudioEmotionPipeline.from_pretrained(folder, backend="onnx").model.backend == "onnx"


@pytest.mark.parametrize(
    "make", [AudioEmotionPipeline.from_pretrained, lambda m, **k: pipeline("audio-emotion", m, **k)]
)
class TestWhatCannotBe:
    def test_no_graph(self, make: Any, tiny_model_dir: Path) -> None:
        with pytest.raises(AudioEmotionError, match=r"holds no model\.onnx.*audio-emotion export"):
            make(str(tiny_model_dir), backend="onnx")

    def test_no_torch_weights(self, make: Any, tiny_onnx_dir: Path) -> None:
        with pytest.raises(AudioEmotionError, match=r"no weights in safetensors|backend='onnx' alone"):
            make(str(tiny_onnx_dir), backend="torch")

    def test_unknown_backend(self, make: Any, tiny_onnx_dir: Path) -> None:
        with pytest.raises(AudioEmotionError, match="must be 'torch' or 'onnx'"):
            make(str(tiny_onnx_dir), backend="tf")

    def test_another_device(self, make: Any, tiny_onnx_dir: Path) -> None:
        with pytest.raises(AudioEmotionError, match="runs on the CPU; device is 'cuda'"):
            make(str(tiny_onnx_dir), backend="onnx", device="cuda")

    def test_no_onnxruntime(self, make: Any, tiny_onnx_dir: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "onnxruntime", None)
        with pytest.raises(ValueError, match="not installed: pip install onnxruntime"):
            make(str(tiny_onnx_dir))

    @pytest.mark.parametrize(("content", "match"), [(b"no graph", "cannot be read by onnxruntime")])
    def test_a_broken_graph(self, make: Any, tiny_onnx_dir: Path, tmp_path: Path, content: bytes, match: str) -> None:
        folder = Path(shutil.copytree(tiny_onnx_dir, tmp_path / "broken"))
        (folder / "model.onnx").write_bytes(content)
        with pytest.raises(ValueError, match=match):
            make(str(folder))

    def test_a_config_with_other_labels(self, make: Any, tiny_onnx_dir: Path, tmp_path: Path) -> None:
        folder = Path(shutil.copytree(tiny_onnx_dir, tmp_path / "labels"))
        config = json.loads((folder / "config.json").read_text())
        config["id2label"]["0"] = "joy"
        (folder / "config.json").write_text(json.dumps(config))
        with pytest.raises(ValueError, match="was exported with the labels"):
            make(str(folder))


def test_the_example_without_torch_gives_the_same_scores(
    pipe: AudioEmotionPipeline, tiny_onnx_dir: Path, call_wav: Path
) -> None:
    """The script runs in a process that can import neither torch nor transformers nor this package."""
    script = Path(__file__).parents[2] / "examples" / "onnx_without_torch.py"
    blocked = (
        "import runpy, sys\n"
        "sys.modules.update(dict.fromkeys(('torch', 'transformers', 'audio_emotion')))\n"
        "sys.argv = sys.argv[1:]\n"
        "runpy.run_path(sys.argv[0], run_name='__main__')"
    )
    command = [sys.executable, "-c", blocked, script, tiny_onnx_dir, call_wav]
    printed = subprocess.check_output(command, text=True, timeout=60)
    scores = {label: float(score) for label, score in map(str.split, printed.splitlines())}
    assert scores == pytest.approx({entry["label"]: entry["score"] for entry in pipe(call_wav)}, abs=1e-3)
