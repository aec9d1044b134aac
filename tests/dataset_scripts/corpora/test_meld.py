from collections import Counter

import pytest

from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


def test_owner_layout(read_corpus, label_sample):
    sample = label_sample("meld")
    corpus = read_corpus("meld", sample.audio, sample.labels)
    assert {row["split"]: row["emotion_raw"] for row in corpus.rows.values()} == {
        "train": "neutral",
        "validation": "sadness",
        "test": "anger",
    }
    row = corpus.rows["dev_splits_complete/dia0_utt0"]
    assert (row["speaker"], row["gender"], row["emotion"], row["label_source"]) == (
        "Phoebe",
        "female",
        "sadness",
        "smoothed",
    )
    assert row["text"].endswith("totally lost it.")
    assert corpus.rows["output_repeated_splits_test/dia0_utt1"]["gender"] is None


def test_broken_videos_and_second_cuts(read_corpus, label_sample):
    sample = label_sample("meld")
    corpus = read_corpus("meld", sample.audio, sample.labels)
    assert corpus.problems == [
        ("duplicate", "output_repeated_splits_test/final_videos_testdia0_utt1.mp4"),
        ("skipped", "train/train_splits/dia125_utt3.mp4"),
    ]


def test_second_cut_alone_is_the_clip(read_corpus, label_sample):
    sample = label_sample("meld")
    corpus = read_corpus("meld", ["test/final_videos_testdia0_utt1.wav", "elsewhere/dia0_utt1.wav"], sample.labels)
    assert list(corpus.rows) == ["test/dia0_utt1"]
    assert "folder 'elsewhere' is unknown" in corpus.findings[0].reason


def test_an_unknown_emotion_names_file_and_line(read_corpus, label_sample):
    sample = label_sample("meld")
    labels = {**sample.labels, "dev_sent_emo.csv": sample.labels["dev_sent_emo.csv"].replace(b"sadness", b"sorrow")}
    corpus = read_corpus("meld", sample.audio, labels)
    assert "dev_sent_emo.csv, line 2: Emotion is 'sorrow'; valid are neutral" in corpus.findings[0].reason


def test_all_three_tables_are_needed(read_corpus, label_sample):
    sample = label_sample("meld")
    del sample.labels["test_sent_emo.csv"]
    with pytest.raises(CorpusError, match=r"no test_sent_emo\.csv here or below"):
        read_corpus("meld", sample.audio, sample.labels)


def test_every_real_name_agrees_with_the_real_tables(shared_dir, real_names):
    reader = get_reader("meld")(shared_dir / "corpora_labels" / "meld")
    clips = [(reader.clip(path), label) for path, label in real_names("meld")]
    assert len({clip.id for clip, _ in clips}) == reader.info.num_clips == len(reader.rows)
    assert all(clip.annotation.emotion_raw == label for clip, label in clips)
    assert Counter(label for _, label in clips) == reader.info.emotion_counts
    assert len({clip.annotation.speaker for clip, _ in clips}) == reader.info.num_speakers
    assert Counter(clip.split for clip, _ in clips) == {"train": 9988, "validation": 1108, "test": 2610}
