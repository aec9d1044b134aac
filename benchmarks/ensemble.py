"""What more capacity would buy: the scores of several models averaged, against each of them.

A diagnosis of what a larger model could reach. Nothing of it is shipped: an ensemble is as large and as slow as its
members together.

Usage: python -m benchmarks.ensemble FOLDER FOLDER... --data prepared --corpus emodb urdu [--split test] \
    [--threads 2] [--json FILE]
"""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from scipy.special import log_softmax, logsumexp

from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
from audio_emotion.training.evaluation import HeardCorpus, hear_corpus, report_heard
from audio_emotion.training.evaluation_run import read_corpora
from benchmarks.baseline import NUM_RESAMPLES, SEED, ZERO_SHOT, config_of_scores
from benchmarks.measure import argument_parser, report

AVERAGE = "average"


def heard_by(folder: str, corpora: dict[str, Any]) -> list[HeardCorpus]:
    """The corpora with a model's log-scores, tempered as it tempers them, in the order of `EMOTIONS`."""
    pipe = AudioEmotionPipeline.from_pretrained(folder)
    config: Any = pipe.model.config
    if [config.id2label[number] for number in range(config.num_labels)] != list(EMOTIONS):
        raise SystemExit(f"{folder} has other labels than {', '.join(EMOTIONS)}: it cannot be averaged with the others")
    heard = [hear_corpus(pipe, name, rows) for name, rows in sorted(corpora.items())]
    return [replace(corpus, logits=log_softmax(corpus.logits / config.temperature, axis=1)) for corpus in heard]


def averaged(heard: list[HeardCorpus]) -> HeardCorpus:
    """A corpus with the mean of what several models scored in it."""
    logits = logsumexp([corpus.logits for corpus in heard], axis=0) - np.log(len(heard))
    return replace(heard[0], logits=np.asarray(logits))


def main() -> None:
    """Runs the measurement as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("folders", nargs="+", metavar="FOLDER", help="model folders or Hub ids, two or more")
    parser.add_argument("--data", required=True, help="folder of prepared corpora")
    parser.add_argument("--corpus", nargs="+", default=list(ZERO_SHOT), help="which; default: %(default)s")
    parser.add_argument("--split", default="test", help="default: %(default)s")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    args = parser.parse_args()
    if len(args.folders) < 2:
        parser.error("give two models or more to average")
    torch.set_num_threads(args.threads)
    corpora = read_corpora([args.data], args.corpus, args.split)[0]
    heard = {folder: heard_by(folder, corpora) for folder in args.folders}
    heard[AVERAGE] = [averaged(list(of_corpus)) for of_corpus in zip(*heard.values(), strict=True)]
    found: dict[str, Any] = {}
    for name, of_model in heard.items():
        measured = report_heard(of_model, config_of_scores(None, []), NUM_RESAMPLES, SEED)["corpora"]
        found[name] = {
            corpus: {key: one["priors"]["train"]["uar"] for key, one in numbers["class_sets"].items()}
            for corpus, numbers in measured.items()
        }
        told = ", ".join(
            f"{corpus} {key} {100 * uar['value']:.1f}"
            for corpus, sets in found[name].items()
            for key, uar in sets.items()
        )
        print(f"{name}: {told}", flush=True)
    report({"benchmark": "ensemble", "split": args.split, "uar": found}, args.json)


if __name__ == "__main__":
    main()
