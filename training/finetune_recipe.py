"""A fine-tuning recipe: a trained model, a corpus, what to learn from it, and how much of the model may change."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from audio_emotion.training.recipe import AugmentationRecipe, CorpusRecipe, RunRecipe, SamplingRecipe, Section
from audio_emotion.training.recipe import ShiftRecipe as Shifts

LORA: dict[str, Any] = {
    "peft_type": "LORA",
    "r": 8,
    "lora_alpha": 16,
    "lora_dropout": 0.05,
    "target_modules": ["q_proj", "k_proj", "v_proj", "out_proj"],
}
"""LoRA on the encoder's attention; with `fc1` and `fc2` among the targets on its feed-forward layers too."""


class TargetRecipe(Section):
    """What is learned.

    Attributes:
        problem: `"intensity"`: independent values in 0..1. `"distribution"`: one of several categories, softly.
        labels: names of the outputs, in their order. Intensities are looked up among the corpus's `targets` and
            `valence`, `arousal`, `dominance`; None takes all its `targets`. Categories are the corpus's own words
            (`emotion_raw`, or its votes); None takes the eight emotions.
        loss: of intensities: `"mse"`, `"ccc"`, `"pearson"` or `"rank"` (a smooth Spearman's rho).
        anchor: weight of the squared error beside `"pearson"` and `"rank"`, which leave the level of the scores open.
        select_by: the mean over the labels that chooses the checkpoint and stops the run; categories use the
            unweighted average recall.
    """

    problem: Literal["intensity", "distribution"] = "intensity"
    labels: list[str] | None = Field(default=None, min_length=1)
    loss: Literal["mse", "ccc", "pearson", "rank"] = "ccc"
    anchor: float = Field(default=0.1, ge=0)
    select_by: Literal["spearman", "pearson", "ccc"] = "spearman"

    @model_validator(mode="after")
    def _names_once(self) -> TargetRecipe:
        if self.labels is not None and len(set(self.labels)) < len(self.labels):
            raise ValueError(f"labels names one twice: {self.labels}")
        return self


class FinetuneRecipe(RunRecipe):
    """Everything that decides a fine-tuning run.

    Attributes:
        base: folder or Hub id of the model to start from; None takes the bundled one.
        base_name: what the adapter names as its base, where `base` is a local copy of a Hub repository.
        method: `"peft"` trains an adapter and leaves the base as it is; `"full"` trains every weight.
        adapter: PEFT's own config: `peft_type` (`LORA`, `IA3`, ...) and the fields of that type, such as `use_dora` or
            `use_rslora`. `modules_to_save` is the head, the pooling and the layer mix, where it does not say otherwise.
        corpus: name of a reader; `generic` reads any table. Leave it out where `data` lists prepared corpora.
        source: the corpus's folder as its owner ships it.
        max_bad: bad rows and files of the corpus with which training still starts.
        target: what is learned.
        head_start: where a new head starts. `"fitted"`: at the linear answer that fits the frozen model best, which
            costs one forward pass over the clips; `"random"`: near zero.
        num_resamples: bootstrap resamples behind the intervals of the card.
        note: a sentence for the model card, such as what the numbers were measured on.
    """

    MAY_CHANGE = RunRecipe.MAY_CHANGE | {"base_name", "source", "max_bad", "num_resamples", "note"}

    base: str | None = None
    base_name: str | None = None
    method: Literal["peft", "full"] = "peft"
    adapter: dict[str, Any] = LORA
    corpus: str | None = None
    source: str | None = None
    max_bad: int = Field(default=50, ge=0)
    target: TargetRecipe = TargetRecipe()
    head_start: Literal["fitted", "random"] = "fitted"
    num_resamples: int = Field(default=1000, ge=1)
    note: str = ""
    data: list[CorpusRecipe] = Field(default_factory=list)
    sampling: SamplingRecipe = SamplingRecipe(corpus_temperature=1, class_temperature=1)
    shifts: Shifts = Shifts(probability=0)
    augmentation: AugmentationRecipe = AugmentationRecipe(speed=0.3, noise=0.3, reverb=0.15, band_limit=0.1)

    @model_validator(mode="after")
    def _fits_together(self) -> FinetuneRecipe:
        if bool(self.data) == (self.corpus is not None):
            raise ValueError("give either corpus (a reader's name, with source) or data (prepared corpora)")
        if "peft_type" not in self.adapter:
            raise ValueError("adapter.peft_type is missing; LORA is one")
        if self.target.problem == "intensity":
            terms = self.objective
            if self.shifts.probability > 0:
                raise ValueError("shifts.probability joins clips by their category; intensities have none: set it to 0")
            if terms.pooled == 0:
                raise ValueError("objective.pooled is 0: nothing would be learned")
            if terms.labels == "hard":
                raise ValueError("objective.labels is hard: intensities have no most probable class; leave it soft")
            if terms.num_views > 1 or terms.virtual_adversarial > 0 or terms.distillation > 0:
                raise ValueError(
                    "objective.consistency, contrastive, virtual_adversarial and distillation compare distributions; "
                    "leave them out with intensities"
                )
        elif self.objective.pooled == 0 and self.objective.frame == 0:
            raise ValueError("objective.pooled and objective.frame are both 0: nothing would be learned")
        return self
