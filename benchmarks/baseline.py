"""What the baselines share: their corpora, and the protocol that `audio-emotion evaluate` measures ours by."""

import argparse
import hashlib
import itertools
import shlex
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from audio_emotion.dataset_scripts.schema import EMOTIONS, SAMPLING_RATE
from audio_emotion.pipeline.decoding_audio_emotion import decode_audio
from audio_emotion.pipeline.segments_audio_emotion import spans_of_length
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.evaluation import report_heard, with_labels
from audio_emotion.training.evaluation_run import RESULTS_FORMAT, package_versions, read_corpora, write_results
from audio_emotion.training.metrics.diarization import emotion_diarization_errors
from audio_emotion.training.recipe import Recipe, load_recipe
from audio_emotion.training.shift_evaluation import WINDOW_S, summarize_errors
from audio_emotion.training.shift_set import SEGMENT_COLUMN

ZERO_SHOT = ("emodb", "urdu")
FRAME_SAMPLES = 320
CLIPS_A_FILE = 500
NUM_RESAMPLES = 2000
SEED = 0

Array = NDArray[np.float64]
Score = Callable[[str, Iterable[Array], int], Array]
"""From a name, waveforms at 16 kHz and their number to logits `(number, 8)` in the order of `EMOTIONS`."""


def baseline_parser(description: str | None, out: str) -> argparse.ArgumentParser:
    """A parser with the options that every baseline has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", default="base.yaml", metavar="RECIPE", help="the recipe whose corpora are used")
    parser.add_argument("--data", metavar="FOLDER", help="folder of prepared corpora, in place of the recipe's")
    parser.add_argument(
        "--corpus", nargs="+", default=list(ZERO_SHOT), help="corpora that measure; default: %(default)s"
    )
    parser.add_argument("--shifts", metavar="FOLDER", help="what `corpora shifts` wrote, for EDER of 1 s windows")
    parser.add_argument("--threads", type=int, metavar="T", help="threads of the computation")
    parser.add_argument("--json", type=Path, default=Path(out), metavar="FILE", help="results; default: %(default)s")
    return parser


def recipe_of(args: argparse.Namespace) -> Recipe:
    """The recipe whose corpora and seed a baseline takes over, none of them among those that measure."""
    recipe = load_recipe(args.config)
    if args.data is not None:
        data = [corpus.model_copy(update={"path": args.data}) for corpus in recipe.data]
        recipe = recipe.model_copy(update={"data": data})
    if seen := {corpus.name for corpus in recipe.data} & set(args.corpus):
        raise SystemExit(f"{args.config} trains on {', '.join(sorted(seen))}, which should measure")
    return recipe


def training_clips(recipe: Recipe) -> ClipTable:
    """The training split of the recipe's corpora."""
    return load_clips(recipe.data, "train")


def class_shares(clips: ClipTable) -> list[float]:
    """`(8,)`: the share of every hard label, the prior that a classifier of evenly drawn clips embodies."""
    counts = np.bincount(clips.emotion, minlength=len(EMOTIONS))
    return [float(share) for share in counts / counts.sum()]


def config_of_scores(class_prior: Sequence[float] | None, corpora: Sequence[str]) -> SimpleNamespace:
    """What evaluation asks of a config, for scores `(num_clips, 8)` in the order of `EMOTIONS`.

    Args:
        class_prior: `(8,)`, the class shares that the scores embody; None where they embody none that is known.
        corpora: what the scores were learned from.
    """
    return SimpleNamespace(
        id2label=dict(enumerate(EMOTIONS)),
        num_labels=len(EMOTIONS),
        problem="distribution",
        class_prior=None if class_prior is None else list(class_prior),
        temperature=1.0,
        corpora=list(corpora),
    )


def waveform_of(audio: Any) -> Array:
    """`(num_samples,)` at 16 kHz of a row's undecoded audio."""
    return np.asarray(decode_audio(audio, SAMPLING_RATE))


def progress_bar() -> Progress:
    """The bar of every long step."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=Console(stderr=True))


def kept_in_files(
    path: Path, waveforms: Iterable[Array], number: int, compute: Callable[[list[Array], Callable[[int], None]], Array]
) -> Array:
    """What is computed of many clips, kept in files so that an interrupted measurement goes on.

    A file is named after the samples in it: other clips under the same name are computed anew.

    Args:
        path: begins the files' names.
        waveforms: the clips.
        number: of clips.
        compute: from some clips to `(num_clips, ...)`; it tells how many more are done.

    Returns:
        `(number, ...)`.
    """
    rows = iter(waveforms)
    parts = []
    with progress_bar() as bar:
        task = bar.add_task(path.name, total=number)
        for start in range(0, number, CLIPS_A_FILE):
            clips = list(itertools.islice(rows, CLIPS_A_FILE))
            digest = hashlib.sha256()
            for clip in clips:
                digest.update(f"{clip.dtype} {clip.shape}".encode() + clip.tobytes())
            file = path.with_name(f"{path.name}-{start:06d}-{digest.hexdigest()[:12]}.npy")
            if not file.exists():
                np.save(file, compute(clips, lambda done: bar.advance(task, done)))
            bar.update(task, completed=start + len(clips))
            parts.append(np.load(file))
    return np.concatenate(parts)


def measure_baseline(
    args: argparse.Namespace, recipe: Recipe, score: Score, class_prior: Sequence[float], model: dict[str, Any]
) -> None:
    """Measures a baseline as `audio-emotion evaluate` measures ours, prints what counts, and writes `args.json`.

    Args:
        args: what `baseline_parser` read.
        recipe: what the baseline took its corpora from.
        score: the baseline.
        class_prior: `(8,)`, the class shares that it was trained on.
        model: what to say of it.
    """
    config = config_of_scores(class_prior, [corpus.name for corpus in recipe.data])
    corpora, _ = read_corpora([args.data or recipe.data[0].path], args.corpus, "all")
    heard = [
        with_labels(name, rows, EMOTIONS, score(name, map(waveform_of, rows["audio"]), len(rows)))
        for name, rows in sorted(corpora.items())
    ]
    results = report_heard(heard, config, NUM_RESAMPLES, SEED)
    results["shifts"] = {}
    if args.shifts is not None:
        for name, rows in read_corpora([args.shifts], split="all")[0].items():
            results["shifts"][name] = {"windows": _measure_windows(name, rows, score)}
    results |= {
        "command": shlex.join(["python", "-m", f"benchmarks.{Path(sys.argv[0]).stem}", *sys.argv[1:]]),
        "format": RESULTS_FORMAT,
        "model": model | {"corpora": sorted(config.corpora), "class_prior": config.class_prior},
        "packages": package_versions(),
        "settings": {"prior": "train", "resamples": NUM_RESAMPLES, "seed": SEED, "split": "all"},
        "without_split": [],
    }
    write_results(results, args.json)
    for name, measured in results["corpora"].items():
        for key, class_set in measured["class_sets"].items():
            shares = {prior: 100 * numbers["uar"]["value"] for prior, numbers in class_set["priors"].items()}
            told = ", ".join(f'{share:.1f} % (prior="{prior}")' for prior, share in shares.items())
            print(f"{name}, {key} ({len(class_set['classes'])} classes): UAR {told}")
    for name, measured in results["shifts"].items():
        print(f"{name}: EDER of {WINDOW_S:g} s windows {100 * measured['windows']['eder']['value']:.1f} %")
    print(f"The results are in {args.json}")


def _measure_windows(name: str, rows: Any, score: Score) -> dict[str, Any]:
    """EDER of one label a second, over the labels that appear in the set."""
    labels = sorted({segment["emotion"] for segments in rows[SEGMENT_COLUMN] for segment in segments})
    columns = [EMOTIONS.index(label) for label in labels]
    recordings = [waveform_of(row["audio"]) for row in rows]
    spans = [spans_of_length(WINDOW_S, len(samples), FRAME_SAMPLES, SAMPLING_RATE) for samples in recordings]
    windows = (samples[span.start : span.end] for samples, cut in zip(recordings, spans, strict=True) for span in cut)
    answers = iter(score(name, windows, sum(map(len, spans)))[:, columns].argmax(axis=1))
    errors = []
    for row, cut in zip(rows, spans, strict=True):
        reference = [(part["start_s"], part["end_s"], part["emotion"]) for part in row[SEGMENT_COLUMN]]
        hypothesis = [(span.start / SAMPLING_RATE, span.end / SAMPLING_RATE, labels[next(answers)]) for span in cut]
        errors.append(emotion_diarization_errors(reference, hypothesis, row["duration_s"]))
    return summarize_errors(errors, list(rows["speaker"]), NUM_RESAMPLES, SEED)
