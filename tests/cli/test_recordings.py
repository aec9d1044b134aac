"""What the arguments of a command name."""

import os
from pathlib import Path
from typing import Any

import pytest

from audio_emotion import AudioEmotionError
from audio_emotion.cli.recordings import find_recordings


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in (
        "calls/b.wav",
        "calls/a.MP3",
        "calls/sub/a.flac",
        "calls/notes.txt",
        "calls/.git/x.wav",
        "calls/.y.wav",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    return tmp_path


def names_of(*arguments: str) -> list[str]:
    return [recording.name for recording in find_recordings(list(arguments))[0]]


def test_a_folder_is_its_audio_files_sorted_without_hidden_ones(tree: Path) -> None:
    recordings, missing = find_recordings(["calls"])
    assert [recording.name for recording in recordings] == ["calls/a.MP3", "calls/b.wav", "calls/sub/a.flac"]
    assert [recording.stem for recording in recordings] == ["a", "b", "sub/a"]
    assert missing == []


def test_a_glob_that_the_shell_left(tree: Path) -> None:
    assert names_of("calls/*.wav") == ["calls/b.wav"]
    assert names_of("calls/**/*.flac") == ["calls/sub/a.flac"]
    assert names_of(f"{tree}/calls/[ab].*") == [f"{tree}/calls/a.MP3", f"{tree}/calls/b.wav"]


def test_a_file_may_be_called_like_a_glob(tree: Path) -> None:
    (tree / "call [1].wav").touch()
    assert names_of("call [1].wav") == ["call [1].wav"]


def test_each_file_counts_once_in_the_order_of_the_arguments(tree: Path) -> None:
    (tree / "link.wav").symlink_to("calls/b.wav")
    assert names_of("calls/b.wav", "calls", "link.wav", "./calls/b.wav") == [
        "calls/b.wav",
        "calls/a.MP3",
        "calls/sub/a.flac",
    ]


def test_urls_and_their_stems(tree: Path) -> None:
    (recording,) = find_recordings(["https://host/x/call.mp3?key=a/b"])[0]
    assert (recording.stem, recording.path, recording.source) == ("call", None, "https://host/x/call.mp3?key=a/b")


def test_a_name_that_is_no_text_is_shown_all_the_same(tree: Path) -> None:
    path = os.fsdecode(b"caf\xe9.wav")
    Path(path).touch()
    (recording,) = find_recordings([path])[0]
    assert recording.name == "caf%E9.wav"
    assert Path(recording.source).exists()


def test_what_is_not_there_is_told_apart(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recordings, (missing,) = find_recordings(["gone.wav", "calls/b.wav"])
    assert [recording.name for recording in recordings] == ["calls/b.wav"]
    assert "gone.wav does not exist" in str(missing)
    (tree / "empty").mkdir()
    with pytest.raises(AudioEmotionError, match=r"empty is a folder without audio files.*\.flac"):
        find_recordings(["empty"])
    with pytest.raises(AudioEmotionError, match=r"\*\.opus matches no file"):
        find_recordings(["*.opus"])


def test_a_terminal_is_no_recording(monkeypatch: pytest.MonkeyPatch) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal())
    with pytest.raises(AudioEmotionError, match="which is a terminal"):
        find_recordings(["-"])


def test_standard_input_is_read_once(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"sound")
    with (tmp_path / "in").open() as file:
        monkeypatch.setattr("sys.stdin", file)
        (recording,) = find_recordings(["-", "-"])[0]
        first: Any = recording.source
        assert recording.source is first
        assert first["bytes"] == b"sound"
