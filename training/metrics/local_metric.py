"""The base of the package's `evaluate.Metric` classes: in memory, offline, and with this package's errors.

`evaluate.load` asks the Hub even for accuracy; these classes are made directly and never touch the network.
"""

from typing import Any

import evaluate
import numpy as np
import numpy.typing as npt

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


def check_same_length(**columns: Any) -> int:
    """Checks that the named columns hold the same, non-zero number of items.

    Returns:
        The common length.

    Raises:
        AudioEmotionError: A column is missing, the lengths differ, or there is nothing to score.
    """
    missing = [name for name, column in columns.items() if column is None]
    if missing:
        raise AudioEmotionError(
            f"{' and '.join(missing)} not given: pass {', '.join(f'{name}=...' for name in columns)}"
        )
    lengths = {name: len(column) for name, column in columns.items()}
    if len(set(lengths.values())) != 1:
        counted = ", ".join(f"{length} {name}" for name, length in lengths.items())
        raise AudioEmotionError(f"every item needs one value in each column, but there are {counted}")
    length = next(iter(lengths.values()))
    if length == 0:
        raise AudioEmotionError(f"nothing to score: {' and '.join(columns)} are empty")
    return length


def finite_array(name: str, values: Any, ndim: int | None = None) -> FloatArray:
    """Reads `values` as float64 and refuses NaN, infinity, ragged rows and (where `ndim` is given) another rank.

    Raises:
        AudioEmotionError: With the index of the first value that is not a finite number.
    """
    try:
        array = np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise AudioEmotionError(f"{name} must be numbers in rows of one length: {error}") from None
    if ndim is not None and array.ndim != ndim:
        raise AudioEmotionError(f"{name} must have {ndim} dimension(s), got shape {array.shape}")
    bad = np.argwhere(~np.isfinite(array))
    if len(bad):
        where = tuple(int(i) for i in bad[0])
        raise AudioEmotionError(
            f"{name}[{', '.join(map(str, where))}] is {array[where]} ({len(bad)} value(s) are not finite): "
            "leave those items out before scoring"
        )
    return array


class LocalMetric(evaluate.Metric):  # type: ignore[misc]
    """An `evaluate.Metric` that keeps its columns in memory and checks their lengths before any is stored.

    Children give `_info` (the columns) and `_compute` (the numbers).
    """

    def __init__(self, config_name: str | None = None, num_process: int = 1, **kwargs: Any) -> None:
        kwargs.setdefault("keep_in_memory", num_process == 1)
        super().__init__(config_name, num_process=num_process, **kwargs)

    def add_batch(self, *, predictions: Any = None, references: Any = None, **kwargs: Any) -> None:
        """Adds a batch of rows.

        Raises:
            AudioEmotionError: The columns differ in length, are empty, or do not fit the metric's features.
        """
        check_same_length(predictions=predictions, references=references, **kwargs)
        try:
            super().add_batch(predictions=predictions, references=references, **kwargs)
        except ValueError as error:
            self.writer = None  # or the next call would write to columns that were never begun
            raise AudioEmotionError(f"{type(self).__name__}: {error}") from None
