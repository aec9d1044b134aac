"""The clips of a training mix, read from prepared corpora: labels as arrays, audio decoded on access."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_emotion.modeling.labels_emotion_whisper import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.recipe import CorpusRecipe

_LABEL_COLUMNS = ["speaker", "distribution", "label_mask", "duration_s", "language"]


@dataclass(frozen=True)
class ClipTable:
    """Clips of one split over several corpora; index `i` is one clip everywhere.

    Attributes:
        corpora: names, in the recipe's order.
        corpus_index: `(num_clips,)`, into `corpora`.
        row_index: `(num_clips,)`, row inside the corpus's data set.
        speakers: one `"corpus/speaker"` a clip, or None where the speaker is unknown.
        distribution: `(num_clips, 8)`, the soft labels.
        label_mask: `(num_clips, 8)`, the classes that the clip's corpus can express.
        duration_s: `(num_clips,)`.
        languages: BCP 47 tag of every clip.
    """

    corpora: tuple[str, ...]
    corpus_index: NDArray[np.int64]
    row_index: NDArray[np.int64]
    speakers: tuple[str | None, ...]
    distribution: NDArray[np.float32]
    label_mask: NDArray[np.bool_]
    duration_s: NDArray[np.float64]
    languages: tuple[str, ...]
    _datasets: tuple[Any, ...]

    def __len__(self) -> int:
        return len(self.corpus_index)

    @cached_property
    def speaker_index(self) -> NDArray[np.int64]:
        """`(num_clips,)`: a number for every known speaker, -100 for an unknown one."""
        numbers = {
            speaker: number for number, speaker in enumerate(sorted({s for s in self.speakers if s is not None}))
        }
        return np.array([-100 if speaker is None else numbers[speaker] for speaker in self.speakers])

    @cached_property
    def emotion(self) -> NDArray[np.int64]:
        """`(num_clips,)`: the most probable class of every clip."""
        return np.asarray(self.distribution.argmax(axis=1))

    def waveform(self, index: int) -> NDArray[np.float32]:
        """Decode one clip: `(num_samples,)` at the prepared 16 kHz."""
        audio = self._datasets[self.corpus_index[index]][int(self.row_index[index])]["audio"]
        samples: NDArray[np.float32] = soundfile.read(io.BytesIO(audio["bytes"]), dtype="float32")[0]
        return samples


def load_clips(corpora: list[CorpusRecipe], split: str) -> ClipTable:
    """Read one split of several prepared corpora.

    Args:
        corpora: folders or Hub repositories and the corpus's name in each.
        split: `"train"`, `"validation"` or `"test"`. A corpus without that split contributes nothing.

    Raises:
        RecipeError: if a corpus cannot be read, if none has the split, or if a corpus's label mask is all zero.
    """
    parts = [(number, corpus, _read_split(corpus, split)) for number, corpus in enumerate(corpora)]
    found = [(number, corpus, data) for number, corpus, data in parts if data is not None and len(data)]
    if not found:
        raise RecipeError(f"no corpus of {[corpus.name for corpus in corpora]} has a {split!r} split with clips in it")
    labels = [data.select_columns(_LABEL_COLUMNS).with_format("numpy")[:] for _, _, data in found]
    masks = [np.asarray(columns["label_mask"], dtype=bool) for columns in labels]
    for (_, corpus, _), mask in zip(found, masks, strict=True):
        if not mask.any(axis=1).all():
            raise RecipeError(
                f"{corpus.path}: corpus {corpus.name!r} has a clip whose label_mask allows no class; prepare it again"
            )
    return ClipTable(
        corpora=tuple(corpus.name for corpus in corpora),
        corpus_index=np.concatenate([np.full(len(data), number) for number, _, data in found]),
        row_index=np.concatenate([np.arange(len(data)) for _, _, data in found]),
        speakers=tuple(
            f"{corpus.name}/{speaker}" if speaker is not None else None
            for (_, corpus, _), columns in zip(found, labels, strict=True)
            for speaker in columns["speaker"]
        ),
        distribution=np.concatenate([np.asarray(columns["distribution"], dtype=np.float32) for columns in labels]),
        label_mask=np.concatenate(masks),
        duration_s=np.concatenate([np.asarray(columns["duration_s"], dtype=np.float64) for columns in labels]),
        languages=tuple(str(language) for columns in labels for language in columns["language"]),
        _datasets=_by_number(
            [data.select_columns(["audio"]) for _, _, data in found], [n for n, _, _ in found], len(corpora)
        ),
    )


def _by_number(datasets: list[Any], numbers: list[int], count: int) -> tuple[Any, ...]:
    table: list[Any] = [None] * count
    for number, data in zip(numbers, datasets, strict=True):
        table[number] = data
    return tuple(table)


def _read_split(corpus: CorpusRecipe, split: str) -> Any | None:
    from datasets import Audio, DatasetDict, load_dataset
    from datasets.exceptions import DatasetNotFoundError

    try:
        data = load_dataset(corpus.path, corpus.name)
    except (DatasetNotFoundError, OSError, ValueError) as error:
        raise RecipeError(
            f"{corpus.path}: cannot read corpus {corpus.name!r}: {error}. "
            f"Write it with `audio-emotion corpora prepare {corpus.name} --source DIR --out {corpus.path}`"
        ) from error
    assert isinstance(data, DatasetDict)
    if split not in data:
        return None
    missing = {"audio", *_LABEL_COLUMNS} - set(data[split].column_names)
    if missing:
        raise RecipeError(
            f"{corpus.path}: corpus {corpus.name!r} lacks the columns {sorted(missing)} of the unified row"
        )
    width = len(data[split][0]["distribution"]) if len(data[split]) else len(EMOTIONS)
    if width != len(EMOTIONS):
        raise RecipeError(
            f"{corpus.path}: corpus {corpus.name!r} has {width} classes; the unified row has {len(EMOTIONS)}"
        )
    return data[split].cast_column("audio", Audio(decode=False))
