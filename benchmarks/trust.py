"""How far recordings may be cut, faded, clipped or band-limited before emotions are heard worse.

Validation clips of the model's training corpora, made worse by degrees; the zero-shot corpora are not looked at. For
every degree: the unweighted average recall, how far it is below that of the clips as they are, and on how many clips
`warnings` says so. The thresholds of `pipeline/trust_audio_emotion.py` are held against this table.

Usage: python -m benchmarks.trust --data prepared [--clips 600] [--threads 2] [--json FILE]
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import soxr
import torch
from numpy.typing import NDArray

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.trust_audio_emotion import SignalMeter
from audio_emotion.registration import bundled_checkpoint
from audio_emotion.training.augmentation import active_range
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.recipe import CorpusRecipe
from audio_emotion.training.validation import clip_logits, recall_by_corpus, weighted_recall
from benchmarks.measure import argument_parser, report

RATE = 16_000
FRAMES_PER_BATCH = 3200

Waveform = NDArray[np.float32]
Degrade = Callable[[Waveform], Waveform]


def cut(waveform: Waveform, duration_s: float) -> Waveform:
    """The middle of what is not silence."""
    start, end = active_range(waveform, RATE)
    middle, half = (start + end) // 2, round(duration_s * RATE / 2)
    return waveform[max(start, middle - half) : min(end, middle + half)]


def at_level(waveform: Waveform, level_db: float) -> Waveform:
    """The clip with its active part at a level, in 16 bits as a file would hold it."""
    start, end = active_range(waveform, RATE)
    rms = float(np.sqrt(np.mean(np.square(waveform[start:end]))))
    scaled = waveform * (10 ** (level_db / 20) / max(rms, 1e-9))
    return np.asarray(np.round(np.clip(scaled, -1.0, 1.0) * 32767) / 32767, dtype=np.float32)


def clip_share(waveform: Waveform, share: float) -> Waveform:
    """The clip, so loud that this share of its samples touches full scale."""
    limit = max(float(np.quantile(np.abs(waveform), 1.0 - share)), 1e-9)
    return np.asarray(np.clip(waveform / limit, -1.0, 1.0), dtype=np.float32)


def through_rate(waveform: Waveform, rate: int) -> Waveform:
    """The clip after a recorder of a lower sampling rate."""
    narrow = soxr.resample(waveform, RATE, rate)
    return np.asarray(soxr.resample(narrow, rate, RATE), dtype=np.float32)


CONDITIONS: dict[str, dict[str, Degrade]] = {
    "seconds of speech": {f"{s:g} s": partial(cut, duration_s=s) for s in (2.0, 1.5, 1.0, 0.75, 0.5, 0.25)},
    "level in 16 bits": {f"{db:g} dB": partial(at_level, level_db=db) for db in (-30.0, -45.0, -55.0, -65.0, -75.0)},
    "clipped samples": {f"{100 * s:g} %": partial(clip_share, share=s) for s in (0.001, 0.01, 0.03, 0.1, 0.3)},
    "recorder's rate": {f"{rate} Hz": partial(through_rate, rate=rate) for rate in (12_000, 8_000, 6_000, 4_000)},
}


@dataclass(frozen=True)
class DegradedClips(ClipTable):
    """Clips that sound as `degrade` leaves them."""

    degrade: Degrade

    @classmethod
    def of(cls, clips: ClipTable, degrade: Degrade) -> DegradedClips:
        """The same clips and labels, made worse."""
        return cls(**{field.name: getattr(clips, field.name) for field in fields(ClipTable)}, degrade=degrade)

    def waveform(self, index: int) -> Waveform:
        """As `ClipTable.waveform`, made worse."""
        return self.degrade(super().waveform(index))


def warned(clips: ClipTable) -> Counter[str]:
    """On how many clips each warning is given."""
    found: Counter[str] = Counter()
    for index in range(len(clips)):
        meter = SignalMeter(RATE)
        meter.hear(clips.waveform(index))
        found.update(warning["code"] for warning in meter.warnings())
    return found


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", required=True, help="folder of prepared corpora")
    parser.add_argument("--model", default=str(bundled_checkpoint()), help="folder; the bundled checkpoint by default")
    parser.add_argument("--clips", type=int, default=600, help="validation clips, drawn evenly; default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = EmotionWhisperForAudioClassification.from_pretrained(args.model, dtype=torch.float32)
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(args.model)
    clips = load_clips([CorpusRecipe(path=args.data, name=name) for name in model.config.corpora], "validation")
    chosen = np.random.default_rng(0).permutation(len(clips))[: args.clips]
    clips = clips.select(np.isin(np.arange(len(clips)), chosen))

    def measure(condition: ClipTable) -> dict[str, Any]:
        recalls = recall_by_corpus(clip_logits(model, extractor, condition, FRAMES_PER_BATCH), condition)
        shares = {code: count / len(condition) for code, count in sorted(warned(condition).items())}
        return {"uar": weighted_recall(recalls, condition), "warned": shares}

    whole = measure(clips)
    print(f"{'as they are':30} UAR {100 * whole['uar']:5.1f}  warned: {whole['warned']}", flush=True)
    conditions: dict[str, dict[str, Any]] = {}
    for kind, degrees in CONDITIONS.items():
        conditions[kind] = {}
        for degree, degrade in degrees.items():
            found = measure(DegradedClips.of(clips, degrade))
            conditions[kind][degree] = found | {"lost": whole["uar"] - found["uar"]}
            lost = 100 * (whole["uar"] - found["uar"])
            print(
                f"{kind:20} {degree:>9} UAR {100 * found['uar']:5.1f}  lost {lost:5.1f}  {found['warned']}", flush=True
            )
    numbers = {"benchmark": "trust", "model": Path(args.model).name, "clips": len(clips)}
    report({**numbers, "as_they_are": whole, "conditions": conditions}, args.json)


if __name__ == "__main__":
    main()
