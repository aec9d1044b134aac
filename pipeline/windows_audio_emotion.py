"""Long audio as overlapping windows, and the windows' frames back as one sequence.

Windows begin and end at whole frames, so a frame of the recording is a frame of each window that covers it. Recordings
and live streams are cut and joined by the same code; their plans differ.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

OVERLAP_SHARE = 6
"""Window length over overlap: 30 s windows overlap by 5 s."""
EDGE_SHARE = 5
"""Overlap over unused edge: of 5 s, the last 1 s of the earlier and the first 1 s of the later window do not count."""


@dataclass(frozen=True)
class WindowPlan:
    """How a recording is cut: lengths in frames, each of `frame_samples` samples.

    >>> plan = WindowPlan(window_frames=1500, frame_samples=320)
    >>> plan.window_samples, plan.overlap_frames, plan.stride_samples
    (480000, 250, 400000)
    """

    window_frames: int
    frame_samples: int

    @property
    def window_samples(self) -> int:
        """Samples of a full window."""
        return self.window_frames * self.frame_samples

    @property
    def overlap_frames(self) -> int:
        """Frames that a full window shares with the next."""
        return self.window_frames // OVERLAP_SHARE

    @property
    def stride_frames(self) -> int:
        """Frames from the end of a window to the end of the next."""
        return self.window_frames - self.overlap_frames

    @property
    def stride_samples(self) -> int:
        """Samples from the end of a window to the end of the next."""
        return self.stride_frames * self.frame_samples

    @property
    def first_frames(self) -> int:
        """Frames of the first window; a recording of at most this length is one window."""
        return self.window_frames

    @property
    def edge_frames(self) -> int:
        """Last frames of a window that do not count where a next one covers them: it hears what comes after them."""
        return self.overlap_frames // EDGE_SHARE

    @property
    def fade_frames(self) -> int:
        """Frames before that edge over which the next window takes over."""
        return max(1, self.overlap_frames - 2 * self.edge_frames)

    @property
    def delay_frames(self) -> int:
        """Most frames that lie between the start of a frame and the end of the sound that makes it final."""
        return max(self.first_frames, self.stride_frames + self.edge_frames + self.fade_frames)

    def end_frame(self, index: int) -> int:
        """Frame of the recording after the last one of window `index`, unless the recording ends before."""
        return self.first_frames + index * self.stride_frames

    def start_frame(self, index: int) -> int:
        """First frame of window `index`."""
        return max(0, self.end_frame(index) - self.window_frames)


@dataclass(frozen=True)
class StreamPlan(WindowPlan):
    """How a live stream is cut: a window over what was heard last, every `hop_frames`.

    The first windows begin at the start of the stream and grow. All but the last `look_ahead_frames` of a window are
    final: no frame waits for more than a hop and the look-ahead.

    >>> plan = StreamPlan(window_frames=300, frame_samples=320, hop_frames=20, look_ahead_frames=20)
    >>> [(plan.start_frame(index), plan.end_frame(index)) for index in (0, 1, 14)], plan.delay_frames
    ([(0, 40), (0, 60), (20, 320)], 40)
    """

    hop_frames: int
    look_ahead_frames: int

    @property
    def overlap_frames(self) -> int:
        """Frames that a full window shares with the next."""
        return self.window_frames - self.hop_frames

    @property
    def first_frames(self) -> int:
        """Frames of the first window."""
        return self.hop_frames + self.look_ahead_frames

    @property
    def edge_frames(self) -> int:
        """The look-ahead."""
        return self.look_ahead_frames

    @property
    def fade_frames(self) -> int:
        """None: a frame that fades would have to wait for the next window."""
        return 0


class WindowCutter:
    """Cuts a stream of samples into overlapping windows; holds at most one window and what was added last.

    Window `k` reaches from sample `plan.start_frame(k) * plan.frame_samples` to that of `plan.end_frame(k)`; the last
    one ends with the recording, and is longer than its overlap.
    """

    def __init__(self, plan: WindowPlan) -> None:
        self.plan = plan
        self.index = 0  # of the next window
        self.num_samples = 0
        self._blocks: list[np.ndarray] = []  # the recording from the start of the next window on

    def add(self, block: np.ndarray) -> None:
        """Take the next samples, float32 `(num_samples,)`, of any number; the array must not change afterwards."""
        self.num_samples += len(block)
        self._blocks.append(block)

    @property
    def has_full_window(self) -> bool:
        """Whether the next window is complete, and is not the last one."""
        return self.num_samples > self.plan.end_frame(self.index) * self.plan.frame_samples

    def window(self) -> np.ndarray:
        """The next window, or as much of it as has been added; float32 `(num_samples,)`."""
        samples = self._samples()
        return samples[
            : (self.plan.end_frame(self.index) - self.plan.start_frame(self.index)) * self.plan.frame_samples
        ]

    def advance(self) -> None:
        """Go on to the window after this one."""
        num_past = self.plan.start_frame(self.index + 1) - self.plan.start_frame(self.index)
        self._blocks = [self._samples()[num_past * self.plan.frame_samples :]]
        self.index += 1

    def _samples(self) -> np.ndarray:
        if len(self._blocks) != 1:
            self._blocks = [np.concatenate([np.zeros(0, dtype=np.float32), *self._blocks])]
        return self._blocks[0]


def iter_windows(blocks: Iterable[np.ndarray], plan: WindowPlan) -> Iterator[np.ndarray]:
    """Cut a recording into overlapping windows, holding at most one window and one block.

    Args:
        blocks: float32 arrays `(num_samples,)`, of any lengths; together the recording.
        plan: Lengths of window and stride.

    Yields:
        float32 arrays `(num_samples,)`, as `WindowCutter` cuts them.
    """
    cutter = WindowCutter(plan)
    for block in blocks:
        cutter.add(block)
        while cutter.has_full_window:
            yield cutter.window()
            cutter.advance()
    yield cutter.window()


class FrameJoiner:
    """Joins the frames of successive windows; where two overlap, fades from the earlier to the later.

    The edges of a window, where the encoder hears one side only, have no weight while the neighbour covers them.
    """

    def __init__(self, plan: WindowPlan) -> None:
        self.plan = plan
        self.index = 0  # of the next window
        self.num_final = 0
        self._held: np.ndarray | None = None  # frames after the final ones, (edge_frames + fade_frames, num_values)
        ramp = (np.arange(plan.fade_frames, dtype=np.float32) + 0.5) / np.float32(max(1, plan.fade_frames))
        self._fade_in = np.concatenate([ramp, np.ones(plan.edge_frames, dtype=np.float32)])[:, None]

    def add(self, frames: np.ndarray, is_last: bool = False) -> np.ndarray:
        """Take the next window's frames, and answer those that no later window will change.

        Args:
            frames: Per-frame values of the window, float32 `(num_frames, num_values)`.
            is_last: Whether the recording ends with this window: all its frames are final.

        Returns:
            float32 `(num_final_frames, num_values)`: the frames of the recording that follow those answered before.
        """
        frames = frames[self.num_final - self.plan.start_frame(self.index) :]
        if self._held is not None:
            shared = frames[: len(self._held)]
            blended = self._held * (1 - self._fade_in) + shared * self._fade_in
            frames = np.concatenate([blended, frames[len(self._held) :]])
        num_held = 0 if is_last else len(self._fade_in)
        final, self._held = frames[: len(frames) - num_held], frames[len(frames) - num_held :].copy()
        self.num_final += len(final)
        self.index += 1
        return final


def blend_windows(windows: Sequence[np.ndarray], plan: WindowPlan) -> np.ndarray:
    """Join the frames of all windows of a recording.

    Args:
        windows: Per-frame values `(num_frames, num_values)`, in the order of `iter_windows`.
        plan: The plan that the windows were cut by.

    Returns:
        float32 array `(num_frames, num_values)` of the whole recording.
    """
    joiner = FrameJoiner(plan)
    last = len(windows) - 1
    return np.concatenate([joiner.add(window, is_last=index == last) for index, window in enumerate(windows)])
