"""What more speakers would buy: the same recipe, taught by a share of every corpus's training speakers.

A smaller share is part of each larger one, so that a curve of one seed differs in nothing but what was added. Every
run is an ordinary resumable one under `--out`; finished ones are not run again. Validation speakers are always all.

Usage: python -m benchmarks.data_curve --config training/recipes/base.yaml --data prepared --out runs/data_curve \
    [--shares 0.125 0.25 0.5 1] [--seeds 0 1] [--parallel 1] [--set KEY=VALUE ...] [--json FILE] [--plot FILE]
"""

import json
import multiprocessing
import os
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from audio_emotion.dataset_scripts.manifest import write_atomically
from audio_emotion.training.data import ClipTable
from audio_emotion.training.recipe import Recipe, load_recipe
from audio_emotion.training.run_folder import check_same_run
from audio_emotion.training.train import read_clips, train
from benchmarks.baseline import ZERO_SHOT
from benchmarks.measure import argument_parser, report
from benchmarks.recall import corpus_recall, validation
from benchmarks.recall_plot import LINES, recall_axes, save_with_legend

RESULT = "result.json"
Clips = tuple[ClipTable, ClipTable]


def speakers_of(clips: ClipTable) -> NDArray[np.str_]:
    """`(num_clips,)`: whose clip it is; a clip of an unknown speaker counts as a speaker of its own."""
    return np.array([f"clip {number}" if name is None else name for number, name in enumerate(clips.speakers)])


def share_of_speakers(clips: ClipTable, share: float, seed: int) -> NDArray[np.bool_]:
    """`(num_clips,)`: the clips of a share (0 to 1) of every corpus's speakers, of at least one in each corpus."""
    speakers = speakers_of(clips)
    members = np.zeros(len(clips), dtype=bool)
    for number in range(len(clips.corpora)):
        names = np.unique(speakers[clips.corpus_index == number])
        kept = np.random.default_rng((seed, number)).permutation(names)[: max(1, round(share * len(names)))]
        members |= (clips.corpus_index == number) & np.isin(speakers, kept)
    return members


def run_share(recipe: Recipe, clips: Clips, share: float, data: str, folder: Path, threads: int) -> None:
    """Trains on a share of the speakers, measures, and writes `folder/result.json`."""
    torch.set_num_threads(threads)
    training, checked = clips
    chosen = training.select(share_of_speakers(training, share, recipe.seed))
    final = train(recipe.model_copy(update={"output_dir": str(folder)}), resume=True, clips=(chosen, checked))
    found = {
        "share": share,
        "seed": recipe.seed,
        "speakers": len(np.unique(speakers_of(chosen))),
        "clips": len(chosen),
        "hours": chosen.duration_s.sum() / 3600,
        "validation": validation(final, recipe.data).score,
        **corpus_recall(final, data, ZERO_SHOT),
    }
    write_atomically(folder / RESULT, json.dumps(found, indent=1) + "\n")


def run_all(jobs: dict[Path, tuple[Recipe, float]], clips: Clips, data: str, parallel: int) -> None:
    """Runs what has no result yet, so many at a time, each in a process that shares the decoded clips.

    Raises:
        RecipeError: if a folder holds a run of another recipe.
        SystemExit: if a run fails; those beside it come to their end.
    """
    for folder, (recipe, _) in jobs.items():
        check_same_run(recipe, folder)
    cores = os.cpu_count() or 1
    context = multiprocessing.get_context("fork")
    waiting = [(folder, *job) for folder, job in jobs.items() if not (folder / RESULT).exists()]
    for table in clips if waiting else ():
        table.decode_ahead(cores)
    going: dict[Path, multiprocessing.process.BaseProcess] = {}
    while waiting or going:
        while waiting and len(going) < parallel:
            folder, recipe, share = waiting.pop(0)
            going[folder] = context.Process(
                target=run_share, args=(recipe, clips, share, data, folder, max(1, cores // parallel))
            )
            going[folder].start()
        ended = wait([process.sentinel for process in going.values()])
        for folder in [folder for folder, process in going.items() if process.sentinel in ended]:
            process = going.pop(folder)
            process.join()
            if process.exitcode:
                raise SystemExit(
                    f"{folder}: the run ended with {process.exitcode}; see above, and run the command again"
                )


def draw(points: list[dict[str, Any]], path: Path) -> None:
    """The curve as a picture: recall over the share of the speakers, a dot a run and a line through the means."""
    figure, axes = recall_axes()
    shares = sorted({point["share"] for point in points})
    of_share = [[point for point in points if point["share"] == share] for share in shares]
    for line in LINES:
        means = [100 * np.mean([line.recall(point) for point in runs]) for runs in of_share]
        axes.plot(shares, means, color=line.color, marker=line.marker, label=line.name)
        recalls = [100 * line.recall(point) for point in points]
        axes.scatter([point["share"] for point in points], recalls, color=line.color, s=12)
    axes.set_xscale("log", base=2)
    labels = [
        f"{100 * share:.3g} %\n{np.mean([point['clips'] for point in runs]):,.0f} clips"
        for share, runs in zip(shares, of_share, strict=True)
    ]
    axes.set_xticks(shares, labels)
    axes.minorticks_off()
    axes.set_xlabel("training speakers")
    save_with_legend(figure, axes, path)


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--config", required=True, type=Path, help="recipe of every run")
    parser.add_argument("--set", dest="overrides", action="append", default=[], metavar="KEY=VALUE", help="override it")
    parser.add_argument("--data", required=True, help="folder of prepared corpora, the zero-shot ones too")
    parser.add_argument("--out", required=True, type=Path, help="folder of the runs")
    parser.add_argument("--shares", nargs="+", type=float, default=[0.125, 0.25, 0.5, 1.0], help="of the speakers")
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1])
    parser.add_argument("--parallel", type=int, default=1, help="runs at a time")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the curve into FILE")
    args = parser.parse_args()
    if not all(0 < share <= 1 for share in args.shares) or args.parallel < 1:
        parser.error("--shares are above 0 and at most 1, --parallel is at least 1")
    torch.set_num_threads(1)  # of this process, which the others are copies of
    recipe = load_recipe(args.config, args.overrides)
    data = [corpus.model_copy(update={"path": args.data}) for corpus in recipe.data]
    recipe = recipe.model_copy(update={"data": data})
    clips = read_clips(recipe)
    jobs = {
        args.out / f"share-{share:g}-seed-{seed}": (recipe.model_copy(update={"seed": seed}), share)
        for seed in args.seeds
        for share in args.shares
    }
    run_all(jobs, clips, args.data, args.parallel)
    points = [json.loads((folder / RESULT).read_text(encoding="utf-8")) for folder in jobs]
    for point in points:
        recalls = ", ".join(f"{name} {100 * point[name]['all']:.1f}" for name in ZERO_SHOT)
        share = f"{100 * point['share']:.3g} % of the speakers, seed {point['seed']}"
        print(f"{share}: validation {100 * point['validation']:.1f}, {recalls}")
    items = recipe.loop.epochs * recipe.sampling.items_per_epoch
    report({"benchmark": "data_curve", "config": args.config.name, "items": items, "points": points}, args.json)
    if args.plot is not None:
        draw(points, args.plot)


if __name__ == "__main__":
    main()
