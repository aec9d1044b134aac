"""MSP-IMPROV: improvised and read emotional sentences, by the votes of its raters."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.label_files import Record, read_lines, rows_by
from audio_emotion.dataset_scripts.rater_words import rater_word, word_table
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.soft_labels import from_votes
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class MspImprov(CorpusReader):
    """`session1/S01A/S/MSP-IMPROV-S01A-F01-S-FM01.wav` = sentence and its target emotion, speaker, scenario, turn.

    `Evalution.txt`, so spelled, has a line a turn, with consensus, mean activation, valence, dominance and naturalness
    on 1..5, then (unverified) a line a rater up to a blank one:

        UTD-IMPROV-S01A-F01-S-FM01.avi; N; A:3.000000; V:3.500000; D:3.000000; N:4.000000;
        P01-p05; Neutral; Neutral,Other; A:3.000000; V:3.000000; D:3.000000; N:4.000000;

    The second field of a rater's line is the vote; what stands behind "Other" maps by `rater_words`, and classes that
    were no option count as other. Activation runs the other way round in this corpus, 1 is the most active, so that
    `arousal` is 1 - (A - 1) / 4. Dominance is NaN where nobody was asked.
    """

    info = CorpusInfo(
        name="mspimprov",
        title="MSP-IMPROV",
        languages=("en",),
        license="other",
        license_note="Academic or commercial agreement with UT Dallas.",
        redistribution=False,
        homepage="https://ecs.utdallas.edu/research/researchlabs/msp-lab/MSP-Improv.html",
        citation="""
@article{busso2017improv,
  title = {{MSP-IMPROV}: An Acted Corpus of Dyadic Interactions to Study Emotion Perception},
  author = {Busso, Carlos and Parthasarathy, Srinivas and Burmania, Alec and AbdelWahab, Mohammed and
            Sadoughi, Najmeh and Mower Provost, Emily},
  journal = {IEEE Transactions on Affective Computing}, volume = {8}, number = {1}, pages = {67--80}, year = {2017}
}""",
        label_note="Emotions that the raters chose for the video; `emotion_raw` is their consensus.",
        split_note="No official split. Session 5 is validation, session 6 test, the other four train.",
        num_clips=8438,
        num_speakers=12,
    )
    grammar = r"MSP-(?P<turn>IMPROV-S\d\d[AHNS]-(?P<speaker>(?P<gender>[FM])\d\d)-[PRST]-[FM]{2}\d+)"
    example = "session1/S01A/S/MSP-IMPROV-S01A-F01-S-FM01.wav"
    codes = {"A": "Angry", "H": "Happy", "S": "Sad", "N": "Neutral", "O": "Other", "X": "no agreement"}
    labels = {"Angry": "anger", "Happy": "happiness", "Sad": "sadness", "Neutral": "neutral", "Other": "other"}
    genders = {"F": "female", "M": "male"}
    splits = ListedSpeakers(validation=("F05", "M05"), test=("F06", "M06"))

    def read_labels(self) -> Mapping[str, Record]:
        """Read the turns with their raters."""
        return rows_by(self._turns(self.require("Evalution.txt")), lambda record: record.text("turn"))

    def _turns(self, path: Path) -> Iterator[Record]:
        """One record a turn: consensus, mean ratings, and the raters' choices as `votes`."""
        turn: dict[str, Any] = {}
        for number, line in read_lines(path):
            first, *rest = map(str.strip, line.rstrip("; \t").split(";"))
            if first.endswith(".avi"):
                ratings = dict(field.partition(":")[::2] for field in rest[1:])
                turn = {**ratings, "turn": first.removesuffix(".avi")[4:], "emotion": rest[0] if rest else ""}
                turn["votes"] = Counter()
                yield Record(path, number, turn)
            elif turn and rest:
                turn["votes"][rater_word(rest[0], tuple(self.labels))] += 1
            else:
                raise Record(path, number, {}).error(
                    "neither `UTD-IMPROV-....avi; N; A:...; ...` nor a rater under it."
                )

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Join the name with the raters' choices."""
        record: Record = self.row(name["turn"])
        if not record.fields["votes"]:
            raise record.error("no rater's line follows.")
        return self.annotation(
            name,
            emotion_raw=record.choice("emotion", self.codes),
            label=from_votes(record.fields["votes"], word_table(self.labels)),
            valence=record.unit("V", 1, 5),
            arousal=1 - record.unit("A", 1, 5),
            dominance=None if record.text("D").lower() == "nan" else record.unit("D", 1, 5),
        )
