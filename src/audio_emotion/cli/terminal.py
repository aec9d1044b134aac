"""The terminal as every command writes to it: whatever a file, a label or a speaker is called, it obeys Rich alone."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.console import Console
from rich.segment import Segment

from audio_emotion.pipeline.errors_audio_emotion import printable

if TYPE_CHECKING:
    from rich.console import ConsoleOptions, RenderableType


class Terminal(Console):
    """A Rich console that shows escape sequences and other control characters of the texts in it as escapes."""

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """Segments whose texts are printable; Rich's own control codes stay."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else Segment(printable(segment.text), segment.style)
