"""The curve of the shipped checkpoints ends at the one that is bundled, and its picture can be drawn from the file."""

import json
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.learning_curve import RUN_ITEMS, draw

RESULTS = Path(__file__).parents[1] / "results"
CURVE = json.loads((RESULTS / "learning_curve.json").read_text(encoding="utf-8"))["curve"]


def test_it_ends_at_the_bundled_checkpoint() -> None:
    evaluated = json.loads((RESULTS / "zero_shot.json").read_text(encoding="utf-8"))["corpora"]
    for corpus in ("emodb", "urdu"):
        for classes, recall in CURVE[-1][corpus].items():
            expected = evaluated[corpus]["class_sets"][classes]["priors"]["train"]["uar"]["value"]
            assert recall == pytest.approx(expected, abs=1e-4), (corpus, classes)


def test_items_add_up() -> None:
    assert [point["commit"] for point in CURVE] == list(RUN_ITEMS)
    assert CURVE[-1]["items"] == sum(RUN_ITEMS.values())


def test_picture(tmp_path: Path) -> None:
    draw(CURVE, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as picture:
        assert picture.size == (1050, 630)
