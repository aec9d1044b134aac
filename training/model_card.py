"""Writes measured results into README and model card, and says where a card and its results disagree.

`python -m audio_emotion.training.model_card results/zero_shot.json README.md model_card.md [--check]`

The table goes between the two markers of each card. A card with YAML metadata also gets its `model-index`, which the
Hub shows beside the model.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from huggingface_hub import EvalResult, ModelCard

from audio_emotion.dataset_scripts.manifest import write_atomically
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.evaluation_run import read_results
from audio_emotion.training.results_table import CLASS_SETS, corpus_table, language_table

BEGIN, END = "<!-- results:begin -->", "<!-- results:end -->"
MODEL_NAME = "audio-emotion"
_HUB_METRICS = {"uar": ("recall", "UAR"), "macro_f1": ("f1", "macro-F1"), "accuracy": ("accuracy", "accuracy")}


def results_block(results: dict[str, Any]) -> str:
    """What stands between the markers: the tables, how to read them, and where they come from.

    Args:
        results: What `audio-emotion evaluate` wrote.

    Returns:
        Markdown, without the markers.
    """
    weights = ", ".join(f"`{name}` {digest[:12]}" for name, digest in results["model"]["weights_sha256"].items())
    packages = ", ".join(f"{name} {number}" for name, number in results["packages"].items())
    units = {
        numbers["bootstrap_unit"]
        for corpus in results["corpora"].values()
        for class_set in corpus["class_sets"].values()
        for numbers in class_set["priors"].values()
    }
    caveat = " (clips, where a corpus has one speaker)" if "clip" in units else ""
    parts = [
        corpus_table(results),
        "UAR (mean recall over the classes), macro-F1, accuracy and ECE in percent; in brackets 95 % intervals by "
        f"resampling speakers{caveat}. JS is the Jensen-Shannon divergence to the soft labels. Zero-shot: no clip of "
        "the corpus was trained on. Classes that a corpus does not have are left out of its scores. All but the last "
        f'column are with `prior="{results["settings"]["prior"]}"`.',
    ]
    if any(len(language["corpora"]) > 1 for language in results["languages"].values()):
        parts.append(f"By language, its corpora pooled:\n\n{language_table(results)}")
    parts.append(f"Split: {results['settings']['split']}. Weights (SHA-256): {weights}. {packages}.")
    parts.append(f"```\n{results['command']}\n```")
    return "\n\n".join(parts)


def eval_results(results: dict[str, Any]) -> list[EvalResult]:
    """The headline numbers as the Hub's `model-index` entries: one for each corpus, class set and metric.

    Args:
        results: What `audio-emotion evaluate` wrote.
    """
    entries = []
    for name, corpus in results["corpora"].items():
        for key in CLASS_SETS:
            if key not in corpus["class_sets"]:
                continue
            class_set = corpus["class_sets"][key]
            numbers = class_set["priors"][results["settings"]["prior"]]
            entries += [
                EvalResult(
                    task_type="audio-classification",
                    task_name="Speech emotion recognition",
                    dataset_type=name,
                    dataset_name=f"{name} ({', '.join(class_set['classes'])})",
                    dataset_config=key,
                    dataset_split=results["settings"]["split"],
                    metric_type=hub_type,
                    metric_name=f"{title}{', zero-shot' if corpus['zero_shot'] else ''}",
                    metric_value=round(numbers[metric]["value"], 4),
                )
                for metric, (hub_type, title) in _HUB_METRICS.items()
            ]
    return entries


def filled_card(text: str, results: dict[str, Any], name: str = "the card") -> str:
    """A card with the results in it.

    Args:
        text: The card as it is.
        results: What `audio-emotion evaluate` wrote.
        name: What to call the card in an error.

    Returns:
        The card with the block between its markers replaced and, where it has YAML metadata, the `model-index` set.

    Raises:
        AudioEmotionError: The markers are missing, twice there or in the wrong order, or the metadata is no card's.
    """
    if text.count(BEGIN) != 1 or text.count(END) != 1 or text.index(BEGIN) > text.index(END):
        raise AudioEmotionError(f"{name} needs one line {BEGIN} and, below it, one line {END}: the table goes between")
    head, rest = text.split(BEGIN)
    text = f"{head}{BEGIN}\n{results_block(results)}\n{END}{rest.split(END)[1]}"
    if not text.startswith("---\n"):
        return text
    try:
        card = ModelCard(text)
    except ValueError as error:
        raise AudioEmotionError(f"{name}: its YAML metadata cannot be read: {error}") from error
    data: Any = card.data
    data.model_name = data.model_name or MODEL_NAME
    data.eval_results = eval_results(results)
    return str(card)


def update_cards(
    results_path: str | os.PathLike[str], cards: Sequence[str | os.PathLike[str]], check: bool = False
) -> list[Path]:
    """Fills cards from a results file.

    Args:
        results_path: What `audio-emotion evaluate` wrote.
        cards: Markdown files with the two markers.
        check: Write nothing.

    Returns:
        The cards that disagreed with the results (and, unless `check`, no longer do).

    Raises:
        AudioEmotionError: A file cannot be read, or a card has no place for the results.
    """
    results = read_results(results_path)
    changed = []
    for path in map(Path, cards):
        if not path.is_file():
            raise AudioEmotionError(f"there is no card {path}")
        text = path.read_text(encoding="utf-8")
        filled = filled_card(text, results, str(path))
        if filled != text:
            changed.append(path)
            if not check:
                write_atomically(path, filled)
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command of this module; 1 where `--check` finds a card that disagrees, 2 where a file cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m audio_emotion.training.model_card", description=__doc__)
    parser.add_argument("results", help="the JSON that `audio-emotion evaluate` wrote")
    parser.add_argument("cards", nargs="+", help="README.md, model_card.md: files with the two markers")
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 where a card disagrees")
    options = parser.parse_args(arguments)
    try:
        changed = update_cards(options.results, options.cards, options.check)
    except AudioEmotionError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    for path in changed:
        print(f"{path} disagrees with {options.results}" if options.check else f"{path} written")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
