import pytest

from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

TABLE = "Raw/Labels/Batch_2980374_batch_results.csv"
FOLDS = "cmu_mosei_std_folds.py"


def shares(row):
    return {
        emotion: pytest.approx(share) for emotion, share in zip(EMOTIONS, row["distribution"], strict=True) if share
    }


def test_graded_emotions_leave_the_rest_to_neutral(read_corpus, label_sample):
    sample = label_sample("cmumosei")
    corpus = read_corpus("cmumosei", sample.audio, sample.labels)
    row = corpus.rows["-3g5yACwYnA_10"]
    assert shares(row) == {"happiness": 1 / 3, "surprise": 1 / 9, "neutral": 5 / 9}  # means 1, 1/3 and 0 of 3
    assert (row["label_source"], row["emotion"], row["emotion_raw"]) == ("intensity", "neutral", None)
    assert row["intensity"] == pytest.approx(1 / 3)
    assert row["valence"] == pytest.approx(2 / 3)  # sentiment 1 in -3..3
    assert not row["label_mask"][EMOTIONS.index("other")]
    assert corpus.problems == [("skipped", "Raw/Audio/Full/WAV_16000/-3g5yACwYnA.wav")]


def test_several_strong_emotions_share_the_mass(read_corpus, label_sample):
    sample = label_sample("cmumosei")
    row = read_corpus("cmumosei", sample.audio, sample.labels).rows["_0efYOjQYRc_2"]
    assert shares(row) == {"anger": 3 / 7, "disgust": 3 / 7, "sadness": 1 / 7}
    assert (row["speaker"], row["valence"]) == ("_0efYOjQYRc", 0)


def test_official_folds_where_their_file_is(read_corpus, label_sample):
    sample = label_sample("cmumosei")
    folds = {name: row["split"] for name, row in read_corpus("cmumosei", sample.audio, sample.labels).rows.items()}
    assert folds == {"-3g5yACwYnA_10": "train", "_0efYOjQYRc_2": "test"}


def test_broken_folds_and_foreign_tables(read_corpus, label_sample):
    sample = label_sample("cmumosei")
    with pytest.raises(CorpusError, match=r"cmu_mosei_std_folds\.py, line 1: it must assign the lists standard_train"):
        read_corpus("cmumosei", sample.audio, {**sample.labels, FOLDS: "standard_train_fold = print(1)"})
    with pytest.raises(CorpusError, match=r"Batch_2980374_batch_results\.csv, line 1: no column Input\.VIDEO_ID"):
        read_corpus("cmumosei", sample.audio, {**sample.labels, TABLE: "a,b\n1,2\n"})


def test_an_answer_off_the_scale_names_its_line(read_corpus, label_sample):
    sample = label_sample("cmumosei")
    labels = {TABLE: sample.labels[TABLE].replace(b'"10","0","0","0","1"', b'"10","0","0","0","4"')}
    corpus = read_corpus("cmumosei", sample.audio, labels)
    assert corpus.problems[1:] == [("unknown name", "Raw/Videos/Segmented/Combined/-3g5yACwYnA_10.mp4")]
    assert "batch_results.csv, line 3: Answer.happiness is 4; it must lie in 0..3" in corpus.findings[1].reason
