"""IEMOCAP: Interactive Emotional Dyadic Motion Capture database, by what each listener chose."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Skip
from audio_emotion.dataset_scripts.label_files import Record, read_lines, rows_by
from audio_emotion.dataset_scripts.rater_words import rater_word, word_table
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.soft_labels import from_votes
from audio_emotion.dataset_scripts.splits import ListedSpeakers

_RATINGS = ("valence", "arousal", "dominance")
_TURN = re.compile(
    r"\[[^]]*\]\s+(?P<turn>\S+)\s+(?P<emotion>\S+)\s+\[(?P<valence>[^],]*),(?P<arousal>[^],]*),(?P<dominance>[^],]*)\]\s*"
)
_LISTENER = re.compile(r"C-E\d+:\s*(?P<choices>[^(]*)(?P<comment>\(.*)?")
_SPOKEN = re.compile(r"(?P<turn>Ses\S+) \[[^]]*\]:(?P<text>.*)")


class Iemocap(CorpusReader):
    r"""`Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav` = dialogue, then gender and number of the turn.

    The letter after the session says who wears the markers, the last one who speaks. `dialog/EmoEvaluation/*.txt` has,
    for each turn, a line with consensus and mean valence, activation, dominance on 1..5, and one line a rater:
    `C-E2:\tFrustration; Anger;\t(comment)` from a listener, `C-F1:` from the actors about themselves. As in the
    consensus, only listeners vote; every option that one ticks is a vote, and what is written behind "Other" maps by
    `rater_words`. Excited is happiness, as in the usual four classes; frustration, which the listeners could choose
    beside anger, is other. Where raters' blanks push a mean off its scale, it is unknown.

    Texts are in `dialog/transcriptions/`. `dialog/wav` and `dialog/avi` hold the whole dialogues and are skipped.
    """

    info = CorpusInfo(
        name="iemocap",
        title="IEMOCAP",
        languages=("en",),
        license="other",
        license_note="On request from SAIL at USC, for research.",
        redistribution=False,
        homepage="https://sail.usc.edu/iemocap/",
        citation="""
@article{busso2008iemocap,
  title = {{IEMOCAP}: Interactive emotional dyadic motion capture database},
  author = {Busso, Carlos and Bulut, Murtaza and Lee, Chi-Chun and Kazemzadeh, Abe and Mower, Emily and Kim, Samuel and
            Chang, Jeannette N. and Lee, Sungbok and Narayanan, Shrikanth S.},
  journal = {Language Resources and Evaluation}, volume = {42}, number = {4}, pages = {335--359}, year = {2008}
}""",
        label_note="Choices of the listeners, without the actors' own; `emotion_raw` is their consensus.",
        split_note="No official split. Session 4 is validation, session 5 test, the other three train.",
        num_clips=10039,
        num_speakers=10,
        emotion_counts={
            "Neutral": 1708,
            "Happiness": 595,
            "Sadness": 1084,
            "Anger": 1103,
            "Excited": 1041,
            "Frustration": 1849,
            "Fear": 40,
            "Surprise": 107,
            "Disgust": 2,
            "Other": 3,
            "no agreement": 2507,
        },
    )
    grammar = r"(?P<dialogue>(?P<session>Ses\d\d)[FM]_(?:impro|script)\d\d(?:_\d)?[ab]?)(?:_(?P<gender>[FM])\w+)?"
    example = "Session1/sentences/wav/Ses01F_impro01/Ses01F_impro01_F000.wav"
    codes = {
        "neu": "Neutral",
        "hap": "Happiness",
        "sad": "Sadness",
        "ang": "Anger",
        "exc": "Excited",
        "fru": "Frustration",
        "fea": "Fear",
        "sur": "Surprise",
        "dis": "Disgust",
        "oth": "Other",
        "xxx": "no agreement",
    }
    labels = {
        "Neutral": "neutral",
        "Happiness": "happiness",
        "Sadness": "sadness",
        "Anger": "anger",
        "Excited": "happiness",
        "Frustration": "other",
        "Fear": "fear",
        "Surprise": "surprise",
        "Disgust": "disgust",
        "Other": "other",
    }
    genders = {"F": "female", "M": "male"}
    splits = ListedSpeakers(validation=("Ses04F", "Ses04M"), test=("Ses05F", "Ses05M"))

    def read_labels(self) -> Mapping[str, Record]:
        """Read the turns of every dialogue, and what is said in them."""
        self.require("EmoEvaluation/Ses*.txt")
        turns = (turn for path in sorted(self.source.rglob("EmoEvaluation/Ses*.txt")) for turn in self._turns(path))
        self.spoken = {
            match["turn"]: match["text"].strip()
            for path in sorted(self.source.rglob("transcriptions/Ses*.txt"))
            for _, line in read_lines(path, encoding="latin-1")
            if (match := _SPOKEN.fullmatch(line))
        }
        return rows_by(turns, lambda record: record.text("turn"))

    def _turns(self, path: Path) -> Iterator[Record]:
        """One record a turn: consensus, mean ratings, and the listeners' choices as `votes`."""
        fields: dict[str, Any] = {}
        for number, line in read_lines(path, encoding="latin-1"):
            if line.startswith("["):
                match = _TURN.fullmatch(line)
                if match is None:
                    raise Record(path, number, {}).error("not `[start - end] turn emotion [val, act, dom]`.")
                fields = {**match.groupdict(), "votes": Counter()}
                yield Record(path, number, fields)
            elif fields and (match := _LISTENER.match(line)):
                for choice in filter(None, map(str.strip, match["choices"].split(";"))):
                    text = f"Other {match['comment'] or ''}" if choice == "Other" else choice
                    fields["votes"][rater_word(text, tuple(self.labels))] += 1

    def annotate(self, name: Mapping[str, str]) -> Annotation | Skip:
        """Join the name with the listeners' choices."""
        if "gender" not in name:
            return Skip("a whole dialogue")
        record: Record = self.row(name["id"])
        if not record.fields["votes"]:
            raise record.error("no line of a listener (C-E1, C-E2, ...) with a choice follows.")
        return self.annotation(
            {"gender": name["gender"]},
            emotion_raw=record.choice("emotion", self.codes),
            label=from_votes(record.fields["votes"], word_table(self.labels)),
            speaker=name["session"] + name["gender"],
            text=self.spoken.get(name["id"]),
            **{
                rating: record.unit(rating, 1, 5) if 1 <= record.number(rating, 0, 10) <= 5 else None
                for rating in _RATINGS
            },
        )
