"""The picture that the learning curve and the data curve share: recall of four measurements over something."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from audio_emotion.pipeline.colors_audio_emotion import OKABE_ITO

Point = dict[str, Any]
"""`validation`, `emodb` and `urdu`, as `benchmarks.recall` measures them."""


@dataclass(frozen=True)
class Line:
    """One measurement: its name, how it is read from a point (0 to 1), and what it looks like."""

    name: str
    recall: Callable[[Point], float]
    color: str
    marker: str


LINES = (
    Line("EMO-DB, 4 classes", lambda point: point["emodb"]["four"], OKABE_ITO[5], "o"),
    Line("EMO-DB, 6 classes", lambda point: point["emodb"]["all"], OKABE_ITO[0], "s"),
    Line("validation speakers", lambda point: point["validation"], OKABE_ITO[6], "^"),
    Line("URDU, 4 classes", lambda point: point["urdu"]["all"], OKABE_ITO[1], "D"),
)


def recall_axes() -> tuple[Figure, Axes]:
    """An empty picture of recall in percent."""
    figure = Figure(figsize=(7.0, 4.2), layout="constrained")
    axes: Axes = figure.add_subplot()
    axes.set_ylabel("unweighted average recall (%)")
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def save_with_legend(figure: Figure, axes: Axes, path: Path) -> None:
    """Puts the legend beside the lines and writes the picture; its folder is made if it is absent."""
    axes.legend(frameon=False, fontsize=9, loc="center left", bbox_to_anchor=(1.0, 0.5))
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=150)
