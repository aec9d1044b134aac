"""The best label for every frame when each change of label has a price: Viterbi decoding, linear in time."""

from __future__ import annotations

import numpy as np

SCORE_FLOOR = 1e-4
"""Scores below count as this much: one frame cannot outvote seconds, and a label ruled out by a prior has a log."""
BLOCK_FRAMES = 256
"""Frames that are decoded one after the other; blocks of so many are decoded side by side."""


def viterbi_path(frame_scores: np.ndarray, switch_cost: float) -> np.ndarray:
    """The path of labels that maximises the sum of log scores minus `switch_cost` for each change of label.

    This is Viterbi decoding of a hidden Markov model whose changes are all equally likely (Rabiner, 1989). The best way
    to enter a label is to stay in it or to come from the best label of all, so a step costs `num_labels` operations,
    not their square. Blocks of frames are solved side by side, once for every label that they may begin in, and then
    chained. At a frame, only ratios between labels matter: scores need not sum to one, so intensities work as well.

    Args:
        frame_scores: `(num_frames, num_labels)`, at least 0; at least one frame.
        switch_cost: Price of a change, in nats.

    Returns:
        int64 array `(num_frames,)`, the label's index in each frame.
    """
    num_frames, num_labels = frame_scores.shape
    num_blocks = -(-num_frames // BLOCK_FRAMES)
    # Numpy is quick along the long last axis. Frames past the end gain nothing and change nothing.
    steps = np.zeros((BLOCK_FRAMES, num_labels, num_blocks), dtype=np.float32)
    gains = np.zeros(num_blocks * BLOCK_FRAMES, dtype=np.float32)
    for label in range(num_labels):
        gains[:num_frames] = np.log(np.maximum(frame_scores[:, label], SCORE_FLOOR))
        steps[:, label] = gains.reshape(num_blocks, BLOCK_FRAMES).T

    totals = _entering_scores(steps, switch_cost)  # (label, block)
    stays = np.empty(steps.shape, dtype=bool)  # (step, label, block)
    best = np.empty((BLOCK_FRAMES, num_blocks), dtype=np.int32)  # the label to come from
    for step, gain in enumerate(steps):
        best[step] = totals.argmax(axis=0)
        change = totals.max(axis=0) - switch_cost
        stays[step] = totals >= change
        totals = np.maximum(totals, change) + gain
        if step == (num_frames - 1) % BLOCK_FRAMES:
            last_label = int(totals[:, -1].argmax())
    frames_stay = stays.transpose(2, 0, 1).reshape(-1, num_labels)[:num_frames]  # (num_frames, num_labels)
    return _trace_back(frames_stay, best.T.reshape(-1)[:num_frames], last_label)


def _entering_scores(steps: np.ndarray, switch_cost: float) -> np.ndarray:
    """Best total of each label just before each block: `(step, label, block)` -> `(label, block)`."""
    _, num_labels, num_blocks = steps.shape
    through = np.where(np.eye(num_labels, dtype=bool), 0.0, -np.inf)  # (label, first label)
    through = np.repeat(through[:, :, None], num_blocks, axis=2)  # (label, first label, block)
    for gain in steps if num_blocks > 1 else []:
        change = through.max(axis=0) - switch_cost
        np.maximum(through, change, out=through)
        through += gain[:, None]
    entering = np.zeros((num_labels, num_blocks))
    for block in range(1, num_blocks):
        entering[:, block] = (entering[:, block - 1] + through[:, :, block - 1]).max(axis=1)
    return entering


def _trace_back(stays: np.ndarray, best: np.ndarray, last_label: int) -> np.ndarray:
    """Follow the path from its end, one run of equal labels at a time."""
    path = np.empty(len(stays), dtype=np.int64)
    end, label = len(stays), last_label
    while end > 0:
        start = _run_start(stays[:end, label])
        path[start:end] = label
        end, label = start, int(best[start])
    return path


def _run_start(stays: np.ndarray) -> int:
    """The last frame at which the label was changed to, looking back a block at a time; 0 where there is none."""
    for end in range(len(stays), 0, -BLOCK_FRAMES):
        changes = np.flatnonzero(~stays[max(0, end - BLOCK_FRAMES) : end])
        if len(changes):
            return int(max(0, end - BLOCK_FRAMES) + changes[-1])
    return 0
