"""The custom handler of Hugging Face Inference Endpoints; a pushed model folder carries it as `handler.py`."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import numpy as np
import torch
from transformers import pipeline


class EndpointHandler:
    """Answers an endpoint's requests with emotions.

    Args:
        path: the model folder that the endpoint has downloaded.
    """

    def __init__(self, path: str = "") -> None:
        device = 0 if torch.cuda.is_available() else -1
        task: Any = "audio-emotion"  # transformers' type hints know its own tasks only
        self.pipeline = pipeline(task, model=path, trust_remote_code=True, device=device)

    def __call__(self, data: dict[str, Any]) -> Any:
        """Analyses the recording, or each of the recordings, of one request.

        A string is always base64, never a path or a URL: a request cannot make the endpoint read anything else.

        Args:
            data: `inputs`, the bytes of an audio file (which is how a request of type `audio/*` arrives), the same as
                base64, `{"array": [...], "sampling_rate": 16000}`, or a list of these; and `parameters`, the
                keywords of `AudioEmotionPipeline`, for instance `{"return_timestamps": true, "top_k": 3}`.

        Returns:
            The pipeline's answer in JSON's types.

        Raises:
            ValueError: if there are no inputs, or they are of another kind; the endpoint answers 400 with the message.
        """
        if "inputs" not in data:
            raise ValueError('the request has no "inputs": send audio bytes, or JSON with base64 audio in "inputs"')
        parameters = data.get("parameters") or {}
        if not isinstance(parameters, dict):
            raise ValueError(f'"parameters" must be an object, such as {{"top_k": 3}}, got {type(parameters).__name__}')
        if "inputs" in parameters:
            raise ValueError('"inputs" belongs beside "parameters", not in it')
        if any(isinstance(part, str) for part in _parts(parameters.get("segments"))):
            raise ValueError('"segments" must be a list of {"start", "end", "speaker"}: no file is read for a request')
        inputs = data["inputs"]
        audio = [_decode(item) for item in inputs] if isinstance(inputs, list) else _decode(inputs)
        return _to_json(self.pipeline(audio, **parameters))


def _parts(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _decode(inputs: Any) -> Any:
    """One recording as the pipeline takes it."""
    if isinstance(inputs, (bytes, bytearray)):
        return bytes(inputs)
    if isinstance(inputs, str):
        try:
            return base64.b64decode(inputs, validate=True)
        except binascii.Error as error:
            raise ValueError(f'the string in "inputs" is not the base64 of an audio file: {error}') from error
    if isinstance(inputs, dict) and {"array", "sampling_rate"} <= set(inputs):
        samples = np.asarray(inputs["array"])
        if samples.dtype.kind in "iu" and np.abs(samples).max(initial=0) > 1:
            raise ValueError('"array" holds integers: send floats, with full scale at 1')
        return {**inputs, "array": samples.astype(np.float32)}
    raise ValueError(
        f'"inputs" is of type {type(inputs).__name__}: send audio bytes, their base64 as a string, '
        '{"array": [...], "sampling_rate": 16000}, or a list of these'
    )


def _to_json(value: Any) -> Any:
    """Arrays and tuples as lists, numpy's numbers as Python's, all the way down."""
    if isinstance(value, dict):
        return {key: _to_json(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_to_json(item) for item in value]
    if isinstance(value, (np.ndarray, np.generic)):
        return value.tolist()
    return value
