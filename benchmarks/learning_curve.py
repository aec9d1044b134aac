"""What more training bought: every checkpoint that this repository has shipped, on the same clips.

The checkpoints are read from the history of `src/audio_emotion/checkpoint`, so a whole clone is needed. For each: the
unweighted average recall of the validation speakers, by which it was chosen, and that of corpora nobody trained on.

Usage: python -m benchmarks.learning_curve --data prepared [--threads 2] [--json FILE] [--plot FILE]
"""

import io
import subprocess
import tarfile
import tempfile
from pathlib import Path
from typing import Any

import torch

from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from audio_emotion.training.recipe import CorpusRecipe
from benchmarks.baseline import ZERO_SHOT
from benchmarks.measure import argument_parser, report
from benchmarks.recall import corpus_recall, validation
from benchmarks.recall_plot import LINES, recall_axes, save_with_legend

ROOT = Path(__file__).parents[1]
CHECKPOINT = "src/audio_emotion/checkpoint"
RUN_ITEMS = {"2ca6ea2": 18_000, "36ea262": 2 * 9_600, "5570519": 14_400, "9e1f193": 16_000, "dda60c9": 24_000}
"""By the commit that shipped it: training items of the runs since the one before (`training/recipes`)."""
BARS: dict[str, Any] = {"emodb": {"all": 0.80, "four": 0.92}, "urdu": {"all": 0.60}}
"""What the checkpoint was meant to reach."""


def git(*arguments: str) -> bytes:
    """What a git command prints."""
    return subprocess.run(["git", "-C", str(ROOT), *arguments], check=True, stdout=subprocess.PIPE).stdout


def shipped_commits() -> list[str]:
    """The commits that changed the bundled weights, oldest first."""
    history = git("log", "--reverse", "--format=%H", "--", f"{CHECKPOINT}/model.safetensors").decode().split()
    commits = [commit[:7] for commit in history]
    if commits != list(RUN_ITEMS):
        raise SystemExit(
            f"the history has checkpoints of {', '.join(commits)} and RUN_ITEMS knows {', '.join(RUN_ITEMS)}: "
            "fetch the whole history, or add the new checkpoint's training items"
        )
    return commits


def measure(folder: Path, data: str) -> dict[str, Any]:
    """Recall of one checkpoint on the validation speakers of its corpora, and by class set on the zero-shot corpora."""
    corpora = [CorpusRecipe(path=data, name=name) for name in EmotionWhisperConfig.from_pretrained(folder).corpora]
    return {"validation": validation(folder, corpora).score, **corpus_recall(folder, data, ZERO_SHOT)}


def draw(curve: list[dict[str, Any]], path: Path) -> None:
    """The curve as a picture: recall over training items, with the bars as dotted lines of the same colour."""
    figure, axes = recall_axes()
    items = [point["items"] / 1000 for point in curve]
    for line in LINES:
        recalls = [100 * line.recall(point) for point in curve]
        axes.plot(items, recalls, color=line.color, marker=line.marker, label=line.name)
        if line.name != "validation speakers":  # nothing was aimed at there
            axes.axhline(100 * line.recall(BARS), color=line.color, linestyle=":", linewidth=1)
    axes.set_xlabel("training items heard (thousands)")
    axes.set_title("Shipped checkpoints; dotted: what was aimed at", fontsize=10)
    save_with_legend(figure, axes, path)


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", required=True, help="folder of prepared corpora")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--plot", type=Path, metavar="FILE", help="also draw the curve into FILE")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    curve: list[dict[str, Any]] = []
    items = 0
    for commit in shipped_commits():
        items += RUN_ITEMS[commit]
        archive = io.BytesIO(git("archive", commit, CHECKPOINT))
        with tempfile.TemporaryDirectory() as folder, tarfile.open(fileobj=archive) as files:
            files.extractall(folder, filter="data")
            found = measure(Path(folder, CHECKPOINT), args.data)
        curve.append({"commit": commit, "items": items, **found})
        recalls = ", ".join(f"{name} {100 * found[name]['all']:.1f}" for name in ZERO_SHOT)
        print(f"{commit} {items:6d} items: validation {100 * found['validation']:.1f}, {recalls}", flush=True)
    report({"benchmark": "learning_curve", "bars": BARS, "curve": curve}, args.json)
    if args.plot is not None:
        draw(curve, args.plot)


if __name__ == "__main__":
    main()
