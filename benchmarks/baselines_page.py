"""Writes docs/baselines.md: the bundled model beside what a speech engineer would build without this package.

Every row is a result file that a command left in results/; one that is not there leaves its row out.

Usage: python -m benchmarks.baselines_page [--results results] [--page docs/baselines.md] [--json FILE]
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audio_emotion.training.results_table import markdown_table, with_interval
from benchmarks.measure import argument_parser, report

ROOT = Path(__file__).parents[1]
SYSTEMS = {
    "zero_shot": "audio-emotion, the bundled checkpoint",
    "equal_budget": "audio-emotion's recipe, no more clips than the stock one",
    "stock_recipe": "transformers' WhisperForAudioClassification, stock recipe",
    "opensmile": "openSMILE eGeMAPS, linear SVM",
    "opensmile_logistic": "openSMILE eGeMAPS, logistic regression",
}
"""Result files, and what the table calls them; the last three are the baselines."""
BASELINES = tuple(SYSTEMS)[2:]
COLUMNS = {
    "EMO-DB, six classes": ("emodb", "all"),
    "EMO-DB, four classes": ("emodb", "four"),
    "URDU": ("urdu", "all"),
}
Results = dict[str, Any]


def read_results(folder: Path) -> dict[str, Results]:
    """The results that are there, by file name; the EDER of the bundled checkpoint lies in a file of its own."""
    found = {
        name: json.loads((folder / f"{name}.json").read_text(encoding="utf-8"))
        for name in SYSTEMS
        if (folder / f"{name}.json").exists()
    }
    if "zero_shot" in found and (folder / "shifts.json").exists():
        found["zero_shot"]["shifts"] = json.loads((folder / "shifts.json").read_text(encoding="utf-8"))["shifts"]
    return found


def uar(results: Results, column: str) -> dict[str, float]:
    """UAR and its interval in one column, as trained: the prior of the training clips stays in the scores."""
    corpus, classes = COLUMNS[column]
    number: dict[str, float] = results["corpora"][corpus]["class_sets"][classes]["priors"]["train"]["uar"]
    return number


def eder(results: Results, answers: str) -> dict[str, float] | None:
    """EDER and its interval for `"segments"` or `"windows"` of a second; None where that was not measured."""
    for measured in results.get("shifts", {}).values():
        if answers in measured:
            number: dict[str, float] = measured[answers]["eder"]
            return number
    return None


def table(found: dict[str, Results]) -> str:
    """One row a system."""
    rows = []
    for name, results in found.items():
        cells = [with_interval(uar(results, column)) for column in COLUMNS]
        for answers in ("windows", "segments"):
            number = eder(results, answers)
            cells.append(with_interval(number) if number else "-")
        rows.append((SYSTEMS[name], *cells))
    return markdown_table(("System", *COLUMNS, "EDER, 1 s windows", "EDER, segments"), rows)


def comparisons(found: dict[str, Results]) -> Iterator[str]:
    """A sentence for each of our systems: how far it lies above the better baseline, column by column."""
    baselines = [found[name] for name in BASELINES if name in found]
    for name in ("zero_shot", "equal_budget"):
        if name not in found or not baselines:
            continue
        parts = []
        for column in COLUMNS:
            ours = uar(found[name], column)
            best = max((uar(results, column) for results in baselines), key=lambda number: number["value"])
            apart = "intervals apart" if ours["low"] > best["high"] else "intervals overlap"
            parts.append(f"{column} {100 * (ours['value'] - best['value']):+.1f} ({apart})")
        yield f"**{SYSTEMS[name]}**, points of UAR above the better baseline: {'; '.join(parts)}."
    stock = eder(found.get("stock_recipe", {}), "windows")
    ours_eder = eder(found.get("zero_shot", {}), "segments")
    if stock and ours_eder:
        relative = 1 - ours_eder["value"] / stock["value"]
        yield (
            f"**EDER** of the bundled checkpoint's segments is {100 * relative:.0f} % (relative) below that of the "
            "stock model's 1 s windows."
        )


def page(found: dict[str, Results]) -> str:
    """The whole page."""
    parts = [
        "# Held against the usual ways",
        "The same seven training corpora, no clip of EMO-DB or URDU, absent classes masked; UAR in percent, with 95 % "
        "intervals by resampling speakers. EDER (emotion diarization error rate, lower is better) is measured on 200 "
        "recordings joined from EMO-DB.",
        table(found),
        *comparisons(found),
        " ".join(settings(found)),
        f"```bash\n{''.join(commands(found))}python -m benchmarks.baselines_page\n```",
    ]
    return "\n\n".join(filter(None, parts)) + "\n"


def settings(found: dict[str, Results]) -> Iterator[str]:
    """How the others were trained."""
    if "stock_recipe" in found:
        model = found["stock_recipe"]["model"]
        yield (
            f"The stock recipe trained all {model['num_layers']} layers of {model['encoder']} on {model['items']:,} "
            f"clips, by the settings of transformers' example: hard labels, no augmentation, one window of "
            f"{model['window_s']:g} s (30 s only where there is a GPU)."
        )
    if "equal_budget" in found:
        yield (
            "The row of equal clips is `recipes/base.yaml` from Whisper's weights, in a run as short. The bundled "
            "checkpoint has heard some thirty times as many clips (docs/training.md); how far the stock recipe comes "
            "with those was not measured: on the CPU that all of this ran on it would take more than a day of a core."
        )
    if "opensmile" in found:
        yield "The linear classifiers had the functionals of every training clip, balanced by class."


def commands(found: dict[str, Results]) -> Iterator[str]:
    """What wrote the results, a line each."""
    for name, results in found.items():
        if name == "equal_budget":
            run = "--set output_dir=runs/equal --set loop.epochs=1 --set sampling.items_per_epoch=1920"
            yield f"audio-emotion train --config base.yaml {run}\n"
        if name != "opensmile_logistic":  # the same command as the other linear classifier
            yield f"{results['command']}\n"


def main() -> None:
    """Runs the command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="folder of the result files")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "baselines.md", help="the page to write")
    args = parser.parse_args()
    found = read_results(args.results)
    args.page.write_text(page(found), encoding="utf-8")
    print(f"{args.page}: from {', '.join(found)}")
    report({"benchmark": "baselines_page", "results": list(found)}, args.json)


if __name__ == "__main__":
    main()
