"""What a mix of prepared corpora is made of: hours, clips, speakers, languages and the mean soft label."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from audio_emotion.dataset_scripts.prepared import corpus_names, load_prepared
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

_COLUMNS = ("speaker", "language", "duration_s", "distribution")


@dataclass(frozen=True)
class MixPart:
    """A corpus in a mix, or the mix as a whole.

    Attributes:
        name: The corpus, or "mix".
        num_clips: Clips in it.
        num_labelled: Clips that have emotion categories.
        hours: Their length.
        num_speakers: Speakers known by name.
        languages: BCP 47 tags.
        mean_label: Mean soft label `(8,)` of the labelled clips, in the order of `EMOTIONS`; zeros if none is.
    """

    name: str
    num_clips: int
    num_labelled: int
    hours: float
    num_speakers: int
    languages: tuple[str, ...]
    mean_label: tuple[float, ...]


def describe_mix(folder: str | Path, names: Sequence[str] = (), split: str | None = None) -> list[MixPart]:
    """Describe prepared corpora one by one, and together in the last part.

    Args:
        folder: What `corpora prepare` wrote, or a Hub data set repository.
        names: Corpora of the mix; none given, all of them.
        split: Only the clips of this split.

    Raises:
        CorpusError: If the folder or a corpus cannot be read, or no clip is left.
    """
    from datasets import concatenate_datasets
    from datasets.exceptions import DatasetNotFoundError

    parts = []
    try:
        for name in names or sorted(corpus_names(folder)):
            data = load_prepared(folder, name)
            splits = [rows for key, rows in data.items() if split in (None, key) and len(rows)]
            if splits:
                rows = concatenate_datasets(splits).select_columns(list(_COLUMNS)).with_format("numpy")[:]
                parts.append(_describe(name, rows))
    except (DatasetNotFoundError, OSError, ValueError) as error:
        raise CorpusError(
            f"{folder}: cannot read prepared corpora: {error}. "
            "Write them with `audio-emotion corpora prepare CORPUS --source DIR --out DIR`"
        ) from error
    if not parts:
        raise CorpusError(f"{folder}: no clip in {', '.join(names) or 'any corpus'}, split {split or 'any'}")
    return [*parts, _together(parts)]


def _describe(name: str, rows: dict[str, np.ndarray]) -> MixPart:
    labels = np.asarray(rows["distribution"], dtype=np.float64)  # (num_clips, 8)
    labelled = labels.sum(axis=1) > 0
    mean = labels[labelled].mean(axis=0) if labelled.any() else np.zeros(len(EMOTIONS))
    return MixPart(
        name=name,
        num_clips=len(labels),
        num_labelled=int(labelled.sum()),
        hours=float(np.sum(rows["duration_s"])) / 3600,
        num_speakers=len({speaker for speaker in rows["speaker"] if speaker is not None}),
        languages=tuple(sorted({str(language) for language in rows["language"]})),
        mean_label=tuple(mean.tolist()),
    )


def _together(parts: Sequence[MixPart]) -> MixPart:
    num_labelled = sum(part.num_labelled for part in parts)
    weighted = np.sum([part.num_labelled * np.asarray(part.mean_label) for part in parts], axis=0)
    return MixPart(
        name="mix",
        num_clips=sum(part.num_clips for part in parts),
        num_labelled=num_labelled,
        hours=sum(part.hours for part in parts),
        num_speakers=sum(part.num_speakers for part in parts),
        languages=tuple(sorted({language for part in parts for language in part.languages})),
        mean_label=tuple((weighted / max(num_labelled, 1)).tolist()),
    )
