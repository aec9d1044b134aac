"""How long the clips of emotional speech corpora are, and recordings of such lengths cut from the example.

The percentiles in `clip_lengths.json` are those of all clips of the prepared corpora, so that the other benchmarks have
a realistic mix of lengths without the corpora.

Usage: python -m benchmarks.clip_lengths --data prepared --json benchmarks/clip_lengths.json
"""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile as sf

from benchmarks.measure import argument_parser, report

TABLE = Path(__file__).with_suffix(".json")
EXAMPLE = Path(__file__).parents[1] / "examples" / "emotion_shifts.flac"
PERCENTILES = (0, 1, 2, 5, *range(10, 91, 5), 95, 98, 99, 100)
FloatArray = npt.NDArray[np.float32]


def mix_lengths(num_clips: int) -> list[float]:
    """Lengths in seconds of `num_clips` clips, spread evenly over the distribution and shuffled."""
    percentiles = json.loads(TABLE.read_text(encoding="utf-8"))["percentiles_s"]
    ranks = (np.arange(num_clips) + 0.5) * 100 / num_clips
    lengths = np.interp(ranks, [float(rank) for rank in percentiles], list(percentiles.values()))
    return [float(length) for length in np.random.default_rng(0).permutation(lengths)]


def cut_example(lengths_s: Sequence[float]) -> list[FloatArray]:
    """Clips `(num_samples,)` at 16 kHz, one after the other out of the looped example recording."""
    recording, rate = sf.read(EXAMPLE, dtype="float32")
    ends = np.cumsum([round(length * rate) for length in lengths_s])
    return np.split(np.resize(recording, ends[-1]), ends[:-1])


def write_clips(folder: Path, clips: Sequence[FloatArray]) -> list[str]:
    """Writes clips as 16 kHz FLAC files into a new folder; their paths."""
    folder.mkdir(parents=True)
    paths = [str(folder / f"{index:04d}.flac") for index in range(len(clips))]
    for path, clip in zip(paths, clips, strict=True):
        sf.write(path, clip, 16_000)
    return paths


def read_durations(data: Path) -> dict[str, list[float]]:
    """Corpus -> seconds of each of its clips, all splits."""
    import pyarrow.parquet as pq

    durations: dict[str, list[float]] = {}
    for path in sorted(data.glob("*/*.parquet")):
        column = pq.read_table(path, columns=["duration_s"])["duration_s"]
        durations.setdefault(path.parent.name, []).extend(column.to_pylist())
    if not durations:
        raise SystemExit(f"{data} holds no prepared corpus; `audio-emotion corpora prepare` writes them")
    return durations


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared corpora")
    args = parser.parse_args()
    durations = read_durations(args.data)
    pooled = np.concatenate([np.array(seconds) for seconds in durations.values()])
    percentiles = dict(zip(map(str, PERCENTILES), np.percentile(pooled, PERCENTILES).round(3).tolist(), strict=True))
    numbers = {
        "benchmark": "clip_lengths",
        "num_clips": {name: len(seconds) for name, seconds in durations.items()},
        "mean_s": round(float(pooled.mean()), 3),
        "percentiles_s": percentiles,
    }
    print(f"{len(pooled)} clips of {len(durations)} corpora: median {percentiles['50']} s, mean {numbers['mean_s']} s")
    report(numbers, args.json)


if __name__ == "__main__":
    main()
