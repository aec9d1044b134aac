"""What a corpus's own labels would give: the checkpoint without any, beside classifiers that were taught by them.

Five folds of unseen speakers, each predicted by a logistic regression on the labels of the others; its penalty is
chosen by folds inside those. It reads the checkpoint's embeddings, those of the encoder that it started from, or
eGeMAPSv02 functionals: all, those of loudness, level and spectral flux, or the others. The checkpoint evens levels out.
A diagnosis only: nothing that is trained here is kept, and nothing is chosen by it.

Usage: python -m benchmarks.within_corpus --data prepared --encoder DIR [--threads 1] [--json FILE]
"""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from audio_emotion.dataset_scripts.schema import EMOTIONS, SAMPLING_RATE
from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
from audio_emotion.registration import bundled_checkpoint
from audio_emotion.training.evaluation import HeardCorpus, hear_corpus, report_heard
from audio_emotion.training.evaluation_run import read_corpora
from benchmarks.baseline import ZERO_SHOT, Array, config_of_scores, waveform_of
from benchmarks.measure import argument_parser, report
from benchmarks.opensmile_baseline import MAX_ITERATIONS, NOT_SEEN, Functionals

COSTS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0)
OUTER_FOLDS, INNER_FOLDS = 5, 4
LEVEL_WORDS = ("loudness", "SoundLevel", "spectralFlux")
"""In the names of the functionals of loudness, level and spectral flux: nearly all of them change with the gain."""

Features = Callable[[str, Any], Array]
"""From a corpus's name and rows to one vector a clip, `(num_clips, num_features)`."""


class Embeddings:
    """A model's pooled frame vectors, one clip at a time."""

    def __init__(self, model: EmotionWhisperForAudioClassification, extractor: EmotionWhisperFeatureExtractor) -> None:
        self._model = model
        self._extractor = extractor

    @torch.inference_mode()
    def __call__(self, _: str, rows: Any) -> Array:
        """`(num_clips, d_model)`."""
        window = self._model.config.window_samples
        waveforms = (waveform_of(audio)[:window] for audio in rows["audio"])
        clips = (self._extractor(waveform, sampling_rate=SAMPLING_RATE, return_tensors="pt") for waveform in waveforms)
        return np.stack([self._model(**clip).embeddings[0].double().numpy() for clip in clips])


def taught_by_others(features: Array, heard: HeardCorpus) -> Array:
    """Scores every clip by a classifier that learned from the corpus's other speakers.

    Args:
        features: `(num_clips, num_features)`; nan where one could not be computed.
        heard: The corpus; its logits are not read.

    Returns:
        `(num_clips, 8)`, in the order of `EMOTIONS`.

    Raises:
        SystemExit: A clip's speaker is unknown.
    """
    if None in heard.speakers:
        raise SystemExit(
            f"{heard.name} has clips of unknown speakers: they cannot be kept apart; leave it out of --corpus"
        )
    speakers, labels = np.array(heard.speakers), heard.emotions
    classifier = LogisticRegression(class_weight="balanced", max_iter=MAX_ITERATIONS)
    search = GridSearchCV(
        make_pipeline(SimpleImputer(), StandardScaler(), classifier),
        {"logisticregression__C": COSTS},
        scoring="balanced_accuracy",
        cv=StratifiedGroupKFold(INNER_FOLDS),
    )
    scores = np.full((len(labels), len(EMOTIONS)), NOT_SEEN)
    for taught, unseen in StratifiedGroupKFold(OUTER_FOLDS).split(features, labels, speakers):
        search.fit(features[taught], labels[taught], groups=speakers[taught])
        scores[np.ix_(unseen, search.classes_)] = search.decision_function(features[unseen])
    return scores


def recalls(heard: HeardCorpus, config: Any) -> dict[str, Any]:
    """Unweighted average recall with its interval, by class set."""
    sets = report_heard([heard], config)["corpora"][heard.name]["class_sets"]
    return {name: numbers["priors"]["train"]["uar"] for name, numbers in sets.items()}


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", required=True, help="folder of prepared corpora")
    parser.add_argument("--model", default=str(bundled_checkpoint()), help="folder; the bundled checkpoint by default")
    parser.add_argument("--corpus", nargs="+", default=list(ZERO_SHOT), help="default: %(default)s")
    parser.add_argument("--encoder", required=True, help="folder of the Whisper that the checkpoint started from")
    parser.add_argument("--cache", type=Path, default=Path("runs/opensmile"), help="folder of eGeMAPS features")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    model = EmotionWhisperForAudioClassification.from_pretrained(args.model, dtype=torch.float32)
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(args.model)
    pipe = AudioEmotionPipeline(model=model, feature_extractor=extractor)
    layers = model.config.encoder_config.encoder_layers
    untaught = EmotionWhisperForAudioClassification.from_whisper(args.encoder, layers, layer_mix=True, pooling="mean")
    functionals = Functionals(args.cache)
    follows_level = np.array([any(word in name for word in LEVEL_WORDS) for name in functionals.names])

    def egemaps(name: str, rows: Any) -> Array:
        return functionals(name, map(waveform_of, rows["audio"]), len(rows))

    features: dict[str, Features] = {
        "checkpoint": Embeddings(model, extractor),
        "encoder": Embeddings(untaught, extractor),
        "egemaps": egemaps,
        "egemaps_level": lambda name, rows: egemaps(name, rows)[:, follows_level],
        "egemaps_without_level": lambda name, rows: egemaps(name, rows)[:, ~follows_level],
    }
    found: dict[str, dict[str, Any]] = {}
    for name, rows in read_corpora([args.data], args.corpus, "all")[0].items():
        heard = hear_corpus(pipe, name, rows)
        found[name] = {"zero_shot": recalls(heard, model.config)}
        for kind, read in features.items():
            taught = replace(heard, logits=taught_by_others(read(name, rows), heard))
            found[name][kind] = recalls(taught, config_of_scores(None, [name]))
        for kind, sets in found[name].items():
            told = ", ".join(
                f"{key} {100 * uar['value']:.1f} [{100 * uar['low']:.1f}, {100 * uar['high']:.1f}]"
                for key, uar in sets.items()
            )
            print(f"{name}, {kind}: {told}", flush=True)
    numbers = {"encoder_layers": layers, "level_functionals": int(follows_level.sum()), "uar": found}
    report({"benchmark": "within_corpus", **numbers}, args.json)


if __name__ == "__main__":
    main()
