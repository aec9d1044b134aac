"""A file of results is whole after each record, goes on where it was, and is what the writers write at once."""

import errno
import io
import json
from pathlib import Path
from typing import Any

import pytest

from audio_emotion import AudioEmotionError
from audio_emotion.cli.record_file import RESUMABLE, RecordFile
from audio_emotion.pipeline.export_audio_emotion import WRITERS

LABELS = ["anger", "fear"]
RESULTS: dict[str, Any] = {
    f"dir/{name}.wav": {
        "scores": [],
        "chunks": [
            {
                "timestamp": (index, index + 1.0),
                "label": "anger",
                "score": 0.75,
                "scores": {"anger": 0.75, "fear": 0.25},
            }
            for index in range(2)
        ],
    }
    for name in ("a", 'b "x",\n王', "c")
}


@pytest.mark.parametrize("file_format", RESUMABLE)
def test_records_one_by_one_are_the_file_at_once(tmp_path: Path, file_format: str) -> None:
    path = tmp_path / "out"
    written = {}
    for name, result in RESULTS.items():
        records = RecordFile(file_format, path)
        finished = records.read_finished()
        assert finished == {records.name_in_file(other) for other in written}
        records.start(LABELS)
        records.add(name, result)
        written[name] = result
        assert path.read_text() == WRITERS[file_format](written)
    assert not list(tmp_path.glob(".*"))


@pytest.mark.parametrize("file_format", RESUMABLE)
def test_a_stream_gets_the_same(file_format: str) -> None:
    stream = io.StringIO()
    records = RecordFile(file_format, stream=stream)
    records.start(LABELS)
    for name, result in RESULTS.items():
        records.add(name, result)
    records.finish()
    assert stream.getvalue() == WRITERS[file_format](RESULTS)


def test_a_device_is_a_stream() -> None:
    records = RecordFile("json", Path("/dev/null"))
    assert records.read_finished() == set()
    records.start(LABELS)
    records.add("a", RESULTS["dir/a.wav"])
    records.finish()


@pytest.mark.parametrize("file_format", ["jsonl", "csv", "rttm"])
@pytest.mark.parametrize("num_lost", [1, 10, 40])
def test_a_record_that_was_cut_off_is_taken_out(tmp_path: Path, file_format: str, num_lost: int) -> None:
    path = tmp_path / "out"
    path.write_bytes(WRITERS[file_format](RESULTS).encode()[:-num_lost])
    records = RecordFile(file_format, path)
    assert records.read_finished() == {records.name_in_file(name) for name in list(RESULTS)[:2]}
    records.start(LABELS)
    records.add("dir/c.wav", RESULTS["dir/c.wav"])
    assert path.read_text() == WRITERS[file_format](RESULTS)


@pytest.mark.parametrize(
    ("file_format", "content", "message"),
    [
        ("json", '{"file": "a"}', "no list of results"),
        ("json", "[{", "line 1"),
        ("json", '[\n  {"name": "a"}\n]\n', "entry 1 has no 'file' and 'chunks'"),
        ("jsonl", 'x\n{"file": "a", "chunks": []}\n', "line 1"),
        ("jsonl", '{"file": "a", "chunks": []}\n[]\n', "line 2 has no 'file'"),
        ("csv", "name,score\na,1\n", "line 1: the columns do not begin with file"),
        ("rttm", "SPEAKER a 1 0.0 1.0\n", "line 1 is no SPEAKER line"),
    ],
)
def test_a_file_of_something_else_is_refused_and_kept(
    tmp_path: Path, file_format: str, content: str, message: str
) -> None:
    path = tmp_path / "out"
    path.write_text(content)
    with pytest.raises(AudioEmotionError, match=f"cannot be resumed.*{message}"):
        RecordFile(file_format, path).read_finished()
    assert path.read_text() == content


@pytest.mark.parametrize("file_format", ["jsonl", "json", "csv"])
def test_a_full_disk_leaves_the_file_as_it_was(
    tmp_path: Path, file_format: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "out"
    records = RecordFile(file_format, path)
    records.start(LABELS)
    records.add("a", RESULTS["dir/a.wav"])
    before = path.read_bytes()

    class FullDisk(io.FileIO):
        """It has 30 bytes left; what takes the place of other bytes needs none."""

        def write(self, data: Any) -> int:
            left = len(before) + 30 - self.tell()
            if left <= 0:
                raise OSError(errno.ENOSPC, "No space left on device")
            return super().write(data[:left])

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", lambda path, mode, **_: FullDisk(str(path), mode.replace("b", "")))
        with pytest.raises(AudioEmotionError, match="cannot be written: No space left"):
            records.add("b", RESULTS["dir/c.wav"])
    assert path.read_bytes() == before
    records.add("c", RESULTS["dir/c.wav"])
    if file_format != "csv":
        assert len(json.loads(path.read_text()) if file_format == "json" else path.read_text().splitlines()) == 2
