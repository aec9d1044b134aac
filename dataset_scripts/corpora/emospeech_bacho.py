"""Indian EmoSpeech Command Dataset: the clips that shout "bacho" (Hindi, "save yourself")."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Skip
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import HashedSpeakers

_UNKNOWN_USER = "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"


class EmospeechBacho(CorpusReader):
    """`House/bacho-safe-calm-20190709085906-d14a….wav` = keyword, environment, emotion, time, hash of the user.

    The grammar is that of the corpus's README: one hash stands for every unknown user, and the emotion None for a
    recording without speech. Calm is the corpus's only unemotional class and maps to neutral. Phones in streets and
    stations, one shouted word; the speakers are users of a web page, not actors.
    """

    info = CorpusInfo(
        name="emospeech_bacho",
        title="Indian EmoSpeech Command Dataset v0.1, keyword bacho",
        languages=("hi",),
        license="cc-by-nc-sa-4.0",
        redistribution=True,
        homepage="https://github.com/RakshakTeam/emospeech-dataset-v1",
        citation="""
@misc{banga2019emospeech,
  title = {Indian EmoSpeech Command Dataset: A dataset for emotion based speech recognition in the wild},
  author = {Banga, Subham and Upadhyay, Ujjwal and Agarwal, Piyush and Sharma, Aniket and Mukherjee, Prerana},
  year = {2019}, eprint = {1910.13801}, archivePrefix = {arXiv}
}""",
        label_note="Acted label, smoothed; calm is neutral.",
        split_note="No official split. A hash puts about 15 % of the known users into validation; unknown users train.",
        num_clips=931,
        num_speakers=77,
        emotion_counts={"fearful": 438, "calm": 322, "happy": 97, "angry": 74},
    )
    grammar = (
        r"(?P<keyword>[a-z]+)-(?P<environment>[a-z _]+)-(?P<emotion>[A-Za-z]+)-(?P<time>\d+)-(?P<user>[0-9a-f]{56})"
    )
    example = f"House/bacho-safe-calm-20190709085906-{_UNKNOWN_USER}.wav"
    labels = {"fearful": "fear", "calm": "neutral", "happy": "happiness", "angry": "anger"}
    splits = HashedSpeakers(validation=0.15, test=0.0)

    def annotate(self, name: Mapping[str, str]) -> Annotation | Skip:
        """Leave out the other keywords and recordings without emotion."""
        if name["keyword"] != "bacho":
            return Skip(f"keyword {name['keyword']}, not bacho")
        if name["emotion"].lower() == "none":
            return Skip("no emotion")
        user = name["user"]
        named = {**name, "emotion": name["emotion"].lower()}
        return self.annotation(named, speaker=None if user == _UNKNOWN_USER else user, text="bacho")
