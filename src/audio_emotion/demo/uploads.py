"""Where uploads lie until they are heard: a private folder, emptied as it goes and removed with the process."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
import time
from pathlib import Path

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

PREFIX = "audio-emotion-demo-"
MAX_AGE_S = 600
"""An upload that nobody asked to hear is deleted after so many seconds."""


class UploadFolder:
    """A new folder for uploads; it is removed with all that is in it when the process ends."""

    def __init__(self) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
        atexit.register(self.remove)

    def use(self) -> None:
        """Make this process write its temporary files here, Gradio's among them."""
        os.environ["GRADIO_TEMP_DIR"] = str(self.path)
        os.environ["GRADIO_EXAMPLES_CACHE"] = str(self.path / "examples")  # else served from below the working folder
        tempfile.tempdir = str(self.path)  # a large upload spools here before it is named

    def take(self, path: object, max_bytes: int) -> bytes:
        """Read an upload and delete it.

        Args:
            path: What the browser says the server called its upload: not to be trusted.
            max_bytes: Most bytes to read.

        Returns:
            Its bytes.

        Raises:
            AudioEmotionError: If the path is not that of an upload of this process, or the file is too large.
        """
        if not isinstance(path, str) or "\0" in path:
            raise AudioEmotionError("Send a recording: this page reads what you upload, and no path or address.")
        file = Path(path).resolve()
        if not file.is_relative_to(self.path) or not _is_file(file):
            raise AudioEmotionError(
                "This page hears what you upload to it, and no other file: the path sent is not that of an upload. "
                "Upload the recording (again)."
            )
        try:
            if file.stat().st_size > max_bytes:
                raise AudioEmotionError(
                    f"The file has {file.stat().st_size / 1e6:.1f} MB; this page takes up to {max_bytes / 1e6:g} MB."
                )
            return file.read_bytes()
        finally:
            file.unlink(missing_ok=True)
            self._remove_old_folders()

    def remove(self) -> None:
        """Delete the folder; calling it again does nothing."""
        shutil.rmtree(self.path, ignore_errors=True)

    def _remove_old_folders(self) -> None:
        """Gradio makes one folder for one content, so an empty one may be about to get the same from someone else."""
        for folder in self.path.iterdir():
            with contextlib.suppress(OSError):  # it is no folder, holds an upload, or has just been removed
                if time.time() - folder.stat().st_mtime > MAX_AGE_S:
                    folder.rmdir()


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a name longer than names may be
        return False
