"""JVNV: Japanese emotional speech with verbal content and nonverbal expressions."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.label_files import read_lines
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


class Jvnv(CorpusReader):
    """`jvnv_v1/F1/anger/regular/F1_anger_regular_01.wav` = speaker, emotion, session (regular or free), script.

    `transcription.csv` has a line `anger_regular_01|nonverbal phrase|sentence` a script and no header. Its form is that
    of public loaders and the licence is from general knowledge: a line of another form is an error that names it, and
    a copy without the file has no text. There is no neutral.
    """

    info = CorpusInfo(
        name="jvnv",
        title="JVNV",
        languages=("ja",),
        license="cc-by-sa-4.0",
        license_note="By report; see the owner's page before you publish anything.",
        redistribution=False,
        homepage="https://sites.google.com/site/shinnosuketakamichi/research-topics/jvnv_corpus",
        citation="""
@article{xin2024jvnv,
  title = {{JVNV}: A Corpus of {Japanese} Emotional Speech With Verbal Content and Nonverbal Expressions},
  author = {Xin, Detai and Jiang, Junfeng and Takamichi, Shinnosuke and Saito, Yuki and Aizawa, Akiko and Saruwatari,
            Hiroshi},
  journal = {IEEE Access}, volume = {12}, pages = {19752--19764}, year = {2024}
}""",
        label_note="Acted label, smoothed.",
        split_note="No official split. F2 is validation, the other three train.",
        num_clips=1615,
        num_speakers=4,
    )
    grammar = r"(?P<speaker>(?P<gender>[FM])\d)_(?P<script>(?P<emotion>[a-z]+)_(?:regular|free)_\d+)"
    example = "jvnv_v1/F1/anger/regular/F1_anger_regular_01.wav"
    labels = {
        "anger": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "sad": "sadness",
        "surprise": "surprise",
    }
    genders = {"F": "female", "M": "male"}
    splits = ListedSpeakers(validation=("F2",))
    labels_beyond_audio = True

    def read_labels(self) -> Mapping[str, str]:
        """Read the sentence of each script, if they are there."""
        path = self.find("transcription.csv")
        sentences = {}
        for number, line in read_lines(path) if path else ():
            fields = line.split("|")
            if len(fields) != 3:
                raise CorpusError(f"{path}, line {number}: {line!r} is not `script|nonverbal phrase|sentence`.")
            sentences[fields[0].strip()] = fields[2].strip()
        return sentences

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Add the sentence."""
        return self.annotation(name, text=self.rows.get(name["script"]))
