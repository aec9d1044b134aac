import pytest

from audio_emotion.dataset_scripts.schema import EMOTIONS


def test_owner_layout(read_corpus, label_sample):
    sample = label_sample("biicpodcast")
    corpus = read_corpus("biicpodcast", sample.audio, sample.labels)
    row = corpus.rows["BIIC-PODCAST_1000_0321_0003"]
    assert {vote["label"]: vote["count"] for vote in row["votes"]} == {"Happy": 1, "Surprise": 1, "好奇": 1}
    assert row["distribution"][EMOTIONS.index("other")] == pytest.approx(1 / 3)
    assert (row["corpus"], row["language"], row["split"]) == ("biicpodcast", "zh-TW", "train")
    assert (row["speaker"], row["gender"]) == (None, None)
    assert corpus.reader.report.unmapped == {"好奇": 1}
    assert corpus.rows["BIIC-PODCAST_0001_0031"]["split"] == "test"
    assert not corpus.findings
