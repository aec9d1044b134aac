from itertools import product

from audio_emotion.dataset_scripts.reader import get_reader


def test_whole_corpus_in_the_owner_layout(read_corpus):
    reader_class = get_reader("emovo")
    names = [
        f"EMOVO/{speaker}/{emotion}-{speaker}-{text}.wav"
        for emotion, speaker, text in product(reader_class.codes, reader_class.speakers, reader_class.texts)
    ]
    corpus = read_corpus("emovo", names)
    assert len(corpus.rows) == reader_class.info.num_clips
    row = corpus.rows["gio-f2-b2"]
    assert (row["emotion_raw"], row["emotion"], row["label_source"]) == ("gioia", "happiness", "smoothed")
    assert (row["speaker"], row["gender"], row["age"], row["split"]) == ("f2", "female", 23, "train")
    assert row["text"] == "I vigili sono muniti di pistola."
    assert {row["speaker"] for row in corpus.rows.values() if row["split"] == "validation"} == {"f3", "m3"}
    assert sum(row["label_mask"]) == 7
    assert not corpus.findings


def test_unknown_names(read_corpus):
    corpus = read_corpus(
        "emovo", ["f2/gio-f2-b2.wav", "f2/xxx-f2-b2.wav", "f2/gio-f9-b2.wav", "f2/gio-f2-b9.wav", "f2/gio.wav"]
    )
    assert list(corpus.rows) == ["gio-f2-b2"]
    assert [finding.reason.split(";")[0] for finding in corpus.findings] == [
        "text 'b9' is unknown",
        "speaker 'f9' is unknown",
        "not a name of EMOVO, which looks like f2/gio-f2-b2.wav.",
        "emotion 'xxx' is unknown",
    ]
