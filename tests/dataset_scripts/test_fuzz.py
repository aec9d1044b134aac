"""Whatever names and label files hold, a reader gives rows or a `CorpusError` that says where; never anything else."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio_emotion.dataset_scripts.corpus import Clip
from audio_emotion.dataset_scripts.encoding import encode_samples
from audio_emotion.dataset_scripts.reader import get_reader, list_corpora
from audio_emotion.dataset_scripts.rows import make_row
from audio_emotion.dataset_scripts.schema import validate_row
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

AUDIO = encode_samples(np.zeros(16000, dtype=np.float32))

LABELLED = sorted(folder.name for folder in (Path(__file__).parent / "label_samples").iterdir())
EXAMPLES = 25
PIECES = (b"", b"\n", b"\t", b",", b'"', b"-1", b"1e999", b"nan", b"\xff", b"\x00", "é".encode())


@st.composite
def mutated(draw: st.DrawFn, content: bytes) -> bytes:
    """Content with a few places cut, doubled, or replaced by other bytes or numbers."""
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(content)))
        stop = draw(st.integers(start, min(len(content), start + 12)))
        piece = draw(
            st.one_of(
                st.binary(max_size=4),
                st.sampled_from(
                    [b"", b"\n", b"\t", b",", b'"', b"-1", b"1e999", b"nan", b"\xff", b"\x00", "é".encode()]
                ),
                st.just(content[start:stop] * 2),
            )
        )
        content = content[:start] + piece + content[stop:]
    return content


def write(folder: Path, labels: dict[str, bytes]) -> None:
    for path, content in labels.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_bytes(content)


@pytest.mark.parametrize("name", list_corpora())
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_names(name: str, tmp_path: Path, label_sample: Callable[[str], Any], data: st.DataObject) -> None:
    sample = label_sample(name)
    write(tmp_path, sample.labels)
    original = data.draw(st.sampled_from(sample.audio or [get_reader(name).example]))
    path = data.draw(mutated(original.encode())).decode("utf-8", "surrogateescape")
    try:
        reader = get_reader(name)(tmp_path)
        clip = reader.clip(path)
    except CorpusError:
        return
    if isinstance(clip, Clip):
        validate_row(make_row(reader.info, clip, AUDIO))


@pytest.mark.parametrize("name", LABELLED)
@settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_label_files(
    name: str, tmp_path: Path, label_sample: Callable[[str], Any], data: st.DataObject
) -> None:
    sample = label_sample(name)
    broken = data.draw(st.sampled_from(sorted(sample.labels)))
    write(tmp_path, dict.fromkeys(sample.audio, b""))
    write(tmp_path, {**sample.labels, broken: data.draw(mutated(sample.labels[broken]))})
    try:
        reader = get_reader(name)(tmp_path)
        for clip in reader.clips():
            validate_row(make_row(reader.info, clip, AUDIO))
    except CorpusError as error:
        assert re.search(rf"{re.escape(Path(broken).name)}(, line \d+| is empty)|none of \d+ audio files", str(error))
