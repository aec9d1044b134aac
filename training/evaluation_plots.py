"""Confusion matrices and reliability diagrams as PNG, drawn from results alone, in colours that all can tell apart."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

BLUE, ORANGE = "#0072B2", "#E69F00"  # Okabe and Ito's palette


def plot_results(results: dict[str, Any], folder: str | os.PathLike[str], class_set: str = "all") -> list[Path]:
    """Draws the confusion matrix and the reliability diagram of each corpus.

    Args:
        results: What `audio-emotion evaluate` wrote.
        folder: Where the pictures go; it is made.
        class_set: Which class set to draw.

    Returns:
        The files, `<corpus>_confusion.png` and `<corpus>_reliability.png` each.
    """
    target = Path(folder)
    target.mkdir(parents=True, exist_ok=True)
    files = []
    for name, corpus in results["corpora"].items():
        if class_set not in corpus["class_sets"]:
            continue
        measured = corpus["class_sets"][class_set]
        numbers = measured["priors"][results["settings"]["prior"]]
        files += [target / f"{name}_confusion.png", target / f"{name}_reliability.png"]
        plot_confusion(numbers["confusion"], measured["classes"], f"{name}: confusion matrix", files[-2])
        plot_reliability(numbers["reliability"], numbers["ece"], f"{name}: reliability", files[-1])
    return files


def plot_confusion(confusion: list[list[int]], classes: list[str], title: str, path: Path) -> None:
    """Draws a confusion matrix whose rows are normalised to the reference class.

    Args:
        confusion (`(num_classes, num_classes)`): Counts by reference (rows) and prediction (columns).
        classes: Names of the classes.
        title: Title of the picture.
        path: The PNG to write.
    """
    counts = np.asarray(confusion)
    totals = counts.sum(axis=1, keepdims=True)
    percent = 100 * counts / np.maximum(totals, 1)
    size = 2.6 + 0.62 * len(classes)
    figure = _figure(size + 0.6, size)
    axes = figure.add_subplot()
    image = axes.imshow(percent, cmap="cividis", vmin=0, vmax=100)
    for row, column in np.ndindex(counts.shape):
        colour = "black" if percent[row, column] > 55 else "white"
        label = f"{percent[row, column]:.0f}\n({counts[row, column]})"
        axes.text(column, row, label, ha="center", va="center", color=colour, fontsize=8)
    axes.set_xticks(range(len(classes)), classes, rotation=40, ha="right")
    axes.set_yticks(range(len(classes)), [f"{name} ({n})" for name, n in zip(classes, totals[:, 0], strict=True)])
    axes.set(xlabel="predicted", ylabel="reference (clips)", title=title)
    bar = figure.colorbar(image, ax=axes, fraction=0.046, pad=0.04)
    bar.set_label("percent of the reference class")
    figure.savefig(path, dpi=150)


def plot_reliability(reliability: dict[str, list[Any]], ece: float, title: str, path: Path) -> None:
    """Draws a reliability diagram: accuracy over confidence, and how many clips each bin holds.

    Args:
        reliability: `confidence`, `correctness` (None in an empty bin) and `counts` of equal-width bins.
        ece: The expected calibration error, 0..1, for the legend.
        title: Title of the picture.
        path: The PNG to write.
    """
    counts = np.asarray(reliability["counts"])
    filled = counts > 0
    confidence = np.array([np.nan if value is None else value for value in reliability["confidence"]], dtype=float)
    correctness = np.array([np.nan if value is None else value for value in reliability["correctness"]], dtype=float)
    figure = _figure(5.2, 5.6)
    upper, lower = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
    upper.plot([0, 1], [0, 1], color="black", linestyle="--", linewidth=1, label="perfectly calibrated")
    upper.plot(
        confidence[filled], correctness[filled], color=BLUE, marker="o", label=f"this model (ECE {100 * ece:.1f} %)"
    )
    upper.set(ylabel="share that is right", xlim=(0, 1), ylim=(0, 1), title=title)
    upper.legend(loc="upper left", frameon=False)
    edges = np.linspace(0, 1, len(counts) + 1)
    lower.bar(edges[:-1], counts, width=np.diff(edges), align="edge", color=ORANGE, edgecolor="white")
    lower.set(xlabel="confidence of the predicted class", ylabel="clips")
    figure.savefig(path, dpi=150)


def _figure(width: float, height: float) -> Any:
    from matplotlib.figure import Figure  # no pyplot: no global state, no display

    return Figure(figsize=(width, height), layout="constrained")
