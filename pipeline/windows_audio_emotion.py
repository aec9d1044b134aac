"""Long audio as overlapping windows, and the windows' frames back as one sequence.

Windows start at whole frames, so a frame of the recording is a frame of each window that covers it.
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
        """Samples of a full window; a recording of at most this length is one window."""
        return self.window_frames * self.frame_samples

    @property
    def overlap_frames(self) -> int:
        """Frames that a window shares with the next."""
        return self.window_frames // OVERLAP_SHARE

    @property
    def stride_frames(self) -> int:
        """Frames from the start of a window to the start of the next."""
        return self.window_frames - self.overlap_frames

    @property
    def stride_samples(self) -> int:
        """Samples from the start of a window to the start of the next."""
        return self.stride_frames * self.frame_samples


def iter_windows(blocks: Iterable[np.ndarray], plan: WindowPlan) -> Iterator[np.ndarray]:
    """Cut a stream of samples into overlapping windows, holding at most one window and one block.

    Args:
        blocks: float32 arrays `(num_samples,)`, of any lengths; together the recording.
        plan: Lengths of window and stride.

    Yields:
        float32 arrays `(num_samples,)`; window `k` starts at sample `k * plan.stride_samples`. All but the last are
        full; the last ends with the recording and is longer than the overlap.
    """
    buffer = np.zeros(0, dtype=np.float32)
    for block in blocks:
        buffer = np.concatenate([buffer, block])
        while len(buffer) > plan.window_samples:
            yield buffer[: plan.window_samples]
            buffer = buffer[plan.stride_samples :]
    yield buffer


def blend_windows(windows: Sequence[np.ndarray], plan: WindowPlan) -> np.ndarray:
    """Join the frames of successive windows; where two overlap, fade from the earlier to the later.

    The edges of a window, where the encoder hears one side only, have no weight while the neighbour covers them.

    Args:
        windows: Per-frame values `(num_frames, num_values)`, in the order of `iter_windows`.
        plan: The plan that the windows were cut by.

    Returns:
        float32 array `(num_frames, num_values)` of the whole recording.
    """
    num_frames = (len(windows) - 1) * plan.stride_frames + len(windows[-1])
    blended = np.zeros((num_frames, windows[0].shape[1]), dtype=np.float32)
    fade_in = _fade_in(plan)[:, None]  # (overlap_frames, 1)
    for index, window in enumerate(windows):
        start = index * plan.stride_frames
        if index == 0:
            blended[: len(window)] = window
            continue
        shared = min(plan.overlap_frames, len(window))
        weight = fade_in[:shared]
        blended[start : start + shared] *= 1 - weight
        blended[start : start + shared] += weight * window[:shared]
        blended[start + shared : start + len(window)] = window[shared:]
    return blended


def _fade_in(plan: WindowPlan) -> np.ndarray:
    """Weight of the later window on the shared frames, `(overlap_frames,)`: 0 on its edge, then a ramp, then 1."""
    edge = plan.overlap_frames // EDGE_SHARE
    ramp = max(1, plan.overlap_frames - 2 * edge)
    position = np.arange(plan.overlap_frames, dtype=np.float32) + 0.5
    return np.clip((position - edge) / ramp, 0.0, 1.0)
