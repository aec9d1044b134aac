"""A result in a terminal: a sparkline for each emotion that leads somewhere, and a row for each chunk."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from audio_emotion.pipeline.segments_audio_emotion import NO_SPEECH

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table
    from rich.text import Text

    from audio_emotion.pipeline.columns_audio_emotion import ScoreColumns

BLOCKS, ASCII_BLOCKS = "▁▂▃▄▅▆▇█", "_.-=+*#@"
SILENT = " "
MAX_SPARKLINES = 6
MAX_SPARKLINE_WIDTH = 96
LABEL_WIDTH_LIMIT = 20


def print_timeline(
    console: Console, name: str, answer: Mapping[str, Any], frames: Mapping[str, Any], duration_s: float
) -> None:
    """Print the result of one recording.

    Args:
        console: Where to print.
        name: The recording.
        answer: An answer with `chunks`.
        frames: The same recording's answer with `frames`, for the sparklines.
        duration_s: Length of the recording, in seconds.
    """
    from rich.markup import escape
    from rich.padding import Padding

    from audio_emotion.pipeline.columns_audio_emotion import score_columns

    blocks = ASCII_BLOCKS if console.options.ascii_only else BLOCKS
    width = max(10, min(MAX_SPARKLINE_WIDTH, console.width - LABEL_WIDTH_LIMIT - 4))
    columns = score_columns({**frames, "chunks": answer["chunks"]}, duration_s, width)
    console.print(f"[bold]{escape(name)}[/bold]  [dim]{_clock(duration_s)}[/dim]", highlight=False, soft_wrap=True)
    console.print(Padding(_sparklines(columns, answer["chunks"], duration_s, blocks), (1, 0, 1, 1)))
    if answer["chunks"]:
        console.print(_chunk_table(answer["chunks"], columns.labels, blocks))
    for line in _summary(answer):
        console.print(line)
    console.print()


def _sparklines(
    columns: ScoreColumns, chunks: Sequence[Mapping[str, Any]], duration_s: float, blocks: str
) -> RenderableType:
    """One line per emotion, its height the score from 0 to 1; blank where nobody speaks."""
    from rich.table import Table
    from rich.text import Text

    from audio_emotion.pipeline.colors_audio_emotion import label_colors

    colors = label_colors(columns.labels)
    grid = Table.grid(padding=(0, 1))
    for label in _leading(columns, chunks):
        values = columns.scores[:, columns.labels.index(label)]
        line = "".join(SILENT if value != value else _block(value, blocks) for value in values)
        name = label if len(label) <= LABEL_WIDTH_LIMIT else f"{label[: LABEL_WIDTH_LIMIT - 3]}..."
        grid.add_row(Text(name), Text(line, style=colors[label], no_wrap=True))
    grid.add_row("", _ruler(duration_s, len(columns.scores)))
    return grid


def _leading(columns: ScoreColumns, chunks: Sequence[Mapping[str, Any]]) -> list[str]:
    """The emotions that lead in a chunk, those of the longest chunks if there are many, in the model's order."""
    seconds: dict[str, float] = {}
    for chunk in chunks:
        if chunk["label"] in columns.labels:
            start, end = chunk["timestamp"]
            seconds[chunk["label"]] = seconds.get(chunk["label"], 0.0) + end - start
    kept = sorted(seconds, key=lambda label: -seconds[label])[:MAX_SPARKLINES]
    return [label for label in columns.labels if label in kept]


def _ruler(duration_s: float, width: int) -> Text:
    """Moments under the sparklines."""
    from rich.text import Text

    from audio_emotion.pipeline.columns_audio_emotion import clock_ticks

    line = ""
    for seconds, text in clock_ticks(duration_s, max(1, width // 12)):
        at = round(seconds / duration_s * width) if duration_s else 0
        if at + len(text) <= width and (not line or at > len(line)):
            line = line.ljust(at) + text
    return Text(line, style="dim", no_wrap=True)


def _chunk_table(chunks: Sequence[Mapping[str, Any]], labels: Sequence[str], blocks: str) -> Table:
    """One row per chunk: when, who, what, how sure, and the two next emotions."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    from audio_emotion.pipeline.colors_audio_emotion import label_colors

    colors = label_colors(labels)
    has_speakers = any(chunk.get("speaker") for chunk in chunks)
    table = Table(box=box.SIMPLE_HEAD if blocks is BLOCKS else box.ASCII2, pad_edge=False)
    table.add_column("From", justify="right", min_width=8)
    table.add_column("To", justify="right", min_width=8)
    if has_speakers:
        table.add_column("Speaker", max_width=24, overflow="fold")
    table.add_column("Emotion", no_wrap=True)
    table.add_column("Score", min_width=15, no_wrap=True)
    table.add_column("Then", no_wrap=True)
    for chunk in chunks:
        is_silent = chunk["label"] == NO_SPEECH
        ranked = sorted((chunk.get("scores") or {}).items(), key=lambda item: -item[1])
        bar = blocks[-1] * round(10 * chunk["score"]) if not is_silent else ""
        score = Text("" if is_silent else f"{chunk['score']:.2f} ").append(bar, style=colors.get(chunk["label"], ""))
        table.add_row(
            *(_clock(bound) for bound in chunk["timestamp"]),
            *([Text(str(chunk.get("speaker") or ""))] if has_speakers else []),
            Text("no speech" if is_silent else chunk["label"], style="dim" if is_silent else ""),
            score,
            Text("" if is_silent else ", ".join(f"{label} {value:.2f}" for label, value in ranked[1:3])),
        )
    return table


def _summary(answer: Mapping[str, Any]) -> Iterator[Text]:
    """The whole recording, each speaker, and what the listener should know."""
    from rich.text import Text

    yield Text.assemble("Whole recording: ", _named(answer["scores"]))
    for name, speaker in (answer.get("speakers") or {}).items():
        yield Text(f"{name}, {_clock(speaker['duration_s'])}: {_named(speaker['scores'])}")
    for warning in answer.get("warnings") or []:
        yield Text(f"Note: {warning}", style="yellow")


def _named(scores: Any, most: int = 3) -> str:
    """The strongest of ranked entries, or of a mapping from label to score."""
    pairs = scores.items() if isinstance(scores, Mapping) else ((entry["label"], entry["score"]) for entry in scores)
    ranked = sorted(pairs, key=lambda pair: -pair[1])
    kept = ranked[:most] if isinstance(scores, Mapping) else ranked
    return ", ".join(f"{label} {score:.2f}" for label, score in kept)


def _block(score: float, blocks: str) -> str:
    return blocks[min(len(blocks) - 1, int(score * len(blocks)))]


def _clock(seconds: float) -> str:
    """Minutes and seconds to the hundredth, with hours where there are any."""
    hundredths = round(seconds * 100)
    minutes, rest = divmod(hundredths, 6000)
    hours, minutes = divmod(minutes, 60)
    clock = f"{minutes:02d}:{rest // 100:02d}.{rest % 100:02d}"
    return f"{hours}:{clock}" if hours else clock
