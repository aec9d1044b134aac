"""The data curve teaches by nested shares of every corpus's speakers, and each share once."""

import json
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.recipe import Recipe, save_recipe
from audio_emotion.training.train import read_clips
from benchmarks import data_curve


def test_shares_are_nested_and_leave_no_corpus_out(recipe: Recipe) -> None:
    clips, _ = read_clips(recipe)
    shares = [data_curve.share_of_speakers(clips, share, seed=1) for share in (0.1, 0.5, 1.0)]
    for smaller, larger in pairwise(shares):
        assert (larger | ~smaller).all()
        assert smaller.sum() < larger.sum()
    assert shares[-1].all()
    kept = clips.select(shares[0])
    assert set(kept.corpus_index) == {0, 1}
    assert len(set(kept.speakers)) == 2
    speakers = set(kept.speakers)
    assert all((name in speakers) == member for name, member in zip(clips.speakers, shares[0], strict=True))


def test_another_seed_draws_other_speakers(recipe: Recipe) -> None:
    clips, _ = read_clips(recipe)
    drawn = {data_curve.share_of_speakers(clips, 0.3, seed).tobytes() for seed in range(8)}
    assert len(drawn) > 1


def test_picture(tmp_path: Path) -> None:
    recalls = {"validation": 0.5, "emodb": {"all": 0.6, "four": 0.7}, "urdu": {"all": 0.4}}
    points = [{"share": share, "clips": 100, **recalls} for share in (0.5, 1.0) for _ in range(2)]
    data_curve.draw(points, tmp_path / "curve.png")
    with Image.open(tmp_path / "curve.png") as picture:
        assert np.asarray(picture).std() > 10


@pytest.mark.slow
def test_the_command_trains_every_share_once(
    recipe: Recipe, with_foreign_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    save_recipe(recipe, tmp_path / "recipe.yaml")
    runs, out = tmp_path / "runs", tmp_path / "curve.json"
    arguments = ["--config", str(tmp_path / "recipe.yaml"), "--data", str(with_foreign_corpus), "--out", str(runs)]
    arguments += ["--seeds", "1", "--shares", "0.4", "1", "--parallel", "2", "--set", "loop.epochs=1"]
    monkeypatch.setattr(data_curve, "ZERO_SHOT", ("foreign",))
    monkeypatch.setattr(sys, "argv", ["data_curve", *arguments, "--json", str(out)])
    data_curve.main()
    found = json.loads(out.read_text())
    assert [(point["share"], point["speakers"]) for point in found["points"]] == [(0.4, 2), (1.0, 6)]
    assert found["items"] == 48
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("*.safetensors")}
    data_curve.main()
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("*.safetensors")} == before
    monkeypatch.setattr(sys, "argv", ["data_curve", *arguments, "--set", "optimizer.learning_rate=0.01"])
    with pytest.raises(RecipeError, match=r"optimizer\.learning_rate is 0\.01"):
        data_curve.main()


def test_shares_that_are_none_are_refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["data_curve", "--config", "x", "--data", "y", "--out", "z", "--shares", "2"])
    with pytest.raises(SystemExit):
        data_curve.main()
    assert "above 0 and at most 1" in capsys.readouterr().err
