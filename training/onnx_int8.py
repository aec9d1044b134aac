"""Weights and activations of the encoder's linear layers in eight bits, where the answer hardly changes.

A layer's weights get one scale per output channel, its input one scale per frame, found when it runs: a frame's answer
depends on no other clip of the batch. On CPUs without VNNI the product of eight-bit numbers is summed in 16 bits, two
at a time, and saturates; weights of seven bits cannot (255 * 63 * 2 < 2**15).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_emotion.modeling.onnx_emotion_whisper import load_onnxruntime

FloatArray = npt.NDArray[np.float32]
Features = dict[str, npt.NDArray[Any]]

MAX_RELATIVE_L2 = 0.07
"""Error of the frame logits on the calibration audio above which layers stay in float32: 0.10 is promised."""
WEIGHT_LEVELS = 63
ACTIVATION_LEVELS = 127
ZERO_POINT = 128
SMALLEST_PEAK = 1e-9
"""Peak of a frame of zeros, in place of 0."""


@dataclass(frozen=True)
class Quantised:
    """A graph in eight bits.

    Attributes:
        graph: The `onnx.ModelProto`.
        layers: Linear layers in eight bits.
        float_layers: Linear layers of the encoder that stay in float32.
        relative_l2: Error of the frame logits on the calibration audio.
    """

    graph: Any
    layers: tuple[str, ...]
    float_layers: tuple[str, ...]
    relative_l2: float


def quantise(path: Path, clips: Sequence[Features], on_step: Callable[[str], None] | None = None) -> Quantised:
    """Quantises every linear layer of the encoder, or as many as keep the error within `MAX_RELATIVE_L2`.

    Args:
        path: The float32 graph.
        clips: Features of the calibration audio, one clip each.
        on_step: Called with what is being measured.

    Returns:
        The graph. Where all layers together are too wrong, the most sensitive ones (by `layer_errors`) stay in float32.
    """
    import onnx

    graph = onnx.load(path)
    reference = frame_logits(graph, clips)
    everything = linear_layers(graph)

    def error_of(layers: Sequence[str]) -> tuple[Any, float]:
        if on_step is not None:
            on_step(f"{len(layers)} of {len(everything)} layers in eight bits")
        quantised = quantise_layers(graph, layers)
        return quantised, relative_l2(frame_logits(quantised, clips), reference)

    chosen = list(everything)
    quantised, error = error_of(chosen)
    if error > MAX_RELATIVE_L2:
        errors = layer_errors(graph, clips, reference, on_step)
        while error > MAX_RELATIVE_L2 and chosen:
            chosen.remove(max(chosen, key=errors.__getitem__))
            quantised, error = error_of(chosen)
    return Quantised(quantised, tuple(chosen), tuple(name for name in everything if name not in chosen), error)


def layer_errors(
    graph: Any, clips: Sequence[Features], reference: FloatArray, on_step: Callable[[str], None] | None = None
) -> dict[str, float]:
    """How sensitive each linear layer is: the error of the frame logits with that layer alone in eight bits.

    Args:
        graph: The float32 graph.
        clips: Features of the calibration audio.
        reference: Frame logits of `graph` on it.
        on_step: Called with each layer's name.

    Returns:
        Relative L2 by layer, in the order of the encoder.
    """
    errors = {}
    for layer in linear_layers(graph):
        if on_step is not None:
            on_step(layer)
        errors[layer] = relative_l2(frame_logits(quantise_layers(graph, [layer]), clips), reference)
    return errors


def linear_layers(graph: Any) -> list[str]:
    """Names of the encoder's linear layers in a float32 graph, in its order, such as `layers.0.fc2`."""
    return [name for name, _ in _linear_nodes(graph)]


def quantise_layers(graph: Any, layers: Sequence[str]) -> Any:
    """A copy of a graph with some linear layers in eight bits.

    Args:
        graph: The float32 graph.
        layers: Names out of `linear_layers`.

    Returns:
        The `onnx.ModelProto`, in standard operators: onnxruntime runs a dequantised product as one of integers.
    """
    import onnx

    copy = onnx.ModelProto()
    copy.CopyFrom(graph)
    weights = {tensor.name: tensor for tensor in copy.graph.initializer}
    chosen = {node.name: node for name, node in _linear_nodes(copy) if name in set(layers)}
    nodes: list[Any] = []
    constants: list[Any] = [
        _constant("int8_scale", np.float32(1 / ACTIVATION_LEVELS)),
        _constant("int8_zero", np.uint8(ZERO_POINT)),
        _constant("int8_last_axis", np.array([-1], np.int64)),
        _constant("int8_smallest", np.float32(SMALLEST_PEAK)),
    ]
    inputs: set[str] = set()
    for node in copy.graph.node:
        if node.name not in chosen:
            nodes.append(node)
            continue
        source, weight = node.input
        if source not in inputs:  # queries, keys and values read the same
            inputs.add(source)
            nodes += _quantised_input(source)
        values, scales = quantise_weight(onnx.numpy_helper.to_array(weights[weight]))
        constants += [
            _constant(f"{weight}_int8", values),
            _constant(f"{weight}_scale", scales),
            _constant(f"{weight}_zero", np.zeros(len(scales), np.int8)),
        ]
        nodes += _quantised_product(node, weight)
    del copy.graph.node[:]
    copy.graph.node.extend(nodes)
    used = {name for node in nodes for name in node.input}
    kept = [tensor for tensor in [*copy.graph.initializer, *constants] if tensor.name in used]
    del copy.graph.initializer[:]
    copy.graph.initializer.extend(kept)
    return copy


def quantise_weight(weight: FloatArray) -> tuple[npt.NDArray[np.int8], FloatArray]:
    """Rounds a weight `(num_inputs, num_outputs)` to seven bits.

    Args:
        weight: The weight, as a matrix product takes it.

    Returns:
        Levels in -63..63 of the same shape, and their scales `(num_outputs,)`.
    """
    peaks = np.abs(weight).max(axis=0)
    scales = (np.where(peaks > 0, peaks, 1) / WEIGHT_LEVELS).astype(np.float32)
    return np.rint(weight / scales).astype(np.int8), scales


def frame_logits(graph: Any, clips: Sequence[Features]) -> FloatArray:
    """Frame logits of clips one by one, joined: `(num_frames of all, num_labels)`.

    Args:
        graph: A `onnx.ModelProto` or the path of one.
        clips: Features of one clip each.
    """
    import torch

    onnxruntime = load_onnxruntime()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    source = str(graph) if isinstance(graph, Path) else graph.SerializeToString()
    session = onnxruntime.InferenceSession(source, options, providers=["CPUExecutionProvider"])
    frames = []
    for clip in clips:
        logits, log_weights = session.run(["frame_logits", "frame_log_weights"], clip)
        frames.append(logits[np.isfinite(log_weights)])  # (num_frames, num_labels)
    return np.concatenate(frames)


def relative_l2(values: FloatArray, reference: FloatArray) -> float:
    """Norm of the difference over the norm of the reference."""
    return float(np.linalg.norm(values - reference) / np.linalg.norm(reference))


def _linear_nodes(graph: Any) -> Iterator[tuple[str, Any]]:
    """The encoder's products with a weight, and the layers that they come from."""
    weights = {tensor.name for tensor in graph.graph.initializer}
    for node in graph.graph.node:
        if node.op_type != "MatMul" or node.input[1] not in weights:
            continue
        scopes = {entry.key: entry.value for entry in node.metadata_props}.get("pkg.torch.onnx.name_scopes", "")
        _, found, layer = scopes.replace("'", "").split(", ")[-2].partition(".encoder.layers.")
        if found:
            yield f"layers.{layer}", node


def _quantised_input(source: str) -> list[Any]:
    """Nodes that bring each frame to a peak of 1 and round it."""
    from onnx.helper import make_node

    return [
        make_node("Abs", [source], [f"{source}_abs"]),
        make_node("ReduceMax", [f"{source}_abs", "int8_last_axis"], [f"{source}_max"], keepdims=1),
        make_node("Max", [f"{source}_max", "int8_smallest"], [f"{source}_peak"]),
        make_node("Div", [source, f"{source}_peak"], [f"{source}_unit"]),
        make_node("QuantizeLinear", [f"{source}_unit", "int8_scale", "int8_zero"], [f"{source}_uint8"]),
        make_node("DequantizeLinear", [f"{source}_uint8", "int8_scale", "int8_zero"], [f"{source}_rounded"]),
    ]


def _quantised_product(node: Any, weight: str) -> list[Any]:
    """Nodes that multiply the rounded input with the rounded weight, and give each frame its peak back."""
    from onnx.helper import make_node

    (source, _), (output,) = node.input, node.output
    rounded = f"{output}_weight"
    return [
        make_node("DequantizeLinear", [f"{weight}_int8", f"{weight}_scale", f"{weight}_zero"], [rounded], axis=1),
        make_node("MatMul", [f"{source}_rounded", rounded], [f"{output}_unit"], name=node.name),
        make_node("Mul", [f"{output}_unit", f"{source}_peak"], [output]),
    ]


def _constant(name: str, value: Any) -> Any:
    import onnx

    return onnx.numpy_helper.from_array(np.asarray(value), name)
