import pytest

from audio_emotion.pipeline.errors_audio_emotion import CorpusError

NAMES = [
    "jvnv_v1/F1/anger/regular/F1_anger_regular_01.wav",
    "jvnv_v1/F2/happy/free/F2_happy_free_04.wav",
    "jvnv_v1/M1/anger/regular/M1_anger_regular_01.wav",
]
TABLE = "anger_regular_01|はあ|はあ、何だって?\nhappy_free_04|わあ|わあ、すごい!\nsad_free_01|うう|うう…\n"


def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "jvnv", NAMES, {"jvnv_v1/transcription.csv": TABLE, "jvnv_v1/nv_label/F1/F1_anger_regular_01.txt": "0.1"}
    )
    found = [(row["id"], row["gender"], row["emotion"], row["split"], row["text"]) for row in corpus.rows.values()]
    assert found == [
        ("F1_anger_regular_01", "female", "anger", "train", "はあ、何だって?"),
        ("F2_happy_free_04", "female", "happiness", "validation", "わあ、すごい!"),
        ("M1_anger_regular_01", "male", "anger", "train", "はあ、何だって?"),
    ]
    assert all(not row["label_mask"][7] for row in corpus.rows.values())  # no neutral
    assert not corpus.findings


def test_without_sentences(read_corpus):
    assert {row["text"] for row in read_corpus("jvnv", NAMES).rows.values()} == {None}


def test_a_table_of_another_form(read_corpus):
    with pytest.raises(CorpusError, match=r"transcription.csv, line 2: 'happy,わあ' is not `script\|nonverbal"):
        read_corpus("jvnv", NAMES, {"jvnv_v1/transcription.csv": "anger_regular_01|はあ|はあ\nhappy,わあ\n"})


def test_unknown_emotion(read_corpus):
    corpus = read_corpus("jvnv", [NAMES[0], "F1/calm/regular/F1_calm_regular_01.wav"])
    assert corpus.problems == [("unknown name", "F1/calm/regular/F1_calm_regular_01.wav")]
