"""One evaluation from folders to a results file: which corpora, which model, and what makes the numbers repeatable."""

from __future__ import annotations

import hashlib
import json
import math
import os
import re
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any

from audio_emotion.dataset_scripts.manifest import write_atomically
from audio_emotion.dataset_scripts.prepared import corpus_names, load_prepared
from audio_emotion.dataset_scripts.schema import SPLITS
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.evaluation import LABEL_COLUMNS
from audio_emotion.training.shift_set import SEGMENT_COLUMN

RESULTS_FORMAT = 1
WEIGHTS = (".safetensors", ".onnx")
PACKAGES = ("audio-emotion", "datasets", "numpy", "soundfile", "soxr", "torch", "transformers")


def read_corpora(
    folders: Sequence[str | os.PathLike[str]], names: Sequence[str] = (), split: str = "test"
) -> tuple[dict[str, Any], list[str]]:
    """Reads prepared corpora.

    Args:
        folders: Prepared folders, or Hub data set repositories.
        names: Corpora to read; none given, every corpus of every folder.
        split: The split, or "all" for every clip.

    Returns:
        A data set of unified rows by corpus name, audio undecoded, with the segments of a shift set; and the corpora
        that were left out because they lack the split.

    Raises:
        AudioEmotionError: A folder cannot be read, a corpus lies in two folders or in none, one that was asked for
            lacks the split, a column of the unified row is missing, or no clip is left.
    """
    if split not in (*SPLITS, "all"):
        raise AudioEmotionError(f"split is {split!r}; it must be one of {', '.join(SPLITS)}, all")
    places: dict[str, str] = {}
    for folder in (os.fspath(folder) for folder in folders):
        for name in _corpus_names(folder):
            if name in places and (not names or name in names):
                raise AudioEmotionError(f"corpus {name} lies both in {places[name]} and in {folder}: give one of them")
            places[name] = folder
    missing = [name for name in names if name not in places]
    if missing:
        raise AudioEmotionError(f"no corpus is called {', '.join(missing)}; there are {', '.join(sorted(places))}")
    corpora: dict[str, Any] = {}
    left_out = []
    for name in sorted(names or places):
        rows = _read_split(places[name], name, split)
        if rows is not None:
            corpora[name] = rows
        elif names:
            raise AudioEmotionError(f"corpus {name} in {places[name]} has no clip in split {split!r}; try split 'all'")
        else:
            left_out.append(name)
    if not corpora:
        raise AudioEmotionError(f"none of {', '.join(left_out)} has a clip in split {split!r}; try split 'all'")
    return corpora, left_out


def describe_model(pipe: Any, name: str) -> dict[str, Any]:
    """Says exactly which model was measured.

    Args:
        pipe: The pipeline that holds it, loaded from a folder or from a Hub repository's main branch.
        name: What the user calls it.

    Returns:
        Its name, Hub revision (None for a folder), the SHA-256 of each weights file, and what its config says of
        training and calibration.
    """
    config = pipe.model.config
    folder, revision = Path(pipe.model.name_or_path), None
    if not folder.is_dir():
        from huggingface_hub import snapshot_download

        snapshot = snapshot_download(
            pipe.model.name_or_path, allow_patterns=["*.safetensors", "*.onnx"], local_files_only=True
        )
        folder, revision = Path(snapshot), Path(snapshot).name  # the cache names a snapshot after its commit
    return {
        "name": name,
        "revision": revision,
        "weights_sha256": {path.name: _sha256(path) for path in sorted(folder.iterdir()) if path.suffix in WEIGHTS},
        "num_parameters": pipe.model.num_parameters(),
        "corpora": sorted(config.corpora),
        "class_prior": config.class_prior,
        "temperature": config.temperature,
    }


def package_versions() -> dict[str, str]:
    """The versions of the packages that a number can depend on, as installed."""
    return {name: version(name) for name in PACKAGES}


def write_results(results: dict[str, Any], path: str | os.PathLike[str]) -> None:
    """Writes results as JSON, the same bytes for the same run: keys sorted, six decimals, a flat list on one line.

    Args:
        results: Plain data; a number that is not finite is written as null.
        path: The file; its folder is made.
    """
    text = json.dumps(_rounded(results), indent=1, sort_keys=True, allow_nan=False, ensure_ascii=False)
    text = re.sub(r"\[[^\[\]{}]*\]", lambda match: re.sub(r"\s*\n\s*", " ", match[0]), text)
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    write_atomically(target, text + "\n")


def read_results(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Reads what `write_results` wrote.

    Raises:
        AudioEmotionError: There is no such file, or it holds something else.
    """
    try:
        results = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise AudioEmotionError(f"cannot read results from {path}: {error}") from None
    if not isinstance(results, dict) or results.get("format") != RESULTS_FORMAT:
        raise AudioEmotionError(f"{path} holds no results of `audio-emotion evaluate` (format {RESULTS_FORMAT})")
    return results


def _corpus_names(folder: str) -> list[str]:
    from datasets.exceptions import DatasetNotFoundError

    try:
        return corpus_names(folder)
    except (DatasetNotFoundError, OSError, ValueError) as error:
        raise AudioEmotionError(
            f"cannot read prepared corpora from {folder}: {error}. "
            "Write them with `audio-emotion corpora prepare CORPUS --source DIR --out DIR`"
        ) from error


def _read_split(folder: str, name: str, split: str) -> Any | None:
    from datasets import Audio, concatenate_datasets

    data = load_prepared(folder, name)
    parts = [rows for key, rows in sorted(data.items()) if split in (key, "all") and len(rows)]
    if not parts:
        return None
    rows = concatenate_datasets(parts)
    columns = ["audio", *LABEL_COLUMNS]
    missing = sorted(set(columns) - set(rows.column_names))
    if missing:
        raise AudioEmotionError(f"corpus {name} in {folder} lacks {', '.join(missing)}, columns of the unified row")
    if SEGMENT_COLUMN in rows.column_names:
        columns.append(SEGMENT_COLUMN)
    return rows.select_columns(columns).cast_column("audio", Audio(decode=False))


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _rounded(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _rounded(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_rounded(inner) for inner in value]
    if isinstance(value, float):
        return round(value, 6) if math.isfinite(value) else None
    return value
