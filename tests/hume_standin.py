"""A stand-in for Hume-Prosody in its owner's exact layout: `wav/*.wav`, `lab/{train,devel,test}.csv`, and odd rows."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile

from audio_emotion.dataset_scripts.corpora.humeprosody import TARGETS

RATE = 16_000

Clip = tuple[np.ndarray, Sequence[float]]
"""A waveform at 16 kHz and its nine intensities."""

ODD_ROWS = {
    "train.csv": (
        "99001.wav,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1,0.1",  # its wav is missing
        "00000.wav,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5,0.5",  # a name twice
        "99002.wav,0.1,0.1,1.2,0.1,0.1,0.1,0.1,0.1,0.1",  # out of range
        "99003.wav,0.1,,0.1,0.1,0.1,0.1,0.1,0.1,0.1",  # an empty cell
    )
}
ODD_AUDIO = ("99002", "99003")
NUM_BAD = 4


def write_standin(folder: Path, splits: Mapping[str, Iterable[Clip]], odd: bool = True) -> dict[str, np.ndarray]:
    """Write `train`, `devel` and `test`; the labels of `test` are masked, `train.csv` has a BOM, `devel.csv` CRLF.

    Args:
        folder: where to.
        splits: clips by split.
        odd: whether the odd rows are among them.

    Returns:
        The true intensities of each split, `(num_clips, 9)`.
    """
    (folder / "wav").mkdir(parents=True)
    (folder / "lab").mkdir()
    truth = {}
    number = 0
    for split, clips in splits.items():
        lines = [",".join(("filename", *TARGETS))]
        labels = []
        for waveform, targets in clips:
            name = f"{number:05d}.wav"
            soundfile.write(folder / "wav" / name, waveform, RATE, subtype="PCM_16")
            cells = ["?"] * len(TARGETS) if split == "test" else [f"{target:.4f}" for target in targets]
            lines.append(",".join((name, *cells)))
            labels.append(targets)
            number += 1
        if odd:
            lines += ODD_ROWS.get(f"{split}.csv", ())
        text = "".join(f"{line}{chr(13) if split == 'devel' else ''}\n" for line in lines)
        encoding = "utf-8-sig" if split == "train" else "utf-8"
        (folder / "lab" / f"{split}.csv").write_bytes(text.encode(encoding))
        truth[split] = np.asarray(labels)
    if odd:
        for name in ODD_AUDIO:
            soundfile.write(folder / "wav" / f"{name}.wav", np.full(RATE // 2, 0.01), RATE, subtype="PCM_16")
    return truth


def hiss(share: float, rng: np.random.Generator, duration_s: float = 0.5) -> np.ndarray:
    """A low buzz that turns into white noise as `share` goes from 0 to 1, between two stretches of silence."""
    time_s = np.arange(int(duration_s * RATE)) / RATE
    tone, noise = np.sign(np.sin(2 * np.pi * 150 * time_s)), rng.standard_normal(len(time_s))
    silence = np.zeros(RATE // 20)
    return np.concatenate([silence, 0.1 * ((1 - share) * tone + share * noise), silence]).astype(np.float32)


def hisses(count: int, seed: int) -> Iterable[Clip]:
    """Clips whose nine intensities rise or fall with their share of noise."""
    rng = np.random.default_rng(seed)
    for share in rng.permutation(np.linspace(0, 1, count)):
        targets = [share if index % 2 == 0 else 1 - share for index in range(len(TARGETS))]
        yield hiss(share, rng, rng.uniform(0.4, 0.7)), targets
