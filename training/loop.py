"""The training loop on Accelerate: one or several processes, micro-batches, averaged weights, validation, resume."""

from __future__ import annotations

import copy
import json
import multiprocessing
import time
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from accelerate import Accelerator, DistributedType
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as ProgressBar
from torch.distributed.checkpoint.state_dict import StateDictOptions, get_optimizer_state_dict, set_optimizer_state_dict
from torch.utils.data import DataLoader
from transformers import get_cosine_schedule_with_warmup

from audio_emotion.dataset_scripts.manifest import write_atomically
from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError, RecipeError
from audio_emotion.training.batches import TrainingBatches
from audio_emotion.training.checkpoints import Progress, list_checkpoints, load_checkpoint, save_checkpoint
from audio_emotion.training.data import ClipTable
from audio_emotion.training.lora import merge_lora
from audio_emotion.training.model_folder import written_whole
from audio_emotion.training.moving_average import MovingAverage, put_weights, trained_weights, whole_weights
from audio_emotion.training.objectives import Batch, TrainingObjective
from audio_emotion.training.optimizer import parameter_groups
from audio_emotion.training.processes import join_processes
from audio_emotion.training.recipe import RunRecipe
from audio_emotion.training.sampling import Step, plan_epoch
from audio_emotion.training.validation import Assess, assess_emotions, clip_logits

_WHOLE = StateDictOptions(full_state_dict=True, cpu_offload=True)


class TrainingLoop:
    """One run: from an objective and its clips to the best validated weights in `output_dir/best`."""

    def __init__(
        self,
        objective: TrainingObjective,
        extractor: EmotionWhisperFeatureExtractor,
        train: ClipTable,
        validation: ClipTable,
        recipe: RunRecipe,
        assess: Assess = assess_emotions,
    ) -> None:
        self.recipe = recipe
        self.assess = assess
        self.extractor = extractor
        self.train_clips, self.validation_clips = train, validation
        self.folder = Path(recipe.output_dir)
        join_processes()
        self.accelerator = Accelerator(
            mixed_precision=recipe.loop.mixed_precision, log_with=recipe.loop.log_with, project_dir=str(self.folder)
        )
        _check_processes(self.accelerator, min(recipe.loop.items_per_step, recipe.sampling.items_per_epoch))
        self.accelerator.init_trackers("audio-emotion", config={"recipe": recipe.name})
        steps_per_epoch = max(1, recipe.sampling.items_per_epoch // recipe.loop.items_per_step)
        num_steps = recipe.loop.epochs * steps_per_epoch
        optimizer = torch.optim.AdamW(parameter_groups(objective, recipe.optimizer), fused=torch.cuda.is_available())
        self.scheduler = get_cosine_schedule_with_warmup(
            optimizer, int(recipe.optimizer.warmup_ratio * num_steps), num_steps
        )
        self._assembled: EmotionWhisperForAudioClassification = copy.deepcopy(objective.model).to(
            self.accelerator.device
        )
        self.objective, self.optimizer = self.accelerator.prepare(objective, optimizer)
        decay = recipe.loop.ema_decay
        self.averaged = MovingAverage(self._bare, decay) if decay > 0 else None
        self.progress = Progress()
        self.console = Console(stderr=True, quiet=not self.accelerator.is_main_process)

    def resume(self) -> None:
        """Continue from the newest complete checkpoint, if there is one."""
        checkpoints = list_checkpoints(self.folder / "checkpoints")
        if not checkpoints:
            return
        self.progress, weights, state = load_checkpoint(checkpoints[-1])
        put_weights(_with_prefix(weights, "current."), trained_weights(self._bare))
        if self.averaged is not None:
            put_weights(_with_prefix(weights, "averaged."), self.averaged.weights)
        set_optimizer_state_dict(
            self.objective, self.optimizer.optimizer, optim_state_dict=state["optimizer"], options=_WHOLE
        )
        self.scheduler.load_state_dict(state["scheduler"])
        if self.accelerator.scaler is not None:
            self.accelerator.scaler.load_state_dict(state["scaler"])
        self.console.print(f"Resumed at step {self.progress.total_steps} from {checkpoints[-1]}")

    def run(self) -> Path:
        """Train to the end and return the folder of the best validated model.

        The processes part at the end: what follows is for the main process alone, however long it takes.

        Raises:
            AudioEmotionError: if the loss is not finite, or a checkpoint cannot be written.
        """
        loop = self.recipe.loop
        self._rewind_log()
        with self._bar() as bar:
            while self.progress.epoch < loop.epochs and self.progress.stale_validations < loop.patience:
                self._run_epoch(bar)
        if self.progress.validated_step != self.progress.total_steps:  # resumed with fewer epochs than it has had
            self._validate()
        self.accelerator.end_training()
        return self.folder / "best"

    def _run_epoch(self, bar: ProgressBar) -> None:
        loop, progress = self.recipe.loop, self.progress
        plan = self.plan(progress.epoch)
        task = bar.add_task(
            f"epoch {progress.epoch + 1}/{loop.epochs}", total=len(plan), completed=progress.step, detail=""
        )
        for step, batches in self.steps(plan[progress.step :]):
            started = time.perf_counter()
            terms = self.take_step(step, batches)
            progress.step, progress.total_steps = progress.step + 1, progress.total_steps + 1
            self._log(
                {**terms, "step_s": time.perf_counter() - started, "learning_rate": self.scheduler.get_last_lr()[-1]}
            )
            bar.update(task, advance=1, detail=f"loss {sum(terms.values()):.3f}  best {progress.best_score:.3f}")
            is_last = progress.epoch + 1 == loop.epochs and progress.step == len(plan)
            if is_last or progress.total_steps % loop.validate_every == 0:
                self._validate()
                if progress.stale_validations >= loop.patience:
                    break
            if progress.total_steps % loop.checkpoint_every == 0:
                self._save()
        progress.epoch, progress.step = progress.epoch + 1, 0

    def plan(self, epoch: int) -> list[Step]:
        """The steps of an epoch, cut for this number of processes."""
        return plan_epoch(self.train_clips, self.recipe, epoch, self.accelerator.num_processes)

    def steps(self, plan: list[Step]) -> Iterator[tuple[Step, list[Batch]]]:
        """Every step with this process's share of its micro-batches, rendered ahead where there are workers."""
        rank, count = self.accelerator.process_index, self.accelerator.num_processes
        mine = [step[rank::count] for step in plan]
        batches = TrainingBatches(
            [micro_batch for share in mine for micro_batch in share],
            self.train_clips,
            self.recipe,
            self._bare.model.config,
            self.extractor,
        )
        num_workers = self.recipe.loop.num_workers
        if num_workers and multiprocessing.get_start_method() == "fork":
            self.train_clips.decode_ahead(num_workers)
        rendered = iter(DataLoader(batches, batch_size=None, num_workers=num_workers))
        for step, share in zip(plan, mine, strict=True):
            yield step, [next(rendered) for _ in share]

    def take_step(self, step: Step, batches: list[Batch]) -> dict[str, float]:
        """One optimiser step; the loss is the mean over the step's items, whatever the number of processes."""
        torch.manual_seed(self._step_seed())
        self.objective.train()
        num_items = sum(len(micro_batch) for micro_batch in step)
        scale = self.accelerator.num_processes / num_items  # data-parallel training averages gradients over processes
        sums: dict[str, torch.Tensor] = {}
        for number, batch in enumerate(batches):
            last = number == len(batches) - 1
            with nullcontext() if last else self.accelerator.no_sync(self.objective), self.accelerator.autocast():
                terms = self.objective({name: tensor.to(self.accelerator.device) for name, tensor in batch.items()})
                loss = torch.stack(list(terms.values())).sum()
                self.accelerator.backward(loss * scale)
            for name, term in terms.items():
                sums[name] = sums.get(name, 0.0) + term.detach()
        means = {name: float(self.accelerator.reduce(value, "sum")) / num_items for name, value in sums.items()}
        if not np.isfinite(list(means.values())).all():
            raise AudioEmotionError(
                f"step {self.progress.total_steps + 1}: the loss is not finite ({means}). The last checkpoint is "
                "untouched; lower optimizer.learning_rate, or look for broken clips with `audio-emotion corpora check`"
            )
        self.accelerator.clip_grad_norm_(self.objective.parameters(), self.recipe.optimizer.max_grad_norm)
        self.optimizer.step()
        self.scheduler.step()
        self.optimizer.zero_grad()
        if self.averaged is not None:
            self.averaged.update(self._bare, self.progress.total_steps)
        return means

    def _step_seed(self) -> int:
        """Dropout's seed, drawn anew from the step's number: a resumed run repeats it without stored random states."""
        entropy = (self.recipe.seed, self.progress.total_steps, self.accelerator.process_index)
        return int(np.random.SeedSequence(entropy).generate_state(1)[0])

    def _validate(self) -> None:
        """Score the validation clips with the averaged weights and keep them if they are the best so far."""
        model = self.model
        logits = clip_logits(model, self.extractor, self.validation_clips, self.recipe.loop.frames_per_batch)
        assessment = self.assess(logits, self.validation_clips)
        self._log(assessment.values)
        self.console.print(f"step {self.progress.total_steps}: {assessment.text}")
        self.progress.validated_step = self.progress.total_steps
        self.progress.stale_validations += 1
        if assessment.score > self.progress.best_score:
            self.progress.best_score, self.progress.stale_validations = assessment.score, 0
            if self.accelerator.is_main_process:
                with written_whole(self.folder / "best") as best:
                    merge_lora(model).save_pretrained(best)
                    self.extractor.save_pretrained(best)
        self.accelerator.wait_for_everyone()

    def _save(self) -> None:
        kept = {"current.": trained_weights(self._bare)}
        if self.averaged is not None:
            kept["averaged."] = self.averaged.weights
        weights = {prefix + name: tensor for prefix, found in kept.items() for name, tensor in whole_weights(found)}
        state: dict[str, Any] = {
            "optimizer": get_optimizer_state_dict(self.objective, self.optimizer.optimizer, options=_WHOLE),
            "scheduler": self.scheduler.state_dict(),
        }
        if self.accelerator.scaler is not None:
            state["scaler"] = self.accelerator.scaler.state_dict()
        if self.accelerator.is_main_process:
            save_checkpoint(self.folder / "checkpoints", self.progress, weights, state)
        self.accelerator.wait_for_everyone()

    def _log(self, values: dict[str, float]) -> None:
        if not self.accelerator.is_main_process:
            return
        self.accelerator.log(values, step=self.progress.total_steps)
        line = {"step": self.progress.total_steps, **{name: round(value, 6) for name, value in values.items()}}
        try:
            with self._log_file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise AudioEmotionError(
                f"{self._log_file} cannot be written: {error.strerror}. Free some disk space and run again with "
                "--resume; the last complete checkpoint is untouched"
            ) from error

    def _rewind_log(self) -> None:
        """Take out of the log what this run will do again, and a line that was cut off."""
        if self.accelerator.is_main_process and self._log_file.exists():
            lines = self._log_file.read_text(encoding="utf-8").splitlines()
            kept = [line for line in lines if _step_of(line) <= self.progress.total_steps]
            write_atomically(self._log_file, "".join(f"{line}\n" for line in kept))

    @property
    def _log_file(self) -> Path:
        return self.folder / "log.jsonl"

    @property
    def _bare(self) -> TrainingObjective:
        bare: TrainingObjective = self.accelerator.unwrap_model(self.objective)
        return bare

    @property
    def model(self) -> EmotionWhisperForAudioClassification:
        """The model that is validated and shipped: the averaged weights where there are any.

        Whole on every process, whatever a process holds of the model that is trained.
        """
        weights = trained_weights(self._bare) if self.averaged is None else self.averaged.weights
        of_model = {name: tensor for name, tensor in weights.items() if name.startswith("model.")}
        trained = {name.removeprefix("model."): tensor for name, tensor in whole_weights(of_model)}
        put_weights(trained, trained_weights(self._assembled))
        return self._assembled

    def _bar(self) -> ProgressBar:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            TextColumn("{task.fields[detail]}"),
        )
        return ProgressBar(*columns, console=self.console, disable=not self.accelerator.is_main_process)


def _check_processes(accelerator: Accelerator, num_items: int) -> None:
    """Refuse steps in which processes would wait for each other for ever, and shards that could not be put together."""
    count = accelerator.num_processes
    step = f"a step has {num_items} items (the smaller of loop.items_per_step and sampling.items_per_epoch)"
    if num_items < count:
        raise RecipeError(f"{step}, too few for {count} processes, each of which needs one: raise it, or start fewer")
    if accelerator.distributed_type is not DistributedType.FSDP:
        return
    if not accelerator.is_fsdp2:
        raise RecipeError("sharded training needs FSDP2: give accelerate `--fsdp_version 2`")
    if num_items % count:
        raise RecipeError(
            f"{step}: with sharded weights it must be a multiple of the {count} processes, which take equally many "
            "micro-batches"
        )


def _step_of(line: str) -> float:
    """The step of a line of the log; infinity where it is not whole."""
    try:
        return float(json.loads(line)["step"])
    except (ValueError, KeyError, TypeError):
        return float("inf")


def _with_prefix(weights: dict[str, torch.Tensor], prefix: str) -> dict[str, torch.Tensor]:
    return {name.removeprefix(prefix): tensor for name, tensor in weights.items() if name.startswith(prefix)}
