"""From a trained model and anybody's labels to an adapter folder, or to a full model folder."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import PartialState
from numpy.typing import NDArray
from transformers import set_seed

from audio_emotion.dataset_scripts.corpus import Finding
from audio_emotion.dataset_scripts.prepare import Prepared, prepare
from audio_emotion.dataset_scripts.reader import CorpusReader, get_reader
from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import RecipeError
from audio_emotion.training.adapter import add_adapter, begin_task, load_adapted, load_base, merge, trainable_share
from audio_emotion.training.checkpoints import list_checkpoints
from audio_emotion.training.data import ClipTable, LabelRule, find_clips, load_clips
from audio_emotion.training.distillation import load_teachers
from audio_emotion.training.finetune_card import render_card, shared_speakers_note
from audio_emotion.training.finetune_recipe import FinetuneRecipe
from audio_emotion.training.head_start import fit_head
from audio_emotion.training.intensity_losses import get_intensity_loss
from audio_emotion.training.loop import TrainingLoop
from audio_emotion.training.model_folder import written_whole
from audio_emotion.training.objectives import TrainingObjective
from audio_emotion.training.recipe import CorpusRecipe, save_recipe
from audio_emotion.training.run_folder import RECIPE_NAME, check_same_run, run_folder
from audio_emotion.training.sampling import class_prior, clip_probabilities, embodied_prior
from audio_emotion.training.targets import assessment_of, label_rule, measure_intensities
from audio_emotion.training.validation import check_references, clip_logits, fit_temperature, recall_by_corpus

BAD_ROWS_NAME = "bad_rows.csv"
_NOTES = ("skipped", "unmapped word", "speaker in two splits")  # findings that cost no row

Progress = Callable[[int, int], None]


def finetune(
    recipe: FinetuneRecipe,
    resume: bool = False,
    merged: bool = False,
    on_bad: Callable[[list[Finding]], None] | None = None,
    progress: Progress | None = None,
    on_notice: Callable[[str], None] | None = None,
) -> Path:
    """Run a fine-tuning recipe and write `output_dir/final`.

    Args:
        recipe: the resolved recipe.
        resume: continue from the newest checkpoint of `output_dir`.
        merged: write a full model folder instead of an adapter.
        on_bad: called with the rows and files that training goes on without, if there are any.
        progress: called with the number of clips prepared and of all clips.
        on_notice: called with a sentence for each split that shares speakers with the training split.

    Returns:
        The folder of the best validated model: an adapter folder, or with `method: full` or `merged` a model folder.

    Raises:
        RecipeError: if base, labels, adapter or `output_dir` cannot be used, another process is writing there, or more
            rows than `max_bad` are bad.
        CorpusError: if the source is not the corpus that the recipe names.
        AudioEmotionError: if the loss stops being finite or the disk is full.
    """
    folder = Path(recipe.output_dir)
    if recipe.base is None:
        raise RecipeError("base is missing: give the folder or Hub id of the model to start from")
    with run_folder(folder, resume) as processes:
        data = recipe.data or _prepare(recipe, folder, processes, on_bad, progress)
        rule = label_rule(recipe.target, data)
        training = load_clips(data, "train", rule).labelled(recipe.objective.labels)
        validation = load_clips(data, "validation", rule)
        if recipe.target.problem == "distribution":
            check_references(validation)
        if on_notice is not None and processes.is_main_process:
            for split, clips in (("validation", validation), ("test", find_clips(data, "test", rule))):
                if clips is not None and (note := shared_speakers_note(split, clips, training)):
                    on_notice(note)
        run = _resolved(recipe, data, len(training))
        saved = run.model_copy(update={"data": recipe.data})
        check_same_run(saved, folder)

        set_seed(run.seed)
        model, new_head = _model_to_train(run, training)
        extractor = EmotionWhisperFeatureExtractor.from_pretrained(recipe.base)
        if new_head and run.head_start == "fitted" and not list_checkpoints(folder / "checkpoints"):
            fit_head(model, extractor, training, validation, run.loop.frames_per_batch)
        if processes.is_main_process:
            save_recipe(saved, folder / RECIPE_NAME)
            _write_json(folder / "trained.json", {"trainable_share": trainable_share(model)})
        target = run.target
        loss = get_intensity_loss(target.loss, target.anchor) if target.problem == "intensity" else None
        num_speakers = max(1, int(training.speaker_index.max()) + 1)
        shares = _class_shares(run, training).tolist() if loss is None else None
        teachers = load_teachers(run.objective.teachers, model, extractor)
        objective = TrainingObjective(model, run.objective, len(data), num_speakers, loss, shares, teachers)
        loop = TrainingLoop(objective, extractor, training, validation, run, assessment_of(target))
        if resume:
            loop.resume()
        best = loop.run()
        final = folder / "final"
        if processes.is_main_process:
            finish(run, best, final, rule, training, validation, merged)
    return final


def _prepare(
    recipe: FinetuneRecipe,
    folder: Path,
    processes: PartialState,
    on_bad: Callable[[list[Finding]], None] | None,
    progress: Progress | None,
) -> list[CorpusRecipe]:
    """The corpus as Parquet in the run's folder, where the main process alone writes it, and the others wait for it."""
    if recipe.source is None or recipe.corpus is None:
        raise RecipeError(f"source is missing: give the folder of {recipe.corpus} as its owner ships it (--source DIR)")
    reader = get_reader(recipe.corpus)(recipe.source)
    _check_splits(reader, recipe.source)
    if processes.is_main_process:
        prepared = prepare(recipe.corpus, recipe.source, folder / "prepared", progress=progress)
        _tell_bad(recipe, prepared, folder, on_bad)
    processes.wait_for_everyone()
    return [CorpusRecipe(path=str(folder / "prepared"), name=reader.info.name)]


def _tell_bad(
    recipe: FinetuneRecipe, prepared: Prepared, folder: Path, on_bad: Callable[[list[Finding]], None] | None
) -> None:
    """Say what is wrong with the corpus before anything is trained, and refuse it if that is too much."""
    bad = [Finding("bad audio", where, reason) for where, reason in prepared.summary.bad_audio]
    bad += [finding for finding in prepared.report.findings if finding.kind not in _NOTES]
    with (folder / BAD_ROWS_NAME).open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(["kind", "where", "reason"])
        table.writerows([finding.kind, finding.where, finding.reason] for finding in bad)
    if bad and on_bad is not None:
        on_bad(bad)
    if len(bad) > recipe.max_bad:
        raise RecipeError(
            f"{recipe.source}: {len(bad)} bad rows and files, more than max_bad={recipe.max_bad}; they are listed in "
            f"{folder / BAD_ROWS_NAME}. Mend them, or allow more with --max-bad"
        )


def _check_splits(reader: CorpusReader, source: str) -> None:
    """Refuse a corpus without clips to train or to validate on, before its audio is encoded."""
    found = Counter(clip.split for clip in reader.clips())
    if missing := [split for split in ("train", "validation") if not found[split]]:
        raise RecipeError(
            f"{source}: none of its {found.total()} clips is in the {' or '.join(missing)} split; a run needs both. "
            "Name a column `speaker` or `split` in corpus.yaml; its `validation: 0.3` sends more of few speakers there"
        )


def _resolved(recipe: FinetuneRecipe, data: list[CorpusRecipe], num_clips: int) -> FinetuneRecipe:
    """The recipe with what only the data tells: where it is, and how long an epoch of every clip is."""
    sampling = recipe.sampling
    if "items_per_epoch" not in sampling.model_fields_set:
        sampling = sampling.model_copy(update={"items_per_epoch": num_clips})
    return recipe.model_copy(update={"data": data, "sampling": sampling})


def _model_to_train(run: FinetuneRecipe, training: ClipTable) -> tuple[EmotionWhisperForAudioClassification, bool]:
    """The base with the labels of the run and its adapter, and whether its head is new."""
    base = str(run.base)
    model = load_base(base)
    if run.target.problem == "distribution":
        means = _class_shares(run, training)
    else:
        known = training.label_mask.sum(axis=0)
        means = (training.labels * training.label_mask).sum(axis=0) / np.maximum(known, 1)
    names = [corpus.name for corpus in run.data]
    new_head = begin_task(model, run.target.problem, training.label_names, means, names)
    if run.target.problem == "distribution":
        model.config.class_prior = embodied_prior(means, run.objective.logit_adjustment).tolist()
    if run.method == "peft":
        add_adapter(model, run.adapter, run.base_name or base)
    return model, new_head


def _class_shares(run: FinetuneRecipe, training: ClipTable) -> NDArray[np.float64]:
    return class_prior(training, clip_probabilities(training, run.data, run.sampling))


def finish(
    run: FinetuneRecipe,
    best: Path,
    final: Path,
    rule: LabelRule,
    training: ClipTable,
    validation: ClipTable,
    merged: bool = False,
) -> None:
    """Measure the best checkpoint, calibrate categories, and write it to `final` with its card.

    Args:
        run: the resolved recipe.
        best: what the loop kept.
        final: the folder to write.
        rule: the labels.
        training: clips whose speakers are known to the model.
        validation: clips that calibrate and that the card reports.
        merged: whether an adapter is added to its base's weights.
    """
    base = str(run.base)
    full = run.method == "full"
    model = load_base(str(best)) if full else load_adapted(base, best)
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(best)
    splits = {"validation": validation, "test": find_clips(run.data, "test", rule)}
    results: dict[str, Any] = {
        **json.loads((Path(run.output_dir) / "trained.json").read_text(encoding="utf-8")),
        "problem": run.target.problem,
        "splits": {},
    }
    for split, clips in splits.items():
        if clips is None:
            continue
        logits = clip_logits(model, extractor, clips, run.loop.frames_per_batch)
        if run.target.problem == "intensity":
            results["splits"][split] = measure_intensities(logits, clips, run.num_resamples, run.seed)
        else:
            if split == "validation":
                model.config.temperature = fit_temperature(logits, clips)
            results["splits"][split] = {"num_clips": len(clips), "uar": recall_by_corpus(logits, clips)}
        if note := shared_speakers_note(split, clips, training):
            results["splits"][split]["note"] = note
    if merged and not full:
        temperature = model.config.temperature
        model = merge(base, best)
        model.config.temperature = temperature
    if full or merged:
        model.to(EmotionWhisperConfig.from_pretrained(base).dtype or torch.float32)  # type: ignore[arg-type]
    with written_whole(final, anew=True) as folder:  # an adapter's files would stay beside a model's
        model.save_pretrained(folder)
        extractor.save_pretrained(folder)
        _write_json(folder / "results.json", results)
        (folder / "README.md").write_text(render_card(run, model.config, results, full or merged), encoding="utf-8")
        shutil.copyfile(Path(run.output_dir) / RECIPE_NAME, folder / RECIPE_NAME)


def _write_json(path: Path, values: dict[str, Any]) -> None:
    path.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")
