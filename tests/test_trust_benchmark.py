"""Clips are made worse as the trust benchmark says."""

import numpy as np

from audio_emotion.pipeline.trust_audio_emotion import SignalMeter
from benchmarks.trust import RATE, at_level, clip_share, cut, through_rate


def noise(duration_s: float, silence_s: float = 0.5) -> np.ndarray:
    """White noise between two silences."""
    rng = np.random.default_rng(0)
    silence = np.zeros(round(silence_s * RATE), dtype=np.float32)
    return np.concatenate([silence, 0.1 * rng.standard_normal(round(duration_s * RATE)), silence]).astype(np.float32)


def codes(waveform: np.ndarray) -> set[str]:
    meter = SignalMeter(RATE)
    meter.hear(waveform)
    return {warning["code"] for warning in meter.warnings()}


def test_a_cut_takes_the_middle_of_the_sound() -> None:
    waveform = noise(3.0)
    assert np.array_equal(cut(waveform, 1.0), waveform[round(1.5 * RATE) : round(2.5 * RATE)])
    assert len(cut(waveform, 9.0)) == 3 * RATE
    assert codes(cut(waveform, 1.4)) == {"too_short"}


def test_a_level_is_that_of_the_sound_and_in_steps_of_sixteen_bits() -> None:
    quiet = at_level(noise(2.0), -75.0)
    sound = quiet[round(0.5 * RATE) : round(2.5 * RATE)]
    assert abs(10 * np.log10(np.mean(np.square(sound))) + 75) < 0.5
    assert np.array_equal(np.round(quiet * 32767) / 32767, quiet)
    assert codes(quiet) == {"too_quiet"}


def test_the_share_that_is_clipped() -> None:
    clipped = clip_share(noise(2.0), 0.1)
    assert abs(np.mean(np.abs(clipped) >= 1.0) - 0.1) < 0.001
    assert codes(clipped) == {"clipped"}
    assert codes(clip_share(noise(2.0), 0.0)) == set()


def test_a_lower_rate_takes_the_high_band_away() -> None:
    narrow = through_rate(noise(2.0), 8000)
    assert abs(len(narrow) - 3 * RATE) <= 1
    assert codes(narrow) == {"narrow_band"}
    assert codes(through_rate(noise(2.0), 16_000)) == set()
