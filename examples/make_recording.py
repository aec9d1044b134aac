"""Makes `emotion_shifts.flac` and `emotion_shifts.csv` from one actor of RAVDESS (CC BY-NC-SA 4.0; see README.md).

Usage: python examples/make_recording.py RAVDESS_FOLDER [OUT_FOLDER]
"""

import argparse
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

from audio_emotion.pipeline.decoding_audio_emotion import decode_audio

SAMPLING_RATE = 16_000
FRAME = 320  # 20 ms: every shift lies on a frame of the model
MARGIN, FADE = 5 * FRAME, 3 * FRAME  # room tone kept around the speech; part of it that is faded
SPEECH_RMS_DBFS, SILENCE_BELOW_PEAK_DB = -23.0, 35.0
ACTOR = "18"  # a speaker of the validation split: no checkpoint is trained on this voice
# Emotion -> the fields emotion-intensity and repetition of RAVDESS's file names; both statements follow each other.
SEGMENTS = [
    ("neutral", "01-01", "01"),
    ("happiness", "03-02", "01"),
    ("neutral", "01-01", "02"),
    ("anger", "05-02", "01"),
    ("sadness", "04-02", "01"),
    ("surprise", "08-02", "01"),
]


def trim_and_level(samples: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Cuts (num_samples,) to its speech with a faded margin, a whole number of frames, at a fixed loudness."""
    frames = samples[: len(samples) // FRAME * FRAME].reshape(-1, FRAME)  # (num_frames, FRAME)
    level_db = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    (loud,) = np.nonzero(level_db > level_db.max() - SILENCE_BELOW_PEAK_DB)
    start, end = loud[0] * FRAME, (loud[-1] + 1) * FRAME
    rms = np.sqrt(np.mean(samples[start:end] ** 2))
    clip: npt.NDArray[np.float32] = samples[max(0, start - MARGIN) : end + MARGIN] * (
        10 ** (SPEECH_RMS_DBFS / 20) / rms
    )
    clip = clip[: len(clip) // FRAME * FRAME]
    ramp = np.linspace(0, 1, FADE, dtype=np.float32)
    clip[:FADE] *= ramp
    clip[-FADE:] *= ramp[::-1]
    return clip


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("ravdess", type=Path, help="folder that holds Actor_01 ... Actor_24 somewhere below it")
    parser.add_argument("out", type=Path, nargs="?", default=Path(__file__).parent)
    args = parser.parse_args()
    segments = []
    for _, emotion_intensity, repetition in SEGMENTS:
        patterns = [f"03-01-{emotion_intensity}-{statement}-{repetition}-{ACTOR}.*" for statement in ("01", "02")]
        clips = [decode_audio(next(args.ravdess.rglob(pattern)), SAMPLING_RATE) for pattern in patterns]
        segments.append(np.concatenate([trim_and_level(clip) for clip in clips]))
    sf.write(args.out / "emotion_shifts.flac", np.concatenate(segments), SAMPLING_RATE, subtype="PCM_16")
    ends = np.cumsum([len(segment) for segment in segments]) / SAMPLING_RATE
    rows = [f"{s:.2f},{e:.2f},{name}" for s, e, (name, *_) in zip([0, *ends], ends, SEGMENTS, strict=False)]
    (args.out / "emotion_shifts.csv").write_text("\n".join(["start,end,emotion", *rows, ""]))
