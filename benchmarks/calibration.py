"""How a temperature fitted on some corpora suits another one: every way to fit it, each corpus left out in turn.

Validation clips of a model's training corpora alone. For each rule the temperature is fitted on all corpora but one,
and the expected calibration error is that of the one left out. The recall by which a checkpoint is chosen comes first.

Usage: python -m benchmarks.calibration --data prepared [--model FOLDER] [--threads 2] [--json FILE]
"""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.registration import bundled_checkpoint
from audio_emotion.training.data import ClipTable, load_clips
from audio_emotion.training.recipe import CalibrationRecipe, CorpusRecipe
from audio_emotion.training.validation import (
    Array,
    calibration_error,
    clip_logits,
    fit_temperature,
    recall_by_corpus,
    weighted_recall,
)
from benchmarks.measure import argument_parser, report

RULES = list(itertools.product(("hard", "soft"), ("clips", "corpora", "median")))
FRAMES_PER_BATCH = 3200


def left_out_errors(logits: Array, clips: ClipTable, recipe: CalibrationRecipe) -> dict[str, dict[str, float]]:
    """By corpus: the temperature that the others ask for, and the calibration error that it leaves here."""
    found = {}
    for number in np.unique(clips.corpus_index):
        here = clips.corpus_index == number
        temperature = fit_temperature(logits[~here], clips.select(~here), recipe)
        error = calibration_error(logits[here] / temperature, clips.select(here))
        found[clips.corpora[number]] = {"temperature": temperature, "ece": error}
    return found


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", required=True, help="folder of prepared corpora")
    parser.add_argument("--model", default=str(bundled_checkpoint()), help="folder; the bundled checkpoint by default")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = EmotionWhisperForAudioClassification.from_pretrained(args.model, dtype=torch.float32)
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(args.model)
    clips = load_clips([CorpusRecipe(path=args.data, name=name) for name in model.config.corpora], "validation")
    logits = clip_logits(model, extractor, clips, FRAMES_PER_BATCH)
    recalls = recall_by_corpus(logits, clips)
    uar = weighted_recall(recalls, clips)
    print(f"UAR {uar:.4f} (" + ", ".join(f"{name} {value:.3f}" for name, value in recalls.items()) + ")", flush=True)
    rules: dict[str, Any] = {}
    for target, weighting in RULES:
        recipe = CalibrationRecipe.model_validate({"target": target, "weighting": weighting})
        corpora = left_out_errors(logits, clips, recipe)
        mean = float(np.mean([corpus["ece"] for corpus in corpora.values()]))
        rules[f"{target}, {weighting}"] = {"mean_ece": mean, "corpora": corpora}
        details = ", ".join(f"{name} {100 * corpus['ece']:.1f}" for name, corpus in corpora.items())
        print(f"{target:>4} {weighting:<7} mean ECE {100 * mean:.1f} % ({details})", flush=True)
    numbers = {"benchmark": "calibration", "model": Path(args.model).name, "clips": len(clips)}
    report({**numbers, "uar": uar, "uar_by_corpus": recalls, "rules": rules}, args.json)


if __name__ == "__main__":
    main()
