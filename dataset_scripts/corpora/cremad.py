"""CREMA-D: Crowd-sourced Emotional Multimodal Actors Dataset, by what listeners heard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import PurePosixPath

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Skip, Speaker
from audio_emotion.dataset_scripts.label_files import Record, read_table, rows_by
from audio_emotion.dataset_scripts.reader import CorpusReader

_COLUMNS = {"A": "anger", "D": "disgust", "F": "fear", "H": "happy", "N": "neutral", "S": "sad"}
_LEVELS = {"LO": 1 / 3, "MD": 2 / 3, "HI": 1.0, "XX": None}
_VOICE = "1"


class CremaD(CorpusReader):
    """`AudioWAV/1001_IEO_NEU_XX.wav` = actor, sentence, acted emotion, acted level; votes are in `tabulatedVotes.csv`.

    `processedResults/tabulatedVotes.csv` has 22,326 rows, three a clip: the first digit of the row's index says how the
    raters met it, 1 voice alone, 2 face alone, 3 both. Only the voice counts here: a label from a face that nobody can
    hear would teach what is not in the sound. The acted emotion is `emotion_raw`; the voices' majority names it on
    41.6 % of the clips, so a copy without the votes (many lack `processedResults/`) is refused.

    The level (LO, MD, HI; XX is unspecified) becomes `intensity`, in thirds, our reading; it does not grade the votes,
    which have heard it already. Ages and genders are in `VideoDemographics.csv`. `AudioMP3/` and `VideoFlash/` hold the
    takes of `AudioWAV/` again and are listed as duplicates. `1076_MTI_SAD_XX` has no sound.
    """

    info = CorpusInfo(
        name="cremad",
        title="CREMA-D",
        languages=("en",),
        license="odbl",
        license_note="Open Database License 1.0; the contents are under the Database Contents License 1.0.",
        redistribution=True,
        homepage="https://github.com/CheyneyComputerScience/CREMA-D",
        citation="""
@article{cao2014cremad,
  title = {{CREMA-D}: Crowd-sourced Emotional Multimodal Actors Dataset},
  author = {Cao, Houwei and Cooper, David G. and Keutmann, Michael K. and Gur, Ruben C. and Nenkova, Ani and
            Verma, Ragini},
  journal = {IEEE Transactions on Affective Computing}, volume = {5}, number = {4}, pages = {377--390}, year = {2014}
}""",
        label_note="Votes of 4 to 12 listeners who heard the voice alone; `emotion_raw` is the acted emotion.",
        split_note="No official split. A hash puts about 10 % of the actors each into validation and test.",
        num_clips=7441,
        num_speakers=91,
        emotion_counts={"anger": 1271, "disgust": 1271, "fear": 1271, "happy": 1271, "neutral": 1087, "sad": 1270},
    )
    grammar = r"(?P<speaker>\d{4})_(?P<text>[A-Z]{3})_(?P<emotion>[A-Z]{3})_(?P<level>[A-Z]{2})"
    example = "AudioWAV/1001_IEO_NEU_XX.wav"
    codes = {"ANG": "anger", "DIS": "disgust", "FEA": "fear", "HAP": "happy", "NEU": "neutral", "SAD": "sad"}
    labels = {
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "sad": "sadness",
    }
    texts = {
        "IEO": "It's eleven o'clock.",
        "TIE": "That is exactly what happened.",
        "IOM": "I'm on my way to the meeting.",
        "IWW": "I wonder what this is about.",
        "TAI": "The airplane is almost full.",
        "MTI": "Maybe tomorrow it will be cold.",
        "IWL": "I would like a new alarm clock.",
        "ITH": "I think I have a doctor's appointment.",
        "DFA": "Don't forget a jacket.",
        "ITS": "I think I've seen this before.",
        "TSI": "The surface is slick.",
        "WSI": "We'll stop in a couple of minutes.",
    }

    def audio_paths(self) -> list[str]:
        """Put the takes of `AudioWAV/` before their copies in other formats."""
        return sorted(super().audio_paths(), key=lambda path: (PurePosixPath(path).suffix.lower() != ".wav", path))

    def read_labels(self) -> Mapping[str, Record]:
        """Read the voice votes, and who the actors are."""
        if demographics := self.find("VideoDemographics.csv"):
            genders = {"Female": "female", "Male": "male"}
            self.speakers = {
                actor.text("ActorID"): Speaker(actor.choice("Sex", genders), actor.integer("Age", 1, 120))
                for actor in read_table(demographics, ("ActorID", "Age", "Sex"))
            }
        table = read_table(self.require("tabulatedVotes.csv"), ("", "fileName", "numResponses", *_COLUMNS))
        voices = (record for record in table if record.text("").startswith(_VOICE))
        return rows_by(voices, lambda record: record.text("fileName"))

    def annotate(self, name: Mapping[str, str]) -> Annotation | Skip:
        """Join the name with what the listeners heard."""
        record: Record = self.row(name["id"])
        if name["id"] == "1076_MTI_SAD_XX":
            return Skip("a recording without sound")
        votes = {word: record.integer(column, 0, 1000) for column, word in _COLUMNS.items()}
        if sum(votes.values()) != record.integer("numResponses", 0, 10000):
            raise record.error(
                f"numResponses is {record.text('numResponses')}, the votes sum to {sum(votes.values())}."
            )
        label = replace(self.voted_label(votes), intensity=self.lookup("level", _LEVELS, name["level"]))
        return self.annotation(name, emotion_raw=self.word(name["emotion"]), label=label)
