"""The classical baseline: openSMILE's eGeMAPSv02 functionals, standardised, and a linear classifier.

88 functionals a clip (`opensmile` from PyPI), a linear support vector machine and a logistic regression, both
class-balanced, on the whole training split of the recipe's corpora with hard labels. Measured as ours: zero-shot,
absent classes masked, speaker bootstrap, 1 s windows. `FILE` gets the results of the support vector machine, and `FILE`
with `_logistic` in its name those of the regression.

Usage: python -m benchmarks.opensmile_baseline --config training/recipes/base.yaml --data prepared

Features are kept in files: an interrupted extraction goes on where it was.
"""

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from audio_emotion.dataset_scripts.schema import EMOTIONS, SAMPLING_RATE
from benchmarks.baseline import (
    Array,
    baseline_parser,
    kept_in_files,
    measure_baseline,
    recipe_of,
    training_clips,
)

SVM_COST, LOGISTIC_COST = 0.01, 0.01
MAX_ITERATIONS = 5_000
NOT_SEEN = -1e3
"""Score of a class that a classifier never saw: out of the question."""


class Functionals:
    """eGeMAPSv02 functionals of many clips, kept in files."""

    def __init__(self, folder: Path) -> None:
        import opensmile

        self._smile = opensmile.Smile(
            feature_set=opensmile.FeatureSet.eGeMAPSv02, feature_level=opensmile.FeatureLevel.Functionals
        )
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def names(self) -> list[str]:
        """The 88 names."""
        return list(self._smile.feature_names)

    def __call__(self, name: str, waveforms: Iterable[NDArray[Any]], number: int) -> Array:
        """Functionals `(number, 88)`; what cannot be computed, as of a clip too short, is nan."""
        features = kept_in_files(self._folder / name, waveforms, number, self._compute_all)
        return np.where(np.isfinite(features), features, np.nan)

    def _compute_all(self, waveforms: list[Array], advance: Callable[[int], None]) -> Array:
        """`(num_clips, 88)`."""
        found = np.empty((len(waveforms), self._smile.num_features))
        for row, waveform in enumerate(waveforms):
            found[row] = self._compute(waveform)
            advance(1)
        return found

    def _compute(self, waveform: NDArray[Any]) -> Array:
        """`(88,)`, or one nan of a clip too short."""
        return np.asarray(self._smile(waveform, SAMPLING_RATE)).reshape(-1)


class LinearScores:
    """A fitted classifier's scores in the place of logits."""

    def __init__(self, classifier: Any, functionals: Functionals) -> None:
        self._classifier = classifier
        self._functionals = functionals

    def __call__(self, name: str, waveforms: Iterable[NDArray[Any]], number: int) -> Array:
        """`(number, 8)`."""
        scores = np.full((number, len(EMOTIONS)), NOT_SEEN)
        features = self._functionals(name, waveforms, number)
        scores[:, self._classifier.classes_] = self._classifier.decision_function(features)
        return scores


def main() -> None:
    """Runs the baseline as a command."""
    parser = baseline_parser(__doc__, "results/opensmile.json")
    parser.add_argument(
        "--cache", type=Path, default=Path("runs/opensmile"), help="folder of the features; default: %(default)s"
    )
    args = parser.parse_args()
    recipe = recipe_of(args)
    clips = training_clips(recipe)
    functionals = Functionals(args.cache)
    corpora = "+".join(clips.corpora)
    features = functionals(f"train-{corpora}", (clips.waveform(index) for index in range(len(clips))), len(clips))
    svm_file = args.json
    classifiers = {
        svm_file: LinearSVC(C=SVM_COST, class_weight="balanced", max_iter=MAX_ITERATIONS, random_state=recipe.seed),
        svm_file.with_stem(f"{svm_file.stem}_logistic"): LogisticRegression(
            C=LOGISTIC_COST, class_weight="balanced", max_iter=MAX_ITERATIONS
        ),
    }
    for file, linear in classifiers.items():
        classifier = make_pipeline(SimpleImputer(), StandardScaler(), linear).fit(features, clips.emotion)
        args.json = file
        described = {"name": f"openSMILE eGeMAPSv02, {type(linear).__name__}", "items": len(clips), "C": linear.C}
        print(described["name"])
        scores = LinearScores(classifier, functionals)
        balanced = [1 / len(EMOTIONS)] * len(EMOTIONS)
        measure_baseline(args, recipe, scores, balanced, described)


if __name__ == "__main__":
    main()
