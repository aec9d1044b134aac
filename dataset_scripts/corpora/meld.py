"""MELD: Multimodal EmotionLines Dataset, dialogues of the TV series Friends."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Skip
from audio_emotion.dataset_scripts.label_files import Record, read_table, rows_by
from audio_emotion.dataset_scripts.reader import CorpusReader

_TABLES = {"train_sent_emo.csv": "train", "dev_sent_emo.csv": "validation", "test_sent_emo.csv": "test"}
_SPLITS = {
    "train_splits": "train",
    "train": "train",
    "dev_splits_complete": "validation",
    "dev": "validation",
    "output_repeated_splits_test": "test",
    "test": "test",
}
_WITHOUT_SOUND = ("train/125/3", "validation/110/7")
_GENDERS = dict.fromkeys(("Monica", "Phoebe", "Rachel"), "female") | dict.fromkeys(("Chandler", "Joey", "Ross"), "male")


class Meld(CorpusReader):
    """`train_splits/dia0_utt0.mp4` = folder of the split, dialogue, utterance; `train_sent_emo.csv` and two more.

    The folders are those of `MELD.Raw`, or `train`, `dev`, `test` where somebody took the sound out of the videos.
    Neither `dia125_utt3` (train) nor `dia110_utt7` (dev) has a usable video in the release; 13,706 of the 13,708 rows
    remain. The test folder holds some clips twice, the second time as `final_videos_testdia0_utt0.mp4`, which is
    listed as a duplicate; that the other is the better cut is unverified. Two test clips are whole scenes of minutes
    (`dia38_utt4`, `dia220_utt0`); they stay, for the official test set has them.

    Three annotators voted, the release has only their majority. Speakers are the names of the script: the six friends
    are in every split, and "All", "Guy" or "Woman" are not one person. Genders are known for the friends alone.
    """

    info = CorpusInfo(
        name="meld",
        title="MELD",
        languages=("en",),
        license="gpl-3.0",
        license_note="The licence of the annotations; sound and pictures are a broadcaster's.",
        redistribution=False,
        homepage="https://github.com/declare-lab/MELD",
        citation="""
@inproceedings{poria2019meld,
  title = {{MELD}: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations},
  author = {Poria, Soujanya and Hazarika, Devamanyu and Majumder, Navonil and Naik, Gautam and Cambria, Erik and
            Mihalcea, Rada},
  booktitle = {Proceedings of ACL 2019}, pages = {527--536}, year = {2019}
}""",
        label_note="Majority of three annotators who saw the video, smoothed.",
        split_note="The official one. It shares the six main speakers.",
        splits_share_speakers=True,
        num_clips=13706,
        num_speakers=304,
        emotion_counts={
            "neutral": 6434,
            "joy": 2308,
            "surprise": 1636,
            "anger": 1607,
            "sadness": 1002,
            "disgust": 361,
            "fear": 358,
        },
    )
    grammar = r"(?P<folder>[^/]+)/dia(?P<dialogue>\d+)_utt(?P<utterance>\d+)"
    example = "train_splits/dia0_utt0.mp4"
    labels = {
        "neutral": "neutral",
        "joy": "happiness",
        "surprise": "surprise",
        "anger": "anger",
        "sadness": "sadness",
        "disgust": "disgust",
        "fear": "fear",
    }

    def parse_name(self, relative_path: str) -> dict[str, str]:
        """Read both names of a test clip alike."""
        return super().parse_name(relative_path.replace("/final_videos_test", "/"))

    def read_labels(self) -> Mapping[str, Record]:
        """Read the three tables."""
        columns = ("Utterance", "Speaker", "Emotion", "Dialogue_ID", "Utterance_ID")
        records = (record for file in _TABLES for record in read_table(self.require(file), columns))
        return {key: row for key, row in rows_by(records, _key).items() if key not in _WITHOUT_SOUND}

    def annotate(self, name: Mapping[str, str]) -> Annotation | Skip:
        """Join the name with its row."""
        split = self.lookup("folder", _SPLITS, name["folder"])
        key = f"{split}/{name['dialogue']}/{name['utterance']}"
        if key in _WITHOUT_SOUND:
            return Skip("its video is broken in every release")
        record: Record = self.row(key)
        record.choice("Emotion", self.labels)
        speaker = record.text("Speaker")
        return self.annotation(
            {"emotion": record.text("Emotion")},
            speaker=speaker,
            gender=_GENDERS.get(speaker),
            text=record.get("Utterance"),
            split=split,
        )


def _key(record: Record) -> str:
    return f"{_TABLES[record.path.name]}/{record.text('Dialogue_ID')}/{record.text('Utterance_ID')}"
