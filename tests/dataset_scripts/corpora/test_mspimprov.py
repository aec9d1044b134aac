import pytest

from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


def test_owner_layout(read_corpus, label_sample):
    sample = label_sample("mspimprov")
    corpus = read_corpus("mspimprov", sample.audio, sample.labels)
    row = corpus.rows["MSP-IMPROV-S01A-F01-S-FM01"]
    assert {vote["label"]: vote["count"] for vote in row["votes"]} == {"Neutral": 2, "surprised": 1}
    assert row["distribution"][EMOTIONS.index("other")] == pytest.approx(1 / 3)  # surprise was no option
    assert not row["label_mask"][EMOTIONS.index("surprise")]
    assert (row["emotion_raw"], row["emotion"], row["label_source"]) == ("Neutral", "neutral", "votes")
    assert (row["speaker"], row["gender"], row["split"]) == ("F01", "female", "train")
    assert (row["valence"], row["dominance"]) == (0.625, 0.5)
    assert not corpus.findings


def test_activation_runs_the_other_way_and_dominance_may_be_missing(read_corpus, label_sample):
    sample = label_sample("mspimprov")
    row = read_corpus("mspimprov", sample.audio, sample.labels).rows["MSP-IMPROV-S13H-M06-P-MF02"]
    assert row["arousal"] == 0.875  # A is 1.5, and 1 is the most active
    assert row["dominance"] is None
    assert (row["emotion_raw"], row["emotion"], row["split"]) == ("no agreement", None, "test")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"P01-p07; Neutral; Neutral; A:3.000000; V:4.000000; D:3.000000; N:4.000000;", b"???", "line 3: neither"),
        (b"S13H-M06-P-MF02", b"S01A-F01-S-FM01", "line 6: IMPROV-S01A-F01-S-FM01 has a row in line 1"),
    ],
)
def test_a_broken_file_names_its_line(read_corpus, label_sample, old, new, message):
    sample = label_sample("mspimprov")
    broken = sample.labels["Evalution.txt"].replace(old, new)
    with pytest.raises(CorpusError, match=rf"Evalution\.txt, {message}"):
        read_corpus("mspimprov", sample.audio, {"Evalution.txt": broken})


def test_a_turn_without_raters_is_a_finding(read_corpus, label_sample):
    sample = label_sample("mspimprov")
    lines = sample.labels["Evalution.txt"].splitlines(keepends=True)
    corpus = read_corpus("mspimprov", sample.audio, {"Evalution.txt": b"".join(lines[:6])})
    assert corpus.problems == [("unknown name", "session6/S13H/P/MSP-IMPROV-S13H-M06-P-MF02.wav")]
    assert "Evalution.txt, line 6: no rater's line follows" in corpus.findings[0].reason
