"""Writes docs/baselines.md: the bundled model beside what a speech engineer would build without this package.

Every row is a result file that a command left in results/; one that is not there leaves its row out.

Usage: python -m benchmarks.baselines_page [--results results] [--page docs/baselines.md] [--json FILE]
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from audio_emotion.training.results_table import markdown_table, with_interval
from benchmarks.learning_curve import RUN_ITEMS
from benchmarks.measure import argument_parser, report

ROOT = Path(__file__).parents[1]
SYSTEMS = {
    "zero_shot": "audio-emotion, the bundled checkpoint",
    "one_run": "audio-emotion's recipe, 68,928 items in one run",
    "equal_budget": "audio-emotion's recipe, 1,920 items",
    "stock_recipe": "transformers' WhisperForAudioClassification, stock recipe",
    "stock_recipe_short": "the same for a shorter time",
    "opensmile": "openSMILE eGeMAPS, linear SVM",
    "opensmile_logistic": "openSMILE eGeMAPS, logistic regression",
}
"""Result files, and what the table calls them; the last four are the baselines."""
TRAINED = {
    "one_run": "--set output_dir=runs/one_run --set loop.epochs=8 --set sampling.items_per_epoch=8616 "
    "--set augmentation.statistics_mix=0.3 --set loop.ema_decay=0.998 --set loop.mixed_precision=bf16 "
    "--set loop.num_workers=3 --set loop.frames_per_batch=16100 --set loop.validate_every=179 "
    "--set loop.checkpoint_every=100000 --set loop.patience=100",
    "equal_budget": "--set output_dir=runs/equal --set loop.epochs=1 --set sampling.items_per_epoch=1920",
}
"""How our own two were trained."""
CODED = "zero_shot_opus"
"""The bundled checkpoint on clips that have gone through Opus: no row of its own."""
BASELINES = tuple(SYSTEMS)[3:]
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
        for name in (*SYSTEMS, CODED)
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
    for name in filter(found.__contains__, SYSTEMS):
        results = found[name]
        cells = [with_interval(uar(results, column)) for column in COLUMNS]
        for answers in ("windows", "segments"):
            number = eder(results, answers)
            cells.append(with_interval(number) if number else "-")
        items = results.get("model", {}).get("items")
        rows.append((f"{SYSTEMS[name]}, {items:,} clips" if items else SYSTEMS[name], *cells))
    return markdown_table(("System", *COLUMNS, "EDER, 1 s windows", "EDER, segments"), rows)


def comparisons(found: dict[str, Results]) -> Iterator[str]:
    """A sentence for each of our systems: how far it lies above the better baseline, column by column."""
    baselines = [found[name] for name in BASELINES if name in found]
    for name in ("zero_shot", "one_run"):
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
    stock = [found[name]["model"] for name in ("stock_recipe", "stock_recipe_short") if name in found]
    if stock:
        runs = " and ".join(
            f"{model['items']:,} clips in a window of {model['window_s']:g} s ({model.get('device', 'CPU')})"
            for model in stock
        )
        yield (
            f"The stock recipe trained all {stock[0]['num_layers']} layers of {stock[0]['encoder']} on {runs}, by the "
            "settings of transformers' example: hard labels, no augmentation."
        )
    if "one_run" in found:
        yield (
            f"The bundled checkpoint heard {sum(RUN_ITEMS.values()):,} items in several runs on a CPU "
            "(docs/training.md), more than the stock recipe; the one run, of about as many as that one, is "
            "`recipes/base.yaml` from Whisper's weights, three layers, in about four minutes of an H100. Both runs "
            "on the GPU trained on clips that had gone through Opus (libsndfile's compression level 0.93), and the "
            "stock recipe's one was measured on such clips too. All other numbers are of the corpora as "
            "they are."
        )
    if CODED in found and "zero_shot" in found:
        lost = [100 * (uar(found["zero_shot"], name)["value"] - uar(found[CODED], name)["value"]) for name in COLUMNS]
        costs = ", ".join(f"{name} {points:.1f}" for name, points in zip(COLUMNS, lost, strict=True))
        yield f"What coding a test set takes off the bundled checkpoint, points of UAR: {costs}."
    if "equal_budget" in found:
        yield (
            "With 1,920 items our recipe is not ahead: so early its joined clips cost recall on EMO-DB "
            "([ablation_short.md](ablation_short.md)). After 12,000 they no longer do ([ablation.md](ablation.md))."
        )
    if "opensmile" in found:
        yield "The linear classifiers had the functionals of every training clip, balanced by class."


def commands(found: dict[str, Results]) -> Iterator[str]:
    """What wrote the results, a line each."""
    for name, results in found.items():
        if name in TRAINED:
            yield f"audio-emotion train --config base.yaml {TRAINED[name]}\n"
        if name == CODED:
            yield "python -m benchmarks.opus_copy --data prepared --corpus emodb urdu --out prepared_opus\n"
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
