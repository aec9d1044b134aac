"""What a door is: whole input to break, and how to knock with what became of it."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError


@dataclass(frozen=True)
class Door:
    """A door.

    Attributes:
        seeds: Makes whole input, in a scratch folder that stays.
        knock: Hands input over; raises what may come out, and nothing else.
        allowed: What may come out besides `AudioEmotionError`.
        weight: Share of the cases: a cheap door gets more.
    """

    seeds: Callable[[Path], list[bytes]]
    knock: Callable[[bytes, Path], object]
    allowed: tuple[type[Exception], ...] = ()
    weight: int = 1

    def try_knock(self, content: bytes, folder: Path) -> None:
        """Knock; an exception that is not allowed passes through."""
        with contextlib.suppress(AudioEmotionError, *self.allowed):
            self.knock(content, folder)
