"""Augmentation of waveforms and log-mel features: channel, room, noise, tempo, and SpecAugment's masks.

Every function takes a `numpy.random.Generator`, so that an item is the same whenever it is rendered again.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile
import soxr
from numpy.typing import NDArray
from scipy.fft import irfft, next_fast_len, rfft
from scipy.signal import fftconvolve, istft, stft

from audio_emotion.training.recipe import AugmentationRecipe

Waveform = NDArray[np.float32]
SILENCE_FLOOR_DB = -40.0
_ACTIVITY_WINDOW_S = 0.02
_OWN_SHARE = 0.4
"""Both parameters of the beta distribution that an item's own share of mixed statistics is drawn from."""
_LEAST_DEVIATION = 1e-3


def active_range(waveform: Waveform, sampling_rate: int) -> tuple[int, int]:
    """First and last sample of a clip's sound, without the silence around it.

    A 20 ms window counts as sound when its level is within 40 dB of the loudest window.

    Args:
        waveform: `(num_samples,)`.
        sampling_rate: in Hz.

    Returns:
        `(start, end)` in samples, `end` exclusive; the whole clip if it is shorter than one window or silent.
    """
    window = int(_ACTIVITY_WINDOW_S * sampling_rate)
    num_windows = len(waveform) // window
    if num_windows == 0:
        return 0, len(waveform)
    power = np.square(waveform[: num_windows * window].reshape(num_windows, window)).mean(axis=1)  # (num_windows,)
    if power.max() <= 0:
        return 0, len(waveform)
    active = np.flatnonzero(power >= power.max() * 10 ** (SILENCE_FLOOR_DB / 10))
    end = len(waveform) if active[-1] == num_windows - 1 else (int(active[-1]) + 1) * window
    return int(active[0]) * window, end


def match_level(waveform: Waveform, level_db: float = -23.0) -> Waveform:
    """Scale to a root-mean-square level in dB relative to full scale; silence stays silence."""
    level = np.sqrt(np.mean(np.square(waveform, dtype=np.float64)))
    if level < 1e-7:
        return waveform
    return np.asarray(waveform * (10 ** (level_db / 20) / level), dtype=np.float32)


def change_speed(waveform: Waveform, factor: float) -> Waveform:
    """Play faster (`factor` above 1) or slower: tempo and pitch change together."""
    return np.asarray(soxr.resample(waveform, factor * 16_000, 16_000, quality="MQ"), dtype=np.float32)


def add_noise(waveform: Waveform, snr_db: float, rng: np.random.Generator) -> Waveform:
    """Add noise whose power falls as 1 / f ** a with random a (white to brown), at a signal-to-noise ratio in dB."""
    size = next_fast_len(len(waveform), real=True)  # a transform of a prime length takes many times as long
    spectrum = rfft(rng.standard_normal(size, dtype=np.float32))
    frequency = np.maximum(np.arange(len(spectrum), dtype=np.float32), 1)
    noise = irfft(spectrum * frequency ** np.float32(-rng.uniform(0, 1)), n=size)[: len(waveform)]
    signal_power, noise_power = np.mean(np.square(waveform)), np.mean(np.square(noise))
    if signal_power <= 0 or noise_power <= 0:
        return waveform
    gain = np.sqrt(signal_power / noise_power * 10 ** (-snr_db / 10))
    return np.asarray(waveform + gain * noise, dtype=np.float32)


def add_reverb(waveform: Waveform, sampling_rate: int, rng: np.random.Generator) -> Waveform:
    """Convolve with a synthetic room response: a direct sound and exponentially decaying noise.

    Reverberation time is 0.1 to 0.6 s, the direct sound 0 to 12 dB above the tail; the length does not change.
    """
    reverberation_s = rng.uniform(0.1, 0.6)
    time_s = np.arange(int(reverberation_s * sampling_rate)) / sampling_rate
    tail = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / reverberation_s)
    tail *= 10 ** (-rng.uniform(0, 12) / 20) / np.sqrt(np.sum(np.square(tail)))
    tail[0] += 1.0
    return np.asarray(fftconvolve(waveform, tail.astype(np.float32))[: len(waveform)], dtype=np.float32)


def shift_pitch(waveform: Waveform, semitones: float) -> Waveform:
    """Shift the pitch and keep length and tempo: a phase vocoder stretches, resampling makes it as long as before.

    The phase vocoder is Flanagan and Golden's (Bell System Technical Journal 45, 1966), its frames 64 ms at 16 kHz.
    """
    factor = 2.0 ** (semitones / 12)
    size, hop = 1024, 256
    if len(waveform) < size:
        return waveform
    _, _, spectrum = stft(waveform, window="hann", nperseg=size, noverlap=size - hop)  # (num_bins, num_frames)
    positions = np.arange(0, spectrum.shape[1] - 1, 1 / factor)
    before = positions.astype(np.int64)
    share = positions - before
    magnitude = (1 - share) * np.abs(spectrum[:, before]) + share * np.abs(spectrum[:, before + 1])
    phase = np.angle(spectrum)
    expected = 2 * np.pi * hop * np.arange(spectrum.shape[0])[:, None] / size  # radians a hop, (num_bins, 1)
    advance = np.diff(phase, axis=1) - expected
    advance = expected + advance - 2 * np.pi * np.round(advance / (2 * np.pi))  # (num_bins, num_frames - 1)
    steps = np.concatenate([phase[:, :1], advance[:, before[:-1]]], axis=1)
    _, stretched = istft(
        magnitude * np.exp(1j * np.cumsum(steps, axis=1)), window="hann", nperseg=size, noverlap=size - hop
    )
    shifted = soxr.resample(stretched.astype(np.float32), 16_000 * factor, 16_000, quality="MQ")[: len(waveform)]
    return np.pad(shifted, (0, len(waveform) - len(shifted))).astype(np.float32)


CODECS = (("OGG", "OPUS"), ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III"))


def round_trip(
    waveform: Waveform, sampling_rate: int, rng: np.random.Generator, codec: tuple[str, str] | None = None
) -> Waveform:
    """Encode and decode with Opus, Vorbis or MP3 at a random quality, as recordings from phones and the web were.

    Args:
        waveform: `(num_samples,)`.
        sampling_rate: in Hz, one that the codecs know.
        rng: draws codec and quality.
        codec: libsndfile's format and subtype, one of `CODECS`; None draws one.

    Returns:
        As many samples, where they were: libsndfile takes off what an encoder puts in front.
    """
    drawn = CODECS[rng.integers(len(CODECS))]
    container, subtype = codec or drawn
    coded = io.BytesIO()
    compression = float(rng.uniform(0.3, 0.98))  # 1 is the smallest file, which MP3 refuses at 16 kHz
    loudest = max(1.0, float(np.abs(waveform).max(initial=0.0)))
    soundfile.write(
        coded, waveform / loudest, sampling_rate, format=container, subtype=subtype, compression_level=compression
    )
    coded.seek(0)
    decoded = soundfile.read(coded, dtype="float32")[0][: len(waveform)] * np.float32(loudest)
    return np.pad(decoded, (0, len(waveform) - len(decoded)))


def limit_band(waveform: Waveform, sampling_rate: int, rng: np.random.Generator) -> Waveform:
    """Keep only what a narrower channel passes: a telephone's 8 kHz rate up to a 14 kHz one, some with mu-law."""
    rate = int(rng.choice([8_000, 8_000, 11_025, 14_000]))
    narrow = soxr.resample(waveform, sampling_rate, rate, quality="MQ")
    if rate == 8_000 and rng.random() < 0.5:
        narrow = _mu_law(narrow)
    wide = soxr.resample(narrow, rate, sampling_rate, quality="MQ")[: len(waveform)]
    return np.pad(wide, (0, len(waveform) - len(wide))).astype(np.float32)


def _mu_law(waveform: Waveform, mu: float = 255.0) -> Waveform:
    peak = np.abs(waveform).max() or 1.0
    compressed = np.sign(waveform) * np.log1p(mu * np.abs(waveform / peak)) / np.log1p(mu)
    coarse = np.round(compressed * 127) / 127
    return np.asarray(np.sign(coarse) * np.expm1(np.abs(coarse) * np.log1p(mu)) / mu * peak, dtype=np.float32)


def equalize(waveform: Waveform, max_db: float, rng: np.random.Generator) -> Waveform:
    """Filter with a smooth random frequency response of at most +- `max_db`, as microphones and rooms differ."""
    size = next_fast_len(len(waveform), real=True)
    spectrum = rfft(waveform, n=size)
    num_points = 6
    gains_db = rng.uniform(-max_db, max_db, num_points)
    octaves = np.log2(np.linspace(50, 8_000, len(spectrum)))
    response_db = np.interp(octaves, np.linspace(octaves[0], octaves[-1], num_points), gains_db)
    gains = (10 ** (response_db / 20)).astype(np.float32)
    return np.asarray(irfft(spectrum * gains, n=size)[: len(waveform)], dtype=np.float32)


def augment_waveform(
    waveform: Waveform, sampling_rate: int, recipe: AugmentationRecipe, rng: np.random.Generator
) -> Waveform:
    """One random view of a recording: voice, room, channel, noise, then coding; the length does not change.

    Speed is not among them, since it changes the length: it is applied to each clip before it is joined.
    """
    if recipe.pitch and rng.random() < recipe.pitch:
        waveform = shift_pitch(waveform, rng.uniform(-recipe.pitch_semitones, recipe.pitch_semitones))
    if rng.random() < recipe.reverb:
        waveform = add_reverb(waveform, sampling_rate, rng)
    if rng.random() < recipe.equalizer:
        waveform = equalize(waveform, recipe.equalizer_db, rng)
    if rng.random() < recipe.noise:
        waveform = add_noise(waveform, rng.uniform(*recipe.noise_snr_db), rng)
    if rng.random() < recipe.band_limit:
        waveform = limit_band(waveform, sampling_rate, rng)
    if recipe.codec and rng.random() < recipe.codec:
        waveform = round_trip(waveform, sampling_rate, rng)
    return waveform


def mix_statistics(
    features: NDArray[np.float32], num_mel_frames: NDArray[np.int64], probability: float, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Give items part of another item's mean and deviation in every mel band (Freq-MixStyle, arXiv 2206.12513).

    Microphone, room and level of a corpus live in these statistics; an item keeps at least half of its own, and all of
    its course over time.

    Args:
        features: `(batch, num_mel_bins, num_mel_frames)`.
        num_mel_frames: `(batch,)`, frames of each item that are not padding.
        probability: chance of an item to be changed.
        rng: source of randomness.

    Returns:
        New features of the same shape; padding stays as it was.
    """
    mixed = features.copy()
    clips = [item[:, :length] for item, length in zip(features, num_mel_frames, strict=True)]
    means = np.stack([clip.mean(axis=1) for clip in clips])  # (batch, num_mel_bins)
    deviations = np.stack([clip.std(axis=1) for clip in clips])
    others = rng.permutation(len(features))
    for row, (clip, length, other) in enumerate(zip(clips, num_mel_frames, others, strict=True)):
        if rng.random() >= probability:
            continue
        own = max(share := rng.beta(_OWN_SHARE, _OWN_SHARE), 1 - share)
        mean = own * means[row] + (1 - own) * means[other]
        deviation = own * deviations[row] + (1 - own) * deviations[other]
        gain = deviation / np.maximum(deviations[row], _LEAST_DEVIATION)
        mixed[row, :, :length] = (clip - means[row][:, None]) * gain[:, None] + mean[:, None]
    return mixed


def mask_features(
    features: NDArray[np.float32], frames_per_second: float, recipe: AugmentationRecipe, rng: np.random.Generator
) -> NDArray[np.float32]:
    """SpecAugment (arXiv 1904.08779): replace random bands and stretches of time by the clip's mean.

    Args:
        features: `(num_mel_bins, num_mel_frames)`.
        frames_per_second: mel frames in a second.
        recipe: how many masks, and how wide.
        rng: source of randomness.
    """
    masked = features.copy()
    num_bins, num_frames = features.shape
    mean = features.mean()
    for _ in range(recipe.frequency_masks):
        width = int(rng.integers(0, recipe.frequency_mask_bins + 1))
        start = int(rng.integers(0, num_bins - width + 1))
        masked[start : start + width] = mean
    longest = min(int(recipe.time_mask_s * frames_per_second), num_frames // 5)
    for _ in range(recipe.time_masks):
        width = int(rng.integers(0, longest + 1))
        start = int(rng.integers(0, num_frames - width + 1))
        masked[:, start : start + width] = mean
    return masked
