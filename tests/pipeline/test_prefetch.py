"""Items made ahead in a thread come in order, their errors where they are due, and no thread outlives its use."""

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from audio_emotion import AudioDecodingError, AudioEmotionPipeline
from audio_emotion.pipeline.prefetch_audio_emotion import prefetch


def decoding_threads() -> list[threading.Thread]:
    return [thread for thread in threading.enumerate() if thread.name.startswith("audio-emotion-decoding")]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    yield
    assert not decoding_threads()


@pytest.mark.parametrize("depth", [1, 2, 50])
@pytest.mark.parametrize("num_items", [0, 1, 20])
def test_items_keep_their_order(depth: int, num_items: int) -> None:
    assert list(prefetch((number for number in range(num_items)), depth)) == list(range(num_items))


def test_it_runs_ahead_in_another_thread_and_no_further_than_asked() -> None:
    made: list[str] = []

    def items() -> Any:
        for number in range(10):
            made.append(threading.current_thread().name)
            yield number

    ahead = prefetch(items(), depth=3)
    assert next(ahead) == 0
    deadline = time.monotonic() + 10
    while len(made) < 4 and time.monotonic() < deadline:
        time.sleep(0.01)
    time.sleep(0.05)
    assert len(made) == 4
    assert set(made) == {decoding_threads()[0].name}
    ahead.close()


def test_an_error_is_raised_where_its_item_was_due() -> None:
    def items() -> Any:
        yield 1
        yield 2
        raise AudioDecodingError("broken")

    seen = []
    with pytest.raises(AudioDecodingError, match="broken"):
        for item in prefetch(items(), depth=5):
            seen.append(item)
    assert seen == [1, 2]


def test_stopping_early_closes_the_items() -> None:
    closed = []

    def items() -> Any:
        try:
            yield from range(1000)
        finally:
            closed.append(True)

    with contextlib.closing(prefetch(items(), depth=2)) as ahead:
        assert next(ahead) == 0
    assert closed == [True]


def test_a_long_recording_that_is_damaged_late_says_so(pipe: AudioEmotionPipeline, speech: Any) -> None:
    samples = speech(65.0)
    samples[64 * 16000] = np.nan
    with pytest.raises(AudioDecodingError, match=r"NaN.*4\.000|NaN.*60\.000"):
        pipe(samples)


def test_an_interrupted_recording_leaves_its_file_closed(
    pipe: AudioEmotionPipeline, tmp_path: Path, speech: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, speech(90.0, 8000), 8000)
    opened = []
    sound_file = soundfile.SoundFile

    def remembered(*args: Any, **kwargs: Any) -> Any:
        opened.append(sound_file(*args, **kwargs))
        return opened[-1]

    def interrupted(seconds: float) -> None:
        if len(heard_s) == 1:
            raise KeyboardInterrupt
        heard_s.append(seconds)

    heard_s: list[float] = []
    monkeypatch.setattr(soundfile, "SoundFile", remembered)
    with pytest.raises(KeyboardInterrupt):
        pipe(path, on_progress=interrupted)
    assert heard_s == [30.0]
    assert opened[0].closed
    assert not decoding_threads()
