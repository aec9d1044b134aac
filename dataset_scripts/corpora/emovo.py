"""EMOVO: Italian emotional speech."""

from __future__ import annotations

from audio_emotion.dataset_scripts.corpus import CorpusInfo, Speaker
from audio_emotion.dataset_scripts.reader import CorpusReader
from audio_emotion.dataset_scripts.splits import ListedSpeakers


class Emovo(CorpusReader):
    """`f2/gio-f2-b2.wav` = emotion, speaker, sentence.

    Six actors, seven states, 14 sentences: short (b), long (l), nonsense (n) and questions (d). Ages, genders and
    sentences are those of Costantini et al. 2014 as EmoBox lists them.
    """

    info = CorpusInfo(
        name="emovo",
        title="EMOVO",
        languages=("it",),
        license="unknown",
        license_note="None stated on the owner's page; some lists say CC BY-NC-SA.",
        redistribution=False,
        homepage="http://voice.fub.it/activities/corpora/emovo/index.html",
        citation="""
@inproceedings{costantini2014emovo,
  title = {{EMOVO} Corpus: an {Italian} Emotional Speech Database},
  author = {Costantini, Giovanni and Iaderola, Iacopo and Paoloni, Andrea and Todisco, Massimiliano},
  booktitle = {Proceedings of LREC 2014}, pages = {3501--3504}, year = {2014}
}""",
        label_note="Acted label, smoothed.",
        split_note="No official split. f3 and m3 are validation, the other four train.",
        num_clips=588,
        num_speakers=6,
        emotion_counts=dict.fromkeys(
            ("neutro", "disgusto", "gioia", "paura", "rabbia", "sorpresa", "tristezza"),
            84,
        ),
    )
    grammar = r"(?P<emotion>[a-z]{3})-(?P<speaker>[fm]\d)-(?P<text>[a-z]\d)"
    example = "f2/gio-f2-b2.wav"
    codes = {
        "neu": "neutro",
        "dis": "disgusto",
        "gio": "gioia",
        "pau": "paura",
        "rab": "rabbia",
        "sor": "sorpresa",
        "tri": "tristezza",
    }
    labels = {
        "neutro": "neutral",
        "disgusto": "disgust",
        "gioia": "happiness",
        "paura": "fear",
        "rabbia": "anger",
        "sorpresa": "surprise",
        "tristezza": "sadness",
    }
    texts = {
        "b1": "Gli operai si alzano presto.",
        "b2": "I vigili sono muniti di pistola.",
        "b3": "La cascata fa molto rumore.",
        "l1": "L'autunno prossimo Tony partirà per la Spagna: nella prima metà di ottobre.",
        "l2": "Ora prendo la felpa di là ed esco per fare una passeggiata.",
        "l3": "Un attimo dopo s'è incamminato... ed è inciampato.",
        "l4": "Vorrei il numero telefonico del Signor Piatti.",
        "n1": "La casa forte vuole col pane.",
        "n2": "La forza trova il passo e l'aglio rosso.",
        "n3": "Il gatto sta scorrendo nella pera.",
        "n4": "Insalata pastasciutta coscia d'agnello limoncello.",
        "n5": "Uno quarantatré dieci mille cinquantasette venti.",
        "d1": "Sabato sera cosa farà?",
        "d2": "Porti con te quella cosa?",
    }
    speakers = {
        "f1": Speaker("female", 28),
        "f2": Speaker("female", 23),
        "f3": Speaker("female", 25),
        "m1": Speaker("male", 30),
        "m2": Speaker("male", 27),
        "m3": Speaker("male", 30),
    }
    splits = ListedSpeakers(validation=("f3", "m3"))
