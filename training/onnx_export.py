"""`audio-emotion export`: a model folder for onnxruntime, checked against PyTorch before it is there."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from audio_emotion.modeling.feature_extraction_emotion_whisper import (
    MIN_CLIP_SAMPLES,
    EmotionWhisperFeatureExtractor,
)
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.modeling.onnx_emotion_whisper import ONNX_NAME, OnnxEmotionWhisper, load_onnxruntime
from audio_emotion.pipeline.decoding_audio_emotion import decode_audio
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.model_folder import written_whole

TOLERANCE = 1e-4
CHECKED_S = (1.0, 3.0, 10.0)
"""Lengths that are checked beside the shortest clip and the longest."""
CALIBRATION_SUFFIXES = (".wav", ".flac", ".ogg", ".opus", ".mp3")
CALIBRATION_S = 300.0
"""Seconds of calibration audio that are used at most."""
INSTALL = "pip install 'audio-emotion[onnx]'"


@dataclass(frozen=True)
class Exported:
    """What was written.

    Attributes:
        folder: The model folder.
        largest_difference: Between the float32 graph and PyTorch, over all outputs and lengths.
        num_bytes: Size of the graph.
        int8: What was quantised and how wrong it is; None for float32.
    """

    folder: Path
    largest_difference: float
    num_bytes: int
    int8: dict[str, Any] | None


def export_onnx(
    model: str | Path,
    out: str | Path,
    calibration: str | Path | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Exported:
    """Writes a model as an ONNX folder: `model.onnx`, the configs, a README.

    Args:
        model: Model folder or Hub id.
        out: The folder to write; it must not exist, or be empty. Nothing is left of it when something fails.
        calibration: An audio file or a folder of them: the encoder's linear layers are quantised to eight bits, as many
            as keep the answers on this audio. None stays in float32.
        on_step: Called with what is being done.

    Returns:
        What was written.

    Raises:
        AudioEmotionError: The packages of the extra `onnx` are missing, the model cannot be loaded or is an adapter,
            `out` is taken, there is no calibration audio, the graph answers otherwise than PyTorch, or the disk is
            full.
    """
    say = on_step or (lambda _: None)
    _check_packages()
    target = Path(out)
    if target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise AudioEmotionError(f"{target} exists and is not an empty folder. Choose another place for --out.")
    say("loading the model")
    network, feature_extractor = _load(model)
    clips = None
    if calibration is not None:
        say("reading calibration audio")
        clips = read_calibration(calibration, feature_extractor)

    from audio_emotion.training.onnx_graph import write_graph

    with written_whole(target) as folder:
        graph = folder / ONNX_NAME
        say("tracing the graph")
        write_graph(network, feature_extractor, graph)
        say("comparing with PyTorch")
        difference = check_graph(graph, network, feature_extractor)
        int8 = None if clips is None else _quantise(graph, clips, say)
        fields = network.config.to_dict()
        without_code = {name: fields[name] for name in fields if name not in ("auto_map", "custom_pipelines")}
        type(network.config).from_dict(without_code).save_pretrained(folder)
        feature_extractor.save_pretrained(folder)
        exported = Exported(target, difference, graph.stat().st_size, int8)
        (folder / "README.md").write_text(_readme(str(model), exported), encoding="utf-8")
    return exported


def check_graph(
    graph: Path, model: EmotionWhisperForAudioClassification, feature_extractor: EmotionWhisperFeatureExtractor
) -> float:
    """Compares a float32 graph with its model: the shortest clip, 1, 3, 10 s, the longest, and a padded batch of them.

    Args:
        graph: The file.
        model: The model.
        feature_extractor: Its features.

    Returns:
        The largest difference of any output, relative to the output where that is above 1.

    Raises:
        AudioEmotionError: A difference above `TOLERANCE`.
    """
    from audio_emotion.training.onnx_graph import OUTPUTS

    session = OnnxEmotionWhisper(graph, model.config, dict)
    rate, longest = feature_extractor.sampling_rate, feature_extractor.max_samples
    lengths = sorted({MIN_CLIP_SAMPLES, *(min(round(s * rate), longest) for s in CHECKED_S), longest})
    clips = [_voice(length, rate, seed) for seed, length in enumerate(lengths)]
    worst = 0.0
    for batch in [*([clip] for clip in clips), clips[:-1]]:
        features = feature_extractor(batch, return_tensors="pt")
        with torch.inference_mode():
            expected = model(**features)
        answers = session(**features)
        seconds = ", ".join(f"{len(clip) / rate:g}" for clip in batch)
        for name in OUTPUTS:
            difference = _difference(answers[name].numpy(), expected[name].numpy())
            worst = max(worst, difference)
            if not difference <= TOLERANCE:
                raise AudioEmotionError(
                    f"the graph's {name} differs from PyTorch's by {difference:.2g} on clips of {seconds} s; at most "
                    f"{TOLERANCE:g} is allowed. Nothing was written."
                )
    return worst


def _difference(values: npt.NDArray[Any], expected: npt.NDArray[Any]) -> float:
    """The largest difference, relative to what is expected where that is above 1; infinities must be the same."""
    finite = np.isfinite(expected)
    if not np.array_equal(finite, np.isfinite(values)):
        return float("inf")
    difference = np.abs(values[finite] - expected[finite]) / np.maximum(1, np.abs(expected[finite]))
    return float(difference.max(initial=0.0))


def read_calibration(
    source: str | Path, feature_extractor: EmotionWhisperFeatureExtractor
) -> list[dict[str, npt.NDArray[Any]]]:
    """Features of an audio file, or of the files below a folder: windows of up to 30 s, five minutes in all.

    Raises:
        AudioEmotionError: There is no audio, or a file cannot be decoded.
    """
    path = Path(source)
    files = [path]
    if path.is_dir():
        files = sorted(file for file in path.rglob("*") if file.suffix.lower() in CALIBRATION_SUFFIXES)
    if not files or not path.exists():
        raise AudioEmotionError(
            f"{path} holds no calibration audio. Give a recording, or a folder of {', '.join(CALIBRATION_SUFFIXES)}."
        )
    clips, left = [], round(CALIBRATION_S * feature_extractor.sampling_rate)
    for file in files:
        samples = decode_audio(file, feature_extractor.sampling_rate)[:left]
        left -= len(samples)
        for start in range(0, len(samples), feature_extractor.max_samples):
            clip = samples[start : start + feature_extractor.max_samples]
            if len(clip) >= MIN_CLIP_SAMPLES:
                clips.append(dict(feature_extractor(clip, return_tensors="np")))
        if left < MIN_CLIP_SAMPLES:
            break
    return clips


def _check_packages() -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401

        load_onnxruntime()
    except ImportError as error:
        raise AudioEmotionError(f"export needs {error.name}, which is not installed: {INSTALL}") from error


def _load(name: str | Path) -> tuple[EmotionWhisperForAudioClassification, EmotionWhisperFeatureExtractor]:
    if os.path.isfile(Path(name) / "adapter_config.json"):  # noqa: PTH113  (a Hub id or no path at all may come)
        raise AudioEmotionError(
            f"{name} is an adapter, and a graph holds a whole model. Merge it into its base model first "
            "(`audio-emotion finetune --merge`), and export what that writes."
        )
    try:
        network = EmotionWhisperForAudioClassification.from_pretrained(name, dtype=torch.float32, backend="torch")
        feature_extractor = EmotionWhisperFeatureExtractor.from_pretrained(name)
    except (OSError, ValueError) as error:
        raise AudioEmotionError(f"{name} cannot be loaded as a model to export: {error}") from error
    network.eval()
    return network, feature_extractor


def _quantise(graph: Path, clips: Sequence[dict[str, Any]], say: Callable[[str], None]) -> dict[str, Any]:
    """Puts the graph in eight bits in its place, with what that did as metadata."""
    import onnx

    from audio_emotion.training.onnx_int8 import quantise

    result = quantise(graph, clips, say)
    report = {
        "layers": list(result.layers),
        "float32_layers": list(result.float_layers),
        "relative_l2": round(result.relative_l2, 4),
        "float32_bytes": sum(path.stat().st_size for path in graph.parent.glob(f"{ONNX_NAME}*")),
    }
    entry = result.graph.metadata_props.add()
    entry.key, entry.value = "int8", json.dumps(report)
    for file in graph.parent.glob(f"{ONNX_NAME}*"):
        file.unlink()
    onnx.save(result.graph, graph)
    return report


def _voice(num_samples: int, sampling_rate: int, seed: int) -> npt.NDArray[np.float32]:
    """A gliding buzz in syllables over soft noise, `(num_samples,)`: something to compare on."""
    time_s = np.arange(num_samples) / sampling_rate
    phase = 2 * np.pi * ((140 + 10 * seed) * time_s - 20 * np.cos(2 * np.pi * 0.3 * time_s))
    buzz = sum(np.sin(harmonic * phase) / harmonic for harmonic in (1, 2, 3, 5, 8))
    noise = np.random.default_rng(seed).standard_normal(num_samples)
    voice: npt.NDArray[np.float32] = (0.1 * buzz * np.sin(4 * np.pi * time_s) ** 2 + 0.003 * noise).astype(np.float32)
    return voice


def _readme(model: str, exported: Exported) -> str:
    """The card of the folder."""
    precision = "float32"
    if exported.int8 is not None:
        kept = exported.int8["float32_layers"]
        precision = (
            f"{len(exported.int8['layers'])} linear layers of the encoder in eight bits"
            + (f" ({', '.join(kept)} in float32)" if kept else "")
            + f"; relative L2 of the frame logits {exported.int8['relative_l2']:.3f} on the calibration audio"
        )
    return f"""---
library_name: audio-emotion
pipeline_tag: audio-classification
tags: [onnx, speech-emotion-recognition]
---
# {Path(model).name} for onnxruntime

Emotion in speech, 50 times a second: `{Path(model).name}` as one ONNX graph. {precision}.
The float32 graph differed from PyTorch by at most {exported.largest_difference:.1g} when it was exported.

```python
import audio_emotion
from transformers import pipeline

pipe = pipeline("audio-emotion", model="this folder", backend="onnx")
pipe("call.wav", return_timestamps=True)
```

Inputs: `input_features (batch, num_mel_bins, num_mel_frames)`, float32, and `attention_mask (batch, num_mel_frames)`,
int64. Outputs: `logits`, `frame_logits`, `frame_log_weights`, `embeddings`, `frame_vectors`. The graph's metadata holds
labels, timing, temperature, class prior and the settings of the log-mel, each as JSON.
"""
