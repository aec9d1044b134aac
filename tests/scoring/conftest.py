"""Recordings, good and bad, and a way to score them with the tiny model."""

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.dataset
import pytest
import soundfile

from audio_emotion.scoring.plan import make_plan
from audio_emotion.scoring.run import RunOptions, score
from audio_emotion.scoring.scorer import ScoringOptions
from audio_emotion.scoring.sources import find_sources

NUM_GOOD = 6


@pytest.fixture
def clips(tmp_path: Path, speech: Any) -> Path:
    """A folder of six clips of 0.5 to 3 s, in two folders, one of them at another rate."""
    folder = tmp_path / "clips"
    for index in range(NUM_GOOD):
        path = folder / "ab"[index % 2] / f"{index}.wav"
        path.parent.mkdir(parents=True, exist_ok=True)
        rate = 44100 if index == 3 else 16000
        soundfile.write(path, speech(0.5 + index / 2, rate, seed=index), rate)
    return folder


def write_poison(folder: Path) -> dict[str, str]:
    """Files that no model can hear; name -> a word of the message that has to say why."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "empty.wav").touch()
    (folder / "text.wav").write_text("these are words\n" * 40)
    soundfile.write(folder / "no_samples.wav", np.zeros(0, dtype=np.float32), 16000)
    soundfile.write(folder / "short.wav", np.zeros(100, dtype=np.float32), 16000)
    soundfile.write(folder / "nan.wav", np.full(8000, np.nan, dtype=np.float32), 16000, subtype="FLOAT")
    content = io.BytesIO()
    soundfile.write(content, np.random.default_rng(0).standard_normal(32000) * 0.1, 16000, format="FLAC")
    (folder / "cut.flac").write_bytes(content.getvalue()[:20000])
    soundfile.write(folder / "bomb.flac", np.zeros(16000 * 90, dtype=np.float32), 16000)  # 90 s in a few kB
    return {
        "empty.wav": "0 bytes",
        "text.wav": "cannot be read as audio",
        "no_samples.wav": "0 samples",
        "short.wav": "at least 25 ms",
        "nan.wav": "NaN",
        "cut.flac": "damaged",
        "bomb.flac": "longer than 45 s",
    }


@pytest.fixture
def poisoned(clips: Path) -> tuple[Path, dict[str, str]]:
    """The clips with unreadable files among them."""
    return clips, write_poison(clips / "bad")


@pytest.fixture
def run(tiny_model_dir: Path, tmp_path: Path) -> Callable[..., Any]:
    """`run(inputs, out=..., options=..., block_size=..., column=..., **RunOptions)` scores with the tiny model."""

    def call(
        inputs: Any,
        out: Any = None,
        options: dict[str, Any] | None = None,
        block_size: int | None = 2,
        column: str | None = None,
        **how: Any,
    ) -> Any:
        names = [str(name) for name in (inputs if isinstance(inputs, list) else [inputs])]
        plan = make_plan(find_sources(names, column), block_size)
        chosen = ScoringOptions(**{"model": str(tiny_model_dir), **(options or {})})
        return score(plan, str(out or tmp_path / "out"), chosen, RunOptions(**how))

    return call


def read(folder: Path, table: str = "clips") -> list[dict[str, Any]]:
    """All rows of a table, in the order of the partitions."""
    rows: list[dict[str, Any]] = pa.dataset.dataset(str(folder / table), format="parquet").to_table().to_pylist()
    return rows
