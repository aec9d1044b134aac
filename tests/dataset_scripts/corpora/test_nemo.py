import pytest

from audio_emotion.pipeline.errors_audio_emotion import CorpusError


def test_owner_layout(read_corpus, label_sample):
    sample = label_sample("nemo")
    corpus = read_corpus("nemo", sample.audio, sample.labels)
    row = corpus.rows["EB0_anger_1"]
    assert (row["speaker"], row["gender"], row["age"], row["text"]) == ("EB0", "female", 27, 'Co on "robi?')
    assert (row["emotion"], row["label_source"], row["split"], row["language"]) == ("anger", "smoothed", "train", "pl")
    assert corpus.rows["WR0_surprised_64"]["emotion"] == "surprise"
    assert not corpus.findings


def test_a_row_that_contradicts_its_name_and_one_without_audio(read_corpus, label_sample):
    sample = label_sample("nemo")
    table = sample.labels["data.tsv"].replace(b"\tanger", b"\tfear")
    table += table.splitlines(keepends=True)[2].replace(b"_64", b"_65")
    corpus = read_corpus("nemo", sample.audio, {"data.tsv": table})
    assert corpus.problems == [("unknown name", "samples/EB0_anger_1.wav"), ("no audio", "WR0_surprised_65")]
    assert "data.tsv, line 2: emotion is 'fear', the file name says 'anger'" in corpus.findings[0].reason


def test_no_table(read_corpus):
    with pytest.raises(CorpusError, match=r"no data.tsv here or below"):
        read_corpus("nemo", ["samples/EB0_anger_1.wav"])


def test_a_name_twice_in_the_table(read_corpus, label_sample):
    sample = label_sample("nemo")
    table = sample.labels["data.tsv"] + sample.labels["data.tsv"].splitlines(keepends=True)[1]
    with pytest.raises(CorpusError, match=r"data.tsv, line 4: EB0_anger_1 has a row in line 2"):
        read_corpus("nemo", sample.audio, {"data.tsv": table})
