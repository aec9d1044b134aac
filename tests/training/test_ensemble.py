"""The ensemble's scores are the mean of its members', and a model averaged with itself stays what it is."""

import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from audio_emotion.training.evaluation import HeardCorpus
from benchmarks import ensemble


def test_scores_are_averaged() -> None:
    scores = np.array([[[0.7, 0.3]], [[0.1, 0.9]]])
    one = HeardCorpus("x", ("anger", "neutral"), np.array([0]), np.zeros((1, 8)), (None,), ("de",), np.log(scores[0]))
    mean = ensemble.averaged([one, replace(one, logits=np.log(scores[1]))])
    np.testing.assert_allclose(np.exp(mean.logits), [[0.4, 0.6]])


def test_a_model_averaged_with_itself(
    checkpoint: Path, with_foreign_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "ensemble.json"
    arguments = [str(checkpoint), f"{checkpoint}/", "--data", str(with_foreign_corpus), "--corpus", "foreign"]
    arguments += ["--split", "validation", "--json", str(out)]
    monkeypatch.setattr(sys, "argv", ["ensemble", *arguments])
    ensemble.main()
    found = json.loads(out.read_text())["uar"]
    assert len(found) == 3
    assert found[ensemble.AVERAGE] == found[str(checkpoint)]
    monkeypatch.setattr(sys, "argv", ["ensemble", *arguments[:1], *arguments[2:]])
    with pytest.raises(SystemExit):
        ensemble.main()
