"""How `audio-emotion score` scales on Ray from one worker to two, and what a million hours would take.

Runs of one and two workers take turns, each worker with one thread. `scaling` compares their steady rates: from the
moment that every worker has finished a block to the end, so without the start of Ray and the loading of the model,
which a long run does once. The clips are generated, lengths log-normal about `--median-s`.

Usage: python -m benchmarks.scale [--runs 2] [--price 0.04] [--json results/scale.json]
"""

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from audio_emotion.scoring.plan import Plan, make_plan
from audio_emotion.scoring.ray_engine import Cluster
from audio_emotion.scoring.run import RunOptions, score
from audio_emotion.scoring.scorer import ScoringOptions
from audio_emotion.scoring.sources import find_sources
from benchmarks.measure import Spread, argument_parser, report

MILLION_HOURS = 1_000_000
MACHINES = (10, 100, 1000)
CORES_PER_MACHINE = 32


@dataclass(frozen=True)
class Run:
    """One run: its whole time, and hours of audio per hour of wall time once every worker is at work."""

    seconds: float
    steady_rate: float


def write_clips(folder: Path, num_clips: int, median_s: float) -> float:
    """Writes voice-like FLAC clips of 1 to 15 s; their seconds together."""
    rng = np.random.default_rng(0)
    lengths_s = np.clip(median_s * np.exp(0.5 * rng.standard_normal(num_clips)), 1.0, 15.0)
    for index, length_s in enumerate(lengths_s):
        time_s = np.arange(round(length_s * 16_000)) / 16_000  # (num_samples,)
        phase = 2 * np.pi * (150 * time_s - 20 * np.cos(2 * np.pi * 0.3 * time_s + index))
        voice = sum(np.sin(k * phase) / k for k in range(1, 8)) * np.sin(2 * np.pi * 2 * time_s) ** 2
        samples = 0.1 * voice + 0.003 * rng.standard_normal(len(time_s))
        sf.write(folder / f"{index:05d}.flac", samples.astype(np.float32), 16_000)
    return float(lengths_s.sum())


def time_run(plan: Plan, model: str | None, batch_size: int, workers: int) -> Run:
    """Scores the plan into a folder that is thrown away."""
    times: list[tuple[float, int]] = []
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        cluster = Cluster(workers=workers, cpus_per_worker=1)
        summary = score(
            plan,
            f"{folder}/out",
            ScoringOptions(model=model),
            RunOptions(cluster, batch_size),
            lambda clips: times.append((time.perf_counter(), clips)),
        )
        seconds = time.perf_counter() - start
    if summary.num_errors or summary.num_clips != plan.num_clips:
        raise SystemExit(f"{summary.num_errors} clips failed: {summary.first_error}")
    clips = sum(count for _, count in times[workers:])
    steady_s = times[-1][0] - times[workers - 1][0]
    return Run(seconds, clips / summary.num_clips * summary.duration_s / steady_s)


def bytes_per_row(plan: Plan, model: str | None, sample: int = 96) -> dict[str, float]:
    """Bytes of the results per clip, and per chunk of 5 s, from a run of this process over some of the clips."""
    sources = [source for block in plan.blocks for source in block.sources][:sample]
    with tempfile.TemporaryDirectory() as folder:
        options = ScoringOptions(model=model, chunks=True, window_s=5.0)
        score(make_plan(sources, sample), folder + "/out", options)
        (record,) = Path(folder, "out", "_manifest").glob("*.json")
        finished = json.loads(record.read_text(encoding="utf-8"))
    return {table: size / sample for table, size in ((name.split("/")[0], n) for name, n in finished["files"].items())}


def sizing(rate_per_core: float, mean_clip_s: float, clip_bytes: float, price: float) -> dict[str, Any]:
    """A million hours from measured figures; start-up, egress and idle cores come on top."""
    core_hours = MILLION_HOURS / rate_per_core
    return {
        "core_hours": core_hours,
        "price_per_core_hour": price,
        "cost": core_hours * price,
        "hours_on_machines": {str(n): core_hours / (n * CORES_PER_MACHINE) for n in MACHINES},
        "cores_per_machine": CORES_PER_MACHINE,
        "clips": MILLION_HOURS * 3600 / mean_clip_s,
        "clip_table_bytes": MILLION_HOURS * 3600 / mean_clip_s * clip_bytes,
    }


def lines(numbers: dict[str, Any]) -> Iterator[str]:
    """The figures as sentences."""
    for name, row in numbers["workers"].items():
        yield f"{name} worker(s)  {row['steady_rate']} h of audio per hour, whole run {row['seconds']} s"
    yield f"scaling {numbers['scaling']}"
    size = numbers["million_hours"]
    yield (
        f"a million hours: {size['core_hours']:.0f} core-hours, {size['cost']:.0f} at "
        f"{size['price_per_core_hour']:g} each; {size['clip_table_bytes'] / 1e9:.0f} GB of clip rows"
    )


def main() -> None:
    """Runs the benchmark as a command."""
    parser: argparse.ArgumentParser = argument_parser(__doc__)
    parser.add_argument("--clips", type=int, default=300, help="clips of a run")
    parser.add_argument("--median-s", type=float, default=3.0, help="median length of a clip")
    parser.add_argument("--block-size", type=int, default=12, help="clips per block")
    parser.add_argument("--batch-size", type=int, default=4, help="clips in one forward pass")
    parser.add_argument("--runs", type=int, default=2, help="runs of each number of workers, in turns")
    parser.add_argument("--price", type=float, default=0.04, help="price of a core-hour, in any currency")
    parser.add_argument("--model", help="folder or Hub id; the bundled checkpoint by default")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        duration_s = write_clips(Path(folder), args.clips, args.median_s)
        plan = make_plan(find_sources([folder]), args.block_size)
        runs: dict[int, list[Run]] = {1: [], 2: []}
        for _ in range(args.runs):
            for workers, done in runs.items():
                done.append(time_run(plan, args.model, args.batch_size, workers))
        table_bytes = bytes_per_row(plan, args.model)
    spreads = {
        str(count): {name: Spread.of([getattr(run, name) for run in done]) for name in ("seconds", "steady_rate")}
        for count, done in runs.items()
    }
    ratios = [two.steady_rate / one.steady_rate for one, two in zip(runs[1], runs[2], strict=True)]
    per_core = spreads["2"]["steady_rate"].median / 2
    setting = {name: getattr(args, name) for name in ("clips", "median_s", "block_size", "batch_size", "runs")}
    numbers = {
        "benchmark": "scale",
        **setting,
        "mean_clip_s": duration_s / args.clips,
        "threads_per_worker": 1,
        "workers": spreads,
        "scaling": Spread.of(ratios),
        "bytes_per_clip": table_bytes,
        "million_hours": sizing(per_core, duration_s / args.clips, table_bytes["clips"], args.price),
    }
    print("\n".join(lines(numbers)))
    report(numbers, args.json)


if __name__ == "__main__":
    main()
