r"""What each ingredient of a recipe is worth: switched off where the recipe has it, on where not, one at a time.

Every variant is an ordinary resumable run under `--out`, of the same budget and seeds as the recipe itself; finished
ones are not run again, so the command may be interrupted and repeated with more seeds. What decides is the UAR of the
validation speakers and, with `--held-out`, of whole corpora taken out of training. The zero-shot corpora are reported
beside them and decide nothing.

Usage: python -m benchmarks.ablation --config training/recipes/base.yaml --data prepared --held-out nemo --seeds 0 1 \
    --set loop.epochs=1 --set sampling.items_per_epoch=3000
"""

import argparse
import json
import re
import shlex
import statistics
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from transformers import WhisperConfig

from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
from audio_emotion.training.evaluation_run import read_corpora
from audio_emotion.training.recipe import Recipe, load_recipe
from audio_emotion.training.shift_evaluation import evaluate_shifts
from audio_emotion.training.train import train
from benchmarks.baseline import ZERO_SHOT
from benchmarks.recall import corpus_recall, validation

BASE = "recipe"
RESULT = "result.json"
REPORT, PAGE = Path("results/ablation.json"), Path("docs/ablation.md")
Settings = dict[str, Any]


@dataclass(frozen=True)
class Ingredient:
    """A part of the recipe: the values that switch it on, and those that switch it off."""

    on: Settings
    off: Settings


def ingredients(recipe: Recipe) -> dict[str, Ingredient]:
    """Everything that a recipe can switch, by name; values that the recipe itself has on are the ones it is on with."""
    width = WhisperConfig.from_pretrained(recipe.model.encoder).d_model
    sound = {f"augmentation.{name}": 0.0 for name in ("speed", "noise", "reverb", "band_limit", "equalizer")}
    masks = {"augmentation.frequency_masks": 0, "augmentation.time_masks": 0}

    def switch(on: Settings, off: Settings) -> Ingredient:
        present = {key: _value(recipe, key) for key in on}
        return Ingredient(on if present == off else present, off)

    return {
        "soft labels": switch({"objective.labels": "soft"}, {"objective.labels": "hard"}),
        "frame loss": switch({"objective.frame": 0.5}, {"objective.frame": 0.0}),
        "temporal shifts": switch({"shifts.probability": 0.4}, {"shifts.probability": 0.0}),
        "Matryoshka widths": switch({"model.nesting_dims": None}, {"model.nesting_dims": [width]}),
        "learned layer mix": switch({"model.layer_mix": True}, {"model.layer_mix": False}),
        "attention pooling": switch({"model.pooling": "attention"}, {"model.pooling": "mean"}),
        "level normalisation": switch({"model.level_normalization": True}, {"model.level_normalization": False}),
        "all waveform augmentation": switch(dict.fromkeys(sound, 0.4), sound),
        "speed": switch({"augmentation.speed": 0.5}, {"augmentation.speed": 0.0}),
        "pitch": switch({"augmentation.pitch": 0.3}, {"augmentation.pitch": 0.0}),
        "noise": switch({"augmentation.noise": 0.5}, {"augmentation.noise": 0.0}),
        "reverberation": switch({"augmentation.reverb": 0.3}, {"augmentation.reverb": 0.0}),
        "band limit": switch({"augmentation.band_limit": 0.25}, {"augmentation.band_limit": 0.0}),
        "codecs": switch({"augmentation.codec": 0.25}, {"augmentation.codec": 0.0}),
        "equaliser": switch({"augmentation.equalizer": 0.6}, {"augmentation.equalizer": 0.0}),
        "mixed statistics": switch({"augmentation.statistics_mix": 0.3}, {"augmentation.statistics_mix": 0.0}),
        "SpecAugment": switch({"augmentation.frequency_masks": 2, "augmentation.time_masks": 1}, masks),
        "consistency of two views": switch({"objective.consistency": 0.3}, {"objective.consistency": 0.0}),
        "soft contrast": switch({"objective.contrastive": 0.1}, {"objective.contrastive": 0.0}),
        "corpus adversary": switch({"objective.corpus_adversarial": 0.1}, {"objective.corpus_adversarial": 0.0}),
        "speaker adversary": switch({"objective.speaker_adversarial": 0.1}, {"objective.speaker_adversarial": 0.0}),
        "virtual adversary": switch({"objective.virtual_adversarial": 0.3}, {"objective.virtual_adversarial": 0.0}),
        "logit adjustment": switch({"objective.logit_adjustment": 1.0}, {"objective.logit_adjustment": 0.0}),
        "even corpora": switch({"sampling.corpus_temperature": 0.5}, {"sampling.corpus_temperature": 1.0}),
        "even classes": switch({"sampling.class_temperature": 0.25}, {"sampling.class_temperature": 1.0}),
        "layer-wise rates": switch({"optimizer.layer_decay": 0.85}, {"optimizer.layer_decay": 1.0}),
        "averaged weights": switch({"loop.ema_decay": 0.99}, {"loop.ema_decay": 0.0}),
        "frozen lowest layer": switch({"optimizer.freeze_layers": 1}, {"optimizer.freeze_layers": 0}),
        "LoRA": switch({"model.lora": {}, "optimizer.learning_rate": 5e-4}, _off_lora(recipe)),
        "fewer layers": switch({"model.num_layers": 3}, {"model.num_layers": None}),
        "more layers": switch({"model.num_layers": 4}, {"model.num_layers": 3}),
    }


def _off_lora(recipe: Recipe) -> Settings:
    return {"model.lora": None, "optimizer.learning_rate": recipe.optimizer.learning_rate}


def _value(recipe: Recipe, key: str) -> Any:
    section, _, name = key.partition(".")
    return recipe.model_dump()[section][name]


def with_settings(recipe: Recipe, settings: Settings) -> Recipe:
    """The recipe with `section.key` values changed."""
    raw = recipe.model_dump()
    for key, value in settings.items():
        section, _, name = key.partition(".")
        raw[section][name] = value
    return Recipe.model_validate(raw)


def variants(recipe: Recipe, only: list[str] | None = None) -> dict[str, tuple[Recipe, bool | None]]:
    """Name -> recipe, and whether the ingredient is on in the unchanged recipe; the first is the recipe itself."""
    known = ingredients(recipe)
    unknown = set(only or ()) - known.keys()
    if unknown:
        raise SystemExit(f"no ingredient is called {', '.join(sorted(unknown))}; there are {', '.join(known)}")
    found: dict[str, tuple[Recipe, bool | None]] = {BASE: (recipe, None)}
    for name in only or known:
        ingredient = known[name]
        is_on = {key: _value(recipe, key) for key in ingredient.off} != ingredient.off
        found[name] = (with_settings(recipe, ingredient.off if is_on else ingredient.on), is_on)
    return found


def run_variant(
    recipe: Recipe, folder: Path, held_out: list[str], zero_shot: list[str], data: str, shifts: str | None
) -> dict[str, Any]:
    """Trains and measures one variant, or reads what an earlier call measured.

    Returns:
        `validation`: UAR of the validation speakers; `held_out` and `zero_shot`: UAR over all classes of each corpus;
        with `shifts`, the folder of shift sets, `eder` of each.
    """
    recipe = recipe.model_copy(update={"output_dir": str(folder)})
    result = folder / RESULT
    asked = json.loads(json.dumps({"recipe": recipe.model_dump(mode="json"), "corpora": [*held_out, *zero_shot]}))
    if result.exists():
        found = json.loads(result.read_text(encoding="utf-8"))
        if found["asked"] != asked:
            raise SystemExit(f"{folder} holds a run of another recipe or other corpora: choose another --out")
    else:
        final = train(recipe, resume=True)
        recalls = {"validation": validation(final, recipe.data).score}
        corpora = {"held_out": held_out, "zero_shot": zero_shot}
        heard = {kind: corpus_recall(final, data, names) for kind, names in corpora.items()}
        found = {"asked": asked, "measured": recalls | heard}
        _save(found, result)
    measured: dict[str, Any] = found["measured"]
    if shifts is not None:
        sets = read_corpora([shifts], split="all")[0]
        if measured.get("eder", {}).keys() != sets.keys():
            pipe = AudioEmotionPipeline.from_pretrained(str(folder / "final"))
            errors = {name: evaluate_shifts(pipe, rows, num_resamples=1) for name, rows in sets.items()}
            measured["eder"] = {name: error["segments"]["eder"]["value"] for name, error in errors.items()}
            _save(found, result)
    return measured


def _save(found: dict[str, Any], path: Path) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def columns_of(measured: dict[str, Any]) -> Iterator[tuple[str, float]]:
    """Flat columns of the table: a run's UARs and diarization errors by name."""
    yield "validation", measured["validation"]
    for name, sets in measured["held_out"].items():
        yield f"{name}, held out", sets["all"]
    for name, sets in measured["zero_shot"].items():
        for key in ("all", "four"):
            if key in sets:
                yield f"{name}, {key}", sets[key]
    for name, error in measured.get("eder", {}).items():
        yield f"EDER, {name}", error


def effects(
    runs: dict[str, dict[str, dict[str, float]]], is_on: dict[str, bool]
) -> dict[str, dict[str, dict[str, float | None]]]:
    """What switching each ingredient on adds, in points of UAR: mean over seeds, and their standard deviation.

    Args:
        runs: variant -> seed -> column -> UAR, with the recipe itself under `BASE`.
        is_on: whether the recipe has the ingredient.

    Returns:
        ingredient -> column -> `{"mean", "spread"}`; the spread of a single seed is None.
    """
    found: dict[str, dict[str, dict[str, float | None]]] = {}
    for name, on in is_on.items():
        sign = -100 if on else 100
        seeds = sorted(runs[name].keys() & runs[BASE].keys())
        found[name] = {}
        for column in runs[BASE][seeds[0]] if seeds else ():
            gains = [sign * (runs[name][seed][column] - runs[BASE][seed][column]) for seed in seeds]
            spread = statistics.stdev(gains) if len(gains) > 1 else None
            found[name][column] = {"mean": statistics.fmean(gains), "spread": spread}
    return found


def markdown(numbers: dict[str, Any]) -> str:
    """The report as a page."""
    base = numbers["runs"][BASE]
    columns = list(next(iter(base.values())))
    scores = [statistics.fmean(100 * run[column] for run in base.values()) for column in columns]
    budget = f"{numbers['items']:,} training items a run, {numbers['recipe']['loop']['items_per_step']} a step"
    lines = [
        "# What each ingredient is worth",
        "",
        "Percentage points that switching an ingredient on adds to the unweighted average recall of the same run "
        "without it: mean over the seeds, with their standard deviation where there are several. One changes at a "
        f"time. {budget}. Validation and held-out corpora decide; the zero-shot corpora are reported and decide "
        "nothing. The spreads show how much another seed changes; a single seed shows little more than a tendency."
        + (" EDER is the emotion diarization error rate: less is better." if "EDER" in "".join(columns) else ""),
        "",
        f"Written by `{numbers['command']}`.",
        "",
        "| Ingredient | In the recipe | Seeds | " + " | ".join(columns) + " |",
        "|---|---|---:|" + "---:|" * len(columns),
        f"| the recipe itself (%) | | {len(base)} | " + " | ".join(f"{score:.1f}" for score in scores) + " |",
    ]
    for name, gains in numbers["effects"].items():
        cells = [
            f"{gain['mean']:+.1f}" + ("" if gain["spread"] is None else f" ± {gain['spread']:.1f}")
            for gain in (gains[column] for column in columns)
        ]
        is_on, num_seeds = "on" if numbers["is_on"][name] else "off", len(numbers["runs"][name])
        lines.append(f"| {name} | {is_on} | {num_seeds} | " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def main() -> None:
    """Runs the ablation as a command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="base.yaml", metavar="RECIPE", help="the recipe that is taken apart")
    parser.add_argument("--set", action="append", default=[], dest="overrides", metavar="KEY=VALUE", help="change it")
    parser.add_argument("--data", required=True, metavar="FOLDER", help="folder of prepared corpora")
    parser.add_argument(
        "--held-out", nargs="+", default=[], metavar="CORPUS", help="taken out of training, and measured"
    )
    parser.add_argument(
        "--zero-shot", nargs="*", default=list(ZERO_SHOT), metavar="CORPUS", help="default: %(default)s"
    )
    parser.add_argument(
        "--shifts", metavar="FOLDER", help="what `corpora shifts` wrote of validation speakers: adds EDER"
    )
    parser.add_argument("--only", nargs="+", metavar="INGREDIENT", help="default: all; --list names them")
    parser.add_argument("--list", action="store_true", help="name the ingredients, and stop")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0], metavar="SEED", help="default: %(default)s")
    parser.add_argument("--threads", type=int, metavar="T", help="threads of the computation")
    parser.add_argument("--report", action="store_true", help="train nothing: report the finished runs in --out")
    parser.add_argument("--out", type=Path, default=Path("runs/ablation"), help="the runs; default: %(default)s")
    parser.add_argument("--json", type=Path, default=REPORT, help="default: %(default)s")
    parser.add_argument("--markdown", type=Path, default=PAGE, help="default: %(default)s")
    args = parser.parse_args()
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    recipe = load_recipe(args.config, args.overrides)
    names = {corpus.name for corpus in recipe.data}
    if absent := set(args.held_out) - names:
        raise SystemExit(f"the recipe does not train on {', '.join(sorted(absent))}; it has {', '.join(sorted(names))}")
    data = [c.model_copy(update={"path": args.data}) for c in recipe.data if c.name not in args.held_out]
    recipe = Recipe.model_validate(recipe.model_dump() | {"data": [corpus.model_dump() for corpus in data]})
    planned = variants(recipe, args.only)
    is_on = {name: on for name, (_, on) in planned.items() if on is not None}
    if args.list:
        for name, on in is_on.items():
            print(f"{'on ' if on else 'off'}  {name}")
        return
    runs: dict[str, dict[str, dict[str, float]]] = {name: {} for name in planned}
    console = Console(stderr=True)
    total = len(planned) * len(args.seeds)
    for number, (seed, name) in enumerate((seed, name) for seed in args.seeds for name in planned):
        slug = re.sub(r"[^a-z0-9]+", "-", name.lower())
        variant = planned[name][0].model_copy(update={"seed": seed, "name": f"{slug}-{seed}"})
        folder = args.out / slug / f"seed-{seed}"
        if args.report and not (folder / RESULT).exists():
            continue
        console.print(f"run {number + 1} of {total}: {name}, seed {seed}")
        runs[name][str(seed)] = dict(
            columns_of(run_variant(variant, folder, args.held_out, args.zero_shot, args.data, args.shifts))
        )
        _write(args, recipe, runs, is_on)
    print(args.markdown.read_text(encoding="utf-8"))


def _write(
    args: argparse.Namespace, recipe: Recipe, runs: dict[str, dict[str, dict[str, float]]], is_on: dict[str, bool]
) -> None:
    """Writes the results so far, so that an interrupted ablation leaves a report of what is done."""
    done = {name: on for name, on in is_on.items() if runs[name]}
    options = ["--config", args.config, "--data", args.data]
    for name in ("held_out", "shifts", "only", "seeds"):
        if values := getattr(args, name):
            options += [f"--{name.replace('_', '-')}", *([values] if isinstance(values, str) else map(str, values))]
    for override in args.overrides:
        options += ["--set", override]
    if (args.json, args.markdown) != (REPORT, PAGE):
        options += ["--json", str(args.json), "--markdown", str(args.markdown)]
    numbers = {
        "benchmark": "ablation",
        "command": f"python -m benchmarks.ablation {shlex.join(options)}",
        "recipe": recipe.model_dump(mode="json"),
        "items": recipe.sampling.items_per_epoch * recipe.loop.epochs,
        "seeds": args.seeds,
        "is_on": done,
        "runs": {name: by_seed for name, by_seed in runs.items() if by_seed},
        "effects": effects(runs, done),
    }
    for path, text in ((args.json, json.dumps(numbers, indent=1) + "\n"), (args.markdown, markdown(numbers))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
