"""Prepared Parquet that stays where it is: small columns are read whole, audio by the row group, on access."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import fsspec
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from httpx2 import HTTPError
from numpy.typing import NDArray

from audio_emotion.dataset_scripts.schema import corpus_features
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError, RecipeError

Answer = TypeVar("Answer")


class StreamedSplit:
    """One split of a prepared corpus, over Parquet files anywhere that fsspec reaches.

    Attributes:
        column_names: what every file has.
        row_group: `(num_rows,)`, the row group of each row, counted over all files.
        rows_fetched: rows whose audio has been read, once for each time.
    """

    def __init__(self, files: Sequence[str], num_kept: int) -> None:
        """Reads the files' footers.

        Args:
            files: paths or URLs, in the order of the rows.
            num_kept: row groups of audio in memory; the one that was not asked for longest goes first.

        Raises:
            RecipeError: if a file cannot be read as Parquet.
        """
        self._files = tuple(files)
        self._num_kept = num_kept
        self._kept: OrderedDict[int, pa.ChunkedArray] = OrderedDict()
        self._metadata = [self._open(file, lambda table: table.metadata, RecipeError) for file in self._files]
        schemas = [metadata.schema.to_arrow_schema() for metadata in self._metadata]
        self.column_names = [name for name in schemas[0].names if all(name in schema.names for schema in schemas)]
        self._groups = [
            (file, group) for file, metadata in enumerate(self._metadata) for group in range(metadata.num_row_groups)
        ]
        num_rows = [self._metadata[file].row_group(group).num_rows for file, group in self._groups]
        self._first_row = np.cumsum([0, *num_rows])
        self.row_group: NDArray[np.int64] = np.repeat(np.arange(len(num_rows)), num_rows)
        self.rows_fetched = 0

    def __len__(self) -> int:
        return len(self.row_group)

    def select_columns(self, names: Sequence[str]) -> Any:
        """A `datasets.Dataset` of small columns of the unified row, read from every file.

        Raises:
            RecipeError: if a file cannot be read, or holds other types; what it says of them is not heeded.
        """
        from datasets import Dataset, Features

        row = corpus_features()
        features = Features({name: row[name] for name in names})

        def read(table: pq.ParquetFile) -> pa.Table:
            return table.read(columns=list(names)).select(list(names)).cast(features.arrow_schema)

        return Dataset(pa.concat_tables([self._open(file, read, RecipeError) for file in self._files]))

    def __getitem__(self, row: int) -> dict[str, Any]:
        """The encoded audio of one row, as `{"audio": {"bytes", "path"}}`.

        Raises:
            AudioEmotionError: if its file cannot be read any more.
        """
        number = int(self.row_group[row])
        if number in self._kept:
            self._kept.move_to_end(number)
        else:
            self._kept[number] = self._fetch(number)
            while len(self._kept) > self._num_kept:
                self._kept.popitem(last=False)
        return {"audio": self._kept[number][row - self._first_row[number]].as_py()}

    def _fetch(self, number: int) -> pa.ChunkedArray:
        file, group = self._groups[number]

        def read(table: pq.ParquetFile) -> pa.ChunkedArray:
            return table.read_row_group(group, columns=["audio"])["audio"]

        audio = self._open(self._files[file], read, AudioEmotionError, self._metadata[file])
        self.rows_fetched += len(audio)
        return audio

    def _open(
        self,
        path: str,
        read: Callable[[pq.ParquetFile], Answer],
        raised: type[AudioEmotionError],
        metadata: pq.FileMetaData | None = None,
    ) -> Answer:
        """What `read` finds in a file, which is opened for it alone: a worker process inherits no connection."""
        try:
            with fsspec.open(path, "rb") as opened:
                return read(pq.ParquetFile(opened, metadata=metadata, pre_buffer=True))
        except (OSError, ValueError, TypeError, KeyError, HTTPError, pa.ArrowException) as error:
            raise raised(
                f"{path} cannot be read as Parquet: {error}. Run again (a run goes on with --resume)"
            ) from error
