"""The clips of a training mix, read from prepared corpora: labels as arrays, audio decoded on access."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

import numpy as np
import soundfile
from numpy.typing import NDArray

from audio_emotion.dataset_scripts.prepared import load_files, load_prepared, split_files
from audio_emotion.dataset_scripts.schema import TIE
from audio_emotion.modeling.labels_emotion_whisper import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError, RecipeError
from audio_emotion.training.recipe import CorpusRecipe
from audio_emotion.training.streaming import StreamedSplit

CACHE_BYTES = 2 << 30
"""Decoded audio that a process keeps: 18 hours. An epoch of a smaller mix decodes no clip twice."""
_DECODED_AT_ONCE = 1000  # clips that may be decoded ahead in vain where the memory ends
_GROUPS_KEPT = 2  # of those drawn from at a time: a step may lie across two draws
_CLIP_COLUMNS = ("speaker", "duration_s", "language")


@dataclass(frozen=True)
class LabelRule:
    """How the rows of a prepared corpus become labels.

    Attributes:
        names: what the labels are called.
        columns: columns of the unified row that are read.
        read: from those columns of a data set to `labels` and `label_mask`, `(num_rows, num_labels)` each; a row whose
            mask is all False is no example.
    """

    names: tuple[str, ...]
    columns: tuple[str, ...]
    read: Callable[[Any], tuple[NDArray[np.float32], NDArray[np.bool_]]]


def _read_emotions(rows: Any) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    columns = rows.with_format("numpy")[:]
    return np.asarray(columns["distribution"], dtype=np.float32), np.asarray(columns["label_mask"], dtype=bool)


EMOTION_LABELS = LabelRule(EMOTIONS, ("distribution", "label_mask"), _read_emotions)
"""The eight emotions' soft labels."""


class _DecodedClips:
    """16-bit samples by corpus and row, kept until they fill `CACHE_BYTES`; later ones are decoded each time."""

    def __init__(self) -> None:
        self._left = CACHE_BYTES
        self._samples: dict[tuple[int, int], NDArray[np.int16]] = {}
        self.is_full = False

    def __contains__(self, clip: tuple[int, int]) -> bool:
        return clip in self._samples

    def get(self, clip: tuple[int, int], decode: Callable[[tuple[int, int]], NDArray[np.int16]]) -> NDArray[np.int16]:
        samples = self._samples.get(clip)
        if samples is None:
            samples = decode(clip)
            self.keep(clip, samples)
        return samples

    def keep(self, clip: tuple[int, int], samples: NDArray[np.int16]) -> None:
        if samples.nbytes <= self._left:
            self._samples[clip] = samples
            self._left -= samples.nbytes
        else:
            self.is_full = True


@dataclass(frozen=True)
class ClipTable:
    """Clips of one split over several corpora; index `i` is one clip everywhere.

    Attributes:
        corpora: names, in the recipe's order.
        corpus_index: `(num_clips,)`, into `corpora`.
        row_index: `(num_clips,)`, row inside the corpus's data set.
        row_group: `(num_clips,)`, the clips of a streamed corpus that are read together have one number; -1 elsewhere.
        speakers: one `"corpus/speaker"` a clip, or None where the speaker is unknown.
        label_names: what the columns of `labels` stand for.
        labels: `(num_clips, num_labels)`: soft labels, each row a distribution, or independent intensities in 0..1.
        label_mask: `(num_clips, num_labels)`: the classes that the clip's corpus can express, or the known intensities.
        duration_s: `(num_clips,)`.
        languages: BCP 47 tag of every clip.
    """

    corpora: tuple[str, ...]
    corpus_index: NDArray[np.int64]
    row_index: NDArray[np.int64]
    row_group: NDArray[np.int64]
    speakers: tuple[str | None, ...]
    label_names: tuple[str, ...]
    labels: NDArray[np.float32]
    label_mask: NDArray[np.bool_]
    duration_s: NDArray[np.float64]
    languages: tuple[str, ...]
    _datasets: tuple[Any, ...]
    _decoded: _DecodedClips

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
        """`(num_clips,)`: the most probable class of every clip, the first of them in a tie."""
        return np.asarray(self.labels.argmax(axis=1))

    @cached_property
    def is_highest(self) -> NDArray[np.bool_]:
        """`(num_clips, num_labels)`: the most probable class of every clip, or all those in a tie."""
        return np.asarray(self.labels >= self.labels.max(axis=1, keepdims=True) - TIE)

    @cached_property
    def has_emotion(self) -> NDArray[np.bool_]:
        """`(num_clips,)`: whether one class is the most probable; a tie is no reference to be right or wrong about."""
        return np.asarray(self.is_highest.sum(axis=1) == 1)

    def select(self, members: NDArray[np.bool_]) -> ClipTable:
        """Only the clips for which `members (num_clips,)` is True, in the same order."""
        kept = np.flatnonzero(members)
        arrays = ("corpus_index", "row_index", "row_group", "labels", "label_mask", "duration_s")
        return replace(
            self,
            **{name: getattr(self, name)[kept] for name in arrays},
            speakers=tuple(self.speakers[index] for index in kept),
            languages=tuple(self.languages[index] for index in kept),
        )

    def labelled(self, how: Literal["soft", "hard"]) -> ClipTable:
        """The same clips with the distributions that they have, or each with its most probable class alone.

        Classes in a tie share alike.
        """
        if how == "soft":
            return self
        return replace(self, labels=(self.is_highest / self.is_highest.sum(axis=1, keepdims=True)).astype(np.float32))

    def waveform(self, index: int) -> NDArray[np.float32]:
        """One clip's samples, `(num_samples,)` at the prepared 16 kHz; decoded once while `CACHE_BYTES` allows.

        A streamed clip is not kept, and soon after it come others of its row group.

        Raises:
            AudioEmotionError: if the clip is no audio, or a streamed one's file cannot be read any more.
        """
        clip = self._place(index)
        is_streamed = self.row_group[index] >= 0
        samples = self._decode(clip) if is_streamed else self._decoded.get(clip, self._decode)
        return samples.astype(np.float32) / np.float32(32768)

    def decode_ahead(self, num_threads: int) -> None:
        """Decode all clips that are not streamed, as far as `CACHE_BYTES` goes: processes forked later share them.

        Args:
            num_threads: that decode at a time.

        Raises:
            AudioEmotionError: as `waveform`.
        """
        places = (self._place(int(index)) for index in np.flatnonzero(self.row_group < 0))
        clips = [clip for clip in places if clip not in self._decoded]
        with ThreadPoolExecutor(num_threads) as pool:
            for start in range(0, len(clips), _DECODED_AT_ONCE):
                if self._decoded.is_full:
                    break
                part = clips[start : start + _DECODED_AT_ONCE]
                for clip, samples in zip(part, pool.map(self._decode, part), strict=True):
                    self._decoded.keep(clip, samples)

    def _place(self, index: int) -> tuple[int, int]:
        return int(self.corpus_index[index]), int(self.row_index[index])

    def _decode(self, clip: tuple[int, int]) -> NDArray[np.int16]:
        corpus, row = clip
        audio = self._datasets[corpus][row]["audio"]
        try:
            samples: NDArray[np.int16] = soundfile.read(io.BytesIO(audio["bytes"]), dtype="int16")[0]
        except (soundfile.SoundFileError, TypeError, KeyError) as error:  # TypeError: there is none
            raise AudioEmotionError(
                f"{self.corpora[corpus]}, row {row}: the audio cannot be decoded ({error}). Look for broken clips with "
                "`audio-emotion corpora check`, or prepare the corpus anew"
            ) from error
        return samples


def load_clips(corpora: list[CorpusRecipe], split: str, rule: LabelRule = EMOTION_LABELS) -> ClipTable:
    """Read one split of several prepared corpora; rows without any label are left out.

    Args:
        corpora: folders or Hub repositories and the corpus's name in each.
        split: `"train"`, `"validation"` or `"test"`. A corpus without that split contributes nothing.
        rule: which labels.

    Raises:
        RecipeError: if a corpus cannot be read, or if none has labelled clips in the split.
    """
    clips = find_clips(corpora, split, rule)
    if clips is None:
        raise RecipeError(
            f"no corpus of {[corpus.name for corpus in corpora]} has a {split!r} split with labelled clips in it"
        )
    return clips


def find_clips(corpora: list[CorpusRecipe], split: str, rule: LabelRule = EMOTION_LABELS) -> ClipTable | None:
    """As `load_clips`; None where no corpus has labelled clips in the split."""
    found = []
    for number, corpus in enumerate(corpora):
        data = read_split(corpus, split, rule.columns)
        if data is None or not len(data):
            continue
        labels, label_mask, rows = _read_columns(corpus, data, rule)
        labelled = np.flatnonzero(label_mask.any(axis=1))
        if len(labelled):
            found.append((number, data, rows, labels[labelled], label_mask[labelled], labelled))
    if not found:
        return None
    datasets: list[Any] = [None] * len(corpora)
    row_group = []
    for number, data, *_, labelled in found:
        if isinstance(data, StreamedSplit):
            datasets[number] = data
            row_group.append(data.row_group[labelled])
        else:
            datasets[number] = data.select_columns(["audio"])
            row_group.append(np.full(len(labelled), -1))
    return ClipTable(
        corpora=tuple(corpus.name for corpus in corpora),
        corpus_index=np.concatenate([np.full(len(labelled), number) for number, *_, labelled in found]),
        row_index=np.concatenate([labelled for *_, labelled in found]),
        row_group=np.concatenate(row_group),
        speakers=tuple(
            f"{corpora[number].name}/{rows['speaker'][index]}" if rows["speaker"][index] is not None else None
            for number, _, rows, _, _, labelled in found
            for index in labelled
        ),
        label_names=rule.names,
        labels=np.concatenate([labels for _, _, _, labels, _, _ in found]),
        label_mask=np.concatenate([label_mask for *_, label_mask, _ in found]),
        duration_s=np.concatenate([rows["duration_s"][labelled] for _, _, rows, _, _, labelled in found]),
        languages=tuple(str(rows["language"][index]) for _, _, rows, _, _, labelled in found for index in labelled),
        _datasets=tuple(datasets),
        _decoded=_DecodedClips(),
    )


def _read_columns(
    corpus: CorpusRecipe, data: Any, rule: LabelRule
) -> tuple[NDArray[np.float32], NDArray[np.bool_], dict[str, Any]]:
    """Labels and their mask, `(num_rows, num_labels)` each, and the `_CLIP_COLUMNS`.

    Raises:
        RecipeError: if they are not those of the unified row.
    """
    try:
        labels, label_mask = rule.read(data.select_columns(list(rule.columns)))
        rows = data.select_columns(list(_CLIP_COLUMNS)).with_format("numpy")[:]
        rows["duration_s"] = np.asarray(rows["duration_s"], dtype=np.float64)
    except (ValueError, TypeError) as error:
        raise RecipeError(
            f"{corpus.path}: corpus {corpus.name!r} has other columns than the unified row: {error}"
        ) from error
    shape = (len(data), len(rule.names))
    if labels.shape != shape or label_mask.shape != shape or not np.isfinite(labels).all():
        raise RecipeError(f"{corpus.path}: the labels of corpus {corpus.name!r} are no {len(rule.names)} numbers a row")
    if not ((rows["duration_s"] > 0) & (rows["duration_s"] < np.inf)).all():
        raise RecipeError(f"{corpus.path}: corpus {corpus.name!r} has clips whose duration_s is no length")
    return labels, label_mask, rows


def read_split(corpus: CorpusRecipe, split: str, columns: Sequence[str]) -> Any | None:
    """One split of a prepared corpus as a data set whose audio is left encoded; None where it has no such split.

    Of a streamed corpus the training split is a `StreamedSplit`, and of the others their own files alone are fetched.

    Raises:
        RecipeError: if the corpus cannot be read, or lacks one of `columns`.
    """
    from datasets.exceptions import DatasetGenerationError, DatasetNotFoundError

    try:
        data = _open_split(corpus, split)
    except (DatasetNotFoundError, DatasetGenerationError, OSError, ValueError, TypeError) as error:
        raise RecipeError(
            f"{corpus.path}: cannot read corpus {corpus.name!r}: {error}. "
            f"Write it with `audio-emotion corpora prepare {corpus.name} --source DIR --out {corpus.path}`"
        ) from error
    if data is None:
        return None
    missing = {"audio", *_CLIP_COLUMNS, *columns} - set(data.column_names)
    if missing:
        raise RecipeError(
            f"{corpus.path}: corpus {corpus.name!r} lacks the columns {sorted(missing)} of the unified row"
        )
    return data


def _open_split(corpus: CorpusRecipe, split: str) -> Any | None:
    from datasets import Audio

    if corpus.streamed_groups:
        files = split_files(corpus.path, corpus.name).get(split)
        if files is None or split == "train":
            return files and StreamedSplit(files, _GROUPS_KEPT * corpus.streamed_groups)
        data = load_files({split: files})
    else:
        data = load_prepared(corpus.path, corpus.name)
    return data[split].cast_column("audio", Audio(decode=False)) if split in data else None
