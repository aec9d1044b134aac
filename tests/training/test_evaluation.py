import json
from pathlib import Path

import numpy as np
import pytest
from transformers import AutoConfig

from audio_emotion import AudioEmotionError, AudioEmotionPipeline
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.scores_audio_emotion import make_score_rule
from audio_emotion.training.evaluation import HeardCorpus, class_sets, evaluate_corpora, hear_corpus, judge, measure
from audio_emotion.training.evaluation_plots import plot_results
from audio_emotion.training.evaluation_run import describe_model, read_corpora, read_results, write_results
from audio_emotion.training.results_table import corpus_table, language_table


@pytest.fixture(scope="module")
def pipe(tiny_model_dir: Path) -> AudioEmotionPipeline:
    return AudioEmotionPipeline.from_pretrained(tiny_model_dir)


@pytest.fixture(scope="module")
def config(tiny_model_dir: Path) -> AutoConfig:
    return AutoConfig.from_pretrained(tiny_model_dir)


def heard(
    name: str, references: list[str | None], answers: list[str], classes: tuple[str, ...], language: str = "de"
) -> HeardCorpus:
    """Clips of two speakers in turn; the model is nearly sure of each answer."""
    one_hot = np.eye(len(EMOTIONS))
    emotions = np.array([-1 if emotion is None else EMOTIONS.index(emotion) for emotion in references])
    soft = np.array([[0.1 / (len(classes) - 1) * (label in classes) for label in EMOTIONS]] * len(references))
    for row, emotion in enumerate(emotions):
        if emotion >= 0:
            soft[row, emotion] = 0.9
    return HeardCorpus(
        name=name,
        classes=classes,
        emotions=emotions,
        distributions=soft,
        speakers=tuple("AB"[i % 2] for i in range(len(references))),
        languages=(language,) * len(references),
        logits=5.0 * one_hot[[EMOTIONS.index(answer) for answer in answers]],
    )


def test_every_class_set_holds_its_own_clips(config: AutoConfig) -> None:
    corpus = heard(
        "emodb",
        ["anger", "fear", "other", None, "sadness", "neutral"],
        ["anger", "other", "other", "anger", "fear", "neutral"],
        ("sadness", "fear", "anger", "other", "neutral"),
    )
    sets = class_sets(corpus)
    assert sets == {
        "all": ("sadness", "fear", "anger", "neutral"),
        "four": ("sadness", "anger", "neutral"),
        "all_with_other": corpus.classes,
    }
    clips = {name: judge(corpus, make_score_rule(config, labels)) for name, labels in sets.items()}
    assert {name: part.num_skipped for name, part in clips.items()} == {"all": 2, "four": 3, "all_with_other": 1}
    numbers = measure(clips["all_with_other"])
    assert numbers["accuracy"]["value"] == 3 / 5
    assert numbers["uar"]["value"] == 3 / 5
    assert np.trace(numbers["confusion"]) == 3
    for part in clips.values():
        outside = [i for i, label in enumerate(EMOTIONS) if label not in part.classes]
        assert (part.probabilities[:, outside] == 0).all()
        assert part.probabilities.sum(axis=1) == pytest.approx(1)
        assert part.soft_labels.sum(axis=1) == pytest.approx(1)


def test_other_stays_where_no_published_class_set_leaves_it_out() -> None:
    corpus = heard("ravdess", ["anger"], ["anger"], ("anger", "other"))
    assert class_sets(corpus) == {"all": ("anger", "other")}  # one of the four alone is no choice


def test_what_is_measured_is_what_the_pipeline_answers(pipe: AudioEmotionPipeline, prepared: Path) -> None:
    corpora, _ = read_corpora([prepared], ["alpha"], "validation")
    corpus = hear_corpus(pipe, "alpha", corpora["alpha"], batch_size=3)
    assert corpus.classes == ("sadness", "anger", "neutral")
    for prior in ("train", "uniform"):
        clips = judge(corpus, make_score_rule(pipe.model.config, corpus.classes, prior))
        for row in range(len(corpora["alpha"])):
            answer = pipe(corpora["alpha"][row]["audio"], labels=list(corpus.classes), prior=prior)
            expected = np.zeros(len(EMOTIONS))
            for entry in answer:
                expected[EMOTIONS.index(entry["label"])] = entry["score"]
            assert clips.probabilities[row] == pytest.approx(expected, abs=1e-5)


def test_a_report_holds_corpora_languages_and_both_priors(
    pipe: AudioEmotionPipeline, prepared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpora, left_out = read_corpora([prepared], split="all")
    assert left_out == []
    monkeypatch.setattr(pipe.model.config, "corpora", ["beta"])
    counted: list[str] = []
    report = evaluate_corpora(pipe, corpora, batch_size=8, num_resamples=50, on_clip=counted.append)
    assert len(counted) == sum(len(rows) for rows in corpora.values())
    assert [report["corpora"][name]["zero_shot"] for name in ("alpha", "beta")] == [True, False]
    alpha, beta = (report["corpora"][name]["class_sets"] for name in ("alpha", "beta"))
    assert (alpha["all"]["num_clips"], alpha["all"]["num_speakers"]) == (48, 4)
    assert beta["all"]["num_clips_per_class"] == [8] * 8
    assert list(beta["all"]["priors"]) == ["train", "uniform"]
    pooled = report["languages"]["en"]
    assert pooled["corpora"] == ["alpha", "beta"]
    assert pooled["class_sets"]["all"]["num_speakers"] == 8  # speakers of two corpora never merge
    for prior in ("train", "uniform"):
        parts = [sets["all"]["priors"][prior]["confusion"] for sets in (alpha, beta)]
        assert np.sum(pooled["class_sets"]["all"]["priors"][prior]["confusion"]) == sum(np.sum(part) for part in parts)
    numbers = beta["all"]["priors"]["train"]
    assert numbers["uar"]["low"] <= numbers["uar"]["value"] <= numbers["uar"]["high"]
    assert numbers["bootstrap_unit"] == "speaker"


def test_one_speaker_is_said_and_clips_are_resampled(pipe: AudioEmotionPipeline, prepared: Path) -> None:
    corpora, _ = read_corpora([prepared], ["beta"], "validation")
    report = evaluate_corpora(pipe, corpora, num_resamples=50)
    measured = report["corpora"]["beta"]["class_sets"]["all"]
    assert measured["num_speakers"] == 1
    assert measured["priors"]["train"]["bootstrap_unit"] == "clip"
    assert report["corpora"]["beta"]["zero_shot"] is None  # the model names no corpus


@pytest.mark.parametrize(
    ("names", "split", "message"),
    [
        (["gamma"], "train", "no corpus is called gamma; there are alpha, beta"),
        (["alpha"], "test", "corpus alpha in .* has no clip in split 'test'"),
        ([], "test", "none of alpha, beta has a clip in split 'test'"),
        ([], "dev", "split is 'dev'"),
    ],
)
def test_corpora_that_are_not_there(prepared: Path, names: list[str], split: str, message: str) -> None:
    with pytest.raises(AudioEmotionError, match=message):
        read_corpora([prepared], names, split)


def test_folders_that_cannot_be_read(prepared: Path, tmp_path: Path) -> None:
    with pytest.raises(AudioEmotionError, match="cannot read prepared corpora"):
        read_corpora([tmp_path / "absent"])
    with pytest.raises(AudioEmotionError, match="lies both in"):
        read_corpora([prepared, prepared], split="train")


def test_results_are_the_same_bytes_twice_and_hold_no_nan(
    pipe: AudioEmotionPipeline, prepared: Path, tiny_model_dir: Path, tmp_path: Path
) -> None:
    corpora, _ = read_corpora([prepared], split="validation")
    for name in ("first.json", "second.json"):
        report = evaluate_corpora(pipe, corpora, num_resamples=20)
        write_results(
            report | {"format": 1, "model": describe_model(pipe, "tiny"), "settings": {"prior": "train"}},
            tmp_path / "results" / name,
        )
    first, second = ((tmp_path / "results" / name).read_text() for name in ("first.json", "second.json"))
    assert first == second
    results = read_results(tmp_path / "results" / "first.json")
    assert list(results["model"]["weights_sha256"]) == ["model.safetensors"]
    bins = results["corpora"]["beta"]["class_sets"]["all"]["priors"]["train"]["reliability"]
    assert None in bins["confidence"]  # an empty bin
    assert corpus_table(results).count("\n") == 5  # header, rule, two corpora with two class sets
    assert "alpha, beta" in language_table(results)
    (tmp_path / "other.json").write_text(json.dumps({"format": 99}))
    for path, message in (("other.json", "holds no results"), ("absent.json", "cannot read results")):
        with pytest.raises(AudioEmotionError, match=message):
            read_results(tmp_path / path)
    del results["corpora"]["alpha"]
    pictures = plot_results(results, tmp_path / "plots")
    assert [path.name for path in pictures] == ["beta_confusion.png", "beta_reliability.png"]
    assert all(path.read_bytes().startswith(b"\x89PNG") for path in pictures)


def test_a_model_of_intensities_is_refused(pipe: AudioEmotionPipeline, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pipe.model.config, "problem", "intensity")
    with pytest.raises(AudioEmotionError, match="only models of a distribution"):
        evaluate_corpora(pipe, {})


def test_a_broken_clip_is_named_with_its_corpus(pipe: AudioEmotionPipeline, prepared: Path) -> None:
    rows = read_corpora([prepared], ["alpha"], "validation")[0]["alpha"].select(range(2))
    broken = rows.map(lambda row: {"audio": {"bytes": row["audio"]["bytes"][:30], "path": "s3_anger_0.flac"}})
    with pytest.raises(AudioEmotionError, match=r"corpus alpha: .*s3_anger_0\.flac"):
        hear_corpus(pipe, "alpha", broken)
