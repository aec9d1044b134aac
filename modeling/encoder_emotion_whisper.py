"""Whisper's encoder on clips of any length up to its window: same layers and weights, padding masked."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import WhisperConfig
from transformers import initialization as init
from transformers.masking_utils import create_bidirectional_mask
from transformers.modeling_outputs import BaseModelOutput
from transformers.models.whisper.modeling_whisper import WhisperEncoder, sinusoids
from transformers.utils.output_capturing import capture_outputs

from .configuration_emotion_whisper import ENCODER_STRIDE


class EmotionWhisperEncoder(WhisperEncoder):
    """Whisper's encoder without its demand for 30 s.

    The position table is cut to the clip. Padded frames are zeroed in front of both convolutions and masked in
    attention, so a clip gives the same vectors alone and in a batch. On a full window it equals `WhisperEncoder`.
    """

    _keys_to_ignore_on_load_unexpected = [r"^(model\.)?decoder\.", r"^proj_out\."]  # noqa: RUF012

    def _init_weights(self, module: nn.Module) -> None:
        super()._init_weights(module)
        if isinstance(module, nn.Embedding):  # the position table is the only one
            init.copy_(module.weight, sinusoids(*module.weight.shape))

    @classmethod
    def from_whisper(
        cls, name_or_folder: str | Path, config: WhisperConfig, dtype: torch.dtype = torch.float32
    ) -> "EmotionWhisperEncoder":
        """Loads the encoder out of any Whisper: `WhisperForConditionalGeneration`, `WhisperModel` or an encoder alone.

        Args:
            name_or_folder: Hub id or folder with weights in safetensors.
            config: Its configuration.
            dtype: Type of the weights.

        Returns:
            The encoder, in evaluation mode.

        Raises:
            ValueError: There are no weights in safetensors, or they lack a part of the encoder.
        """
        try:
            loaded: Any = cls.from_pretrained(
                name_or_folder,
                config=config,
                dtype=dtype,
                use_safetensors=True,
                key_mapping={r"^(model\.)?encoder\.": ""},
                output_loading_info=True,
            )
        except OSError as error:
            raise ValueError(f"{name_or_folder} holds no Whisper weights in safetensors: {error}") from error
        encoder: EmotionWhisperEncoder = loaded[0]
        if missing := sorted(loaded[1]["missing_keys"]):
            raise ValueError(f"{name_or_folder} lacks weights of Whisper's encoder: {', '.join(missing)}.")
        return encoder

    @capture_outputs
    def forward(
        self,
        input_features: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        layer_mix: Callable[[list[torch.Tensor]], torch.Tensor] | None = None,
        **kwargs: Any,
    ) -> BaseModelOutput:
        """Encodes log-mel frames.

        Args:
            input_features (`torch.Tensor` of shape `(batch, num_mel_bins, num_mel_frames)`):
                Log-mel features, at most `2 * max_source_positions` frames. What lies in padded frames is never read.
            attention_mask (`torch.Tensor` of shape `(batch, num_mel_frames)`, *optional*):
                1 on a clip's frames, 0 on the padding to their right. Default: no padding.
            layer_mix (`Callable`, *optional*):
                Makes the result from the list of all layers' outputs, in place of the final layer norm of the last one.
            **kwargs:
                `output_hidden_states` and `output_attentions`, as in every transformers model.

        Returns:
            `last_hidden_state (batch, num_frames, d_model)` with `num_frames = ceil(num_mel_frames / 2)`.

        Raises:
            ValueError: The features or the mask have a shape that the encoder cannot take.
        """
        self._check_shapes(input_features, attention_mask)
        mel_mask = None if attention_mask is None else _padding_mask(attention_mask)
        attention_bias = None
        if mel_mask is not None:
            input_features = input_features.masked_fill(~mel_mask[:, None], 0.0)

        hidden_states = nn.functional.gelu(self.conv1(input_features))  # (batch, d_model, num_mel_frames)
        if mel_mask is not None:
            hidden_states = hidden_states.masked_fill(~mel_mask[:, None], 0.0)
        hidden_states = nn.functional.gelu(self.conv2(hidden_states))  # (batch, d_model, num_frames)
        # Contiguous: the residual sums of all layers keep this layout, and each layer norm would make a copy of it.
        hidden_states = hidden_states.transpose(1, 2).contiguous()  # (batch, num_frames, d_model)

        positions = torch.arange(hidden_states.shape[1], device=hidden_states.device)
        hidden_states = hidden_states + self.embed_positions(positions)  # called, so that Accelerate can offload it
        hidden_states = nn.functional.dropout(hidden_states, p=self.dropout, training=self.training)
        if mel_mask is not None:
            frame_mask = mel_mask[:, ::ENCODER_STRIDE]  # (batch, num_frames)
            attention_bias = create_bidirectional_mask(self.config, hidden_states, frame_mask)

        layer_outputs = []
        for layer in self.layers:
            if self.training and self.layerdrop > 0 and torch.rand([]) < self.layerdrop:
                continue
            hidden_states = layer(hidden_states, attention_bias, **kwargs)
            if layer_mix is not None:
                layer_outputs.append(hidden_states)
        last_hidden_state = self.layer_norm(hidden_states) if layer_mix is None else layer_mix(layer_outputs)
        return BaseModelOutput(last_hidden_state=last_hidden_state)

    def _check_shapes(self, input_features: torch.Tensor, attention_mask: torch.Tensor | None) -> None:
        longest = self.max_source_positions * ENCODER_STRIDE
        if input_features.ndim != 3 or input_features.shape[1] != self.num_mel_bins:
            raise ValueError(
                f"input_features must have shape (batch, {self.num_mel_bins}, num_mel_frames), "
                f"got {tuple(input_features.shape)}."
            )
        if not 1 <= input_features.shape[2] <= longest:
            raise ValueError(
                f"input_features must have 1 to {longest} mel frames, got {input_features.shape[2]}. "
                "Cut longer recordings into windows first, as the audio-emotion pipeline does."
            )
        if attention_mask is not None and attention_mask.shape != (input_features.shape[0], input_features.shape[2]):
            raise ValueError(
                f"attention_mask must have shape (batch, num_mel_frames) = "
                f"{(input_features.shape[0], input_features.shape[2])}, got {tuple(attention_mask.shape)}."
            )


def _padding_mask(attention_mask: torch.Tensor) -> torch.Tensor | None:
    """The mask as bool `(batch, num_mel_frames)`; None where nothing is padded: attention is faster without one."""
    mask = attention_mask.to(torch.bool)
    if torch.compiler.is_compiling():  # a graph for every mask: it cannot depend on the mask's values
        return mask
    if bool(mask.all()):
        return None
    if not bool(mask[:, 0].all()) or bool((mask[:, 1:] & ~mask[:, :-1]).any()):
        raise ValueError("attention_mask must be 1 on the first frames of each clip, at least one, and 0 after them.")
    return mask
