"""Windows cover a stream exactly, and blending gives the recording back."""

import numpy as np
import pytest

from audio_emotion.pipeline.windows_audio_emotion import (
    FrameJoiner,
    StreamPlan,
    WindowPlan,
    blend_windows,
    iter_windows,
)

PLAN = WindowPlan(window_frames=60, frame_samples=10)
LIVE = StreamPlan(window_frames=60, frame_samples=10, hop_frames=7, look_ahead_frames=5)


def blocks_of(samples: np.ndarray, size: int) -> list[np.ndarray]:
    return [samples[start : start + size] for start in range(0, len(samples), size)]


@pytest.mark.parametrize("num_samples", [1, 599, 600, 601, 1100, 1101, 1600, 2345])
@pytest.mark.parametrize("block", [7, 600, 10_000])
def test_windows_cover_the_recording(num_samples: int, block: int) -> None:
    samples = np.arange(num_samples, dtype=np.float32)
    windows = list(iter_windows(blocks_of(samples, block), PLAN))
    for index, window in enumerate(windows):
        start = index * PLAN.stride_samples
        np.testing.assert_array_equal(window, samples[start : start + PLAN.window_samples])
    assert (len(windows) - 1) * PLAN.stride_samples + len(windows[-1]) == num_samples
    assert len(windows) == 1 or len(windows[-1]) > PLAN.overlap_frames * PLAN.frame_samples


@pytest.mark.parametrize("num_frames", [1, 60, 61, 110, 111, 234])
def test_windows_that_agree_blend_to_themselves(num_frames: int) -> None:
    frames = np.random.default_rng(0).standard_normal((num_frames, 3)).astype(np.float32)
    cut = list(iter_windows([np.arange(num_frames * 10, dtype=np.float32)], PLAN))
    starts = [int(window[0]) // 10 for window in cut]
    windows = [frames[start : start + 60] for start in starts]
    np.testing.assert_allclose(blend_windows(windows, PLAN), frames, atol=1e-6)


def test_the_edges_of_a_window_have_no_weight() -> None:
    blended = blend_windows([np.zeros((60, 1), np.float32), np.ones((40, 1), np.float32)], PLAN)[:, 0]
    assert (blended[:52] == 0).all()  # the later window's first two frames do not count
    assert (blended[58:] == 1).all()  # nor do the earlier window's last two
    assert (np.diff(blended) >= 0).all()
    assert 0 < blended[55] < 1


@pytest.mark.parametrize("num_frames", [1, 12, 13, 60, 61, 100])
def test_a_stream_is_cut_and_joined_without_a_seam(num_frames: int) -> None:
    frames = np.random.default_rng(0).standard_normal((num_frames, 3)).astype(np.float32)
    samples = np.arange(num_frames * 10, dtype=np.float32)
    windows = list(iter_windows(blocks_of(samples, 33), LIVE))
    joiner, joined = FrameJoiner(LIVE), []
    for index, window in enumerate(windows):
        start, end = int(window[0]) // 10, int(window[-1]) // 10 + 1
        is_last = index == len(windows) - 1
        assert (start, end) == (LIVE.start_frame(index), num_frames if is_last else LIVE.end_frame(index))
        joined.append(joiner.add(frames[start:end], is_last))
        assert is_last or sum(map(len, joined)) == end - 5
    np.testing.assert_array_equal(np.concatenate(joined), frames)
