"""Waveform to log-mel frames: Whisper's features, as long as the clip, with an optional level normalisation."""

import math
from collections.abc import Sequence
from functools import lru_cache
from numbers import Real
from typing import Any, ClassVar

import numpy as np
import torch
from transformers import BatchFeature, PreTrainedConfig, SequenceFeatureExtractor
from transformers.audio_utils import mel_filter_bank
from transformers.utils import PaddingStrategy, logging

MIN_CLIP_SAMPLES = 400
LARGEST = {
    "feature_size": 2**10,
    "sampling_rate": 2**20,
    "hop_length": MIN_CLIP_SAMPLES,
    "n_fft": 2 * MIN_CLIP_SAMPLES,
    "chunk_length": 2**12,
}
"""Far above what any model here uses; `n_fft` is what the shortest clip can fill."""
DYNAMIC_RANGE = 8.0
"""Log10 power that a clip keeps below its loudest mel bin (Whisper's)."""
WHISPER_SMALLEST_POWER = 1e-10
"""Power at which Whisper cuts a mel bin before the logarithm. With level normalisation the cut lies lower."""

logger = logging.get_logger(__name__)


class EmotionWhisperFeatureExtractor(SequenceFeatureExtractor):
    """Log-mel features of one clip or a batch.

    Each clip's features are computed on that clip alone and then zero-padded to the longest, so a batch holds the same
    numbers as its clips one by one. With `pad_to_window` they are those of `WhisperFeatureExtractor`: every clip is
    padded with silence to 30 s first.

    Args:
        feature_size (`int`, *optional*, defaults to 80):
            Number of mel bins.
        sampling_rate (`int`, *optional*, defaults to 16000):
            Samples per second of the waveforms.
        hop_length (`int`, *optional*, defaults to 160):
            Samples between two frames.
        n_fft (`int`, *optional*, defaults to 400):
            Samples under one analysis window.
        chunk_length (`int`, *optional*, defaults to 30):
            Longest clip, in seconds.
        padding_value (`float`, *optional*, defaults to 0.0):
            What fills a shorter clip's frames in a batch.
        pad_to_window (`bool`, *optional*, defaults to `False`):
            Pad every clip with silence to `chunk_length` before the features are computed.
        level_normalization (`bool`, *optional*, defaults to `False`):
            Shift each clip's log-mel so that its loudest bin sits at `level_target`: a gain on the recording changes
            nothing.
        level_target (`float`, *optional*, defaults to 1.0):
            Where the loudest bin is put, in log10 power. Corpora of emotional speech have their median near it.
        level_floor (`float`, *optional*, defaults to -5.0):
            A clip whose loudest bin lies below this log10 power gets no more gain than one at it: silence stays
            silence.

    Raises:
        ValueError: A field is no number, or out of its range.

    Example:
    ```python
    >>> import numpy as np
    >>> from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
    >>> features = EmotionWhisperFeatureExtractor()([np.zeros(16000, np.float32), np.zeros(8000, np.float32)])
    >>> features["input_features"].shape, features["attention_mask"].sum(axis=1).tolist()
    ((2, 80, 100), [100, 50])

    ```
    """

    model_input_names: ClassVar[list[str]] = ["input_features", "attention_mask"]

    def __init__(
        self,
        feature_size: int = 80,
        sampling_rate: int = 16000,
        hop_length: int = 160,
        n_fft: int = 400,
        chunk_length: int = 30,
        padding_value: float = 0.0,
        pad_to_window: bool = False,
        level_normalization: bool = False,
        level_target: float = 1.0,
        level_floor: float = -5.0,
        **kwargs: Any,
    ) -> None:
        sizes = {"feature_size": feature_size, "sampling_rate": sampling_rate, "hop_length": hop_length}
        for name, size in (sizes | {"n_fft": n_fft, "chunk_length": chunk_length}).items():
            if isinstance(size, bool) or not isinstance(size, int) or not 1 <= size <= LARGEST[name]:
                raise ValueError(f"{name} must be a whole number of 1 to {LARGEST[name]}, got {size!r}.")
        numbers = {"padding_value": padding_value, "level_target": level_target, "level_floor": level_floor}
        for name, number in numbers.items():
            if not isinstance(number, (int, float)) or not math.isfinite(number):
                raise ValueError(f"{name} must be a number, got {number!r}.")
        super().__init__(feature_size=feature_size, sampling_rate=sampling_rate, padding_value=padding_value, **kwargs)
        self.hop_length = hop_length
        self.n_fft = n_fft
        self.chunk_length = chunk_length
        self.pad_to_window = pad_to_window
        self.level_normalization = level_normalization
        self.level_target = level_target
        self.level_floor = level_floor

    @classmethod
    def from_model_config(cls, config: PreTrainedConfig, **kwargs: Any) -> "EmotionWhisperFeatureExtractor":
        """The extractor that a model with this [`EmotionWhisperConfig`] needs; `kwargs` are further fields.

        Raises:
            ValueError: The model's window is no whole number of seconds.
        """
        if config.window_samples % config.sampling_rate:
            raise ValueError(
                f"The model hears windows of {config.window_samples / config.sampling_rate} s, and an extractor makes "
                "whole seconds. Give encoder_config a max_source_positions that is a multiple of 50."
            )
        return cls(
            feature_size=config.encoder_config.num_mel_bins,
            sampling_rate=config.sampling_rate,
            hop_length=config.hop_length,
            chunk_length=config.window_samples // config.sampling_rate,
            pad_to_window=config.pad_to_window,
            **kwargs,
        )

    @property
    def max_samples(self) -> int:
        """Longest clip, in samples."""
        return self.chunk_length * self.sampling_rate

    def __call__(
        self,
        raw_speech: Any,
        sampling_rate: int | None = None,
        return_tensors: str | None = None,
        padding: bool | str = True,
        max_length: int | None = None,
        truncation: bool = False,
        **ignored: Any,
    ) -> BatchFeature:
        """Computes the features.

        Args:
            raw_speech (`np.ndarray`, `torch.Tensor`, or a list of them):
                One waveform `(num_samples,)` of floats, full scale at 1, a list of them, or, as in every extractor of
                transformers, several of one length `(num_clips, num_samples)`. From 25 ms to 30 s each.
            sampling_rate (`int`, *optional*):
                The waveforms' rate; checked against the extractor's.
            return_tensors (`str`, *optional*):
                `"pt"` for torch tensors, `"np"` or nothing for arrays.
            padding (`bool` or `str`, *optional*, defaults to `True`):
                `True` or `"longest"`: to the longest clip; `"max_length"`: to `max_length`; `False`: clips of one
                length only.
            max_length (`int`, *optional*, defaults to 30 s):
                Samples that `padding="max_length"` pads to, and that `truncation` keeps.
            truncation (`bool`, *optional*, defaults to `False`):
                Cut longer clips.
            **ignored:
                What other extractors of transformers take has no meaning here; a warning names it.

        Returns:
            `input_features (batch, num_mel_bins, num_mel_frames)`, float32, and `attention_mask (batch,
            num_mel_frames)`: 1 on the `num_samples // hop_length` frames of each clip.

        Raises:
            ValueError: A wrong rate, a waveform of a wrong rank, dtype or length, or with NaN or infinite values, clips
                of several lengths with `padding=False`, an unknown `padding`, or a `max_length` out of range.
        """
        if ignored:
            logger.warning(f"The feature extractor does not know {sorted(ignored)}, and goes without.")
        if sampling_rate is None:
            logger.warning_once(
                f"Pass sampling_rate: sound at another rate than {self.sampling_rate} Hz is then refused."
            )
        elif sampling_rate != self.sampling_rate:
            raise ValueError(f"Expected audio at {self.sampling_rate} Hz, got {sampling_rate} Hz: resample it first.")
        if isinstance(padding, bool):
            padding = "longest" if padding else "do_not_pad"
        strategy = PaddingStrategy(padding)
        if max_length is None:
            max_length = self.max_samples
        elif not isinstance(max_length, int) or not MIN_CLIP_SAMPLES <= max_length <= self.max_samples:
            raise ValueError(
                f"max_length must be {MIN_CLIP_SAMPLES} to {self.max_samples} whole samples, got {max_length!r}."
            )
        cut = max_length if truncation else None
        waveforms = [self._checked(clip, index, cut) for index, clip in enumerate(_clips(raw_speech))]
        num_mel_frames = [len(waveform) // self.hop_length for waveform in waveforms]
        if self.pad_to_window:
            waveforms = [np.pad(waveform, (0, self.max_samples - len(waveform))) for waveform in waveforms]
        spectrograms = [self.log_mel(waveform) for waveform in waveforms]

        longest = max(spectrogram.shape[1] for spectrogram in spectrograms)
        if strategy == PaddingStrategy.MAX_LENGTH:
            longest = max(longest, max_length // self.hop_length)
        elif strategy == PaddingStrategy.DO_NOT_PAD and any(len(row[0]) < longest for row in spectrograms):
            raise ValueError("padding=False takes clips of one length only: pass them one by one, or pad them.")
        features = np.full((len(spectrograms), self.feature_size, longest), self.padding_value, dtype=np.float32)
        for row, spectrogram in zip(features, spectrograms, strict=True):
            row[:, : spectrogram.shape[1]] = spectrogram
        attention_mask = (np.arange(longest) < np.array(num_mel_frames)[:, None]).astype(np.int64)
        return BatchFeature({"input_features": features, "attention_mask": attention_mask}, tensor_type=return_tensors)

    def pad(
        self,
        processed_features: Any,
        padding: Any = True,
        max_length: int | None = None,
        truncation: bool = False,
        pad_to_multiple_of: int | None = None,
        return_attention_mask: bool | None = None,
        return_tensors: Any = None,
    ) -> BatchFeature:
        """Pads the features of several clips to one length, as transformers' `DataCollatorWithPadding` asks for it.

        Args:
            processed_features: A mapping of lists or a list of mappings: of each clip what `__call__` returned,
                `input_features (num_mel_bins, num_mel_frames)` and `attention_mask (num_mel_frames,)`; anything beside
                them is kept. Features with time first are padded as transformers does.
            padding: As in transformers.
            max_length: As in transformers, in frames.
            truncation: As in transformers.
            pad_to_multiple_of: As in transformers, in frames.
            return_attention_mask: As in transformers.
            return_tensors: As in `__call__`.

        Returns:
            `input_features (batch, num_mel_bins, num_mel_frames)`, `attention_mask (batch, num_mel_frames)`.

        Raises:
            ValueError: There are no features, or no padding for clips of several lengths.
        """
        if isinstance(processed_features, (list, tuple)) and processed_features:
            processed_features = {name: [row[name] for row in processed_features] for name in processed_features[0]}
        options = (padding, max_length, truncation, pad_to_multiple_of, return_attention_mask)
        features = [np.asarray(clip) for clip in processed_features.get("input_features", ())]
        if not features or any(clip.ndim != 2 or len(clip) != self.feature_size for clip in features):
            return super().pad(processed_features, *options, return_tensors)
        time_first = {**processed_features, "input_features": [clip.T for clip in features]}
        padded = super().pad(BatchFeature(time_first), *options, "np")
        if padded["input_features"].ndim != 3:
            raise ValueError("Clips of several lengths make no batch without padding: pass padding=True.")
        padded["input_features"] = np.ascontiguousarray(padded["input_features"].swapaxes(1, 2))
        return BatchFeature(dict(padded), tensor_type=return_tensors)

    def log_mel(self, waveform: np.ndarray) -> np.ndarray:
        """Whisper's log-mel spectrogram of one checked waveform.

        Args:
            waveform: `(num_samples,)`, float32.

        Returns:
            `(num_mel_bins, num_samples // hop_length)`, float32.
        """
        spectrum = torch.stft(
            torch.from_numpy(waveform),
            self.n_fft,
            self.hop_length,
            window=_hann_window(self.n_fft),
            return_complex=True,
        )[:, :-1]  # (n_fft // 2 + 1, num_mel_frames): the last frame is centred on the clip's end
        power = spectrum.real.square() + spectrum.imag.square()
        mel = _mel_filters(self.feature_size, self.n_fft, self.sampling_rate) @ power  # (num_mel_bins, num_mel_frames)

        smallest = 10.0 ** (self.level_floor - DYNAMIC_RANGE) if self.level_normalization else WHISPER_SMALLEST_POWER
        log_mel = mel.clamp(min=smallest).log10()
        loudest = log_mel.max().item()
        log_mel = log_mel.clamp(min=loudest - DYNAMIC_RANGE)
        if self.level_normalization:
            log_mel = log_mel + (self.level_target - max(loudest, self.level_floor))
        return ((log_mel + 4.0) / 4.0).numpy()

    def _checked(self, clip: Any, index: int, cut: int | None) -> np.ndarray:
        if isinstance(clip, torch.Tensor):
            clip = clip.detach().cpu()
            clip = clip.float() if clip.is_floating_point() else clip  # numpy has no bfloat16
        waveform = np.asarray(clip)
        if waveform.ndim != 1:
            raise ValueError(
                f"Clip {index} has shape {waveform.shape}: expected one dimension (num_samples,). "
                "Mix channels to mono first, and pass several clips as a list or as (num_clips, num_samples)."
            )
        if waveform.dtype.kind != "f":
            raise ValueError(f"Clip {index} has dtype {waveform.dtype}: expected floats with full scale at 1.")
        waveform = waveform[:cut]
        if not MIN_CLIP_SAMPLES <= len(waveform) <= self.max_samples:
            raise ValueError(
                f"Clip {index} has {len(waveform)} samples ({len(waveform) / self.sampling_rate:.3f} s): expected "
                f"{MIN_CLIP_SAMPLES} to {self.max_samples} "
                f"({MIN_CLIP_SAMPLES / self.sampling_rate} to {self.chunk_length} s). "
                'Longer recordings go through pipeline("audio-emotion"), which windows them.'
            )
        waveform = np.array(waveform, dtype=np.float32, order="C")  # a copy: torch wants writable, contiguous memory
        if not np.isfinite(waveform).all():
            raise ValueError(f"Clip {index} has NaN or infinite samples.")
        return waveform


def _clips(raw_speech: Any) -> Sequence[Any]:
    """The waveforms of a call: a list as it is (of plain numbers: one waveform), the rows of an array, or the array."""
    if not isinstance(raw_speech, (list, tuple)):
        return list(raw_speech) if getattr(raw_speech, "ndim", 1) == 2 else [raw_speech]
    if not raw_speech:
        raise ValueError("No audio: got an empty list.")
    return [raw_speech] if isinstance(raw_speech[0], Real) else raw_speech


@lru_cache
def _mel_filters(num_mel_bins: int, n_fft: int, sampling_rate: int) -> torch.Tensor:
    """Whisper's mel filters, `(num_mel_bins, n_fft // 2 + 1)`."""
    filters = mel_filter_bank(
        num_frequency_bins=1 + n_fft // 2,
        num_mel_filters=num_mel_bins,
        min_frequency=0.0,
        max_frequency=8000.0,
        sampling_rate=sampling_rate,
        norm="slaney",
        mel_scale="slaney",
    )
    return torch.from_numpy(np.ascontiguousarray(filters.T, dtype=np.float32))


@lru_cache
def _hann_window(n_fft: int) -> torch.Tensor:
    """The periodic Hann window, `(n_fft,)`."""
    return torch.hann_window(n_fft)


__all__ = ["EmotionWhisperFeatureExtractor"]
