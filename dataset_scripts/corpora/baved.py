"""BAVED: Basic Arabic Vocal Emotions Dataset, words at three levels of arousal."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.soft_labels import NO_CATEGORIES
from audio_emotion.dataset_scripts.splits import HashedSpeakers


class Baved(CorpusReader):
    """`0/0-m-21-0-1-105.wav` = folder of the word; speaker, gender, age, word, level, recording.

    The README's levels are low (tired or down), neutral (daily speech) and high (joy or anger alike): arousal, and no
    category. The README counts 1,935 clips of 61 speakers, its repository holds 1,908 of 59. One clip lies in the
    folder of another word; its name counts.
    """

    info = CorpusInfo(
        name="baved",
        title="Basic Arabic Vocal Emotions Dataset (BAVED)",
        languages=("ar",),
        license="unknown",
        license_note="None stated by its owner; some lists say CC BY.",
        redistribution=False,
        homepage="https://github.com/40uf411/Basic-Arabic-Vocal-Emotions-Dataset",
        citation="Basic Arabic Vocal Emotions Dataset (BAVED), "
        "https://github.com/40uf411/Basic-Arabic-Vocal-Emotions-Dataset (no publication known)",
        label_note="No categories. Acted level as arousal: low 0.0, neutral 0.5, high 1.0.",
        split_note="No official split. A hash puts about 10 % of the speakers each into validation and test.",
        num_clips=1908,
        num_speakers=59,
        emotion_counts={"low": 576, "neutral": 663, "high": 669},
    )
    grammar = r"(?P<speaker>\d+)-(?P<gender>[mf])-(?P<age>[1-9]\d?)-(?P<text>\d)-(?P<level>\d)-\d+"
    example = "0/0-m-21-0-1-105.wav"
    codes = {"0": "low", "1": "neutral", "2": "high"}
    genders = {"f": "female", "m": "male"}
    intensities = {"low": 0.0, "neutral": 0.5, "high": 1.0}
    texts = {
        "0": "اعجبني",
        "1": "لم يعجبني",
        "2": "هذا",
        "3": "الفيلم",
        "4": "رائع",
        "5": "مقول",
        "6": "سيئ",
    }
    splits = HashedSpeakers()

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Turn the level into arousal."""
        level = self.word(name["level"])
        return self.annotation(name, label=NO_CATEGORIES, emotion_raw=level, arousal=self.intensities[level])
