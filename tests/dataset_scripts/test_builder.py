from pathlib import Path

import numpy as np
import pytest
import soundfile

from audio_emotion.dataset_scripts.builder import CorpusBuilder
from audio_emotion.dataset_scripts.schema import COLUMNS, validate_row
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


@pytest.fixture
def ravdess(tmp_path: Path) -> Path:
    for actor in ("01", "05"):
        for emotion in ("03", "05"):
            path = tmp_path / "ravdess" / f"Actor_{actor}" / f"03-01-{emotion}-01-01-01-{actor}.wav"
            path.parent.mkdir(parents=True, exist_ok=True)
            soundfile.write(path, np.full(4000, 0.1), 8000)
    path.write_text("no sound")
    return tmp_path / "ravdess"


def test_streamed_rows_are_those_of_the_schema(ravdess: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    builder = CorpusBuilder(config_name="ravdess", data_dir=str(ravdess), cache_dir=str(tmp_path / "cache"))
    splits = {split: list(rows) for split, rows in builder.as_streaming_dataset().items()}
    assert {split: len(rows) for split, rows in splits.items()} == {"train": 2, "validation": 1}
    for row in (row for rows in splits.values() for row in rows):
        assert tuple(row) == COLUMNS
        assert row["duration_s"] == 0.5
        validate_row(row)
    assert "Actor_05/03-01-05-01-01-01-05.wav is left out" in caplog.text


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="give the folder of ravdess as data_dir"):
        CorpusBuilder(config_name="ravdess", cache_dir=str(tmp_path)).as_streaming_dataset()
