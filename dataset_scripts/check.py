"""Holding a corpus's folder against what its owner published: counts, names, labels, audio."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from audio_emotion.dataset_scripts.corpus import CorpusInfo, Report
from audio_emotion.dataset_scripts.encoding import BadAudio, measure_clip
from audio_emotion.dataset_scripts.parallel import map_in_order
from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.dataset_scripts.schema import EMOTIONS

NOTES = ("skipped", "duplicate", "unmapped word")  # kinds of findings that a sound corpus may have

MAIN_SHARE = 0.03


@dataclass
class Check:
    """What a folder holds.

    Attributes:
        info: What the corpus should be.
        label_table: Emotion of each of the corpus's words.
        emotions: Clips by `emotion_raw`; the empty word is a clip without one.
        distribution_sums: Sum of the distributions of each `emotion_raw`, `(8,)`.
        splits: Clips by split.
        speakers: Known speakers.
        unknown_speakers: Clips whose speaker nobody knows.
        duration_s: Seconds of readable audio; None where the audio was not decoded.
        report: Everything else that was met; bad audio among it.
    """

    info: CorpusInfo
    label_table: dict[str, str]
    emotions: Counter[str] = field(default_factory=Counter)
    distribution_sums: dict[str, list[float]] = field(default_factory=dict)
    splits: Counter[str] = field(default_factory=Counter)
    speakers: set[str] = field(default_factory=set)
    unknown_speakers: int = 0
    duration_s: float | None = None
    report: Report = field(default_factory=Report)

    @property
    def num_clips(self) -> int:
        """Clips found, readable or not."""
        return self.emotions.total()

    def describe_label(self, word: str) -> str:
        """Write the mean distribution of the clips with one `emotion_raw`: its main classes, the likeliest first."""
        means = [share / self.emotions[word] for share in self.distribution_sums[word]]
        shares = sorted(zip(means, EMOTIONS, strict=True), reverse=True)
        return ", ".join(f"{emotion} {mean:.2f}" for mean, emotion in shares if mean >= MAIN_SHARE)

    def problems(self) -> list[str]:
        """Say what is off, one line each; empty where the corpus is as published."""
        lines = []
        expected_counts = [
            ("clips", self.num_clips, self.info.num_clips),
            ("speakers", len(self.speakers), self.info.num_speakers),
            *(
                (f"clips labelled {word}", self.emotions[word], self.info.emotion_counts.get(word, 0))
                for word in sorted({*self.emotions, *self.info.emotion_counts})
                if self.info.emotion_counts
            ),
        ]
        for what, found, expected in expected_counts:
            if expected is not None and found != expected:
                lines.append(f"{found} {what}, {expected} expected")
        for kind, findings in self.report.by_kind().items():
            if kind not in NOTES:
                lines.append(f"{kind}: {len(findings)}")
        return lines


def check(
    corpus: str,
    source: str | os.PathLike[str],
    decode: bool = True,
    num_proc: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Check:
    """Read names, labels and audio of a corpus's folder without writing anything.

    Args:
        corpus: Name of a reader.
        source: The corpus's folder as its owner ships it.
        decode: Whether every audio file is decoded; otherwise only names and labels are read.
        num_proc: Processes that decode.
        progress: Called with the number of clips done.

    Returns:
        What was found; `problems()` is empty where all is as published.

    Raises:
        CorpusError: If the folder is not this corpus or a label file is broken.
    """
    reader = get_reader(corpus)(source)
    result = Check(reader.info, dict(reader.labels), duration_s=0.0 if decode else None)
    clips = ((clip, clip.path) for clip in reader.clips())
    measured = map_in_order(measure_clip, clips, num_proc) if decode else ((clip, None) for clip, _ in clips)
    bad_audio = []
    for num_done, (clip, duration_s) in enumerate(measured, start=1):
        if progress is not None:
            progress(num_done)
        annotation = clip.annotation
        word = annotation.emotion_raw or ""
        result.emotions[word] += 1
        result.splits[clip.split] += 1
        sums = result.distribution_sums.setdefault(word, [0.0] * len(EMOTIONS))
        for index, share in enumerate(annotation.label.distribution):
            sums[index] += share
        if annotation.speaker is None:
            result.unknown_speakers += 1
        else:
            result.speakers.add(annotation.speaker)
        if isinstance(duration_s, BadAudio):
            bad_audio.append((clip.relative_path, duration_s.reason))
        elif duration_s is not None and result.duration_s is not None:
            result.duration_s += duration_s
    result.report = reader.report
    for where, reason in bad_audio:
        result.report.add("bad audio", where, reason)
    return result
