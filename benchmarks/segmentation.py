"""Which smoothing of chunks makes the fewest errors: EDER over a grid, on joined clips of validation speakers.

Make the sets with `audio-emotion corpora shifts CORPUS --split validation --data PREPARED --out DIR`. EMO-DB and URDU
measure the model, so they are refused here.

Usage: python -m benchmarks.segmentation --data DIR [DIR ...] [--model MODEL] [--json results/segmentation.json]
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
from datasets import Audio, Dataset, concatenate_datasets

from audio_emotion import AudioEmotionPipeline
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.pipeline.segments_audio_emotion import Smoothing
from audio_emotion.registration import bundled_checkpoint
from audio_emotion.training.metrics.diarization import emotion_diarization_errors
from audio_emotion.training.shift_set import SEGMENT_COLUMN
from benchmarks.measure import argument_parser, report

SWITCH_COSTS_S = (0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0)
MIN_CHUNKS_S = (0.0, 0.5, 1.0)
HYSTERESES = (0.0, 0.1, 0.2)
HELD_OUT = ("emodb", "urdu")


def read_sets(folders: list[Path]) -> dict[str, Dataset]:
    """The validation rows of every shift set in the folders, by corpus."""
    sets: dict[str, list[Dataset]] = {}
    for path in sorted(path for folder in folders for path in folder.glob("*_shifts/validation-*.parquet")):
        corpus = path.parent.name.removesuffix("_shifts")
        if corpus in HELD_OUT:
            raise AudioEmotionError(f"{path}: {corpus} is held out to measure the model; nothing is chosen on it.")
        sets.setdefault(corpus, []).append(Dataset.from_parquet(str(path)))
    if not sets:
        raise AudioEmotionError(f"{[str(folder) for folder in folders]} hold no *_shifts/validation-*.parquet.")
    return {corpus: concatenate_datasets(parts) for corpus, parts in sets.items()}


def errors_of_grid(pipe: Any, rows: Dataset, grid: list[Smoothing]) -> np.ndarray:
    """Seconds in error under each smoothing, then the seconds in all: `(len(grid) + 1,)`."""
    labels = sorted({part["emotion"] for parts in rows[SEGMENT_COLUMN] for part in parts})
    totals = np.zeros(len(grid) + 1)
    for row in rows.cast_column("audio", Audio(decode=False)):
        heard = pipe.score_recording(row["audio"])
        reference = [(part["start_s"], part["end_s"], part["emotion"]) for part in row[SEGMENT_COLUMN]]
        for index, smoothing in enumerate(grid):
            answer = pipe.postprocess(heard, return_timestamps=True, labels=labels, **vars(smoothing))
            hypothesis = [(*chunk["timestamp"], chunk["label"]) for chunk in answer["chunks"]]
            found = emotion_diarization_errors(reference, hypothesis, row["duration_s"])
            totals[index] += found.eder * found.duration
        totals[-1] += row["duration_s"]
    return totals


def main() -> None:
    """Runs the grid as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, nargs="+", required=True, help="folders of shift sets")
    parser.add_argument("--model", help="folder or Hub id; by default the bundled checkpoint")
    args = parser.parse_args()
    pipe = AudioEmotionPipeline.from_pretrained(args.model or bundled_checkpoint())
    grid = [Smoothing(*values) for values in itertools.product(SWITCH_COSTS_S, MIN_CHUNKS_S, HYSTERESES)]
    eders: dict[str, np.ndarray] = {}
    sets = read_sets(args.data)
    for corpus, rows in sets.items():
        totals = errors_of_grid(pipe, rows, grid)
        eders[corpus] = totals[:-1] / totals[-1]
        print(
            f"{corpus}: {len(rows)} recordings, EDER {eders[corpus].min():.3f} to {eders[corpus].max():.3f}", flush=True
        )
    means = np.mean(list(eders.values()), axis=0)  # every corpus counts alike
    order = np.argsort(means, kind="stable")
    for index in order[:10]:
        print(f"{means[index]:.4f}  {grid[index]}")
    default = grid.index(Smoothing()) if Smoothing() in grid else None
    rows_out = [
        vars(grid[index]) | {"eder": means[index], "by_corpus": {name: each[index] for name, each in eders.items()}}
        for index in order
    ]
    numbers = {"num_recordings": {name: len(rows) for name, rows in sets.items()}, "best": rows_out[0]}
    numbers["default_eder"] = None if default is None else means[default]
    report({"benchmark": "segmentation", **numbers, "grid": rows_out}, args.json)


if __name__ == "__main__":
    main()
