"""Read prepared corpora back, from a folder as it is now or from a Hub repository."""

from __future__ import annotations

import glob
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any


def corpus_names(path: str | Path) -> list[str]:
    """The corpora of a folder or Hub repository; errors are those of `load_prepared`."""
    from datasets import get_dataset_config_names

    return list(_patterns(Path(path)) if Path(path).is_dir() else get_dataset_config_names(str(path)))


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
    return load_files(split_files(path, name))


def load_files(files: Mapping[str, Sequence[str]]) -> Any:
    """A `datasets.DatasetDict` of what `split_files` answered; to `load_dataset` a path is a pattern."""
    from datasets import load_dataset

    patterns = {split: [path if "://" in path else glob.escape(path) for path in files[split]] for split in files}
    return load_dataset("parquet", data_files=patterns)


def split_files(path: str | Path, name: str) -> dict[str, list[str]]:
    """The Parquet files of every split of a prepared corpus, as paths or URLs that fsspec opens.

    Args and errors are those of `load_prepared`; nothing but the card is read.
    """
    from datasets import load_dataset_builder
    from datasets.data_files import DataFilesDict

    if not Path(path).is_dir():
        data_files: Any = load_dataset_builder(str(path), name).config.data_files
    else:
        patterns = _patterns(Path(path))
        if name not in patterns:
            raise ValueError(f"{path} has no corpus {name!r}; there are {', '.join(patterns)}")
        data_files = DataFilesDict.from_patterns(patterns[name], glob.escape(str(Path(path).resolve())))
    return {str(split): list(files) for split, files in data_files.items()}


def _patterns(folder: Path) -> dict[str, dict[str, list[str]]]:
    """The file patterns of every split of every corpus, as the folder's card lists them.

    `datasets` would read the card too, but takes the folder's own name as part of the pattern.
    """
    from datasets.data_files import sanitize_patterns
    from datasets.utils.metadata import MetadataConfigs
    from huggingface_hub import DatasetCard

    card = folder / "README.md"
    if not card.is_file():
        raise ValueError(f"{folder} has no README.md that lists corpora")
    configs = MetadataConfigs.from_dataset_card_data(DatasetCard.load(card).data)
    return {name: sanitize_patterns(config["data_files"]) for name, config in configs.items() if "data_files" in config}
