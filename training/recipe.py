"""A training recipe: frozen, typed data, filled from YAML and overridden from the command line.

The resolved recipe is saved beside every checkpoint, so that a run can be read, repeated and resumed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Literal, TypeVar

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from audio_emotion.dataset_scripts.manifest import write_atomically
from audio_emotion.dataset_scripts.plain_yaml import PlainLoader
from audio_emotion.pipeline.errors_audio_emotion import RecipeError

SHIPPED = Path(__file__).with_name("recipes")

AnyRecipe = TypeVar("AnyRecipe", bound="RunRecipe")


class Section(BaseModel):
    """A part of a recipe: frozen, without unknown keys or values that are not finite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class LoraRecipe(Section):
    """Low-rank updates of the encoder (arXiv 2106.09685) in place of tuning its weights; merged into the saved model.

    Attributes:
        rank: of every update.
        alpha: the update is scaled by `alpha / rank`.
        dropout: before every update.
        target_modules: the linear layers of each encoder layer that get one; `fc1` and `fc2` are the others there are.
    """

    rank: int = Field(default=8, ge=1)
    alpha: float = Field(default=16.0, gt=0)
    dropout: float = Field(default=0.0, ge=0, lt=1)
    target_modules: list[Literal["q_proj", "k_proj", "v_proj", "out_proj", "fc1", "fc2"]] = Field(
        default=["q_proj", "k_proj", "v_proj", "out_proj"], min_length=1
    )


class ModelRecipe(Section):
    """Which encoder to start from and what the head looks like.

    Attributes:
        encoder: Hub id or folder of any Whisper, full model or encoder only.
        continue_from: Hub id or folder of an emotion model whose weights, heads included, are the start in place of
            `encoder`; its architecture must be the one that this section asks for. With `layer_mix` it may have fewer
            layers: those above them start as the encoder's.
        num_layers: keep the first k encoder layers; None keeps all.
        layer_mix: read a learned mix of all kept layers instead of the last one.
        pooling: `"attention"` learns a weight per frame, `"mean"` weighs all frames alike.
        level_normalization: make the features independent of the recording's gain.
        nesting_dims: Matryoshka widths; None takes powers of two from 8 up.
        final_dropout: dropout before the head.
        lora: tune low-rank updates of the encoder alone; None tunes its weights. `optimizer.learning_rate` is theirs.
    """

    encoder: str
    continue_from: str | None = None
    num_layers: int | None = Field(default=None, ge=1)
    layer_mix: bool = True
    pooling: Literal["mean", "attention"] = "attention"
    level_normalization: bool = True
    nesting_dims: list[int] | None = None
    final_dropout: float = Field(default=0.1, ge=0, lt=1)
    lora: LoraRecipe | None = None


class CorpusRecipe(Section):
    """One prepared corpus to train on.

    Attributes:
        path: folder (or Hub repository) that `audio-emotion corpora prepare` wrote.
        name: the corpus's name there.
        weight: multiplies the corpus's share of the sampled clips.
        streamed_groups: stream the training clips: draw from this many Parquet row groups, then go on to others
            (`corpora prepare` writes groups of 100 clips). 0: the corpus is on the disk, or is downloaded there first.
    """

    path: str
    name: str
    weight: float = Field(default=1.0, gt=0)
    streamed_groups: int = Field(default=0, ge=0)


class SamplingRecipe(Section):
    """How often a clip is drawn.

    A corpus of `n` clips gets a share proportional to `weight * n ** corpus_temperature`; inside a corpus a class with
    `n` clips gets `n ** class_temperature`. 1 keeps the natural shares, 0 makes all equal.
    """

    items_per_epoch: int = Field(default=8000, ge=1)
    corpus_temperature: float = Field(default=0.5, ge=0, le=1)
    class_temperature: float = Field(default=0.25, ge=0, le=1)


class ShiftRecipe(Section):
    """Temporal emotion shifts: clips joined into one item with known boundaries.

    Attributes:
        probability: share of the items that are joined from two clips or more.
        max_segments: most clips in one item.
        max_duration_s: longest joined item in seconds.
        crossfade_s: overlap of neighbouring segments, in which the targets are mixed.
        max_pause_s: longest pause between two segments; its frames carry no target.
    """

    probability: float = Field(default=0.4, ge=0, le=1)
    max_segments: int = Field(default=4, ge=2)
    max_duration_s: float = Field(default=10.0, gt=0, le=30)
    crossfade_s: float = Field(default=0.06, ge=0)
    max_pause_s: float = Field(default=0.3, ge=0)


class AugmentationRecipe(Section):
    """Waveform and feature augmentation; each probability switches one ingredient.

    `speed` draws a factor from 1 +- `speed_range` (tempo and pitch together); `pitch` shifts by up to
    `pitch_semitones` and keeps the tempo; `codec` sends the signal through Opus, Vorbis or MP3; `noise` adds coloured
    noise at a signal-to-noise ratio of `noise_snr_db`; `reverb` convolves with a synthetic room response; `band_limit`
    passes the signal through a narrower band; `equalizer` tilts the spectrum smoothly by up to `equalizer_db`;
    `statistics_mix` gives an item part of another item's mean and deviation in every mel band, as if it had been
    recorded there; the masks are SpecAugment's.
    """

    speed: float = Field(default=0.5, ge=0, le=1)
    speed_range: float = Field(default=0.12, ge=0, lt=0.5)
    pitch: float = Field(default=0.0, ge=0, le=1)
    pitch_semitones: float = Field(default=2.0, ge=0, le=12)
    codec: float = Field(default=0.0, ge=0, le=1)
    noise: float = Field(default=0.5, ge=0, le=1)
    noise_snr_db: tuple[float, float] = (8.0, 40.0)
    reverb: float = Field(default=0.3, ge=0, le=1)
    band_limit: float = Field(default=0.25, ge=0, le=1)
    equalizer: float = Field(default=0.6, ge=0, le=1)
    equalizer_db: float = Field(default=9.0, ge=0)
    statistics_mix: float = Field(default=0.0, ge=0, le=1)
    frequency_masks: int = Field(default=2, ge=0)
    frequency_mask_bins: int = Field(default=12, ge=0)
    time_masks: int = Field(default=1, ge=0)
    time_mask_s: float = Field(default=0.2, ge=0)


class ObjectiveRecipe(Section):
    """Weights of the loss terms; 0 switches a term off.

    Attributes:
        labels: `"soft"`, the distributions as the corpora give them, or `"hard"`, the most probable class alone, where
            classes in a tie share alike.
        pooled: soft cross-entropy of the pooled logits.
        frame: soft cross-entropy of every labelled frame.
        logit_adjustment: how much of the log class prior is added to the logits inside the two losses above (arXiv
            2007.07314). 0 learns the prior of the mix; 1 (balanced softmax) learns as if all classes were alike.
        consistency: Jensen-Shannon divergence between the frame posteriors of two augmented views.
        contrastive: supervised contrast of embeddings, positives weighted by how alike their soft labels are.
        contrastive_temperature: divides the similarities of that term.
        corpus_adversarial: gradient reversal on the identity of the corpus.
        speaker_adversarial: gradient reversal on the identity of the speaker.
        virtual_adversarial: divergence under the worst small perturbation of the features.
        virtual_adversarial_radius: root-mean-square size of that perturbation, in units of the features.
        distillation: `pooled` and `frame` again, against the mean scores of `teachers` in place of labels.
        teachers: Hub ids or folders of emotion models with the same labels and features.
    """

    labels: Literal["soft", "hard"] = "soft"
    pooled: float = Field(default=1.0, ge=0)
    frame: float = Field(default=0.5, ge=0)
    logit_adjustment: float = Field(default=0.0, ge=0, le=1)
    consistency: float = Field(default=0.0, ge=0)
    contrastive: float = Field(default=0.0, ge=0)
    contrastive_temperature: float = Field(default=0.1, gt=0)
    corpus_adversarial: float = Field(default=0.0, ge=0)
    speaker_adversarial: float = Field(default=0.0, ge=0)
    virtual_adversarial: float = Field(default=0.0, ge=0)
    virtual_adversarial_radius: float = Field(default=0.1, gt=0)
    distillation: float = Field(default=0.0, ge=0)
    teachers: list[str] = []

    @model_validator(mode="after")
    def _teachers_teach(self) -> ObjectiveRecipe:
        if (self.distillation > 0) != bool(self.teachers):
            raise ValueError("distillation and teachers go together: give both, or neither")
        return self

    @property
    def num_views(self) -> int:
        """Augmented views of every item that the terms compare."""
        return 2 if self.consistency > 0 or self.contrastive > 0 else 1


class OptimizerRecipe(Section):
    """AdamW with a warm-up and a cosine; lower layers learn more slowly by `layer_decay` a layer.

    `freeze_front` keeps the convolutions as they are, `freeze_layers` the lowest encoder layers too.
    """

    learning_rate: float = Field(default=8e-5, gt=0)
    head_learning_rate: float = Field(default=1e-3, gt=0)
    layer_decay: float = Field(default=0.85, gt=0, le=1)
    weight_decay: float = Field(default=0.01, ge=0)
    warmup_ratio: float = Field(default=0.06, ge=0, lt=1)
    max_grad_norm: float = Field(default=1.0, gt=0)
    freeze_front: bool = False
    freeze_layers: int = Field(default=0, ge=0)


class LoopRecipe(Section):
    """Length and bookkeeping of a run.

    Attributes:
        epochs: passes of `sampling.items_per_epoch` items.
        items_per_step: items behind one optimiser step, over all processes and micro-batches.
        frames_per_batch: most padded frames (of 20 ms) in one micro-batch.
        validate_every: steps between validations; the last step is validated too.
        checkpoint_every: steps between resumable checkpoints.
        patience: validations without a better score before the run stops.
        ema_decay: decay of the averaged weights, which are the ones validated and shipped; it rises to this in the
            first steps. 0 switches averaging off.
        mixed_precision: as Accelerate's; keep `"no"` on a CPU.
        num_workers: processes that render batches; 0 renders in the loop.
        log_with: an Accelerate tracker such as `"tensorboard"`, or None.
    """

    epochs: int = Field(default=3, ge=1)
    items_per_step: int = Field(default=32, ge=1)
    frames_per_batch: int = Field(default=3200, ge=1)
    validate_every: int = Field(default=250, ge=1)
    checkpoint_every: int = Field(default=100, ge=1)
    patience: int = Field(default=6, ge=1)
    ema_decay: float = Field(default=0.998, ge=0, lt=1)
    mixed_precision: Literal["no", "fp16", "bf16"] = "no"
    num_workers: int = Field(default=0, ge=0)
    log_with: str | None = None

    @field_validator("mixed_precision", mode="before")
    @classmethod
    def _no_without_quotes(cls, precision: object) -> object:
        return "no" if precision is False else precision  # what YAML makes of it


class CalibrationRecipe(Section):
    """How the temperature of the finished model is fitted on the validation clips (arXiv 1706.04599).

    Attributes:
        target: `"hard"`, the likelihood of the most probable class, as published; `"soft"`, the cross-entropy to the
            soft labels, which also keeps the doubt that raters or smoothing put into them.
        weighting: `"clips"` weighs all clips alike, `"corpora"` all corpora; `"median"` takes the median of the
            temperatures that the corpora ask for each on its own, so that one with doubtful labels does not sway it.

    `python -m benchmarks.calibration` compares them on corpora left out of the fit.
    """

    target: Literal["hard", "soft"] = "hard"
    weighting: Literal["clips", "corpora", "median"] = "median"


class RunRecipe(Section):
    """What every run of the loop needs, whatever it starts from.

    Attributes:
        MAY_CHANGE: what may be another when a run is resumed; of the rest a checkpoint is made.
    """

    MAY_CHANGE: ClassVar[frozenset[str]] = frozenset(
        {"name", "output_dir"}
        | {f"loop.{key}" for key in ("epochs", "patience", "validate_every", "checkpoint_every")}
        | {f"loop.{key}" for key in ("frames_per_batch", "num_workers", "log_with")}
    )

    name: str
    output_dir: str
    seed: int = Field(default=0, ge=0)
    data: list[CorpusRecipe]
    sampling: SamplingRecipe = SamplingRecipe()
    shifts: ShiftRecipe = ShiftRecipe()
    augmentation: AugmentationRecipe = AugmentationRecipe()
    objective: ObjectiveRecipe = ObjectiveRecipe()
    optimizer: OptimizerRecipe = OptimizerRecipe()
    loop: LoopRecipe = LoopRecipe()

    @field_validator("data")
    @classmethod
    def _every_name_once(cls, data: list[CorpusRecipe]) -> list[CorpusRecipe]:
        places: dict[str, str] = {}
        for corpus in data:
            if corpus.name in places:
                raise ValueError(
                    f"corpus {corpus.name} is listed twice, in {places[corpus.name]} and in {corpus.path}: list one, "
                    "or give one another name (`name:` in the corpus.yaml of a table of your own) and prepare it again"
                )
            places[corpus.name] = corpus.path
        return data


class Recipe(RunRecipe):
    """Everything that decides a training run from a Whisper encoder."""

    MAY_CHANGE = RunRecipe.MAY_CHANGE | {"calibration.target", "calibration.weighting"}

    model: ModelRecipe
    calibration: CalibrationRecipe = CalibrationRecipe()

    @field_validator("data")
    @classmethod
    def _some_corpus(cls, data: list[CorpusRecipe]) -> list[CorpusRecipe]:
        if not data:
            raise ValueError("list at least one corpus, as {path: FOLDER, name: CORPUS}")
        return data

    @model_validator(mode="after")
    def _some_term(self) -> Recipe:
        if self.objective.pooled == 0 and self.objective.frame == 0:
            raise ValueError("objective.pooled and objective.frame are both 0: nothing would be learned")
        return self

    @model_validator(mode="after")
    def _layers_to_freeze(self) -> Recipe:
        kept = self.model.num_layers
        if kept is not None and self.optimizer.freeze_layers > kept:
            raise ValueError(
                f"optimizer.freeze_layers is {self.optimizer.freeze_layers}, but model.num_layers is {kept}"
            )
        return self


def load_recipe(path: str | Path, overrides: list[str] | None = None) -> Recipe:
    """Read a training recipe; see `read_recipe`."""
    return read_recipe(Recipe, path, overrides)


def read_recipe(kind: type[AnyRecipe], path: str | Path, overrides: list[str] | None = None) -> AnyRecipe:
    """Read a recipe from YAML.

    Args:
        kind: what the recipe is for.
        path: the YAML file; where there is none of this path, the shipped recipe of this name.
        overrides: `section.key=value` strings, the value in YAML, applied on top of the file.

    Raises:
        RecipeError: if the file cannot be read, or a key is unknown, missing or of the wrong type; the message names
            file and key.
    """
    path = Path(path)
    try:
        if not path.exists() and (SHIPPED / path.name).is_file():
            path = SHIPPED / path.name
        raw = yaml.load(path.read_text(encoding="utf-8"), Loader=PlainLoader)
    except OSError as error:
        raise RecipeError(f"{path}: cannot read the recipe: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no UTF-8, or a date that no calendar has
        raise RecipeError(f"{path}: not valid YAML: {error}") from error
    if not isinstance(raw, dict):
        raise RecipeError(
            f"{path}: a recipe is a mapping of sections such as model and data; this file holds a {type(raw).__name__}"
        )
    for override in overrides or []:
        _apply_override(raw, override)
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        faults = "; ".join(
            f"{'.'.join(map(str, fault['loc'])) or 'recipe'}: {fault['msg']}" for fault in error.errors()
        )
        raise RecipeError(f"{path}: {faults}") from error


def save_recipe(recipe: RunRecipe, path: str | Path) -> None:
    """Write the resolved recipe as YAML."""
    write_atomically(Path(path), yaml.safe_dump(recipe.model_dump(mode="json"), sort_keys=False))


def _apply_override(raw: dict[str, Any], override: str) -> None:
    key, separator, value = override.partition("=")
    if not separator:
        raise RecipeError(f"override {override!r}: write section.key=value, for example loop.epochs=2")
    *sections, last = key.split(".")
    place = raw
    for section in sections:
        place = place.setdefault(section, {})
        if not isinstance(place, dict):
            raise RecipeError(f"override {override!r}: {section} is not a section of the recipe")
    try:
        place[last] = yaml.load(value, Loader=PlainLoader)
    except (yaml.YAMLError, ValueError) as error:
        raise RecipeError(f"override {override!r}: the value is not valid YAML: {error}") from error
