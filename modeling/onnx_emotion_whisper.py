"""The model as an ONNX graph in onnxruntime: what a folder that holds `model.onnx` becomes, in the model's place."""

import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from transformers.utils import cached_file

from .configuration_emotion_whisper import ENCODER_STRIDE, EmotionWhisperConfig

ONNX_NAME = "model.onnx"
"""The graph's file in a model folder."""
WEIGHTS_NAME = "model.onnx.data"
"""Where the weights lie when they are too large for the graph's own file (2 GB)."""

_DOWNLOAD_OPTIONS = ("cache_dir", "force_download", "local_files_only", "revision", "subfolder", "token")


def load_onnxruntime() -> Any:
    """The package, which from 1.29 on reports to its makers unless the environment says no before it is loaded.

    Returns:
        The module `onnxruntime`. What is set in `ORT_DISABLE_TELEMETRY` stays.

    Raises:
        ImportError: It is not installed.
    """
    os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
    try:
        import onnxruntime
    except ImportError as error:
        raise ImportError("onnxruntime is not installed: pip install onnxruntime", name="onnxruntime") from error
    return onnxruntime


class OnnxEmotionWhisper:
    """Runs an exported graph on the CPU, with the calls and outputs of `EmotionWhisperForAudioClassification`.

    It uses as many threads as torch (`torch.set_num_threads`), also when that changes later.

    Args:
        path: The graph, as `audio-emotion export` writes it.
        config: The model's config.
        make_output: Takes the outputs by name; `EmotionWhisperOutput`.

    Raises:
        ValueError: onnxruntime is not installed, or the graph is not that of the config.
    """

    backend = "onnx"
    device = torch.device("cpu")
    dtype = torch.float32
    main_input_name = "input_features"
    input_modalities = ("audio",)
    training = False

    def __init__(self, path: str | Path, config: EmotionWhisperConfig, make_output: Callable[..., Any]) -> None:
        try:
            self._onnxruntime = load_onnxruntime()
        except ImportError as error:
            raise ValueError(f"{path} cannot be run: {error}") from error
        self.path = Path(path)
        self.config = config
        self._make_output = make_output
        self._num_threads = 0
        self._session: Any = None
        metadata = self.session.get_modelmeta().custom_metadata_map
        id2label: Any = config.id2label
        labels = [id2label[index] for index in range(config.num_labels or 0)]
        if json.loads(metadata.get("labels", "null")) != labels:
            raise ValueError(
                f"{path} was exported with the labels {metadata.get('labels')}, and config.json beside it names "
                f"{labels}. Write the folder again with `audio-emotion export`."
            )
        self._num_parameters = int(metadata["num_parameters"])

    @classmethod
    def find(cls, name_or_folder: str | Path, options: dict[str, Any]) -> str | None:
        """Path of the graph of a folder or Hub repo, downloaded where need be; None where there is none.

        Args:
            name_or_folder: Folder or Hub id.
            options: Keywords of `from_pretrained`; those that concern the Hub are used.
        """
        download = hub_options(options)
        cached_file(name_or_folder, WEIGHTS_NAME, **download, _raise_exceptions_for_missing_entries=False)
        path: str | None = cached_file(
            name_or_folder, ONNX_NAME, **download, _raise_exceptions_for_missing_entries=False
        )
        return path

    @property
    def session(self) -> Any:
        """The `onnxruntime.InferenceSession`, with torch's present number of threads."""
        if self._session is None or self._num_threads != torch.get_num_threads():
            self._num_threads = torch.get_num_threads()
            options = self._onnxruntime.SessionOptions()
            options.intra_op_num_threads = self._num_threads
            try:
                self._session = self._onnxruntime.InferenceSession(
                    str(self.path), options, providers=["CPUExecutionProvider"]
                )
            except Exception as error:  # onnxruntime's own classes, which derive from nothing more exact
                raise ValueError(f"{self.path} cannot be read by onnxruntime: {error}") from error
        return self._session

    def __call__(self, input_features: torch.Tensor, attention_mask: torch.Tensor | None = None, **_: Any) -> Any:
        """Classifies clips and their frames.

        Args:
            input_features (`torch.Tensor` of shape `(batch, num_mel_bins, num_mel_frames)`):
                Log-mel features from [`EmotionWhisperFeatureExtractor`].
            attention_mask (`torch.Tensor` of shape `(batch, num_mel_frames)`, *optional*):
                1 on a clip's frames, 0 on the padding to their right. Default: no padding.
            **_: Without effect: a graph has no labels, hidden states or attentions.

        Returns:
            [`EmotionWhisperOutput`] without `loss`, `hidden_states` and `attentions`.

        Raises:
            ValueError: More frames than the encoder has positions for.
        """
        longest = self.config.encoder_config.max_source_positions * ENCODER_STRIDE
        if not 1 <= input_features.shape[-1] <= longest:
            raise ValueError(f"input_features must have 1 to {longest} mel frames, got {input_features.shape[-1]}.")
        if attention_mask is None:
            attention_mask = torch.ones(input_features.shape[0], input_features.shape[2])
        session = self.session
        names = [output.name for output in session.get_outputs()]
        arrays = session.run(
            names,
            {
                "input_features": input_features.to("cpu", torch.float32).numpy(),
                "attention_mask": attention_mask.to("cpu", torch.int64).numpy(),
            },
        )
        outputs = {name: torch.from_numpy(array) for name, array in zip(names, arrays, strict=True)}
        return self._make_output(**outputs, frame_mask=outputs["frame_log_weights"] > -torch.inf)

    @property
    def name_or_path(self) -> str:
        """Where the model came from."""
        return str(self.config.name_or_path or self.path.parent)

    def num_parameters(self) -> int:
        """Number of weights of the model that was exported."""
        return self._num_parameters

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """None: the weights are the graph's."""
        return iter(())

    def named_parameters(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        """None: the weights are the graph's."""
        return iter(())

    def eval(self) -> "OnnxEmotionWhisper":
        """The model as it is: a graph does not train."""
        return self

    def to(self, *_: Any, **__: Any) -> "OnnxEmotionWhisper":
        """The model as it is, on the CPU in float32."""
        return self

    def can_generate(self) -> bool:
        """False, as transformers' pipelines ask."""
        return False

    @property
    def files(self) -> list[Path]:
        """The graph, and beside it the weights where they have a file of their own."""
        return [path for name in (ONNX_NAME, WEIGHTS_NAME) if (path := self.path.with_name(name)).exists()]

    def save_pretrained(self, save_directory: str | Path, **_: Any) -> None:
        """Writes the graph and the config into a folder."""
        folder = Path(save_directory)
        folder.mkdir(parents=True, exist_ok=True)
        self.config.save_pretrained(folder)
        for source in self.files:
            if source.resolve() != (folder / source.name).resolve():
                shutil.copy2(source, folder / source.name)


def hub_options(options: dict[str, Any]) -> dict[str, Any]:
    """Those keywords of `from_pretrained` that say how to reach the Hub."""
    return {name: options[name] for name in _DOWNLOAD_OPTIONS if options.get(name) is not None}


__all__ = ["ONNX_NAME", "WEIGHTS_NAME", "OnnxEmotionWhisper", "hub_options"]
