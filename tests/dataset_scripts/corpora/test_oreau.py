import pytest

from audio_emotion.pipeline.errors_audio_emotion import CorpusError


def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "oreau",
        ["OréauFR_02/f/sessj/10a02Ja.wav", "OréauFR_02/m/sessc/23c10C.wav", "OréauFR_02/m/sesst/23b07Tb.wav"],
        {"OréauFR_02/contents.txt": "7 emotions"},
    )
    found = {name: (row["speaker"], row["gender"], row["emotion"]) for name, row in corpus.rows.items()}
    assert found == {
        "10a02Ja": ("10", "female", "happiness"),
        "23c10C": ("23", "male", "anger"),
        "23b07Tb": ("23", "male", "sadness"),
    }
    assert corpus.rows["10a02Ja"]["emotion_raw"] == "joie"
    assert not corpus.findings


def test_first_edition_beside_the_second(read_corpus):
    first = ["OréauFR_01/f/sessj/10a02Ja.wav", "Or\u201aauFR_01/f/sessj/10a03Ja.wav"]
    corpus = read_corpus("oreau", [*first, "OréauFR_02/f/sessj/10a02Ja.wav"])
    assert list(corpus.rows) == ["10a02Ja"]
    assert sorted(corpus.problems) == sorted(("skipped", path) for path in first)


def test_first_edition_alone(read_corpus):
    with pytest.raises(CorpusError, match=r"none of 1 audio files is a clip.*\n.*the first edition"):
        read_corpus("oreau", ["OréauFR_01/f/sessj/10a02Ja.wav"])


def test_unknown_names(read_corpus):
    names = ["f/sessj/10a02Ja.wav", "f/sessj/10a02Xa.wav", "x/sessj/10a02Ja.wav"]
    corpus = read_corpus("oreau", names)
    assert corpus.problems == [("unknown name", names[1]), ("unknown name", names[2])]
