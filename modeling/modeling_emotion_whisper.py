"""The emotion model: Whisper's encoder, and heads that answer for every 20 ms frame and for the clip."""

import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, PreTrainedModel
from transformers import initialization as init
from transformers.utils import SAFE_WEIGHTS_INDEX_NAME, cached_file
from transformers.utils.generic import ModelOutput, can_return_tuple

from .adapters_emotion_whisper import AdapterLabelsMixin
from .configuration_emotion_whisper import ENCODER_STRIDE, EmotionWhisperConfig
from .encoder_emotion_whisper import EmotionWhisperEncoder
from .heads_emotion_whisper import AttentionPooling, FrameScore, LayerMix, MatryoshkaHead
from .losses_emotion_whisper import intensity_loss, soft_cross_entropy
from .onnx_emotion_whisper import OnnxEmotionWhisper, hub_options

IGNORED_LABEL = -100
"""An integer label that counts for nothing, as in torch's cross-entropy."""

ALWAYS_SET: Any = None
"""Default of output fields that are never left out: a ModelOutput wants a default for every field."""


@dataclass
class EmotionWhisperModelOutput(ModelOutput):
    """What the encoder says about a batch.

    Args:
        last_hidden_state (`torch.Tensor` of shape `(batch, num_frames, d_model)`):
            Frame vectors, one per 20 ms.
        frame_mask (`torch.Tensor` of shape `(batch, num_frames)`):
            True on the frames that answer for the clip.
        hidden_states (`tuple(torch.Tensor)`, *optional*):
            `(batch, num_frames, d_model)` each: the embedded input and each layer's output, the last one being
            `last_hidden_state`.
        attentions (`tuple(torch.Tensor)`, *optional*):
            `(batch, num_heads, num_frames, num_frames)` each, with eager attention only.
    """

    last_hidden_state: torch.Tensor = ALWAYS_SET
    frame_mask: torch.Tensor = ALWAYS_SET
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


@dataclass
class EmotionWhisperOutput(ModelOutput):
    """What the model says about a batch of clips.

    Args:
        loss (`torch.Tensor` of shape `()`, *optional*):
            Mean over the nesting widths, where labels were given.
        logits (`torch.Tensor` of shape `(batch, num_labels)`):
            The clip's logits: `frame_logits` under the softmax of `frame_log_weights`.
        frame_logits (`torch.Tensor` of shape `(batch, num_frames, num_labels)`):
            Each frame's logits.
        frame_log_weights (`torch.Tensor` of shape `(batch, num_frames)`):
            Log-weight of each frame in any pooling, not normalised; -inf on padded frames.
        frame_mask (`torch.Tensor` of shape `(batch, num_frames)`):
            True on the frames that answer for the clip.
        embeddings (`torch.Tensor` of shape `(batch, width)`):
            Pooled frame vectors; any prefix in `config.nesting_dims` is an embedding of that width.
        frame_vectors (`torch.Tensor` of shape `(batch, num_frames, d_model)`):
            What the head reads.
        hidden_states (`tuple(torch.Tensor)`, *optional*):
            As in [`EmotionWhisperModelOutput`].
        attentions (`tuple(torch.Tensor)`, *optional*):
            As in [`EmotionWhisperModelOutput`].
    """

    loss: torch.Tensor | None = None
    logits: torch.Tensor = ALWAYS_SET
    frame_logits: torch.Tensor = ALWAYS_SET
    frame_log_weights: torch.Tensor = ALWAYS_SET
    frame_mask: torch.Tensor = ALWAYS_SET
    embeddings: torch.Tensor = ALWAYS_SET
    frame_vectors: torch.Tensor = ALWAYS_SET
    hidden_states: tuple[torch.Tensor, ...] | None = None
    attentions: tuple[torch.Tensor, ...] | None = None


class EmotionWhisperPreTrainedModel(PreTrainedModel):
    """Loading, saving and initialisation, common to the models here."""

    config_class = EmotionWhisperConfig
    config: EmotionWhisperConfig
    base_model_prefix = "model"
    main_input_name = "input_features"
    input_modalities = "audio"
    supports_gradient_checkpointing = True
    _no_split_modules = ["WhisperEncoderLayer"]  # noqa: RUF012
    _supports_sdpa = True

    @classmethod
    def from_pretrained(cls, pretrained_model_name_or_path: Any, *args: Any, **kwargs: Any) -> Any:
        """Loads a model from a folder or the Hub, as every transformers model does, but never with a random encoder.

        Args:
            pretrained_model_name_or_path: Folder or Hub id.
            *args: As in transformers.
            **kwargs: As in transformers.

        Returns:
            The model, in evaluation mode.

        Raises:
            ValueError: The weights are a pickle, belong to another architecture, or lack a part of the encoder.
        """
        with_report = kwargs.pop("output_loading_info", False)
        if kwargs.pop("use_safetensors", None) is False:
            raise ValueError("use_safetensors=False asks for pickled weights, which are never loaded.")
        _check_shards(pretrained_model_name_or_path, kwargs)
        try:
            loaded: Any = super().from_pretrained(
                pretrained_model_name_or_path, *args, use_safetensors=True, output_loading_info=True, **kwargs
            )
        except OSError as error:
            if "safetensors" not in str(error):
                raise
            raise ValueError(
                f"{pretrained_model_name_or_path} holds no weights in safetensors, and a pickle is never loaded. Turn "
                "a published checkpoint into a model folder with `audio-emotion convert CHECKPOINT --out DIR`."
            ) from error
        model, report = loaded
        missing = sorted(key for key in report["missing_keys"] if "encoder." in key or "layer_mix." in key)
        if missing:
            raise ValueError(
                f"{pretrained_model_name_or_path} lacks weights of the encoder, which would be random: "
                f"{', '.join(missing)}."
            )
        model.base_model.freeze_constants()  # transformers loads every weight as a trainable one
        return loaded if with_report else model

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, LayerMix):
            init.zeros_(module.layer_logits)
        elif isinstance(module, FrameScore):
            init.zeros_(module.weight)


def _check_shards(name_or_folder: Any, options: dict[str, Any]) -> None:
    """Hold transformers to the folder's safetensors: an index of shards could send it to a pickle, or elsewhere."""
    if name_or_folder is None:
        return
    path = cached_file(
        name_or_folder, SAFE_WEIGHTS_INDEX_NAME, **hub_options(options), _raise_exceptions_for_missing_entries=False
    )
    if path is None:
        return
    index = json.loads(Path(path).read_text(encoding="utf-8"))
    shards = index.get("weight_map") if isinstance(index, dict) else None
    names = list(shards.values()) if isinstance(shards, dict) else []
    strange = [name for name in names if not (isinstance(name, str) and re.fullmatch(r"[\w.-]+\.safetensors", name))]
    if strange or not names:
        raise ValueError(
            f"{path}: weight_map must name .safetensors files of its own folder, got {(strange or [shards])[0]!r}."
        )


class EmotionWhisperModel(EmotionWhisperPreTrainedModel):
    """Whisper's encoder for clips of any length up to 30 s, with an optional mix of its layers; no head."""

    def __init__(self, config: EmotionWhisperConfig) -> None:
        super().__init__(config)
        self.encoder = EmotionWhisperEncoder(config.encoder_config)
        self.layer_mix = LayerMix(config.encoder_config.encoder_layers) if config.layer_mix else None
        self.freeze_constants()
        self.post_init()

    def freeze_constants(self) -> None:
        """Keeps from training what is fixed (positions) or idle (a final norm beside a mix: DDP would stop at it)."""
        self.encoder.embed_positions.requires_grad_(False)
        if self.layer_mix is not None:
            self.encoder.layer_norm.requires_grad_(False)

    def get_input_embeddings(self) -> nn.Module:
        """The first convolution, as in Whisper."""
        embeddings: nn.Module = self.encoder.get_input_embeddings()
        return embeddings

    @can_return_tuple
    def forward(
        self, input_features: torch.Tensor, attention_mask: torch.Tensor | None = None, **kwargs: Any
    ) -> EmotionWhisperModelOutput:
        """Encodes log-mel frames.

        Args:
            input_features (`torch.Tensor` of shape `(batch, num_mel_bins, num_mel_frames)`):
                Log-mel features from [`EmotionWhisperFeatureExtractor`].
            attention_mask (`torch.Tensor` of shape `(batch, num_mel_frames)`, *optional*):
                1 on a clip's frames, 0 on the padding to their right. Default: no padding.
            **kwargs:
                `output_hidden_states` and `output_attentions`, as in every transformers model.

        Returns:
            [`EmotionWhisperModelOutput`].
        """
        # In the padded mode the encoder hears the silence that fills the window, as it did in training.
        encoder_mask = None if self.config.pad_to_window else attention_mask
        for name in ("output_hidden_states", "output_attentions"):  # the encoder's config is another one
            if kwargs.get(name) is None:
                kwargs[name] = getattr(self.config, name)
        mix = None if self.layer_mix is None else self._mix
        outputs = self.encoder(input_features, encoder_mask, layer_mix=mix, return_dict=True, **kwargs)
        return EmotionWhisperModelOutput(
            last_hidden_state=outputs.last_hidden_state,
            frame_mask=self._frame_mask(outputs.last_hidden_state, attention_mask),
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def _mix(self, layer_outputs: list[torch.Tensor]) -> torch.Tensor:
        """The layer mix, as a function: Accelerate would take a module among the arguments for data, and move it."""
        mixed: torch.Tensor = self.layer_mix(layer_outputs)  # type: ignore[misc]
        return mixed

    def _frame_mask(self, frame_vectors: torch.Tensor, attention_mask: torch.Tensor | None) -> torch.Tensor:
        """True on the `config.num_frames` first frames of each clip, `(batch, num_frames)`."""
        if attention_mask is None:
            return torch.ones(frame_vectors.shape[:2], dtype=torch.bool, device=frame_vectors.device)
        first = ENCODER_STRIDE - 1 if self.config.pad_to_window else 0  # a last odd mel frame: does it make a frame?
        return attention_mask[:, first::ENCODER_STRIDE].to(torch.bool)


class EmotionWhisperForAudioClassification(AdapterLabelsMixin, EmotionWhisperPreTrainedModel):
    """Emotion logits for every frame and for the clip, with Matryoshka heads on the encoder's frame vectors.

    transformers' Trainer asks every batch for each argument with "label" in its name, so `forward` names `labels`
    alone. To train on masks or frames with it, set `TrainingArguments(remove_unused_columns=False)`.
    """

    backend = "torch"
    accepts_loss_kwargs = False
    """The loss is a mean: a Trainer that accumulates gradients has to divide it by the number of steps."""

    def __init__(self, config: EmotionWhisperConfig) -> None:
        super().__init__(config)
        self.model = EmotionWhisperModel(config)
        self.dropout = nn.Dropout(config.final_dropout)
        attention = config.pooling == "attention"
        self.pooling = AttentionPooling(config.d_model, config.attention_pooling_dim) if attention else None
        self.head = MatryoshkaHead(config.nesting_dims or (), config.num_labels or 0)
        self.post_init()

    @classmethod
    def from_pretrained(
        cls, pretrained_model_name_or_path: Any, *args: Any, backend: str | None = None, **kwargs: Any
    ) -> Any:
        """Loads a model from a folder or the Hub; one that was exported runs in onnxruntime.

        Args:
            pretrained_model_name_or_path: Folder or Hub id.
            *args: As in transformers.
            backend: `"torch"`, `"onnx"`, or None: torch where there are weights for it, else onnxruntime.
            **kwargs: As in transformers.

        Returns:
            The model, in evaluation mode, or an [`OnnxEmotionWhisper`].

        Raises:
            ValueError: As in [`EmotionWhisperPreTrainedModel`], or there is no graph, or no onnxruntime to run it.
        """
        if backend not in (None, "torch", "onnx"):
            raise ValueError(f"backend must be 'torch' or 'onnx', got {backend!r}.")
        if backend != "onnx":
            try:
                return super().from_pretrained(pretrained_model_name_or_path, *args, **kwargs)
            except ValueError as error:
                if backend == "torch" or not isinstance(error.__cause__, OSError):
                    raise
                graph = OnnxEmotionWhisper.find(pretrained_model_name_or_path, kwargs)
                if graph is None:
                    raise
        elif (graph := OnnxEmotionWhisper.find(pretrained_model_name_or_path, kwargs)) is None:
            raise ValueError(
                f"{pretrained_model_name_or_path} holds no model.onnx. Write a folder that does with "
                f"`audio-emotion export --model {pretrained_model_name_or_path} --out DIR`."
            )
        config = kwargs.get("config")
        if config is None:
            config = EmotionWhisperConfig.from_pretrained(pretrained_model_name_or_path, **hub_options(kwargs))
        model = OnnxEmotionWhisper(graph, config, EmotionWhisperOutput)
        report: dict[str, Any] = {"missing_keys": [], "mismatched_keys": [], "unexpected_keys": []}
        return (model, report) if kwargs.get("output_loading_info") else model

    @classmethod
    def from_whisper(
        cls,
        name_or_folder: str | Path,
        num_layers: int | None = None,
        dtype: torch.dtype = torch.float32,
        **config_kwargs: Any,
    ) -> "EmotionWhisperForAudioClassification":
        """Starts a model from a Whisper's encoder; the heads are new.

        Args:
            name_or_folder: Hub id or folder of any Whisper in safetensors: the full model or the encoder alone.
            num_layers: Keep the first `num_layers` layers, and Whisper's final layer norm on the last of them.
            dtype: Type of the weights.
            **config_kwargs: Further fields of [`EmotionWhisperConfig`].

        Returns:
            The model, in evaluation mode.

        Raises:
            ValueError: The folder holds another architecture, has fewer layers, or lacks a weight of the encoder.
        """
        encoder_config = AutoConfig.from_pretrained(name_or_folder)
        if encoder_config.model_type != "whisper":
            raise ValueError(f"{name_or_folder} is a '{encoder_config.model_type}' model: expected a 'whisper'.")
        if num_layers is not None and not 1 <= num_layers <= encoder_config.encoder_layers:
            raise ValueError(f"num_layers must be 1 to {encoder_config.encoder_layers}, got {num_layers}.")
        encoder = EmotionWhisperEncoder.from_whisper(name_or_folder, encoder_config, dtype)
        if num_layers is not None:
            encoder.layers = encoder.layers[:num_layers]
            encoder_config.encoder_layers = num_layers
        encoder_config.architectures, encoder_config.dtype = None, dtype
        encoder_config._name_or_path = ""  # a folder of this machine says nothing on another
        model = cls(EmotionWhisperConfig(encoder_config=encoder_config, dtype=dtype, **config_kwargs))
        model.model.encoder.load_state_dict(encoder.state_dict(), assign=True)
        model.to(dtype)  # type: ignore[arg-type]
        model.eval()
        return model

    @can_return_tuple
    def forward(
        self,
        input_features: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        width: int | None = None,
        **kwargs: Any,
    ) -> EmotionWhisperOutput:
        """Classifies clips and their frames.

        Args:
            input_features (`torch.Tensor` of shape `(batch, num_mel_bins, num_mel_frames)`):
                Log-mel features from [`EmotionWhisperFeatureExtractor`].
            attention_mask (`torch.Tensor` of shape `(batch, num_mel_frames)`, *optional*):
                1 on a clip's frames, 0 on the padding to their right. Default: no padding.
            labels (`torch.Tensor` of shape `(batch,)` or `(batch, num_labels)`, *optional*):
                Class indices (-100 is ignored), or soft labels: with `config.problem="distribution"` a distribution, a
                row of zeros being ignored; with `"intensity"` targets in 0..1.
            width (`int`, *optional*):
                Answer with the head of this nesting width. Default: the widest.
            label_mask (`torch.Tensor` of shape `(batch, num_labels)`, *optional*):
                Nonzero on the classes that the clip's corpus can express.
            frame_labels (`torch.Tensor` of shape `(batch, num_frames, num_labels)`, *optional*):
                Soft labels of each frame, as `labels`: frames without a target are rows of zeros in a distribution, and
                masked in `frame_label_mask` where the targets are intensities.
            frame_label_mask (`torch.Tensor` of shape `(batch, num_frames, num_labels)`, *optional*):
                `label_mask` of each frame. Default: the clip's.
            **kwargs:
                Also `output_hidden_states`, `output_attentions`, `return_dict`, as in every transformers model.

        Returns:
            [`EmotionWhisperOutput`].

        Raises:
            ValueError: Labels whose shape or type does not fit the model, or an unknown `width`.
        """
        label_mask = kwargs.pop("label_mask", None)
        frame_labels, frame_label_mask = kwargs.pop("frame_labels", None), kwargs.pop("frame_label_mask", None)
        outputs: EmotionWhisperModelOutput = self.model(input_features, attention_mask, return_dict=True, **kwargs)
        frame_vectors = self.dropout(outputs.last_hidden_state)
        frame_mask = outputs.frame_mask
        frame_log_weights = self._frame_log_weights(frame_vectors, frame_mask)
        weights = frame_log_weights.softmax(dim=-1)[:, None]  # (batch, 1, num_frames)
        embeddings = (weights @ frame_vectors).squeeze(1)  # (batch, d_model)

        loss = None
        if labels is not None:
            loss = self._loss(embeddings, self._soft_labels(labels), label_mask)
        if frame_labels is not None:
            frame_loss = self._frame_loss(frame_vectors, frame_mask, frame_labels, label_mask, frame_label_mask)
            loss = frame_loss if loss is None else loss + frame_loss
        return EmotionWhisperOutput(
            loss=loss,
            logits=self.head(embeddings, width),
            frame_logits=self.head(frame_vectors, width),
            frame_log_weights=frame_log_weights,
            frame_mask=frame_mask,
            embeddings=embeddings[:, :width],
            frame_vectors=frame_vectors,
            hidden_states=outputs.hidden_states,
            attentions=outputs.attentions,
        )

    def _frame_log_weights(self, frame_vectors: torch.Tensor, frame_mask: torch.Tensor) -> torch.Tensor:
        """Unnormalised log-weight of each frame, `(batch, num_frames)`; -inf where `frame_mask` is False."""
        scores = frame_vectors.new_zeros(frame_mask.shape) if self.pooling is None else self.pooling(frame_vectors)
        return scores.masked_fill(~frame_mask, -torch.inf)

    def _loss(
        self,
        vectors: torch.Tensor,
        targets: torch.Tensor,
        label_mask: torch.Tensor | None,
        weights: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Mean over the nesting widths of the loss of `vectors (..., d_model)` against `targets (..., num_labels)`."""
        criterion = intensity_loss if self.config.problem == "intensity" else soft_cross_entropy
        losses = [criterion(logits, targets, label_mask, weights) for logits in self.head.all_widths(vectors)]
        return torch.stack(losses).mean()

    def _frame_loss(
        self,
        frame_vectors: torch.Tensor,
        frame_mask: torch.Tensor,
        frame_labels: torch.Tensor,
        label_mask: torch.Tensor | None,
        frame_label_mask: torch.Tensor | None,
    ) -> torch.Tensor:
        expected = (*frame_mask.shape, self.head.num_labels)
        if frame_labels.shape != expected or not frame_labels.is_floating_point():
            raise ValueError(
                f"frame_labels must be floats of shape (batch, num_frames, num_labels) = {expected}, "
                f"got {frame_labels.dtype} of shape {tuple(frame_labels.shape)}."
            )
        if frame_label_mask is None and label_mask is not None:
            frame_label_mask = label_mask[:, None]  # (batch, 1, num_labels)
        return self._loss(frame_vectors, frame_labels, frame_label_mask, weights=frame_mask)

    def _soft_labels(self, labels: torch.Tensor) -> torch.Tensor:
        """Labels as `(batch, num_labels)` floats; an ignored class index becomes a row of zeros."""
        num_labels = self.head.num_labels
        if labels.is_floating_point() and labels.ndim == 2 and labels.shape[1] == num_labels:
            return labels
        if not labels.is_floating_point() and labels.ndim == 1 and self.config.problem == "distribution":
            known = labels != IGNORED_LABEL
            one_hot = nn.functional.one_hot(labels.masked_fill(~known, 0).long(), num_labels)
            return one_hot.float() * known[:, None]
        expected = f"floats of shape (batch, {num_labels})"
        if self.config.problem == "distribution":
            expected += " or class indices of shape (batch,)"
        raise ValueError(f"labels must be {expected}, got {labels.dtype} of shape {tuple(labels.shape)}.")


__all__ = ["EmotionWhisperForAudioClassification", "EmotionWhisperModel", "EmotionWhisperPreTrainedModel"]
