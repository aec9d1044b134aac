"""docs/baselines.md shows what lies in results/, whichever results are there."""

import json
from pathlib import Path
from typing import Any

from benchmarks import baselines_page
from benchmarks.baselines_page import BASELINES, ROOT, comparisons, page, read_results, table


def result(uar: float, eder: float | None = None, half: float = 0.02) -> dict[str, Any]:
    """What `audio-emotion evaluate` or a baseline writes, as far as the page reads it."""
    number = {"value": uar, "low": uar - half, "high": uar + half}
    classes = {"priors": {"train": {"uar": number}}}
    corpora = {"emodb": {"class_sets": {"all": classes, "four": classes}}, "urdu": {"class_sets": {"all": classes}}}
    shifts = {} if eder is None else {"emodb_shifts": {"windows": {"eder": {"value": eder, "low": eder, "high": eder}}}}
    return {"corpora": corpora, "shifts": shifts, "command": "a command"}


def test_the_page_is_what_the_results_make_of_it() -> None:
    text = (ROOT / "docs" / "baselines.md").read_text(encoding="utf-8")
    assert text == page(read_results(ROOT / "results")), "run `python -m benchmarks.baselines_page`"


def test_a_baseline_that_was_not_measured_has_no_row(tmp_path: Path) -> None:
    (tmp_path / "zero_shot.json").write_text(json.dumps(result(0.8)))
    (tmp_path / "opensmile.json").write_text(json.dumps(result(0.4, 0.5)))
    found = read_results(tmp_path)
    rows = table(found).splitlines()
    assert len(rows) == 4
    assert "| 80.0 [78.0, 82.0] | 80.0 [78.0, 82.0] | 80.0 [78.0, 82.0] | - | - |" in rows[2]
    assert "| 50.0 [50.0, 50.0] | - |" in rows[3]


def test_ours_is_held_against_the_better_baseline() -> None:
    found = {"zero_shot": result(0.8), "stock_recipe": result(0.77), "opensmile": result(0.4)}
    (sentence,) = comparisons(found)
    assert "EMO-DB, six classes +3.0 (intervals overlap)" in sentence
    (sentence,) = comparisons({"zero_shot": result(0.8), "opensmile": result(0.4)})
    assert "URDU +40.0 (intervals apart)" in sentence
    assert not list(comparisons({"zero_shot": result(0.8)}))


def test_eder_is_held_against_the_stock_model() -> None:
    ours = result(0.8)
    ours["shifts"] = {"emodb_shifts": {"segments": {"eder": {"value": 0.3, "low": 0.3, "high": 0.3}}}}
    *_, sentence = comparisons({"zero_shot": ours, "stock_recipe": result(0.5, 0.4)})
    assert "25 % (relative) below" in sentence


def test_every_baseline_has_a_command() -> None:
    assert set(BASELINES) < set(baselines_page.SYSTEMS)
    for module in ("stock_recipe", "opensmile_baseline"):
        assert (ROOT / "benchmarks" / f"{module}.py").is_file()
