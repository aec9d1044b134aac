"""Configuration of the emotion model: its encoder, its heads, its labels and the one definition of time."""

import math
import re
from dataclasses import field, fields
from typing import Any, ClassVar, Literal

from transformers import WhisperConfig
from transformers.configuration_utils import PreTrainedConfig, SubConfigSpec, strict

from .labels_emotion_whisper import EMOTIONS

ENCODER_STRIDE = 2
"""Log-mel frames per encoder frame: the stride of Whisper's second convolution."""


LARGEST = {
    "d_model": 2**14,
    "encoder_layers": 2**8,
    "encoder_attention_heads": 2**10,
    "encoder_ffn_dim": 2**16,
    "num_mel_bins": 2**10,
    "max_source_positions": 2**16,
}
"""Sizes of the encoder far above any Whisper's: beyond them a config only fills the memory."""
MAX_LABELS = 2**12
UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and halves of characters: no label has them."""
MAX_POOLING_DIM = 2**14


@strict
class EmotionWhisperConfig(PreTrainedConfig):
    r"""Configuration of [`EmotionWhisperModel`] and [`EmotionWhisperForAudioClassification`].

    Args:
        encoder_config (`WhisperConfig` or `dict`, *optional*):
            The Whisper encoder; only its encoder fields are read. `encoder_layers` is the number of layers kept.
        nesting_dims (`list[int]`, *optional*):
            Widths of the Matryoshka heads, ascending, the last one `d_model`. Default: the powers of two from 8 up to
            `d_model`, and `d_model`.
        layer_mix (`bool`, *optional*, defaults to `False`):
            Read a learned softmax-weighted mean of all kept layers' outputs (each layer-normalised) instead of
            Whisper's final layer norm of the last one.
        pooling (`"mean"` or `"attention"`, *optional*, defaults to `"mean"`):
            How frames are weighted into one answer per clip.
        problem (`"distribution"` or `"intensity"`, *optional*, defaults to `"distribution"`):
            What the labels are: one probability distribution (softmax), or independent intensities in 0..1 (sigmoid).
        class_prior (`list[float]`, *optional*):
            Share of each label in the training mix, as the logits embody it; sums to 1.
        temperature (`float`, *optional*, defaults to 1.0):
            Divisor that calibrates the logits. The model's own outputs are not divided: whoever makes probabilities of
            them divides first.
        calibration_error (`float`, *optional*):
            Expected calibration error measured with `temperature`, on held-out clips.
        pad_to_window (`bool`, *optional*, defaults to `False`):
            The model was trained on clips padded to Whisper's 30 s, with no mask in the encoder, and must be fed so.
        sampling_rate (`int`, *optional*, defaults to 16000):
            Samples per second that the feature extractor expects.
        hop_length (`int`, *optional*, defaults to 160):
            Samples between two log-mel frames.
        corpora (`list[str]`, *optional*):
            Names of the corpora that the model was trained on.
        final_dropout (`float`, *optional*, defaults to 0.0):
            Dropout on the frame vectors in front of the heads, in training.
        attention_pooling_dim (`int`, *optional*, defaults to 128):
            Hidden width of the attention pooling.
        initializer_range (`float`, *optional*, defaults to 0.02):
            Standard deviation of new weights outside the encoder.

    Labels (`id2label`) default to the eight of `EMOTIONS`.

    Example:
    ```python
    >>> from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
    >>> config = EmotionWhisperConfig(encoder_config={"d_model": 64, "encoder_attention_heads": 4})
    >>> config.nesting_dims
    [8, 16, 32, 64]
    >>> config.num_frames(16000), config.frame_period_s
    (50, 0.02)

    ```
    """

    model_type = "emotion_whisper"
    sub_configs_defaults: ClassVar[dict[str, Any]] = {"encoder_config": SubConfigSpec(config_class=WhisperConfig)}
    keys_to_ignore_at_inference: ClassVar[list[str]] = [
        "frame_logits",
        "frame_log_weights",
        "frame_mask",
        "frame_vectors",
        "embeddings",
        "hidden_states",
        "attentions",
    ]

    encoder_config: Any = None
    nesting_dims: list[int] | None = None
    layer_mix: bool = False
    pooling: Literal["mean", "attention"] = "mean"
    problem: Literal["distribution", "intensity"] = "distribution"
    class_prior: list[float | int] | None = None
    temperature: float | int = 1.0
    calibration_error: float | int | None = None
    pad_to_window: bool = False
    sampling_rate: int = 16000
    hop_length: int = 160
    corpora: list[str] = field(default_factory=list)
    final_dropout: float | int = 0.0
    attention_pooling_dim: int = 128
    initializer_range: float | int = 0.02

    def __post_init__(self, **kwargs: Any) -> None:
        num_labels = kwargs.get("num_labels") or len(self.id2label or ())
        if not isinstance(num_labels, int) or num_labels > MAX_LABELS:
            raise ValueError(f"a model has at most {MAX_LABELS} labels, got {num_labels!r}.")
        if self.id2label is None and kwargs.get("num_labels") in (None, len(EMOTIONS)):
            self.id2label = dict(enumerate(EMOTIONS))
        if self.id2label is not None and self.label2id is None:
            self.label2id = {label: int(index) for index, label in self.id2label.items()}
        if self.problem == "intensity" and self.problem_type is None:
            self.problem_type = "multi_label_classification"  # stock pipelines read sigmoid from this
        try:
            super().__post_init__(**kwargs)
        except AttributeError as error:  # how transformers takes a dtype that torch does not have
            raise ValueError(f"the config cannot be used: {error}.") from error
        self.validate_encoder()
        if self.nesting_dims is None:
            self.nesting_dims = default_nesting_dims(self.d_model)
        for check in (
            self.validate_nesting_dims,
            self.validate_labels,
            self.validate_class_prior,
            self.validate_numbers,
        ):
            check()  # a plain ValueError here; @strict wraps it in a type of its own, and repeats the checks on saving

    def validate_nesting_dims(self) -> None:
        """Part of `@strict`: the widths ascend and end at the encoder's."""
        dims = list(self.nesting_dims or ())
        ascending = all(low < high for low, high in zip([0, *dims], dims, strict=False))
        if not dims or not ascending or dims[-1] != self.d_model:
            raise ValueError(
                f"nesting_dims must be positive, strictly ascending and end at the encoder's d_model={self.d_model}, "
                f"got {dims}. Leave it out for {default_nesting_dims(self.d_model)}."
            )

    def validate_encoder(self) -> None:
        """Part of `@strict`: sizes that an encoder can have."""
        for name, largest in LARGEST.items():
            size = getattr(self.encoder_config, name)
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= largest:
                raise ValueError(f"encoder_config.{name} must be 1 to {largest}, got {size!r}.")

    def validate_labels(self) -> None:
        """Part of `@strict`: each output has a name of its own."""
        names: dict[Any, Any] = dict(self.id2label or {})
        labels = [names.get(index) for index in range(self.num_labels or 0)]
        if not labels or not all(isinstance(label, str) and label.strip() for label in labels):
            raise ValueError(f"id2label must name the outputs 0, 1, ..., got {self.id2label}.")
        if strange := [label for label in labels if UNPRINTABLE.search(str(label))]:
            raise ValueError(f"id2label has control characters in {strange}.")
        if len(set(labels)) < len(labels):
            raise ValueError(f"id2label names a label twice: {labels}.")

    def validate_class_prior(self) -> None:
        """Part of `@strict`: one share per label, which sum to 1."""
        if self.class_prior is None:
            return
        if len(self.class_prior) != self.num_labels:
            raise ValueError(
                f"class_prior has {len(self.class_prior)} values for {self.num_labels} labels. "
                "Pass one share per label, or class_prior=None with new labels."
            )
        total = sum(self.class_prior)
        if not all(0 <= share <= 1 for share in self.class_prior) or not math.isclose(total, 1.0, abs_tol=1e-3):
            raise ValueError(
                f"class_prior must hold shares in 0..1 that sum to 1, got sum {total}: {self.class_prior}."
            )

    def validate_numbers(self) -> None:
        """Part of `@strict`: values that have a range."""
        if not (math.isfinite(self.temperature) and self.temperature > 0):
            raise ValueError(f"temperature must be a positive number, got {self.temperature}.")
        if not 0 <= self.final_dropout < 1:
            raise ValueError(f"final_dropout must be in [0, 1), got {self.final_dropout}.")
        if self.calibration_error is not None and not 0 <= self.calibration_error <= 1:
            raise ValueError(f"calibration_error must be in 0..1, got {self.calibration_error}.")
        for name in ("sampling_rate", "hop_length", "attention_pooling_dim"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}.")
        if self.attention_pooling_dim > MAX_POOLING_DIM:
            raise ValueError(f"attention_pooling_dim is at most {MAX_POOLING_DIM}, got {self.attention_pooling_dim}.")
        if self.layer_mix and self.encoder_config.encoder_layerdrop > 0:
            raise ValueError("layer_mix reads every layer: set encoder_config.encoder_layerdrop to 0.")

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Builds the config from `config.json`'s content; values in `kwargs` win over the file's.

        With another number of labels the file's prior, temperature and calibration error are left out: they belong to
        heads that such a model does not have.

        Raises:
            ValueError: The content belongs to another architecture, or names a repository whose code would run.
        """
        _check_for_kernels(config_dict)
        model_type = config_dict.get("model_type", cls.model_type)
        if model_type != cls.model_type:
            raise ValueError(
                f"This is a '{model_type}' model, not '{cls.model_type}'. A Whisper can start one with "
                "EmotionWhisperForAudioClassification.from_whisper(name_or_folder)."
            )
        own = {field.name for field in fields(cls)} - {"encoder_config", "dtype"}
        overrides = {name: kwargs.pop(name) for name in own & kwargs.keys()}
        if kwargs.get("num_labels") is None:
            kwargs.pop("num_labels", None)
        stale = {"label2id"} if "id2label" in overrides else set()
        num_before = _count(config_dict.get("id2label"), len(EMOTIONS))
        if kwargs.get("num_labels", _count(overrides.get("id2label"), num_before)) != num_before:
            stale |= {"class_prior", "temperature", "calibration_error"}
        kept = {name: value for name, value in config_dict.items() if name not in stale}
        return super().from_dict({**kept, **overrides}, **kwargs)

    def to_diff_dict(self) -> dict[str, Any]:
        """As in transformers, but always with the labels: it leaves out two without names, its default, not ours."""
        labels: dict[str, Any] = {"id2label": self.id2label, "label2id": self.label2id}
        return {**super().to_diff_dict(), **labels}

    @property
    def d_model(self) -> int:
        """Width of a frame vector."""
        return int(self.encoder_config.d_model)

    @property
    def hidden_size(self) -> int:
        """Width of a frame vector, under the name that transformers' tools look for."""
        return self.d_model

    @property
    def frame_samples(self) -> int:
        """Samples per encoder frame (320)."""
        return self.hop_length * ENCODER_STRIDE

    @property
    def frame_period_s(self) -> float:
        """Seconds per encoder frame (0.02)."""
        return self.frame_samples / self.sampling_rate

    @property
    def window_samples(self) -> int:
        """Longest clip that the encoder hears at once, in samples (480000: 30 s)."""
        return int(self.encoder_config.max_source_positions) * self.frame_samples

    def num_frames(self, num_samples: int) -> int:
        """Number of frames that answer for a clip.

        Args:
            num_samples: Length of the clip, in samples at `sampling_rate`.

        Returns:
            Half of the clip's whole hops, a last odd one counting as a frame; with `pad_to_window` it does not count,
            as in the published model.
        """
        num_mel_frames = num_samples // self.hop_length
        if self.pad_to_window:
            return num_mel_frames // ENCODER_STRIDE
        return -(-num_mel_frames // ENCODER_STRIDE)


def _count(id2label: Any, default: int) -> int:
    """How many labels a file or a caller names; validated later."""
    return len(id2label) if isinstance(id2label, dict) else default


def _check_for_kernels(config_dict: dict[str, Any]) -> None:
    """Refuse a file that asks for compiled code of some repository, which transformers would fetch and run."""
    for part in (config_dict, config_dict.get("encoder_config")):
        for key, value in (part if isinstance(part, dict) else {}).items():
            if key.endswith("_implementation") and "/" in str(value):
                raise ValueError(
                    f"{key} names a repository, {value!r}, whose code would run. Where you trust it, take the line out "
                    "of config.json and pass the name to from_pretrained."
                )


def default_nesting_dims(d_model: int) -> list[int]:
    """Powers of two from 8 up to `d_model`, and `d_model` itself at the end."""
    dims = [2**exponent for exponent in range(3, d_model.bit_length()) if 2**exponent < d_model]
    return [*dims, d_model]


__all__ = ["EmotionWhisperConfig"]
