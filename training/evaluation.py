"""Measures a model on prepared corpora through the pipeline that its users call, and reports plain data.

Each clip is heard once. The class set (all classes of the corpus, or the common four) and the treatment of the class
prior are chosen afterwards, by the pipeline's own rule: absent classes leave before the softmax.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.pipeline.scores_audio_emotion import ScoreRule, make_score_rule
from audio_emotion.training.metrics.bootstrap import bootstrap_confusion, confusion_by_speaker, speaker_indices
from audio_emotion.training.metrics.classification import CLASSIFICATION_STATISTICS, confusion_matrix
from audio_emotion.training.metrics.distribution import (
    calibration_bins,
    expected_calibration_error,
    jensen_shannon,
    kullback_leibler,
)
from audio_emotion.training.metrics.local_metric import FloatArray, IntArray

FOUR_CLASSES = ("anger", "happiness", "neutral", "sadness")
WITHOUT_OTHER = frozenset({"emodb"})
"""Corpora whose "all" leaves "other" out, as the published six classes of EMO-DB leave out boredom."""
NUM_RESAMPLES = 2000
LABEL_COLUMNS = ("speaker", "language", "emotion", "distribution", "label_mask", "duration_s")
"""What is read of the unified row beside the audio."""


@dataclass(frozen=True)
class HeardCorpus:
    """A corpus and what a model heard in it.

    Attributes:
        name: The corpus.
        classes: The classes that both the corpus and the model can express, in the order of `EMOTIONS`.
        emotions (`(num_clips,)`): Index into `EMOTIONS` of each clip's reference emotion, -1 where it has none.
        distributions (`(num_clips, 8)`): Soft labels, in the order of `EMOTIONS`.
        speakers: Each clip's speaker, or None.
        languages: Each clip's language.
        logits (`(num_clips, num_labels)`): In the model's order, up to a constant a clip.
    """

    name: str
    classes: tuple[str, ...]
    emotions: IntArray
    distributions: FloatArray
    speakers: tuple[str | None, ...]
    languages: tuple[str, ...]
    logits: FloatArray

    def select(self, kept: npt.NDArray[np.bool_]) -> HeardCorpus:
        """The clips for which `kept` `(num_clips,)` is true."""
        return HeardCorpus(
            name=self.name,
            classes=self.classes,
            emotions=self.emotions[kept],
            distributions=self.distributions[kept],
            speakers=tuple(speaker for speaker, keep in zip(self.speakers, kept, strict=True) if keep),
            languages=tuple(language for language, keep in zip(self.languages, kept, strict=True) if keep),
            logits=self.logits[kept],
        )


@dataclass(frozen=True)
class JudgedClips:
    """Clips of a class set, ready to be measured; columns in the order of `EMOTIONS`, zero outside the set.

    Attributes:
        classes: The class set.
        references (`(num_clips,)`): Index into `EMOTIONS` of the reference emotion.
        soft_labels (`(num_clips, 8)`): Soft labels, renormalised over the set.
        probabilities (`(num_clips, 8)`): Scores, normalised over the set.
        speakers: Each clip's speaker, unique over corpora; None where unknown.
        num_skipped: Clips left out because their emotion is outside the set, or they have none.
    """

    classes: tuple[str, ...]
    references: IntArray
    soft_labels: FloatArray
    probabilities: FloatArray
    speakers: tuple[str | None, ...]
    num_skipped: int


def evaluate_corpora(
    pipe: Any,
    corpora: Mapping[str, Any],
    batch_size: int = 16,
    num_resamples: int = NUM_RESAMPLES,
    seed: int = 0,
    on_clip: Callable[[str], None] | None = None,
) -> dict[str, Any]:
    """Measures a pipeline on corpora.

    Args:
        pipe: An `AudioEmotionPipeline` whose model answers with a distribution.
        corpora: Data sets of unified rows (`datasets.Dataset`, audio undecoded) by corpus name.
        batch_size: Clips in one forward pass.
        num_resamples: Bootstrap resamples of an interval.
        seed: Seed of the bootstrap.
        on_clip: Called with the corpus's name after each clip.

    Returns:
        `{"corpora": {name: ...}, "languages": {language: ...}}`: for each the class sets with their clips and speakers,
        and under `priors` the numbers of `measure` for each treatment of the class prior: "train" keeps the prior that
        the logits embody, "uniform" divides it out. `zero_shot` is None where the model does not name its corpora.

    Raises:
        AudioEmotionError: The model answers with intensities, a clip cannot be decoded, or a corpus shares fewer than
            two classes with the model.
    """
    config = pipe.model.config
    if config.problem != "distribution":
        raise AudioEmotionError(
            f"only models of a distribution over emotions can be measured here; this one has {config.problem!r} as its "
            "problem. For intensities there are the Spearman, Pearson and ConcordanceCorrelation metrics"
        )
    heard = [hear_corpus(pipe, name, corpora[name], batch_size, on_clip) for name in sorted(corpora)]
    return report_heard(heard, config, num_resamples, seed)


def report_heard(
    heard: Sequence[HeardCorpus], config: Any, num_resamples: int = NUM_RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Measures what a model, ours or another, heard in corpora.

    Args:
        heard: The corpora, by name.
        config: The model's `id2label`, `num_labels`, `problem`, `class_prior`, `temperature` and `corpora`.
        num_resamples: Bootstrap resamples of an interval.
        seed: Seed of the bootstrap.

    Returns:
        As `evaluate_corpora`.
    """
    report: dict[str, Any] = {"corpora": {}, "languages": {}}
    for corpus in heard:
        report["corpora"][corpus.name] = {
            "languages": sorted(set(corpus.languages)),
            "zero_shot": corpus.name not in config.corpora if config.corpora else None,
            "class_sets": _measure_class_sets([corpus], config, num_resamples, seed),
        }
    for language in sorted({language for corpus in heard for language in corpus.languages}):
        parts = [
            corpus.select(np.array(corpus.languages) == language) for corpus in heard if language in corpus.languages
        ]
        report["languages"][language] = {
            "corpora": [part.name for part in parts],
            "class_sets": _measure_class_sets(parts, config, num_resamples, seed),
        }
    return report


def hear_corpus(
    pipe: Any, name: str, rows: Any, batch_size: int = 16, on_clip: Callable[[str], None] | None = None
) -> HeardCorpus:
    """Runs the pipeline over a corpus, shortest clips first, so that a batch holds clips of one length.

    Args:
        pipe: An `AudioEmotionPipeline`.
        name: The corpus.
        rows: Data set of unified rows, audio undecoded.
        batch_size: Clips in one forward pass.
        on_clip: Called with the corpus's name after each clip.

    Returns:
        Labels and logits, in the order of the rows.

    Raises:
        AudioEmotionError: A clip cannot be decoded, or fewer than two classes are shared with the model.
    """
    config = pipe.model.config
    labels = [config.id2label[index] for index in range(config.num_labels)]
    logits = np.zeros((len(rows), len(labels)))
    heard = with_labels(name, rows, labels, logits)
    order = np.argsort(np.asarray(rows["duration_s"]), kind="stable")
    answers = pipe((rows[int(row)]["audio"] for row in order), batch_size=batch_size)
    try:
        for row, answer in zip(order, answers, strict=True):
            score = {entry["label"]: entry["score"] for entry in answer}
            # A float64 score is 0 only where its class is out of the question; the floor keeps its logit finite.
            scores = np.maximum([score[label] for label in labels], np.finfo(np.float64).tiny)
            logits[row] = config.temperature * np.log(scores)
            if on_clip is not None:
                on_clip(name)
    except AudioEmotionError as error:
        raise AudioEmotionError(f"corpus {name}: {error}") from error
    return heard


def with_labels(name: str, rows: Any, labels: Sequence[str], logits: FloatArray) -> HeardCorpus:
    """Puts a model's logits beside the labels of the rows.

    Args:
        name: The corpus.
        rows: Data set of unified rows.
        labels: The model's labels, in the order of its logits.
        logits (`(num_clips, num_labels)`): One row a clip, in the order of the rows.

    Returns:
        Labels and logits; the logits are not copied.

    Raises:
        AudioEmotionError: Fewer than two classes are shared with the model.
    """
    columns = rows.select_columns(list(LABEL_COLUMNS))[:]
    masks = np.asarray(columns["label_mask"], dtype=bool)  # (num_clips, 8)
    classes = tuple(label for i, label in enumerate(EMOTIONS) if masks[:, i].any() and label in labels)
    if len(classes) < 2:
        raise AudioEmotionError(f"corpus {name} shares {len(classes)} class(es) with the model: {', '.join(labels)}")
    return HeardCorpus(
        name=name,
        classes=classes,
        emotions=np.array([-1 if e is None else EMOTIONS.index(e) for e in columns["emotion"]], dtype=np.int64),
        distributions=np.asarray(columns["distribution"], dtype=np.float64),
        speakers=tuple(columns["speaker"]),
        languages=tuple(tag.partition("-")[0] for tag in columns["language"]),  # "fr-CA" counts as "fr"
        logits=logits,
    )


def class_sets(corpus: HeardCorpus) -> dict[str, tuple[str, ...]]:
    """The class sets that a corpus is measured on, by name; a set of fewer than two classes is left out.

    "all" is every class of the corpus and "four" the common four; a corpus in `WITHOUT_OTHER` leaves "other" out of
    "all", and "all_with_other" is then every class.
    """
    sets = {"all": corpus.classes, "four": tuple(label for label in corpus.classes if label in FOUR_CLASSES)}
    if corpus.name in WITHOUT_OTHER and "other" in corpus.classes:
        sets["all_with_other"] = corpus.classes
        sets["all"] = tuple(label for label in corpus.classes if label != "other")
    return {name: labels for name, labels in sets.items() if len(labels) > 1}


def judge(corpus: HeardCorpus, rule: ScoreRule) -> JudgedClips:
    """Scores what was heard over a class set.

    Args:
        corpus: What was heard.
        rule: The pipeline's rule for the class set and the prior.

    Returns:
        The clips whose emotion is in the set.
    """
    columns = [EMOTIONS.index(label) for label in rule.labels]
    kept = np.isin(corpus.emotions, columns)
    clips = corpus.select(kept)
    probabilities, soft_labels = np.zeros_like(clips.distributions), np.zeros_like(clips.distributions)
    probabilities[:, columns] = rule.scores(clips.logits)
    soft_labels[:, columns] = clips.distributions[:, columns]
    return JudgedClips(
        classes=rule.labels,
        references=clips.emotions,
        soft_labels=soft_labels / soft_labels.sum(axis=1, keepdims=True),
        probabilities=probabilities,
        speakers=tuple(None if speaker is None else f"{corpus.name}/{speaker}" for speaker in clips.speakers),
        num_skipped=int(np.sum(~kept)),
    )


def measure(clips: JudgedClips, num_resamples: int = NUM_RESAMPLES, seed: int = 0) -> dict[str, Any]:
    """All numbers of one class set under one treatment of the prior.

    Args:
        clips: The clips.
        num_resamples: Bootstrap resamples of an interval.
        seed: Seed of the bootstrap.

    Returns:
        `uar`, `macro_f1` and `accuracy`, each `{"value", "low", "high"}` with the 95 % bootstrap interval over
        `bootstrap_unit` ("speaker", or "clip" where there is one speaker); `confusion` (rows: reference) in the order
        of the classes; `jensen_shannon` and `kullback_leibler` to the soft labels, in bits; `ece` against the reference
        emotion and `soft_ece` against the prediction's mass in the soft label; `reliability`, the bins behind `ece`.
    """
    columns = np.array([EMOTIONS.index(label) for label in clips.classes])
    references = np.argmax(clips.references[:, None] == columns, axis=1)  # (num_clips,), into the class set
    probabilities, soft_labels = clips.probabilities[:, columns], clips.soft_labels[:, columns]
    predictions = probabilities.argmax(axis=1)
    confusion = confusion_matrix(references, predictions, len(columns))
    by_speaker = confusion_by_speaker(references, predictions, clips.speakers, len(columns))
    intervals = bootstrap_confusion(by_speaker, CLASSIFICATION_STATISTICS, num_resamples, seed)
    numbers: dict[str, Any] = {"bootstrap_unit": intervals.unit, "confusion": confusion.tolist()}
    for name, statistic in CLASSIFICATION_STATISTICS.items():
        low, high = intervals.bounds[name]
        numbers[name] = {"value": float(statistic(confusion)), "low": low, "high": high}
    confidence = probabilities.max(axis=1)
    right = predictions == references
    bins = calibration_bins(confidence, right)
    return numbers | {
        "jensen_shannon": float(jensen_shannon(soft_labels, probabilities).mean()),
        "kullback_leibler": float(kullback_leibler(soft_labels, probabilities).mean()),
        "ece": expected_calibration_error(confidence, right),
        "soft_ece": expected_calibration_error(confidence, soft_labels[np.arange(len(predictions)), predictions]),
        "reliability": {name: values.tolist() for name, values in bins._asdict().items()},
    }


def _measure_class_sets(
    corpora: Sequence[HeardCorpus], config: Any, num_resamples: int, seed: int
) -> dict[str, dict[str, Any]]:
    """Measures each class set over the clips of one or several corpora, each judged over its own classes of the set."""
    sets: dict[str, dict[str, Any]] = {}
    for name in sorted({name for corpus in corpora for name in class_sets(corpus)}):
        members = [(corpus, class_sets(corpus)[name]) for corpus in corpora if name in class_sets(corpus)]
        judged = {
            prior: _pool([judge(corpus, make_score_rule(config, classes, prior)) for corpus, classes in members])
            for prior in ("train", *(["uniform"] if config.class_prior is not None else []))
        }
        clips = judged["train"]
        if not len(clips.references):
            continue
        sets[name] = {
            "classes": list(clips.classes),
            "num_clips": len(clips.references),
            "num_clips_per_class": [int(np.sum(clips.references == EMOTIONS.index(label))) for label in clips.classes],
            "num_clips_of_unknown_speakers": clips.speakers.count(None),
            "num_skipped": clips.num_skipped,
            "num_speakers": int(speaker_indices(clips.speakers).max()) + 1,
            "priors": {prior: measure(part, num_resamples, seed) for prior, part in judged.items()},
        }
    return sets


def _pool(parts: Sequence[JudgedClips]) -> JudgedClips:
    return JudgedClips(
        classes=tuple(label for label in EMOTIONS if any(label in part.classes for part in parts)),
        references=np.concatenate([part.references for part in parts]),
        soft_labels=np.concatenate([part.soft_labels for part in parts]),
        probabilities=np.concatenate([part.probabilities for part in parts]),
        speakers=tuple(speaker for part in parts for speaker in part.speakers),
        num_skipped=sum(part.num_skipped for part in parts),
    )
