from pathlib import Path

import pytest

from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

CONSENSUS, DETAILED = "Labels/labels_consensus.csv", "Labels/labels_detailed.csv"


def shares(row):
    return {
        emotion: pytest.approx(share) for emotion, share in zip(EMOTIONS, row["distribution"], strict=True) if share
    }


def test_raters_vote_and_their_own_words_map(read_corpus, label_sample):
    sample = label_sample("msppodcast")
    corpus = read_corpus("msppodcast", sample.audio, sample.labels)
    row = corpus.rows["MSP-PODCAST_0002_0051"]
    assert {vote["label"]: vote["count"] for vote in row["votes"]} == {"Happy": 1, "interested": 1, "annoyed": 1}
    assert shares(row) == {"happiness": 1 / 3, "other": 1 / 3, "anger": 1 / 3}
    assert (row["emotion_raw"], row["emotion"], row["label_source"]) == ("no agreement", None, "votes")
    assert (row["speaker"], row["gender"], row["split"]) == (None, None, "validation")
    assert [row[scale] for scale in ("arousal", "valence", "dominance")] == pytest.approx([0.5, 0.7, 0.6])
    assert corpus.reader.report.unmapped == {"interested": 1}


def test_contempt_is_other_and_test3_has_no_labels(read_corpus, label_sample):
    sample = label_sample("msppodcast")
    corpus = read_corpus("msppodcast", sample.audio, sample.labels)
    row = corpus.rows["MSP-PODCAST_0726_0176_0002"]
    assert (row["emotion_raw"], row["emotion"], row["split"]) == ("Contempt", "other", "test")
    assert (row["speaker"], row["gender"]) == ("79", "female")
    assert corpus.problems == [("skipped", "Audios/MSP-PODCAST_test3_0001.wav")]


def test_one_column_an_answer_gives_the_same_votes(read_corpus, label_sample):
    sample = label_sample("msppodcast")
    lines = sample.labels[DETAILED].decode().splitlines()[1:]
    table = "FileName,Workers,EmoClass_Major,EmoClass_Second,EmoAct,EmoVal,EmoDom\n"
    for line in lines:
        name, _, detail = line.partition(",")
        worker, primary, secondary, *_ = detail.strip('"').split(";")
        table += f'{name},{worker},{primary.strip()},"{secondary.strip()}",4,4,4\n'
    old = read_corpus("msppodcast", sample.audio, sample.labels).rows
    new = read_corpus("msppodcast", sample.audio, {**sample.labels, DETAILED: table}).rows
    assert old == new


def test_without_raters_the_consensus_is_smoothed(read_corpus, label_sample):
    sample = label_sample("msppodcast")
    labels = {"Labels/labels_concensus.csv": sample.labels[CONSENSUS]}
    corpus = read_corpus("msppodcast", sample.audio, labels)
    agreed, disagreed = corpus.rows["MSP-PODCAST_0001_0008"], corpus.rows["MSP-PODCAST_0002_0051"]
    assert (agreed["emotion"], agreed["label_source"]) == ("neutral", "smoothed")
    assert (disagreed["label_source"], any(disagreed["label_mask"])) == ("none", False)
    assert disagreed["valence"] == pytest.approx(0.7)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"0008.wav,N,2.2", b"0008.wav,Z,2.2", "labels_consensus.csv, line 2: EmoClass is 'Z'; valid are A, S"),
        (b"N,2.2", b"N,8.2", "labels_consensus.csv, line 2: EmoAct is 8.2; it must lie in 1..7"),
        (b"Male,Train", b"Male,Training", "labels_consensus.csv, line 2: Split_Set is 'Training'"),
    ],
)
def test_a_broken_row_names_its_line(read_corpus, label_sample, old, new, reason):
    sample = label_sample("msppodcast")
    labels = {**sample.labels, CONSENSUS: sample.labels[CONSENSUS].replace(old, new)}
    corpus = read_corpus("msppodcast", sample.audio, labels)
    assert corpus.problems[0] == ("unknown name", "Audios/MSP-PODCAST_0001_0008.wav")
    assert reason in corpus.findings[0].reason


def test_a_rater_without_an_answer(read_corpus, label_sample):
    sample = label_sample("msppodcast")
    labels = {**sample.labels, DETAILED: "FileName,EmoDetail\nMSP-PODCAST_0001_0008.wav,WORKER00000013\n"}
    with pytest.raises(CorpusError, match=r"labels_detailed\.csv, line 2: EmoDetail is 'WORKER00000013'"):
        read_corpus("msppodcast", sample.audio, labels)
    labels[DETAILED] = labels[DETAILED].replace("0013", "0013; Happy;")
    assert "labels_detailed.csv has no rater" in read_corpus("msppodcast", sample.audio, labels).findings[0].reason


def test_every_real_name(real_names, tmp_path):
    """The names come with the consensus letter alone; the other columns are made up."""
    names = real_names("msppodcast")
    rows = (f"{Path(path).name},{label},4,4,4,1,Male,Train" for path, label in names)
    table = "\n".join(("FileName,EmoClass,EmoAct,EmoVal,EmoDom,SpkrID,Gender,Split_Set", *rows))
    (tmp_path / "labels_consensus.csv").write_text(table)
    reader = get_reader("msppodcast")(tmp_path)
    clips = [reader.clip(path) for path, _ in names]
    assert all(
        clip.annotation.emotion_raw == reader.codes[label] for clip, (_, label) in zip(clips, names, strict=True)
    )
    assert len({clip.id for clip in clips}) == 23126
