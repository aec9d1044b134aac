"""Live sound in, block by block; final frames out, at most a second behind.

The encoder looks both ways, so a frame needs some sound after it. Every `HOP_S` a window over the last `WINDOW_S`
seconds goes through the model, and what lies `LOOK_AHEAD_S` before its end becomes final. Blocks are decoded, cut,
heard and joined by the code that hears recordings: only the plan differs.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np
from transformers.pipelines import SUPPORTED_TASKS
from transformers.utils import logging

from .batching_audio_emotion import MIN_DURATION_S
from .bounds_audio_emotion import MAX_CHANNELS
from .decoding_audio_emotion import as_float_samples, make_resampler, mix_to_mono
from .errors_audio_emotion import AudioEmotionError
from .pipeline_audio_emotion import AudioEmotionPipeline
from .scores_audio_emotion import make_score_rule
from .windows_audio_emotion import FrameJoiner, StreamPlan, WindowCutter, WindowPlan

WINDOW_S = 5.0
"""Sound that a window holds: what the model remembers."""
HOP_S = 0.4
"""Time between two windows: the price is one window of computation per hop."""
LOOK_AHEAD_S = 0.3
"""Sound after a frame that the model has heard, at least, when the frame becomes final."""
NAME = "the stream"

logger = logging.get_logger(__name__)


@dataclass(frozen=True)
class StreamFrames:
    """Successive final frames of a stream; may be none.

    Attributes:
        start_s: Where the first of them begins, in seconds from the start of the stream.
        scores: float32 `(num_frames, num_labels)`, as the pipeline's `"frames"`.
        labels: Names of the scores, in order.
        frame_period_s: Seconds per frame.
    """

    start_s: float
    scores: np.ndarray
    labels: tuple[str, ...]
    frame_period_s: float

    def __len__(self) -> int:
        return len(self.scores)


class EmotionStream:
    """Hears emotion in live sound.

    Frames come in order, each once, and never change afterwards. They do not depend on how the sound was cut into
    blocks, and are those of `pipeline.score_recording(recording, plan=stream.plan)`. Memory does not grow. One stream
    is one recording, fed by one thread at a time; streams may share a pipeline.

    Args:
        sampling_rate: Rate of the blocks, in Hz.
        model: A pipeline, or the folder or Hub repo of a model; the bundled one by default.
        labels: Labels to keep, renormalised among themselves; None keeps all.
        prior: `"train"`, `"uniform"`, or a mapping from label to share.
        window_s: Seconds that the model hears at a time, at most.
        hop_s: Seconds between two windows.
        look_ahead_s: Seconds after a frame that the model hears before it answers for it.
        whole_windows: Cut as the pipeline cuts recordings, in place of the three above: the same frames as
            `pipeline(recording, return_timestamps="frame")`, up to 30 s behind.

    Raises:
        AudioEmotionError: If an option is out of range or does not fit the model, or the model cannot be loaded.

    Example:
    ```python
    >>> import numpy as np
    >>> from audio_emotion import EmotionStream
    >>> stream = EmotionStream(44100)  # doctest: +SKIP
    >>> frames = stream.feed(np.zeros((4410, 2), dtype=np.int16))  # doctest: +SKIP
    >>> frames.start_s, frames.scores.shape  # doctest: +SKIP
    (0.0, (0, 8))

    ```
    """

    def __init__(
        self,
        sampling_rate: int,
        model: AudioEmotionPipeline | str | Path | None = None,
        *,
        labels: Sequence[str] | None = None,
        prior: str | Mapping[str, float] = "train",
        window_s: float = WINDOW_S,
        hop_s: float = HOP_S,
        look_ahead_s: float = LOOK_AHEAD_S,
        whole_windows: bool = False,
    ) -> None:
        if isinstance(sampling_rate, bool) or not isinstance(sampling_rate, (int, np.integer)) or sampling_rate <= 0:
            raise AudioEmotionError(f"sampling_rate is {sampling_rate!r}; give a positive whole number of Hz.")
        self.sampling_rate = int(sampling_rate)
        self.pipeline = _load(model)
        config = self.pipeline.model.config
        self._rule = make_score_rule(config, labels, prior)
        plan = None if whole_windows else _stream_plan(config, window_s, hop_s, look_ahead_s)
        self._scorer = self.pipeline.make_scorer(plan)
        self._cutter = WindowCutter(self.plan)
        self._joiner = FrameJoiner(self.plan)
        self._resampler = make_resampler(self.sampling_rate, config.sampling_rate, NAME)
        self._answered: list[np.ndarray] = []  # final logits that no call has returned yet
        self._num_returned = 0
        self._num_fed = 0
        self._num_channels: int | None = None
        self._is_silent = False
        self._is_finished = False

    @property
    def plan(self) -> WindowPlan:
        """How the stream is cut."""
        return self._scorer.plan

    @property
    def labels(self) -> tuple[str, ...]:
        """Names of the scores, in order."""
        return self._rule.labels

    @property
    def frame_period_s(self) -> float:
        """Seconds per frame."""
        return float(self.pipeline.model.config.frame_period_s)

    @property
    def delay_s(self) -> float:
        """Most seconds of sound between the start of a frame and its answer.

        The time that the machine takes for a window comes on top, and up to 0.12 s in a resampler where
        `sampling_rate` is not the model's.
        """
        return self.plan.delay_frames * self.frame_period_s

    def feed(self, samples: Any) -> StreamFrames:
        """Take the next block and answer the frames that it makes final.

        Args:
            samples: `(num_samples,)` or `(num_samples, num_channels)`, of any length, 0 included: floats with full
                scale at 1, or integers of 8, 16 or 32 bits. Channels are averaged; their number stays that of the
                first block. An array, a tensor, or nested lists of floats.

        Returns:
            The frames; often none.

        Raises:
            AudioEmotionError: If the block is no such array, or the stream is finished. The block is then not taken
                in, and the stream goes on as if it had not been fed.
            AudioDecodingError: As above, if the block holds NaN or infinite samples.
        """
        if self._is_finished:
            raise AudioEmotionError("The stream is finished: make a new EmotionStream for the next recording.")
        block = self._checked(samples)
        if len(block):
            mono = mix_to_mono(block, NAME, start_s=self._num_fed / self.sampling_rate)
            self._num_channels = block.shape[1]
            self._num_fed += len(mono)
            self._cutter.add(mono if self._resampler is None else self._resampler.resample_chunk(mono))
        return self._answer()

    def flush(self) -> StreamFrames:
        """End the stream and answer its remaining frames; a second call answers none.

        Returns:
            The frames; none if the whole stream is shorter than 25 ms.
        """
        if not self._is_finished and self._resampler is not None and self._num_fed:
            self._cutter.add(self._resampler.resample_chunk(np.zeros(0, dtype=np.float32), last=True))
        self._is_finished = True
        return self._answer()

    def iter_frames(self, blocks: Iterable[Any]) -> Iterator[StreamFrames]:
        """Feed all blocks of an iterable, then flush; yields frames where there are any.

        ```python
        for frames in EmotionStream(16000).iter_frames(microphone):
            print(frames.start_s, frames.scores.mean(axis=0))
        ```
        """
        for block in blocks:
            if len(frames := self.feed(block)):
                yield frames
        if len(frames := self.flush()):
            yield frames

    def _checked(self, samples: Any) -> np.ndarray:
        """The block as float32 `(num_samples, num_channels)`."""
        if isinstance(samples, (str, Path, bytes, bytearray, memoryview)):
            raise AudioEmotionError(
                f"feed() was given {type(samples).__name__}: it takes arrays of samples. Raw PCM becomes one with "
                "numpy.frombuffer(data, dtype=numpy.int16); files are heard by pipeline('audio-emotion')."
            )
        block = as_float_samples(samples, NAME)
        if block.ndim == 1:
            block = block[:, None]  # (num_samples, 1)
        if block.ndim != 2 or not (block.size == 0 or 1 <= block.shape[1] <= MAX_CHANNELS):
            raise AudioEmotionError(
                f"feed() was given an array of shape {np.shape(samples)}: give (num_samples,) or (num_samples, "
                f"num_channels) with at most {MAX_CHANNELS} channels."
            )
        if block.size and self._num_channels not in (None, block.shape[1]):
            raise AudioEmotionError(
                f"feed() was given {block.shape[1]} channels, shape {np.shape(samples)}, and the blocks before had "
                f"{self._num_channels}. Give blocks (num_samples, {self._num_channels}), or make a new EmotionStream."
            )
        return block if block.size else block.reshape(0, 1)

    def _answer(self) -> StreamFrames:
        """Hear the windows that are complete. A window is left behind only once it is heard: an error loses none."""
        while self._cutter.has_full_window:
            self._hear(is_last=False)
        is_heard = self._joiner.index > self._cutter.index
        is_too_short = self._cutter.num_samples < MIN_DURATION_S * self._scorer.sampling_rate
        if self._is_finished and not is_heard and not is_too_short:
            self._hear(is_last=True)
        num_labels = int(self.pipeline.model.config.num_labels or 0)
        logits = np.concatenate([np.zeros((0, num_labels), dtype=np.float32), *self._answered])
        scores = self._rule.scores(logits).astype(np.float32)
        start_s = self._num_returned * self.plan.frame_samples / self._scorer.sampling_rate
        self._answered.clear()
        self._num_returned += len(scores)
        return StreamFrames(start_s, scores, self.labels, self.frame_period_s)

    def _hear(self, is_last: bool) -> None:
        window = self._cutter.window()
        answer = self._scorer.hear([window])[0]
        self._answered.append(self._joiner.add(answer["frame_logits"], is_last))
        is_silent = self._scorer.is_unheard(window)
        if is_silent and not self._is_silent:
            end_s = self._cutter.num_samples / self._scorer.sampling_rate
            logger.warning(f"{NAME} is silent at {end_s:.1f} s: scores are the prior until there is sound.")
        self._is_silent = is_silent
        if not is_last:
            self._cutter.advance()


def _load(model: AudioEmotionPipeline | str | Path | None) -> AudioEmotionPipeline:
    if model is None:
        if "audio-emotion" not in SUPPORTED_TASKS:  # this file without the package that registers the task
            raise AudioEmotionError("There is no bundled model here: give `model`, a folder or Hub repo.")
        tasks: Any = SUPPORTED_TASKS
        model, _ = tasks["audio-emotion"]["default"]["model"]
    if isinstance(model, (str, Path)):
        return AudioEmotionPipeline.from_pretrained(model)
    if not hasattr(model, "make_scorer"):
        raise AudioEmotionError(
            f"model is of type {type(model).__name__}; give a pipeline('audio-emotion'), or the folder or Hub repo of "
            "a model."
        )
    return model


def _stream_plan(config: Any, window_s: float, hop_s: float, look_ahead_s: float) -> StreamPlan:
    """The plan in whole frames."""
    seconds = {"window_s": window_s, "hop_s": hop_s, "look_ahead_s": look_ahead_s}
    for name, value in seconds.items():
        if isinstance(value, bool) or not isinstance(value, Real) or not math.isfinite(value) or value < 0:
            raise AudioEmotionError(f"{name} is {value!r}; give seconds as a number of at least 0.")
    window, hop, look_ahead = (round(float(value) / config.frame_period_s) for value in seconds.values())
    longest = config.window_samples // config.frame_samples
    if hop < 2 or hop + look_ahead > window or window > longest:
        raise AudioEmotionError(
            f"window_s={window_s}, hop_s={hop_s} and look_ahead_s={look_ahead_s} do not fit: a hop lasts at least "
            f"{2 * config.frame_period_s} s, hop and look-ahead together at most the window, and the window at most "
            f"the {longest * config.frame_period_s:.0f} s that the model hears at once."
        )
    return StreamPlan(window, config.frame_samples, hop, look_ahead)
