"""Hume-Prosody: the corpus of the ComParE 2023 Emotion Share task, nine intensities a clip."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.label_files import Record, read_table
from audio_emotion.dataset_scripts.reader import CorpusReader, without_suffix
from audio_emotion.dataset_scripts.soft_labels import NO_CATEGORIES

TARGETS = (
    "Anger",
    "Boredom",
    "Calmness",
    "Concentration",
    "Determination",
    "Excitement",
    "Interest",
    "Sadness",
    "Tiredness",
)
_SPLITS = {"train": "train", "devel": "validation", "test": "test", "test.unmasked": "test"}


class HumeProsody(CorpusReader):
    """`wav/00001.wav` or `raw/wav/00001.wav`; labels in `lab/train.csv`, `lab/devel.csv` and `lab/test.csv`.

    The first column is the file name, then nine intensities in 0..1. They are no distribution: most of the nine are
    none of the 8 emotions and several hold at once, so a row has them as `targets`, in the challenge's order, and
    neither categories nor a label mask. In `test.csv` they are masked: empty, or nine times the same placeholder; such
    a row has no `targets`. `test.unmasked.csv` comes first where the organisers gave it. No table names speakers.
    """

    info = CorpusInfo(
        name="humeprosody",
        title="Hume-Prosody (ComParE 2023)",
        languages=("en",),
        license="other",
        license_note="From the challenge's organisers, under their agreement.",
        redistribution=False,
        homepage="http://www.compare.openaudio.eu",
        citation="""
@inproceedings{schuller2023compare,
  title = {The {ACM} Multimedia 2023 Computational Paralinguistics Challenge: Emotion Share \\& Requests},
  author = {Schuller, Bj{\\"o}rn W. and Batliner, Anton and Amiriparian, Shahin and Barnhill, Alexander and
            Gerczuk, Maurice and Triantafyllopoulos, Andreas and Baird, Alice E. and Tzirakis, Panagiotis and
            Gagne, Chris and Cowen, Alan S. and others},
  booktitle = {Proceedings of ACM Multimedia 2023}, year = {2023}
}""",
        label_note="No categories; nine intensities in `targets`, each the mean of its listeners' 1..100, normalised.",
        split_note="The official one; devel is validation.",
    )
    grammar = r"[^/]+"
    example = "wav/00001.wav"

    def read_labels(self) -> Mapping[str, Record]:
        """Read the three tables; of two rows with one file name the first counts, and the other is reported."""
        test = self.find("test.unmasked.csv") or self.require("test.csv")
        rows: dict[str, Record] = {}
        for path in (self.require("train.csv"), self.require("devel.csv"), test):
            for record in read_table(path, TARGETS):
                name = record.get(next(iter(record.fields)))
                first = rows.setdefault(without_suffix(name), record) if name else None
                if first is None:
                    self.report.add("no file name", record.place, "its first column is empty")
                elif first is not record:
                    self.report.add("duplicate", record.place, f"{name} has a row already: {first.place}")
        return rows

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Take a clip's intensities, unless they are masked."""
        record: Record = self.row(name["id"])
        masked = record.path.name == "test.csv" and len({record.get(target) for target in TARGETS}) == 1
        targets = None if masked else {target: record.number(target, 0, 1) for target in TARGETS}
        return Annotation(label=NO_CATEGORIES, targets=targets, split=_SPLITS[record.path.stem])
