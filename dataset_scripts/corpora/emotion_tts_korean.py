"""Emotion-TTS Korean: the emotional part of a conversational speech corpus for robots."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Speaker
from audio_emotion.dataset_scripts.label_files import read_text
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


class EmotionTtsKorean(CorpusReader):
    """`Emotional/emotional-to-emotional/nea/wav/nea00001.wav` = speaker, number; each hundred is one emotion.

    1 to 100 are plain, then joy, then SADNESS, then ANGER. The README names the last two the other way round, but the
    scripts of 201 to 300 are sad and those of 301 to 400 scold, and they sound so. Genders are the README's.

    `plain-to-emotional` (em.) acts emotions on plain sentences, `emotional-to-emotional` (ne.) on emotional ones.
    Nobody says whether ema and nea are one person, so nee and neo are held out: only one of the sets has their letters.
    The sentences are in `script/`, UTF-8 with a byte order mark. The public repository holds 5 % of the corpus.
    """

    info = CorpusInfo(
        name="emotion_tts_korean",
        title="Emotion-TTS open database, emotional Korean speech",
        languages=("ko",),
        license="other",
        license_note="Research only; not to be handed on.",
        redistribution=False,
        homepage="https://github.com/emotiontts/emotiontts_open_db",
        citation="Emotion-TTS open database, Selvas AI and KAIST, https://github.com/emotiontts/emotiontts_open_db",
        label_note="Acted label, smoothed; the README's swap of sadness and anger is put right.",
        split_note="No official split. nee (a woman) and neo (a man) are validation, the other thirteen train.",
        num_speakers=15,
    )
    grammar = r"(?P<speaker>(?:em|ne)[a-z])(?P<number>\d{5})"
    example = "Dataset/SpeechCorpus/Emotional/emotional-to-emotional/nea/wav/nea00001.wav"
    labels = {"일반": "neutral", "기쁨": "happiness", "슬픔": "sadness", "화남": "anger"}
    speakers = {
        **{f"em{letter}": Speaker("female") for letter in "ab"},
        **{f"em{letter}": Speaker("male") for letter in "fgh"},
        **{f"ne{letter}": Speaker("female") for letter in "abcde"},
        **{f"ne{letter}": Speaker("male") for letter in "klmno"},
    }
    splits = ListedSpeakers(validation=("nee", "neo"))
    labels_beyond_audio = True

    def read_labels(self) -> Mapping[str, str]:
        """Read the sentences of the scripts that are there."""
        return {path.stem: read_text(path).strip() for path in sorted(self.source.rglob("script/*.txt"))}

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Find the emotion by the clip's hundred, and its sentence."""
        number = int(name["number"])
        if not 1 <= number <= 400:
            raise CorpusError(f"number {name['number']} lies outside 00001..00400, where four emotions have 100 each.")
        word = tuple(self.labels)[(number - 1) // 100]
        return self.annotation({**name, "emotion": word}, text=self.rows.get(name["id"]))
