"""A stand-in for Hume-Prosody, which is licence-gated: its exact layout, real speech, and intensities by a rule.

`write_corpus` writes the layout with the odd rows that real tables have; `rated_clips` gives the clips of RAVDESS and
ASED nine intensities. What is measured on them says that the machinery learns, nothing about Hume-Prosody itself.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import soundfile
from scipy.signal import correlate

from audio_emotion import decode_audio
from audio_emotion.dataset_scripts.corpora.humeprosody import TARGETS
from audio_emotion.dataset_scripts.corpus import Clip as Source
from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.training.augmentation import active_range

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

# How much of each intensity (columns in the order of TARGETS) a fully expressed emotion gives.
EMOTION_GIVES = {
    "neutral": (0.0, 0.6, 0.5, 0.5, 0.1, 0.0, 0.1, 0.1, 0.3),
    "calm": (0.0, 0.3, 0.9, 0.4, 0.1, 0.0, 0.2, 0.2, 0.4),
    "happy": (0.0, 0.0, 0.1, 0.1, 0.4, 0.8, 0.6, 0.0, 0.0),
    "sad": (0.0, 0.2, 0.1, 0.1, 0.0, 0.0, 0.0, 0.9, 0.5),
    "angry": (0.9, 0.0, 0.0, 0.2, 0.6, 0.3, 0.1, 0.0, 0.0),
    "fearful": (0.1, 0.0, 0.0, 0.3, 0.0, 0.4, 0.2, 0.4, 0.0),
    "disgust": (0.5, 0.3, 0.0, 0.1, 0.3, 0.0, 0.0, 0.2, 0.1),
    "surprised": (0.0, 0.0, 0.0, 0.1, 0.1, 0.7, 0.8, 0.0, 0.0),
}
PITCH_GIVES = (0.0, -0.1, -0.1, -0.05, 0.0, 0.15, 0.1, 0.0, -0.1)  # of the median pitch, as a share of all clips
ENERGY_GIVES = (0.1, -0.1, -0.1, 0.0, 0.15, 0.1, 0.0, -0.05, -0.1)  # of the spread of the level in dB, likewise
NORMAL_STRENGTH = 0.65  # of all but neutral clips and those that RAVDESS calls strong, which have 1
LISTENERS, LISTENER_NOISE = 5, 0.15

HELD_OUT: dict[str, dict[str, tuple[str, ...]]] = {
    "ravdess": {"devel": ("Actor_05", "Actor_06"), "test": ("Actor_17", "Actor_18")},
    "ased": {"devel": ("27", "32", "48", "51"), "test": ("19", "28", "58", "60")},
}
"""Speakers outside `train`: those whose clips the bundled checkpoint did not train on. It has heard all others."""


def write_corpus(folder: Path, splits: Mapping[str, Iterable[Clip]], odd: bool = True) -> dict[str, np.ndarray]:
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


def median_pitch(waveform: np.ndarray) -> float:
    """Median over 40 ms windows of the strongest autocorrelation lag of 70 to 500 Hz, in octaves."""
    lags = slice(RATE // 500, RATE // 70)
    windows = waveform[: len(waveform) // 640 * 640].reshape(-1, 640)
    loud = windows[np.square(windows).mean(1) > np.square(waveform).mean()]
    best = [int(correlate(window, window)[639:][lags].argmax()) + lags.start for window in loud]
    return float(np.log2(RATE / np.median(best)))


def level_spread(waveform: np.ndarray) -> float:
    """Standard deviation of the level of 20 ms windows, in dB: a gain on the recording leaves it as it is."""
    windows = waveform[: len(waveform) // 320 * 320].reshape(-1, 320)
    return float(np.std(10 * np.log10(np.square(windows).mean(1) + 1e-8)))


def rate(emotion: str, strong: bool, pitch: float, energy: float) -> np.ndarray:
    """What an ideal listener answers, `(9,)`, before noise.

    Args:
        emotion: a key of `EMOTION_GIVES`.
        strong: whether the corpus calls the clip strong.
        pitch: rank of the clip's median pitch among all clips, 0..1.
        energy: rank of its spread of the level, 0..1.
    """
    strength = 1.0 if strong or emotion == "neutral" else NORMAL_STRENGTH
    voice = (pitch - 0.5) * np.array(PITCH_GIVES) + (energy - 0.5) * np.array(ENERGY_GIVES)
    rated: np.ndarray = 0.1 + strength * np.array(EMOTION_GIVES[emotion]) + voice
    return rated


def read_sources(folders: Mapping[str, Path]) -> Iterator[tuple[str, Source]]:
    """The split and the clip of every source clip. Of ASED's training clips every second: as many as RAVDESS has."""
    for name, folder in folders.items():
        count = 0
        for clip in get_reader(name)(folder).clips():
            held_out = HELD_OUT[name].items()
            split = next((split for split, speakers in held_out if clip.annotation.speaker in speakers), "train")
            count += split == "train"
            if split != "train" or name != "ased" or count % 2:
                yield split, clip


def rated_clips(folders: Mapping[str, Path]) -> tuple[dict[str, list[Clip]], dict[str, np.ndarray]]:
    """Clips without the silence around them, with nine intensities, speaker-disjoint.

    Args:
        folders: the folders of `"ravdess"` and `"ased"`, as their owners ship them.

    Returns:
        The clips of each split, and what an ideal listener answers, `(num_clips, 9)` each: no prediction from the sound
        can be expected to rank the noisy intensities better than these do.
    """
    sources = list(read_sources(folders))
    waveforms = []
    for _, clip in sources:
        waveform = decode_audio(clip.path)
        start, end = active_range(waveform, RATE)
        waveforms.append(waveform[start:end])
    ranks = [
        np.argsort(np.argsort([measure(waveform) for waveform in waveforms])) / (len(sources) - 1)
        for measure in (median_pitch, level_spread)
    ]
    rng = np.random.default_rng(0)
    found: dict[str, list[Clip]] = {split: [] for split in ("train", "devel", "test")}
    ideal: dict[str, list[np.ndarray]] = {split: [] for split in found}
    for (split, clip), waveform, pitch, energy in zip(sources, waveforms, *ranks, strict=True):
        strong = clip.id.split("-")[3] == "02" and clip.language == "en"  # RAVDESS's fourth field
        rated = rate(str(clip.annotation.emotion_raw).lower(), strong, pitch, energy)
        noise = rng.normal(0, LISTENER_NOISE, (LISTENERS, len(TARGETS))).mean(axis=0)
        found[split].append((waveform, np.clip(rated + noise, 0, 1)))
        ideal[split].append(rated)
    return found, {split: np.array(rows) for split, rows in ideal.items()}
