import pytest

from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

TRAIN, TEST, PODCAST = "0a1b2c3d4e5f60718293a4b5c6d7e8f9", "f" * 32, "1" * 32
TRAIN_ROWS = "crowd_train/raw_crowd_train.jsonl"


def test_every_annotator_votes(read_corpus, label_sample):
    sample = label_sample("dusha")
    corpus = read_corpus("dusha", sample.audio, sample.labels)
    row = corpus.rows[TRAIN]
    assert {vote["label"]: vote["count"] for vote in row["votes"]} == {"positive": 2, "neutral": 1}
    assert row["distribution"][EMOTIONS.index("happiness")] == pytest.approx(2 / 3)
    assert (row["emotion_raw"], row["emotion"], row["label_source"]) == ("positive", "happiness", "votes")
    assert (row["speaker"], row["text"]) == ("b2", 'поставь "музыку"')
    assert row["split"] in ("train", "validation")
    assert not corpus.findings


def test_tsv_and_empty_cells(read_corpus, label_sample):
    sample = label_sample("dusha")
    corpus = read_corpus("dusha", sample.audio, sample.labels)
    crowd, podcast = corpus.rows[TEST], corpus.rows[PODCAST]
    assert (crowd["split"], crowd["emotion"], crowd["text"]) == ("test", None, 'скажи "стоп')
    assert (podcast["split"], podcast["emotion"]) == ("test", "sadness")
    assert (podcast["emotion_raw"], podcast["speaker"], podcast["text"]) == (None, None, None)


def test_one_part_is_enough_and_none_is_not(read_corpus, label_sample):
    sample = label_sample("dusha")
    corpus = read_corpus("dusha", sample.audio[:1], {TRAIN_ROWS: sample.labels[TRAIN_ROWS]})
    assert list(corpus.rows) == [TRAIN]
    (corpus.reader.source / TRAIN_ROWS).unlink()
    with pytest.raises(CorpusError, match=r"no raw_crowd_train\.jsonl here or below"):
        read_corpus("dusha", sample.audio[:1])


def test_a_line_that_is_no_json(read_corpus, label_sample):
    sample = label_sample("dusha")
    broken = sample.labels[TRAIN_ROWS] + b'{"hash_id": \n'
    with pytest.raises(CorpusError, match=r"raw_crowd_train\.jsonl, line 4: not JSON"):
        read_corpus("dusha", sample.audio, {**sample.labels, TRAIN_ROWS: broken})
