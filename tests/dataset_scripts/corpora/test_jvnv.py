import pytest

from audio_emotion.pipeline.errors_audio_emotion import CorpusError


def test_owner_layout(read_corpus, label_sample):
    sample = label_sample("jvnv")
    corpus = read_corpus(
        "jvnv", sample.audio, {**sample.labels, "jvnv_v1/nv_label/F1/F1_anger_regular_01.txt": "0.1 0.5"}
    )
    found = [(row["id"], row["gender"], row["emotion"], row["split"], row["text"]) for row in corpus.rows.values()]
    assert found == [
        ("F1_anger_regular_01", "female", "anger", "train", "はあ、何だって?"),
        ("F2_happy_free_04", "female", "happiness", "validation", "わあ、すごい!"),
        ("M1_anger_regular_01", "male", "anger", "train", "はあ、何だって?"),
    ]
    assert all(not row["label_mask"][7] for row in corpus.rows.values())  # no neutral
    assert not corpus.findings


def test_without_sentences(read_corpus, label_sample):
    corpus = read_corpus("jvnv", label_sample("jvnv").audio)
    assert [row["text"] for row in corpus.rows.values()] == [None, None, None]


def test_a_table_of_another_form(read_corpus, label_sample):
    with pytest.raises(CorpusError, match=r"transcription.csv, line 2: 'happy,わあ' is not `script\|nonverbal"):
        table = "anger_regular_01|はあ|はあ\nhappy,わあ\n"
        read_corpus("jvnv", label_sample("jvnv").audio, {"jvnv_v1/transcription.csv": table})


def test_unknown_emotion(read_corpus):
    corpus = read_corpus("jvnv", ["F1/anger/free/F1_anger_free_01.wav", "F1/calm/regular/F1_calm_regular_01.wav"])
    assert corpus.problems == [("unknown name", "F1/calm/regular/F1_calm_regular_01.wav")]
