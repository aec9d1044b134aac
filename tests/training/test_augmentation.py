"""Augmentation: lengths, levels, and the same sound for the same seed."""

import numpy as np
import pytest

from audio_emotion.training import augmentation
from audio_emotion.training.recipe import AugmentationRecipe

RATE = 16_000
EVERYTHING = AugmentationRecipe(noise=1, reverb=1, band_limit=1, equalizer=1)


def tone(duration_s: float = 1.0) -> np.ndarray:
    return (0.3 * np.sin(2 * np.pi * 220 * np.arange(int(duration_s * RATE)) / RATE)).astype(np.float32)


@pytest.mark.parametrize("num_samples", [400, 1601, 16_000])
def test_a_view_keeps_length_and_type_and_repeats_by_seed(num_samples: int) -> None:
    waveform = tone()[:num_samples]
    views = [
        augmentation.augment_waveform(waveform, RATE, EVERYTHING, np.random.default_rng(seed)) for seed in (1, 1, 2)
    ]
    assert all(view.shape == waveform.shape and view.dtype == np.float32 and np.isfinite(view).all() for view in views)
    assert np.array_equal(views[0], views[1])
    assert not np.allclose(views[0], views[2])


def test_no_augmentation_changes_nothing() -> None:
    off = AugmentationRecipe(speed=0, noise=0, reverb=0, band_limit=0, equalizer=0, frequency_masks=0, time_masks=0)
    waveform = tone()
    assert augmentation.augment_waveform(waveform, RATE, off, np.random.default_rng(0)) is waveform
    features = np.random.default_rng(0).standard_normal((80, 100)).astype(np.float32)
    assert np.array_equal(augmentation.mask_features(features, 100, off, np.random.default_rng(0)), features)


def test_silence_survives_everything() -> None:
    silence = np.zeros(RATE, dtype=np.float32)
    assert np.isfinite(augmentation.augment_waveform(silence, RATE, EVERYTHING, np.random.default_rng(0))).all()
    assert not augmentation.match_level(silence).any()
    assert augmentation.active_range(silence, RATE) == (0, RATE)


@pytest.mark.parametrize("snr_db", [0.0, 10.0, 30.0])
def test_noise_has_the_wanted_ratio(snr_db: float) -> None:
    waveform = tone()
    noise = augmentation.add_noise(waveform, snr_db, np.random.default_rng(3)) - waveform
    assert 10 * np.log10(np.mean(waveform**2) / np.mean(noise**2)) == pytest.approx(snr_db, abs=0.1)


def test_level_and_speed() -> None:
    assert 20 * np.log10(np.sqrt(np.mean(augmentation.match_level(tone(), -30.0) ** 2))) == pytest.approx(
        -30.0, abs=1e-3
    )
    assert len(augmentation.change_speed(tone(), 1.25)) == pytest.approx(RATE / 1.25, abs=2)


def test_the_active_range_leaves_out_the_silence_around() -> None:
    padded = np.concatenate([np.zeros(4800), tone(0.5), np.zeros(3200)]).astype(np.float32)
    assert augmentation.active_range(padded, RATE) == (4800, 12_800)


def test_a_narrow_band_loses_what_lies_above() -> None:
    hiss = np.random.default_rng(0).standard_normal(RATE).astype(np.float32)
    narrow = augmentation.limit_band(hiss, RATE, np.random.default_rng(0))
    spectrum = np.abs(np.fft.rfft(narrow)) ** 2
    assert spectrum[7500:].mean() < 1e-3 * spectrum[500:3000].mean()


def test_masks_stay_within_their_bounds() -> None:
    features = np.random.default_rng(0).standard_normal((80, 200)).astype(np.float32)
    recipe = AugmentationRecipe(frequency_masks=1, frequency_mask_bins=10, time_masks=1, time_mask_s=0.2)
    for seed in range(20):
        masked = augmentation.mask_features(features, 100, recipe, np.random.default_rng(seed))
        changed = masked != features
        assert changed.all(axis=1).sum() <= 10
        assert changed.all(axis=0).sum() <= 20


def test_mixed_statistics_lie_between_two_items_and_the_course_over_time_stays() -> None:
    rng = np.random.default_rng(0)
    loud = rng.standard_normal((4, 50)).astype(np.float32) + 2
    low = (0.2 * rng.standard_normal((4, 50)) - 1).astype(np.float32)
    low[:, 30:] = 7.0  # padding
    batch, lengths = np.stack([loud, low]), np.array([50, 30])
    changed = 0
    for seed in range(8):
        mixed = augmentation.mix_statistics(batch, lengths, 1.0, np.random.default_rng(seed))
        assert np.array_equal(mixed[1, :, 30:], low[:, 30:])
        for item, own in ((mixed[0], loud), (mixed[1, :, :30], low[:, :30])):
            for band, before in zip(item, own, strict=True):
                assert np.corrcoef(band, before)[0, 1] == pytest.approx(1.0, abs=1e-4)
        assert -1.2 < mixed[1, :, :30].mean() <= (2 - 1) / 2 + 0.2  # at least half its own
        changed += not np.allclose(mixed, batch, atol=1e-5)
    assert 0 < changed < 8  # an item may draw itself as the other
    assert np.array_equal(augmentation.mix_statistics(batch, lengths, 0.0, np.random.default_rng(0)), batch)
