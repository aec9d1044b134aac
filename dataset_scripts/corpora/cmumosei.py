"""CMU-MOSEI: sentences of YouTube monologues with six graded emotions."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Skip
from audio_emotion.dataset_scripts.label_files import Record, groups_by, read_table, read_text
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.soft_labels import from_intensities
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

_EMOTIONS = ("happiness", "sadness", "anger", "surprise", "disgust", "fear")
_VIDEO = "Input.VIDEO_ID"
_COLUMNS = (_VIDEO, "Input.CLIP", "Answer.sentiment", *(f"Answer.{emotion}" for emotion in _EMOTIONS))
_FOLDS = {"standard_train_fold": "train", "standard_valid_fold": "validation", "standard_test_fold": "test"}
_FOLDS_FILE = "cmu_mosei_std_folds.py"


class CmuMosei(CorpusReader):
    """`Raw/Videos/Segmented/Combined/<video>_<k>.mp4` (or `.wav`): the k-th sentence of a video.

    Labels come from the tables in `Raw/Labels/*.csv`, one row a rater, in which every emotion is rated 0..3 and
    sentiment -3..3; other tables beside them are passed over. Whoever has the sound has them: they are in the same
    archive. The SDK's `CMU_MOSEI_Labels.csd` holds the means of the same ratings, by times instead of sentence numbers
    and in HDF5, and is not read.

    An emotion's mean over the raters, over 3, is its intensity; what the six leave of the mass is neutral. Sentiment is
    `valence`. Each video has one speaker, and nobody numbered them, so the video is the speaker: a person with two
    videos counts as two. The official folds are in a file of the SDK, `cmu_mosei_std_folds.py`; lay it anywhere in the
    folder and they are used. Whole videos and their sound (`Full/`) are skipped.

    Unverified on the release: the columns of the tables, and that each is in 0..3; an answer outside, or none, is an
    error of its clip.
    """

    info = CorpusInfo(
        name="cmumosei",
        title="CMU-MOSEI",
        languages=("en",),
        license="other",
        license_note="See the CMU Multimodal SDK; the videos are their makers'.",
        redistribution=False,
        homepage="https://github.com/CMU-MultiComp-Lab/CMU-MultimodalSDK",
        citation="""
@inproceedings{zadeh2018mosei,
  title = {Multimodal Language Analysis in the Wild: {CMU-MOSEI} Dataset and Interpretable Dynamic Fusion Graph},
  author = {Zadeh, AmirAli Bagher and Liang, Paul Pu and Poria, Soujanya and Cambria, Erik and Morency, Louis-Philippe},
  booktitle = {Proceedings of ACL 2018}, pages = {2236--2246}, year = {2018}
}""",
        label_note="Mean of three raters' intensities of six emotions; the rest is neutral.",
        split_note="The SDK's standard folds, where their file is there; else a hash puts about 10 % of the videos "
        "each into validation and test.",
    )
    grammar = r"(?P<whole>Full/.+)|(?P<video>[\w-]+)_(?P<clip>\d+)"
    example = "Raw/Videos/Segmented/Combined/-3g5yACwYnA_10.mp4"
    labels = {emotion: emotion for emotion in _EMOTIONS}
    expressible = (*_EMOTIONS, "neutral")
    labels_beyond_audio = True

    def read_labels(self) -> Mapping[str, list[Record]]:
        """Read every rater's row, and the official folds."""
        path = self.find(_FOLDS_FILE)
        self.fold_of = {} if path is None else _read_folds(path)
        return groups_by(self._ratings(), lambda row: f"{row.text(_VIDEO)}_{row.text('Input.CLIP')}")

    def _ratings(self) -> Iterator[Record]:
        first = self.require("Labels/*.csv")
        tables = [
            path for path in sorted(self.source.rglob("Labels/*.csv")) if _VIDEO in read_text(path).split("\n")[0]
        ]
        for path in tables or [first]:
            for record in read_table(path, _COLUMNS):
                yield Record(path, record.line, {column: record.fields[column] for column in _COLUMNS})

    def annotate(self, name: Mapping[str, str]) -> Annotation | Skip:
        """Average a clip's raters."""
        if "whole" in name:
            return Skip("a whole video")
        raters: list[Record] = self.row(name["id"])
        if self.fold_of and name["video"] not in self.fold_of:
            return Skip(f"a video of no fold of {_FOLDS_FILE}")
        intensities = {emotion: _mean(raters, f"Answer.{emotion}", 0, 3) for emotion in _EMOTIONS}
        return Annotation(
            label=from_intensities(intensities),
            speaker=name["video"],
            valence=_mean(raters, "Answer.sentiment", -3, 3),
            split=self.fold_of.get(name["video"]),
        )


def _mean(raters: list[Record], column: str, low: float, high: float) -> float:
    return sum(rater.unit(column, low, high) for rater in raters) / len(raters)


def _read_folds(path: Path) -> dict[str, str]:
    """Fold of each video, from a Python file that only assigns lists of names; it is read, never run."""
    source = read_text(path)
    try:
        statements = ast.parse(source).body
        lists = {
            statement.targets[0].id: ast.literal_eval(statement.value)
            for statement in statements
            if isinstance(statement, ast.Assign) and isinstance(statement.targets[0], ast.Name)
        }
        return {str(video): split for fold, split in _FOLDS.items() for video in lists[fold]}
    except (SyntaxError, ValueError, TypeError, KeyError, RecursionError, MemoryError) as error:
        line = getattr(error, "lineno", None) or 1
        raise CorpusError(f"{path}, line {line}: it must assign the lists {', '.join(_FOLDS)} ({error}).") from None
