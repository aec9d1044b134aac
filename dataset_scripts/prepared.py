"""Read prepared corpora back, from a folder as it is now or from a Hub repository."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def load_prepared(path: str | Path, name: str) -> Any:
    """All splits of a prepared corpus, as `datasets.load_dataset(path, name)` answers them.

    For a folder, `load_dataset` looks its cache up by the folder's last name alone: it would answer another folder of
    that name, or what the folder held before. The Parquet files by themselves are looked up by full path and time.

    Args:
        path: folder or Hub repository that `audio-emotion corpora prepare` or `push` wrote.
        name: the corpus's name there.

    Returns:
        A `datasets.DatasetDict`.

    Raises:
        DatasetNotFoundError: if there is no such folder or repository.
        ValueError: if it has no such corpus.
        OSError: if a file cannot be read.
    """
    from datasets import load_dataset

    if not Path(path).is_dir():
        return load_dataset(str(path), name)
    return load_dataset("parquet", data_files=split_files(path, name))


def split_files(path: str | Path, name: str) -> dict[str, list[str]]:
    """The Parquet files of every split of a prepared corpus, as paths or URLs that fsspec opens.

    Args and errors are those of `load_prepared`; nothing but the card is read.
    """
    from datasets import load_dataset_builder

    data_files: Any = load_dataset_builder(str(path), name).config.data_files
    return {str(split): list(files) for split, files in data_files.items()}
