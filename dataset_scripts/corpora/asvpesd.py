"""ASVP-ESD: realistic speech and non-speech emotional sounds."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import HashedSpeakers

_LANGUAGES = {"01": "zh", "02": "en", "04": "fr"}


class AsvpEsd(CorpusReader):
    """`Audio/actor_36/03-01-09-01-06-36-02-02-01-39.wav`: what the ten numbers mean, some names lacking the last ones.

    Modality (always 03, audio), channel (01 speech, 02 non-speech: not a song as in RAVDESS), emotion, intensity,
    statement, actor (even = male, odd = female), age group (01 over 65, 02 to 64, 03 under 20, 04 baby), source,
    language, and a last number of similar sounds, 66 for mixed voices or 77 for noise. Codes are those of the owner's
    README. Laughing, crying and screaming carry emotion, so non-speech stays.

    Excited and pleasure map to happiness. Boredom, pain, disappointment (with disapproval) and breath are none of the
    seven named emotions and map to other. A clip was labelled at normal (01) or high (02) intensity: a normal one keeps
    0.7 of its mass, as in RAVDESS, and gives the rest to neutral.

    The README says 01 Chinese, 02 English, 04 French, and Russian and others for the rest; other toolkits read the
    codes otherwise. Whatever is not one of the three is `und`, undetermined, and so is a name without language.
    """

    info = CorpusInfo(
        name="asvpesd",
        title="ASVP-ESD (Speech & Non-Speech Emotional Sound)",
        languages=("und", "zh", "en", "fr"),
        license="unknown",
        license_note="Collected from films, television and web pages.",
        redistribution=False,
        homepage="https://zenodo.org/records/5573185",
        citation="""
@misc{landry2021asvpesd,
  title = {Audio, Speech and Vision Processing Lab Emotional Sound database (ASVP-ESD)},
  author = {Tientcheu Touko Landry, Dejoli and He, Qianhua and Xie, Wei},
  publisher = {Zenodo}, year = {2021}, doi = {10.5281/zenodo.5573185}
}""",
        label_note="Majority label graded by intensity: high 1.0, normal 0.7, the rest on neutral; excited and "
        "pleasure are happiness; boredom, pain, disappointment and breath are other.",
        split_note="No official split. A hash puts about 10 % of the actors each into validation and test.",
        num_clips=13964,
        num_speakers=131,
    )
    grammar = (
        r"\d\d-\d\d-(?P<emotion>\d\d)-(?P<intensity>\d\d)-\d+-(?P<actor>\d+)-\d+-\d+"
        r"(?:-(?P<language>\d\d))?(?:[-_ (][^/]*)?"
    )
    example = "Audio/actor_36/03-01-09-01-06-36-02-02-01-39.wav"
    codes = {
        "01": "boredom",
        "02": "neutral",
        "03": "happy",
        "04": "sad",
        "05": "angry",
        "06": "fear",
        "07": "disgust",
        "08": "surprise",
        "09": "excited",
        "10": "pleasure",
        "11": "pain",
        "12": "disappointment",
        "13": "breath",
    }
    labels = {
        "boredom": "other",
        "neutral": "neutral",
        "happy": "happiness",
        "sad": "sadness",
        "angry": "anger",
        "fear": "fear",
        "disgust": "disgust",
        "surprise": "surprise",
        "excited": "happiness",
        "pleasure": "happiness",
        "pain": "other",
        "disappointment": "other",
        "breath": "other",
    }
    intensities = {"01": 0.7, "02": 1.0}
    splits = HashedSpeakers()

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Derive the gender from the actor's number, and the language."""
        actor = name["actor"]
        return self.annotation(
            name,
            speaker=f"actor_{actor}",
            gender="female" if int(actor) % 2 else "male",
            language=_LANGUAGES.get(name.get("language", "")),
        )
