"""BanglaSER Extended: Bangla speech in seven emotions; the published extension holds disgust and fear."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class BanglaserExt(CorpusReader):
    """`complete/Actor - 35/03-01-06-01-04-01-35.wav` = mode, type, emotion, intensity, statement, repetition, actor.

    Codes are those of the README, which also says that odd actors are men. Intensity is mild, normal or strong; the
    shares 0.6, 0.8 and 1.0 are ours. The repository has only disgust (statement 04) and fear (05), so emotion and
    sentence are confounded; the mask holds all seven classes that the recordings were made for.
    """

    info = CorpusInfo(
        name="banglaser_ext",
        title="BanglaSER Extended",
        languages=("bn",),
        license="unknown",
        license_note="None stated.",
        redistribution=False,
        homepage="https://github.com/Mahbub96/banglaSER_ext",
        citation="BanglaSER Extended, https://github.com/Mahbub96/banglaSER_ext (no publication known)",
        label_note="Acted label graded by acted intensity: strong 1.0, normal 0.8, mild 0.6, the rest on neutral.",
        split_note="No official split. Actors 43 (a man) and 44 (a woman) are validation, the other 13 train.",
        num_clips=260,
        num_speakers=15,
        emotion_counts={"disgust": 134, "fear": 126},
    )
    grammar = r"03-01-(?P<emotion>\d\d)-(?P<intensity>\d\d)-(?P<text>\d\d)-\d\d-(?P<speaker>\d\d)"
    example = "complete/Actor - 35/03-01-06-01-04-01-35.wav"
    codes = {
        "01": "happy",
        "02": "sad",
        "03": "angry",
        "04": "surprised",
        "05": "neutral",
        "06": "disgust",
        "07": "fear",
    }
    labels = {
        "happy": "happiness",
        "sad": "sadness",
        "angry": "anger",
        "surprised": "surprise",
        "neutral": "neutral",
        "disgust": "disgust",
        "fear": "fear",
    }
    intensities = {"01": 0.6, "02": 0.8, "03": 1.0}
    texts = {
        "01": "Barota beje geche",
        "02": "Ami agei jantam amonta hobe",
        "03": "e kemon upohar?",
        "04": "Rastay etto jam",
        "05": "Baghta edikei tere asche",
    }
    splits = ListedSpeakers(validation=("43", "44"))

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Derive the gender from the actor's number."""
        return self.annotation(name, gender="male" if int(name["speaker"]) % 2 else "female")
