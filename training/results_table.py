"""Results as Markdown: one row for each corpus (or language) and class set, in percent, with 95 % intervals."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

CLASS_SETS = {"all": "all", "four": "four", "all_with_other": "with other"}
"""What the tables call the class sets, in their order."""


def corpus_table(results: dict[str, Any]) -> str:
    """The Markdown table of corpora, under the headline treatment of the class prior.

    Args:
        results: What `audio-emotion evaluate` wrote.

    Returns:
        The table, without a final newline.
    """
    rows = []
    for name, corpus in results["corpora"].items():
        zero_shot = {True: "yes", False: "no", None: "unknown"}[corpus["zero_shot"]]
        languages = ", ".join(corpus["languages"])
        rows += [(name, languages, zero_shot, *cells) for cells in _class_set_cells(corpus, results)]
    return markdown_table(("Corpus", "Language", "Zero-shot", *_class_set_header(results)), rows)


def language_table(results: dict[str, Any]) -> str:
    """The Markdown table of languages, each pooled over its corpora.

    Args:
        results: What `audio-emotion evaluate` wrote.

    Returns:
        The table, without a final newline.
    """
    rows = [
        (language, ", ".join(pooled["corpora"]), *cells)
        for language, pooled in results["languages"].items()
        for cells in _class_set_cells(pooled, results)
    ]
    return markdown_table(("Language", "Corpora", *_class_set_header(results)), rows)


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; columns whose cells all begin with a digit are aligned to the right.

    Example:
        >>> print(markdown_table(("Corpus", "UAR"), [("EMO-DB", "78.0")]))
        | Corpus | UAR |
        |---|---:|
        | EMO-DB | 78.0 |
    """
    numeric = [all(row[i][:1].isdigit() for row in rows) for i in range(len(header))]
    return "\n".join(
        [
            f"| {' | '.join(header)} |",
            f"|{'|'.join('---:' if right else '---' for right in numeric)}|",
            *(f"| {' | '.join(row)} |" for row in rows),
        ]
    )


def with_interval(number: dict[str, float]) -> str:
    """A share and its interval, in percent.

    Example:
        >>> with_interval({"value": 0.78, "low": 0.741, "high": 0.813})
        '78.0 [74.1, 81.3]'
    """
    return f"{100 * number['value']:.1f} [{100 * number['low']:.1f}, {100 * number['high']:.1f}]"


def other_prior(results: dict[str, Any]) -> str:
    """The treatment of the class prior that is not the headline."""
    return "uniform" if results["settings"]["prior"] == "train" else "train"


def _class_set_header(results: dict[str, Any]) -> tuple[str, ...]:
    other = f'UAR, prior="{other_prior(results)}"'
    return ("Classes", "Clips", "Speakers", "UAR", "Macro-F1", "Accuracy", "ECE", "JS, bits", other)


def _class_set_cells(measured: dict[str, Any], results: dict[str, Any]) -> Iterator[tuple[str, ...]]:
    for key, label in CLASS_SETS.items():
        if key not in measured["class_sets"]:
            continue
        class_set = measured["class_sets"][key]
        numbers = class_set["priors"][results["settings"]["prior"]]
        other = class_set["priors"].get(other_prior(results))
        yield (
            f"{label} ({len(class_set['classes'])})",
            str(class_set["num_clips"]),
            str(class_set["num_speakers"]),
            *(with_interval(numbers[name]) for name in ("uar", "macro_f1", "accuracy")),
            f"{100 * numbers['ece']:.1f}",
            f"{numbers['jensen_shannon']:.3f}",
            f"{100 * other['uar']['value']:.1f}" if other else "-",
        )
