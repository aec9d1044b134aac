"""Recordings through the model: windows from any number of recordings in batches of like length, answered in order.

Windows are decoded as the model takes them, so that only the frames' logits grow with the length of a recording.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict, deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from transformers.utils import logging

from .activity_audio_emotion import SpeechMeter
from .decoding_audio_emotion import describe_source, iter_audio_blocks
from .errors_audio_emotion import AudioDecodingError
from .prefetch_audio_emotion import prefetch
from .scores_audio_emotion import ScoredRecording, pool_frames, prior_logits
from .trust_audio_emotion import SignalMeter
from .windows_audio_emotion import WindowPlan, blend_windows, iter_windows

MIN_DURATION_S = 0.025
"""One analysis window of the log-mel features: nothing shorter can be heard."""
BUCKET_BATCHES = 8
"""A list is decoded this many batches ahead and sorted by length, so that a batch holds clips of like length."""
MAX_BLOCK_FRAMES = 24_000
"""Scores of a recording are kept in blocks of at most this many frames: 8 minutes."""
SILENCE_PEAK = 1e-4
"""A window that never exceeds this (-80 dB of full scale) is silence: there is nothing to hear in it."""
SILENCE_LOG_WEIGHT = -100.0
"""Log-weight of a silent window's frames: where there is sound besides, they do not count in the pooled scores."""

logger = logging.get_logger(__name__)


def check_duration(name: str, num_samples: int, sampling_rate: int) -> None:
    """Refuse what is too short to be heard.

    Args:
        name: The recording, for the message.
        num_samples: Its length at `sampling_rate`.
        sampling_rate: Samples per second.

    Raises:
        AudioDecodingError: If it is shorter than `MIN_DURATION_S`.
    """
    if num_samples < MIN_DURATION_S * sampling_rate:
        raise AudioDecodingError(
            f"{name} lasts {1000 * num_samples / sampling_rate:.1f} ms ({num_samples} samples at {sampling_rate} Hz); "
            "at least 25 ms are needed."
        )


class _FrameStore:
    """Keeps arrays of frames in few, growing blocks.

    A small array kept from every window would lie between the large ones that come and go, and the heap would grow by a
    hole a window: hundreds of megabytes an hour.
    """

    def __init__(self) -> None:
        self._block = np.zeros((0, 0), dtype=np.float32)
        self._num_used = 0

    def keep(self, frames: np.ndarray) -> np.ndarray:
        """A copy of `frames`, float32 `(num_frames, num_values)`, that lies beside those kept before."""
        end = self._num_used + len(frames)
        if end > len(self._block):
            num_frames = max(len(frames), min(2 * len(self._block), MAX_BLOCK_FRAMES))
            self._block = np.empty((num_frames, frames.shape[1]), dtype=np.float32)
            self._num_used, end = 0, len(frames)
        kept = self._block[self._num_used : end]
        kept[:] = frames
        self._num_used = end
        return kept


@dataclass
class _Recording:
    """One input on its way through the model: its windows' outputs, by index, until all are there."""

    name: str
    num_samples: int = 0
    num_windows: int = 0
    is_decoded: bool = False
    outputs: dict[int, dict[str, np.ndarray]] = field(default_factory=dict)
    signal: SignalMeter | None = None
    speech: SpeechMeter | None = None
    stores: defaultdict[str, _FrameStore] = field(default_factory=lambda: defaultdict(_FrameStore))

    def keep(self, index: int, output: dict[str, np.ndarray]) -> None:
        """Keep what the model said of a window: `logits (num_labels,)` and values of frames, in one or two axes."""
        kept = {"logits": self.stores["logits"].keep(output["logits"][None])[0]}
        for name in output.keys() - kept.keys():
            values = output[name]
            kept[name] = self.stores[name].keep(values.reshape(len(values), -1)).reshape(values.shape)
        self.outputs[index] = kept

    @property
    def is_scored(self) -> bool:
        return self.is_decoded and len(self.outputs) == self.num_windows


@dataclass(frozen=True)
class _Window:
    """A window waiting for the model."""

    recording: _Recording
    index: int
    samples: np.ndarray
    num_new_samples: int


class RecordingScorer:
    """Hears recordings of any length with a model that hears up to one window at a time.

    Args:
        config: The model's config (`window_samples`, `frame_samples`, `num_frames`).
        feature_extractor: Makes a batch of features from a list of waveforms.
        forward: Takes the features to `logits (batch, num_labels)`, `frame_logits (batch, num_frames, num_labels)` and
            `frame_log_weights (batch, num_frames)`, float tensors on the CPU; where embeddings are wanted also
            `frame_vectors (batch, num_frames, width)`.
        plan: How recordings are cut; by default into windows as long as the model hears.
        vad: Whether a voice-activity gate listens as well.
        alone: Whether each window gets a forward pass of its own: its scores are then the same to the bit in whatever
            company. In a batch the matrix products are cut otherwise, and last digits depend on the others' lengths.
    """

    def __init__(
        self,
        config: Any,
        feature_extractor: Any,
        forward: Callable[[dict[str, Any]], dict[str, Any]],
        plan: WindowPlan | None = None,
        vad: bool = False,
        alone: bool = False,
    ) -> None:
        self.config = config
        self.feature_extractor = feature_extractor
        self.forward = forward
        self.vad = vad
        self.alone = alone
        self.sampling_rate = int(feature_extractor.sampling_rate)
        self.plan = plan or WindowPlan(config.window_samples // config.frame_samples, config.frame_samples)

    def windows(self, source: Any, meters: Sequence[Any] = ()) -> Generator[np.ndarray, None, None]:
        """Decode one recording into the windows that the model hears, float32 `(num_samples,)`; meters `hear` too."""
        return iter_windows(_overheard(iter_audio_blocks(source, self.sampling_rate), meters), self.plan)

    def score(
        self,
        sources: Iterable[Any],
        batch_size: int,
        look_ahead: int,
        on_progress: Callable[[float], None] | None = None,
    ) -> Iterator[ScoredRecording]:
        """Hear recordings one after the other.

        Args:
            sources: Anything that `decode_audio` reads, each.
            batch_size: Windows per forward pass.
            look_ahead: Windows decoded before the model runs on them, sorted by length.
            on_progress: Called with the seconds of audio just scored.

        Yields:
            One recording per source, in order, as soon as it and those before it are complete.

        Raises:
            AudioDecodingError: If a source cannot be read or is shorter than 25 ms.
        """
        unanswered: deque[_Recording] = deque()
        waiting: list[_Window] = []
        for source in sources:
            recording = _Recording(describe_source(source))
            unanswered.append(recording)
            with contextlib.closing(self._numbered_windows(recording, source, batch_size)) as windows:
                for window in windows:
                    waiting.append(window)
                    if len(waiting) >= look_ahead:
                        self._run(waiting, batch_size, on_progress)
            while unanswered and unanswered[0].is_scored:
                yield self._join(unanswered.popleft())
        self._run(waiting, batch_size, on_progress)
        while unanswered:
            yield self._join(unanswered.popleft())

    def _numbered_windows(self, recording: _Recording, source: Any, num_ahead: int) -> Generator[_Window, None, None]:
        """Windows of one recording, `num_ahead` decoded beside the model; counts its samples on the way."""
        recording.signal = SignalMeter(self.sampling_rate)
        recording.speech = SpeechMeter() if self.vad else None
        meters = [meter for meter in (recording.signal, recording.speech) if meter is not None]
        for samples in self._windows_ahead(source, meters, num_ahead):
            num_heard = recording.num_samples
            start = self.plan.start_frame(recording.num_windows) * self.plan.frame_samples
            recording.num_samples = start + len(samples)
            check_duration(recording.name, recording.num_samples, self.sampling_rate)
            recording.num_windows += 1
            yield _Window(recording, recording.num_windows - 1, samples, recording.num_samples - num_heard)
        recording.is_decoded = True

    def _windows_ahead(self, source: Any, meters: Sequence[Any], num_ahead: int) -> Iterator[np.ndarray]:
        """The windows of `windows`; a recording of one window is not worth a thread."""
        windows = self.windows(source, meters)
        first = next(windows)
        yield first
        if len(first) == self.plan.end_frame(0) * self.plan.frame_samples:
            yield from prefetch(windows, num_ahead)

    def hear(self, windows: Sequence[np.ndarray]) -> list[dict[str, np.ndarray]]:
        """Take one batch of windows through the model; a silent one gets the prior's answer.

        Args:
            windows: float32 arrays `(num_samples,)` of 25 ms up to a full window each.

        Returns:
            For each window `logits (num_labels,)`, `frame_logits (num_frames, num_labels)` and
            `frame_log_weights (num_frames,)`, float32, and `frame_vectors (num_frames, width)` where they are wanted.
        """
        features = self.feature_extractor(list(windows), sampling_rate=self.sampling_rate, return_tensors="pt")
        outputs = {name: tensor.numpy() for name, tensor in self.forward(dict(features)).items()}
        answers = []
        for row, samples in enumerate(windows):
            num_frames = self.config.num_frames(len(samples))
            answer = {
                "logits": outputs["logits"][row],
                "frame_logits": outputs["frame_logits"][row, :num_frames].copy(),
                "frame_log_weights": outputs["frame_log_weights"][row, :num_frames].copy(),
            }
            if "frame_vectors" in outputs:
                answer["frame_vectors"] = outputs["frame_vectors"][row, :num_frames].copy()
            if self.is_unheard(samples):
                answer["logits"] = answer["frame_logits"][:] = prior_logits(self.config)
                answer["frame_log_weights"][:] = SILENCE_LOG_WEIGHT
            answers.append(answer)
        return answers

    def is_unheard(self, samples: np.ndarray) -> bool:
        """Whether a window is silent and so gets the prior; a model of intensities has none and keeps its answer."""
        return self.config.problem == "distribution" and float(np.abs(samples).max()) < SILENCE_PEAK

    def _run(self, waiting: list[_Window], batch_size: int, on_progress: Callable[[float], None] | None) -> None:
        """Score the waiting windows, those of like length together, and empty the list."""
        waiting.sort(key=lambda window: len(window.samples))
        size = 1 if self.alone else batch_size
        for start in range(0, len(waiting), size):
            batch = waiting[start : start + size]
            for window, answer in zip(batch, self.hear([window.samples for window in batch]), strict=True):
                window.recording.keep(window.index, answer)
                if self.is_unheard(window.samples):
                    self._warn_of_silence(window)
                if on_progress is not None:
                    on_progress(window.num_new_samples / self.sampling_rate)
        waiting.clear()

    def _warn_of_silence(self, window: _Window) -> None:
        start_s = self.plan.start_frame(window.index) * self.plan.frame_samples / self.sampling_rate
        end_s = start_s + len(window.samples) / self.sampling_rate
        logger.warning(f"{window.recording.name} is silent from {start_s:.1f} to {end_s:.1f} s: scores are the prior.")

    def _join(self, recording: _Recording) -> ScoredRecording:
        """Blend the windows of a recording, and pool over all its frames."""
        outputs = [recording.outputs[index] for index in range(recording.num_windows)]
        frame_logits = blend_windows([output["frame_logits"] for output in outputs], self.plan)
        log_weights = blend_windows([output["frame_log_weights"][:, None] for output in outputs], self.plan)[:, 0]
        vectors = None
        if "frame_vectors" in outputs[0]:
            vectors = blend_windows([output.pop("frame_vectors") for output in outputs], self.plan)
        warnings = recording.signal.warnings() if recording.signal is not None else []
        for warning in warnings:
            logger.warning(f"{recording.name} [{warning['code']}]: {warning['message']}")
        alone = recording.num_windows == 1
        return ScoredRecording(
            name=recording.name,
            num_samples=recording.num_samples,
            sampling_rate=self.sampling_rate,
            frame_samples=self.plan.frame_samples,
            logits=outputs[0]["logits"] if alone else pool_frames(frame_logits, log_weights),
            frame_logits=frame_logits,
            frame_log_weights=log_weights,
            frame_vectors=vectors,
            speech_probabilities=None if recording.speech is None else recording.speech.probabilities(),
            warnings=warnings,
        )


def _overheard(blocks: Iterable[np.ndarray], meters: Sequence[Any]) -> Iterator[np.ndarray]:
    """The same blocks, each heard by the meters as it passes."""
    for block in blocks:
        for meter in meters:
            meter.hear(block)
        yield block
