"""Recall of a model folder, for the benchmarks that compare several: on validation speakers, and on whole corpora.

As a command, what a run's log would say of each folder's validation: averaged weights have no log of their own.

Usage: python -m benchmarks.recall FOLDER... --recipe training/recipes/continued.yaml [--threads 2] [--json FILE]
"""

from collections.abc import Sequence
from pathlib import Path

import torch
from accelerate import PartialState

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
from audio_emotion.training.data import load_clips
from audio_emotion.training.evaluation import hear_corpus, report_heard
from audio_emotion.training.evaluation_run import read_corpora
from audio_emotion.training.recipe import CorpusRecipe, load_recipe
from audio_emotion.training.validation import Assessment, assess_emotions, clip_logits
from benchmarks.measure import argument_parser, report

FRAMES_PER_BATCH = 3200


def validation(folder: Path, corpora: list[CorpusRecipe]) -> Assessment:
    """What validation says of a model folder; checkpoints are chosen by its score, the unweighted average recall."""
    model = EmotionWhisperForAudioClassification.from_pretrained(folder, dtype=torch.float32)
    model.to(PartialState().device)
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(folder)
    clips = load_clips(corpora, "validation")
    return assess_emotions(clip_logits(model, extractor, clips, FRAMES_PER_BATCH), clips)


def corpus_recall(folder: Path, data: str, names: Sequence[str]) -> dict[str, dict[str, float]]:
    """Unweighted average recall on all clips of prepared corpora, 0 to 1: name -> class set -> UAR.

    A class set that has no other classes than `"all"` is left out.
    """
    if not names:
        return {}
    pipe = AudioEmotionPipeline.from_pretrained(str(folder))
    heard = [hear_corpus(pipe, name, rows) for name, rows in read_corpora([data], names, "all")[0].items()]
    found: dict[str, dict[str, float]] = {}
    for name, corpus in report_heard(heard, pipe.model.config, num_resamples=1)["corpora"].items():
        sets = corpus["class_sets"]
        own = [key for key, numbers in sets.items() if key == "all" or numbers["classes"] != sets["all"]["classes"]]
        found[name] = {key: sets[key]["priors"]["train"]["uar"]["value"] for key in own}
    return found


def main() -> None:
    """Runs the measurement as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("folders", nargs="+", type=Path, metavar="FOLDER", help="model folder")
    parser.add_argument("--recipe", required=True, type=Path, help="recipe whose corpora are validated on")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    corpora = load_recipe(args.recipe).data
    assessments = {}
    for folder in args.folders:
        assessments[str(folder)] = validation(folder, corpora)
        print(f"{folder}: {assessments[str(folder)].text}", flush=True)
    report({"benchmark": "recall", "validation": {name: one.values for name, one in assessments.items()}}, args.json)


if __name__ == "__main__":
    main()
