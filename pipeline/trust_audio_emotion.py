"""Signs that a recording is not what the model was trained on, measured on the samples as they pass.

The thresholds lie where about five points of recall are lost (`python -m benchmarks.trust`, results/trust.json); at
that of the level it is less.
"""

from __future__ import annotations

import numpy as np

MIN_TRUSTED_S = 1.5
"""Speech cut to 1.5 s costs 7 points of recall, to 2 s less than 4."""
MIN_ACTIVE_DBFS = -65.0
"""Level of the loudest twentieth of the frames. Features even levels out: at -65 dB in 16 bits 2 points are lost; below
that, a microphone that did not hear the speaker is likelier than a speaker."""
CLIP_LEVEL = 0.99
"""A sample from here on touches full scale."""
MAX_CLIPPED_SHARE = 0.05
"""3 % of clipped samples cost 3 points, 10 % cost 6."""
MIN_HIGH_BAND_DB = -50.0
"""Power at 4.5 to 7.5 kHz over power at 0.3 to 3.4 kHz. Fricatives of wide-band speech give -15 to -40 dB, a telephone
or a recording at 8 kHz gives nothing there, which costs 4 points."""
FRAME_SAMPLES = 512
"""Samples of one spectrum and one level: 32 ms at 16 kHz."""
LOW_BAND_HZ = (300.0, 3400.0)
HIGH_BAND_HZ = (4500.0, 7500.0)
LEVELS_DB = np.arange(-120.0, 7.0)
"""Edges of the histogram of frame levels: a decibel each."""


class SignalMeter:
    """Hears a recording block by block, in constant memory.

    Args:
        sampling_rate: Samples per second.
    """

    def __init__(self, sampling_rate: int) -> None:
        self.sampling_rate = sampling_rate
        self._num_samples = self._num_clipped = 0
        self._levels = np.zeros(len(LEVELS_DB) - 1, dtype=np.int64)
        self._power = np.zeros(FRAME_SAMPLES // 2 + 1)
        self._window = np.hanning(FRAME_SAMPLES).astype(np.float32)
        self._rest = np.zeros(0, dtype=np.float32)

    def hear(self, samples: np.ndarray) -> None:
        """Take the next samples, float32 `(num_samples,)`."""
        self._num_samples += len(samples)
        self._num_clipped += int(np.count_nonzero(np.abs(samples) >= CLIP_LEVEL))
        samples = np.concatenate([self._rest, samples])
        whole = len(samples) // FRAME_SAMPLES * FRAME_SAMPLES
        frames, self._rest = samples[:whole].reshape(-1, FRAME_SAMPLES), samples[whole:]  # (num_frames, 512)
        decibels = 10 * np.log10(np.maximum((frames**2).mean(axis=1), 1e-12))
        self._levels += np.histogram(np.clip(decibels, LEVELS_DB[0], LEVELS_DB[-1]), LEVELS_DB)[0]
        spectra = np.fft.rfft(frames * self._window, axis=1)
        self._power += (spectra.real**2 + spectra.imag**2).sum(axis=0)

    def warnings(self) -> list[dict[str, str]]:
        """What speaks against the scores.

        Returns:
            `{"code", "message"}` each: `too_short`, `too_quiet`, `clipped`, `narrow_band`.
        """
        found = {}
        duration_s = self._num_samples / self.sampling_rate
        if duration_s < MIN_TRUSTED_S:
            found["too_short"] = f"it lasts {duration_s:.2f} s, and emotions are heard well from {MIN_TRUSTED_S:g} s on"
        active = self._active_level()
        if active is not None and active < MIN_ACTIVE_DBFS:
            found["too_quiet"] = f"its loud parts are at {active:.0f} dB of full scale, below {MIN_ACTIVE_DBFS:.0f}"
        share = self._num_clipped / max(self._num_samples, 1)
        if share > MAX_CLIPPED_SHARE:
            found["clipped"] = f"{100 * share:.1f} % of its samples touch full scale: it is distorted"
        high_band = self._high_band_db()
        if high_band is not None and high_band < MIN_HIGH_BAND_DB and "too_quiet" not in found:
            found["narrow_band"] = "it holds next to nothing above 4.5 kHz, as a telephone call does"
        return [{"code": code, "message": f"Trust the scores less: {reason}."} for code, reason in found.items()]

    def _active_level(self) -> float | None:
        """Level that a twentieth of the frames exceeds, dB of full scale; None without a whole frame."""
        num_frames = int(self._levels.sum())
        if num_frames == 0:
            return None
        from_top = np.cumsum(self._levels[::-1])
        return float(LEVELS_DB[::-1][int(np.argmax(from_top >= max(1.0, num_frames / 20)))])

    def _high_band_db(self) -> float | None:
        """Mean power density of the high band over that of the low band; None where nothing was heard."""
        frequencies = np.fft.rfftfreq(FRAME_SAMPLES, 1 / self.sampling_rate)
        low, high = (
            float(self._power[(frequencies >= start) & (frequencies <= end)].mean())
            for start, end in (LOW_BAND_HZ, HIGH_BAND_HZ)
        )
        return None if low <= 0 else 10 * float(np.log10(max(high, 1e-12 * low) / low))
