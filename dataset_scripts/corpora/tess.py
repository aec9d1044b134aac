"""TESS: Toronto emotional speech set."""

from __future__ import annotations

from collections.abc import Mapping

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Speaker
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class Tess(CorpusReader):
    """`OAF_back_angry.wav` = speaker, word in "Say the word ...", emotion; folders do not matter.

    `ps` is pleasant surprise. One file lacks a letter of its speaker, `OA_bite_neutral`. The ages are those of the
    corpus's record. A common archive holds the whole corpus twice; the second copies are listed as duplicates.
    """

    info = CorpusInfo(
        name="tess",
        title="Toronto emotional speech set (TESS)",
        languages=("en",),
        license="cc-by-nc-nd-4.0",
        license_note="ND: prepared clips are for your own use.",
        redistribution=False,
        homepage="https://doi.org/10.5683/SP2/E8H2MF",
        citation="""
@data{pichora2020tess,
  title = {Toronto emotional speech set (TESS)},
  author = {Pichora-Fuller, M. Kathleen and Dupuis, Kate},
  publisher = {Borealis}, year = {2020}, doi = {10.5683/SP2/E8H2MF}
}""",
        label_note="Acted label, smoothed.",
        split_note="All train: with two speakers a speaker-disjoint validation split would cost half of the corpus.",
        num_clips=2800,
        num_speakers=2,
        emotion_counts=dict.fromkeys(("angry", "disgust", "fear", "happy", "pleasant surprise", "sad", "neutral"), 400),
    )
    grammar = r"(?P<speaker>OAF?|YAF)_(?P<word>[a-z]+)_(?P<emotion>[a-z]+)"
    example = "OAF_angry/OAF_back_angry.wav"
    codes = {
        "angry": "angry",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happy",
        "ps": "pleasant surprise",
        "sad": "sad",
        "neutral": "neutral",
    }
    labels = {
        "angry": "anger",
        "disgust": "disgust",
        "fear": "fear",
        "happy": "happiness",
        "pleasant surprise": "surprise",
        "sad": "sadness",
        "neutral": "neutral",
    }
    speakers = {"YAF": Speaker("female", 26), "OAF": Speaker("female", 64)}
    splits = ListedSpeakers()

    def annotate(self, name: Mapping[str, str]) -> Annotation:
        """Put the one short speaker code right."""
        speaker = "OAF" if name["speaker"] == "OA" else name["speaker"]
        return self.annotation(name, speaker=speaker, text=f"Say the word {name['word']}.")
