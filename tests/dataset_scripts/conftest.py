"""What the tests of readers share: a corpus made of names and label texts, and the real names of 15 corpora."""

import csv
import gzip
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from audio_emotion.dataset_scripts.corpus import Finding
from audio_emotion.dataset_scripts.encoding import encode_samples
from audio_emotion.dataset_scripts.reader import CorpusReader, get_reader
from audio_emotion.dataset_scripts.rows import make_row
from audio_emotion.dataset_scripts.schema import SAMPLING_RATE, validate_row

LABEL_SAMPLES = Path(__file__).parent / "label_samples"
ONE_SECOND = encode_samples(np.zeros(SAMPLING_RATE, dtype=np.float32))


@dataclass
class ReadCorpus:
    """A pass of a reader: every row by its id (validated, with a stand-in for the audio), and what else it met."""

    reader: CorpusReader
    rows: dict[str, dict[str, Any]]
    findings: list[Finding]

    @property
    def problems(self) -> list[tuple[str, str]]:
        """Kind and place of each finding."""
        return [(finding.kind, finding.where) for finding in self.findings]


@pytest.fixture(scope="session")
def read_folder() -> Callable[[str, Path], ReadCorpus]:
    """Read a corpus's folder: `read_folder("nemo", path)`."""

    def read(name: str, folder: Path) -> ReadCorpus:
        reader = get_reader(name)(folder)
        rows: dict[str, dict[str, Any]] = {}
        for clip in reader.clips():
            row = make_row(reader.info, clip, ONE_SECOND)
            validate_row(row)
            assert clip.id not in rows
            rows[clip.id] = row
        return ReadCorpus(reader, rows, reader.report.findings)

    return read


@pytest.fixture
def read_corpus(tmp_path: Path, read_folder: Callable[[str, Path], ReadCorpus]) -> Callable[..., ReadCorpus]:
    """Lay out a corpus and read it: `read_corpus("nemo", ["samples/EB0_anger_1.wav"], {"data.tsv": "..."})`.

    The audio files are empty, for a reader never opens them; label texts may be bytes where the encoding matters.
    """

    def read(name: str, audio: Iterable[str], labels: Mapping[str, str | bytes] | None = None) -> ReadCorpus:
        for path in audio:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        for path, content in (labels or {}).items():
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).write_bytes(content if isinstance(content, bytes) else content.encode())
        return read_folder(name, tmp_path)

    return read


@dataclass
class LabelSample:
    """A few lines of a corpus's label files, true to the owner's format, and the audio files they speak of."""

    audio: list[str]
    labels: dict[str, bytes]


@pytest.fixture(scope="session")
def label_sample() -> Callable[[str], LabelSample]:
    """What `label_samples/<corpus>/` holds; empty for a corpus without label files."""

    def read(name: str) -> LabelSample:
        folder = LABEL_SAMPLES / name
        labels = {
            path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
        }
        return LabelSample(labels.pop("audio_files.txt", b"").decode().splitlines(), labels)

    return read


@pytest.fixture(scope="session")
def real_names(shared_dir: Path) -> Callable[[str], list[tuple[str, str]]]:
    """Every real path and label of a corpus in `../shared/corpora_names`: `real_names("savee")`."""

    def read(name: str) -> list[tuple[str, str]]:
        with gzip.open(shared_dir / "corpora_names" / f"{name}.csv.gz", "rt", encoding="utf-8", newline="") as file:
            return [(row["path"], row["label"]) for row in csv.DictReader(file)]

    return read
