"""The same command on anybody's corpus: categories and dimensions of one's own; and the losses on intensities."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import torch
from hume_standin import hiss
from scipy.stats import pearsonr, spearmanr

from audio_emotion import AudioEmotionPipeline
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.data import ClipTable
from audio_emotion.training.finetune import finetune
from audio_emotion.training.finetune_recipe import FinetuneRecipe
from audio_emotion.training.intensity_losses import get_intensity_loss
from audio_emotion.training.metrics import Spearman
from audio_emotion.training.targets import assess_intensities, measure_intensities
from benchmarks.hume_corpus import RATE


@pytest.fixture(scope="module")
def calls(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A table with words that are none of the eight emotions, and dimensions on scales of their own."""
    folder = tmp_path_factory.mktemp("calls")
    rng = np.random.default_rng(0)
    lines = ["file,mood,who,v,a,d,part"]
    for number in range(24):
        mood = ("hurried", "calm")[number % 2]
        part = "validation" if number >= 18 else "train"
        soundfile.write(folder / f"{number}.wav", hiss(0.9 if mood == "hurried" else 0.1, rng), RATE)
        arousal = 6 if mood == "hurried" else 2
        lines.append(f"{number}.wav,{mood},s{number},{1 + number % 7},{arousal + rng.integers(2)},4,{part}")
    (folder / "labels.csv").write_text("\n".join(lines) + "\n")
    (folder / "corpus.yaml").write_text(
        "table: labels.csv\nname: calls\nlanguages: [en]\n"
        "columns: {audio: file, emotion: mood, speaker: who, valence: v, arousal: a, dominance: d, split: part}\n"
        "labels: {hurried: other, calm: neutral}\n"
        "ranges: {valence: [1, 7], arousal: [1, 7], dominance: [1, 7]}\n"
    )
    return folder


def tune(base: Path, source: Path, out: Path, on_notice: Callable[[str], None] = pytest.fail, **changes: Any) -> Path:
    raw = {
        "name": "calls",
        "output_dir": str(out),
        "base": str(base),
        "corpus": "generic",
        "source": str(source),
        "num_resamples": 10,
        "optimizer": {"learning_rate": 5e-3, "head_learning_rate": 2e-2},
        "loop": {"epochs": 6, "items_per_step": 6, "frames_per_batch": 1000, "validate_every": 6, "ema_decay": 0},
        "augmentation": {"speed": 0, "reverb": 0, "noise": 0, "band_limit": 0, "equalizer": 0, "frequency_masks": 0},
    }
    return finetune(FinetuneRecipe.model_validate(raw | changes), on_notice=on_notice)


def test_new_categories_become_a_distribution(calls: Path, tiny_base: Path, tmp_path: Path) -> None:
    target = {"problem": "distribution", "labels": ["calm", "hurried"]}
    pipe = AudioEmotionPipeline.from_pretrained(tune(tiny_base, calls, tmp_path, target=target))
    assert pipe.model.config.class_prior == pytest.approx([0.5, 0.5])
    for share, mood in ((0.9, "hurried"), (0.1, "calm")):
        answer = pipe({"array": hiss(share, np.random.default_rng(9)), "sampling_rate": RATE})
        assert sum(entry["score"] for entry in answer) == pytest.approx(1)
        assert answer[0]["label"] == mood


def test_dimensions_are_learned_with_concordance(calls: Path, tiny_base: Path, tmp_path: Path) -> None:
    target = {"labels": ["arousal", "valence", "dominance"], "loss": "ccc", "select_by": "ccc"}
    pipe = AudioEmotionPipeline.from_pretrained(tune(tiny_base, calls, tmp_path, target=target))

    def arousal(share: float) -> float:
        answer = pipe({"array": hiss(share, np.random.default_rng(9)), "sampling_rate": RATE})
        return next(entry["score"] for entry in answer if entry["label"] == "arousal")

    assert arousal(0.9) > arousal(0.1) + 0.2


@pytest.mark.parametrize(
    "target", [{"labels": ["arousal"]}, {"problem": "distribution", "labels": ["hurried", "calm"]}]
)
def test_speakers_in_two_splits_are_told_and_stand_beside_the_results(
    calls: Path, tiny_base: Path, tmp_path: Path, target: dict[str, Any]
) -> None:
    source, told = tmp_path / "calls", []
    shutil.copytree(calls, source)
    rows = (calls / "labels.csv").read_text().splitlines()
    rows[22:] = [row.replace("validation", "test") for row in rows[22:]]
    table = "\n".join(rows).replace(",s18,", ",s0,").replace(",s21,", ",s1,")
    (source / "labels.csv").write_text(table + "\n")
    final = tune(tiny_base, source, tmp_path / "run", told.append, target=target, loop={"epochs": 1})
    assert [note.partition(" are in")[0] for note in told] == [
        f"1 of the 3 speakers of the {split} split" for split in ("validation", "test")
    ]
    card = (final / "README.md").read_text()
    assert all(note in card for note in told)
    corpora = (tmp_path / "run" / "prepared" / "README.md").read_text()
    assert "Speakers in several splits: 2 of 22." in corpora


def test_a_corpus_without_named_targets_says_what_it_has(calls: Path, tiny_base: Path, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="arousal"):
        tune(tiny_base, calls, tmp_path)


@pytest.mark.parametrize(
    ("columns", "missing"), [("", "validation"), (", speaker: who", "validation"), (", split: all", "train")]
)
def test_a_corpus_without_clips_to_validate_on_is_refused_before_it_is_encoded(
    calls: Path, tiny_base: Path, tmp_path: Path, columns: str, missing: str
) -> None:
    source = tmp_path / "calls"
    shutil.copytree(calls, source)
    rows = (calls / "labels.csv").read_text().splitlines()
    rows = [rows[0] + ",all", *(f"{row.replace(',s', ',t')},validation" for row in rows[1:13])]
    (source / "labels.csv").write_text("\n".join(rows) + "\n")
    (source / "corpus.yaml").write_text(
        f"table: labels.csv\nlanguages: [en]\ncolumns: {{audio: file, emotion: mood{columns}}}\n"
        "labels: {hurried: other, calm: neutral}\nvalidation: 0.001\n"
    )
    with pytest.raises(RecipeError, match=rf"none of its 12 clips is in the {missing} split.*`speaker` or `split`"):
        tune(tiny_base, source, tmp_path / "run", target={"problem": "distribution"})
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", ["mse", "ccc", "pearson", "rank"])
def test_a_loss_falls_to_its_floor_when_it_is_followed(name: str) -> None:
    rng = torch.Generator().manual_seed(0)
    targets = torch.rand(24, 3, generator=rng)
    known = torch.rand(24, 3, generator=rng) > 0.2
    logits = torch.randn(24, 3, generator=rng, requires_grad=True)
    optimizer = torch.optim.Adam([logits], lr=0.1)
    loss = get_intensity_loss(name)
    first = loss(logits.sigmoid(), targets, known).item()
    for _ in range(200):
        optimizer.zero_grad()
        loss(logits.sigmoid(), targets, known).backward()
        optimizer.step()
    assert loss(logits.sigmoid(), targets, known).item() < 0.1 * first
    for label in range(3):
        rows = known[:, label]
        assert spearmanr(logits.detach()[rows, label], targets[rows, label]).statistic > 0.95


@pytest.mark.parametrize("name", ["mse", "ccc", "pearson", "rank"])
def test_a_loss_stays_finite_on_one_clip_constants_and_nothing_known(name: str) -> None:
    loss = get_intensity_loss(name, anchor=0.1)
    for scores, targets, known in [
        (torch.full((1, 2), 0.3), torch.full((1, 2), 0.6), torch.ones(1, 2, dtype=torch.bool)),
        (torch.full((4, 2), 0.3), torch.full((4, 2), 0.6), torch.ones(4, 2, dtype=torch.bool)),
        (torch.full((4, 2), 0.3), torch.rand(4, 2), torch.zeros(4, 2, dtype=torch.bool)),
    ]:
        scores.requires_grad_(True)
        value = loss(scores, targets, known)
        value.backward()
        assert torch.isfinite(value)
        assert torch.isfinite(scores.grad).all()


def test_losses_are_what_they_are_called() -> None:
    rng = np.random.default_rng(0)
    scores, targets = rng.random((9, 3)), rng.random((9, 3))
    known = rng.random((9, 3)) > 0.3
    known[:, 2] = [True] + [False] * 8  # one clip cannot be compared
    tensors = [torch.from_numpy(array) for array in (scores, targets, known)]
    error = np.mean((scores - targets)[known] ** 2)
    pearson, concordance = [], []
    for label in range(2):
        x, y = (values[known[:, label], label] for values in (scores, targets))
        pearson.append(1 - np.corrcoef(x, y)[0, 1])
        concordance.append(1 - 2 * np.cov(x, y, ddof=0)[0, 1] / (x.var() + y.var() + (x.mean() - y.mean()) ** 2))
    assert get_intensity_loss("mse")(*tensors).item() == pytest.approx(error)
    assert get_intensity_loss("pearson")(*tensors).item() == pytest.approx(np.mean(pearson), rel=1e-4)
    assert get_intensity_loss("ccc")(*tensors).item() == pytest.approx(np.mean(concordance), rel=1e-4)
    anchored = get_intensity_loss("pearson", anchor=0.5)(*tensors).item()
    assert anchored == pytest.approx(np.mean(pearson) + 0.5 * error, rel=1e-4)


def test_two_clips_are_compared() -> None:
    known = torch.ones(2, 1, dtype=torch.bool)
    scores, targets = torch.tensor([[0.2], [0.6]]), torch.tensor([[0.9], [0.1]])
    assert get_intensity_loss("pearson")(scores, targets, known).item() == pytest.approx(2, rel=1e-4)
    assert get_intensity_loss("rank")(scores, targets, known).item() == pytest.approx(2, rel=1e-4)


def test_unknown_targets_never_move_a_score() -> None:
    scores = torch.rand(6, 2, requires_grad=True)
    known = torch.tensor([[True, False]] * 6)
    for name in ("mse", "ccc", "pearson", "rank"):
        (gradient,) = torch.autograd.grad(get_intensity_loss(name)(scores, torch.rand(6, 2), known), scores)
        assert gradient[:, 0].abs().sum() > 0
        assert gradient[:, 1].abs().sum() == 0


def with_intensities(labels: np.ndarray, known: np.ndarray) -> ClipTable:
    """Four clips a speaker, without sound."""
    count = len(labels)
    return ClipTable(
        corpora=("c",),
        corpus_index=np.zeros(count, dtype=np.int64),
        row_index=np.arange(count),
        row_group=np.full(count, -1),
        speakers=tuple(f"s{number // 4}" for number in range(count)),
        label_names=("a", "b"),
        labels=labels,
        label_mask=known,
        duration_s=np.ones(count),
        languages=("en",) * count,
        _datasets=(None,),
        _decoded=None,  # the labels alone are read
    )


def test_measured_correlations_are_scipys_over_the_known_clips() -> None:
    rng = np.random.default_rng(0)
    logits, labels = rng.standard_normal((40, 2)), rng.random((40, 2)).astype(np.float32)
    known = rng.random((40, 2)) > 0.3
    clips = with_intensities(labels, known)
    measured = measure_intensities(logits, clips, num_resamples=50)
    assert measured["unit"] == "speaker"
    for number, name in enumerate(clips.label_names):
        rows = known[:, number]
        scores = 1 / (1 + np.exp(-logits[rows, number]))
        assert measured["spearman"][name]["value"] == pytest.approx(
            spearmanr(scores, labels[rows, number]).statistic, abs=1e-9
        )
        assert measured["pearson"][name]["value"] == pytest.approx(
            pearsonr(scores, labels[rows, number].astype(np.float64)).statistic, abs=1e-9
        )
        low, high = measured["ccc"][name]["interval"]
        assert low <= measured["ccc"][name]["value"] <= high


def test_the_mean_of_a_resample_is_over_the_targets_that_vary_in_it() -> None:
    """As in the metric: `b` varies for one speaker of three, and is constant in a resample without that one."""
    rng = np.random.default_rng(0)
    labels = rng.random((12, 2)).astype(np.float32)
    labels[4:, 1] = 0
    scores = np.clip(labels + 0.05 * rng.random((12, 2)), 0.001, 0.999)
    clips = with_intensities(labels, np.ones((12, 2), dtype=bool))
    mean = measure_intensities(np.log(scores / (1 - scores)), clips)["spearman"]["mean"]
    metric = Spearman().compute(predictions=scores.tolist(), references=labels.tolist(), speakers=list(clips.speakers))
    assert mean["value"] == pytest.approx(metric["spearman"])
    assert mean["interval"] == pytest.approx(metric["spearman_interval"])


def test_targets_that_never_vary_leave_a_score_to_choose_by() -> None:
    clips = with_intensities(np.full((8, 2), 0.5, dtype=np.float32), np.ones((8, 2), dtype=bool))
    logits = np.random.default_rng(0).standard_normal((8, 2))
    assert assess_intensities("spearman", logits, clips).score == 0
    assert np.isnan(measure_intensities(logits, clips, num_resamples=5)["spearman"]["mean"]["value"])
