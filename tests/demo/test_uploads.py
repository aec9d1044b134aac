"""The folder for uploads gives out what lies in it, once, and nothing else."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from audio_emotion.demo.uploads import UploadFolder
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError


@pytest.fixture
def uploads() -> Iterator[UploadFolder]:
    folder = UploadFolder()
    yield folder
    folder.remove()


def test_an_upload_is_given_out_once(uploads: UploadFolder) -> None:
    file = uploads.path / "digest" / "clip.wav"
    file.parent.mkdir()
    file.write_bytes(b"sound")
    assert uploads.take(str(file), 5) == b"sound"
    assert list(uploads.path.glob("**/*.wav")) == []
    with pytest.raises(AudioEmotionError, match="not that of an upload"):
        uploads.take(str(file), 5)


def test_a_folder_stays_for_the_same_content_of_someone_else_until_it_is_old(uploads: UploadFolder) -> None:
    folder = uploads.path / "digest"
    folder.mkdir()
    (folder / "mine.wav").write_bytes(b"sound")
    uploads.take(str(folder / "mine.wav"), 5)
    (folder / "theirs.wav").write_bytes(b"sound")
    os.utime(folder, (0, 0))
    (uploads.path / "other.wav").write_bytes(b"sound")
    uploads.take(str(uploads.path / "other.wav"), 5)
    assert uploads.take(str(folder / "theirs.wav"), 5) == b"sound"
    os.utime(folder, (0, 0))
    (uploads.path / "other.wav").write_bytes(b"sound")
    uploads.take(str(uploads.path / "other.wav"), 5)
    assert not folder.exists()


def test_an_upload_over_the_limit_is_deleted_unread(uploads: UploadFolder) -> None:
    file = uploads.path / "clip.wav"
    file.write_bytes(b"sounds")
    with pytest.raises(AudioEmotionError, match="takes up to"):
        uploads.take(str(file), 5)
    assert not file.exists()


def test_no_other_file_is_given_out(uploads: UploadFolder, tmp_path: Path) -> None:
    secret = tmp_path / "secret.wav"
    secret.write_text("of no concern to a visitor")
    (uploads.path / "link.wav").symlink_to(secret)
    paths = [
        secret,
        "/etc/passwd",
        f"{uploads.path}/../{secret}",
        uploads.path,
        uploads.path / "link.wav",
        "",
        "x" * 5000,
    ]
    for path in [*map(str, paths), "http://127.0.0.1:9/a.wav", "a\0b", None, 7, ["x"], {"path": str(secret)}]:
        with pytest.raises(AudioEmotionError, match="upload"):
            uploads.take(path, 100)
    assert secret.exists()


def test_the_folder_is_removed(uploads: UploadFolder) -> None:
    (uploads.path / "clip.wav").write_bytes(b"sound")
    uploads.remove()
    uploads.remove()
    assert not uploads.path.exists()
