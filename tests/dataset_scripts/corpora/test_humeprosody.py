import pytest

from audio_emotion.dataset_scripts.corpora.humeprosody import TARGETS

TEST = "lab/test.csv"


def test_nine_intensities_and_no_categories(read_corpus, label_sample):
    sample = label_sample("humeprosody")
    corpus = read_corpus("humeprosody", sample.audio, sample.labels)
    row = corpus.rows["00001"]
    assert [target["name"] for target in row["targets"]] == list(TARGETS)
    assert [target["intensity"] for target in row["targets"]] == [0.1, 0.0, 0.25, 0.3, 0.5, 1.0, 0.7, 0.0, 0.05]
    assert row["label_source"] == "none"
    assert not any(row["label_mask"])
    assert not any(row["distribution"])
    assert (row["emotion"], row["speaker"]) == (None, None)
    assert [row["split"] for row in corpus.rows.values()] == ["train", "validation", "test"]
    assert not corpus.findings


@pytest.mark.parametrize("mask", [b"?", b"", b"-1"])
def test_masked_labels_are_null(read_corpus, label_sample, mask):
    sample = label_sample("humeprosody")
    corpus = read_corpus("humeprosody", sample.audio, {**sample.labels, TEST: sample.labels[TEST].replace(b"?", mask)})
    row = corpus.rows["00003"]
    assert (row["targets"], row["split"]) == (None, "test")


def test_the_unmasked_table_comes_first(read_corpus, label_sample):
    sample = label_sample("humeprosody")
    unmasked = sample.labels[TEST].replace(b"?", b"0.5")
    corpus = read_corpus("humeprosody", sample.audio, {**sample.labels, "lab/test.unmasked.csv": unmasked})
    assert {target["intensity"] for target in corpus.rows["00003"]["targets"]} == {0.5}
    assert corpus.rows["00003"]["split"] == "test"


def test_labels_that_cannot_be(read_corpus, label_sample):
    sample = label_sample("humeprosody")
    half_masked = {**sample.labels, TEST: sample.labels[TEST].replace(b"wav,?", b"wav,0.5")}
    corpus = read_corpus("humeprosody", sample.audio, half_masked)
    assert "test.csv, line 2: Boredom is '?'; it must be a number" in corpus.findings[0].reason
    masked_training = {**sample.labels, "lab/train.csv": sample.labels[TEST].replace(b"00003", b"00001")}
    assert "train.csv, line 2: Anger" in read_corpus("humeprosody", sample.audio, masked_training).findings[0].reason
    twice = {**sample.labels, TEST: sample.labels[TEST].replace(b"00003", b"00001")}
    corpus = read_corpus("humeprosody", sample.audio, twice)
    assert corpus.rows["00001"]["split"] == "train"
    (duplicate,) = (finding for finding in corpus.findings if finding.kind == "duplicate")
    assert duplicate.where.endswith("test.csv, line 2")
    assert "train.csv, line 2" in duplicate.reason
