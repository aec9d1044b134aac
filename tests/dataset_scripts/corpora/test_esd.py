from collections import Counter

import pytest

from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

OLD = [
    "0001/Angry/train/0001_000351.wav",
    "0001/Angry/evaluation/0001_000352.wav",
    "0001/Angry/test/0001_000353.wav",
    "0011/Sad/test/0011_001051.wav",
]


def test_new_release(read_corpus, label_sample):
    sample = label_sample("esd")  # the four files have four encodings
    corpus = read_corpus("esd", sample.audio, {**sample.labels, "ReadMe.txt": "Emotional speech data"})
    mandarin, held_out, english = (corpus.rows[name] for name in ("0001_000351", "0009_000001", "0017_001401"))
    assert (mandarin["speaker"], mandarin["gender"], mandarin["language"]) == ("0001", "female", "zh")
    assert (mandarin["emotion"], mandarin["text"]) == ("anger", "打远一看,它们的确很是美丽,")
    assert (held_out["emotion"], held_out["text"], held_out["split"]) == ("neutral", "打远一看", "validation")
    assert (english["language"], english["text"], english["split"]) == ("en", "The cafés have nine.", "test")
    assert corpus.rows["0020_000701"]["text"] == "Tom's eyes were bright."
    assert {name for name, inside in zip(EMOTIONS, english["label_mask"], strict=True) if inside} == {
        *("neutral", "happiness", "anger", "sadness", "surprise")
    }
    assert not corpus.findings


def test_older_release_has_the_official_split_and_the_same_ids(read_corpus):
    table = "0001_000351\t打远一看\t生气\n0001_000352\t打远一看\t生气\n0001_000353\t打远一看\t生气\n"
    corpus = read_corpus("esd", OLD, {"0001/0001.txt": table.encode("utf-16")})
    assert [row["split"] for row in corpus.rows.values()] == ["validation", "test", "train", "test"]
    assert corpus.rows["0001_000351"]["text"] == "打远一看"
    assert corpus.rows["0011_001051"]["text"] is None
    assert not corpus.findings  # a speaker in two splits is what this release has


def test_transcripts_that_contradict_are_broken_or_lack_audio(read_corpus):
    table = (
        "0001_000351\tone\t快乐\n"  # the folder says Angry
        "0001_000352 lost its tabs 生气\n"
        "0001_000353lost more\n"
        "not a row\n"
        "0001_000354\tno audio\t生气\n"
        "0001_000355\tno such word\t高兴\n"
    )
    names = [f"0001/Angry/0001_00035{number}.wav" for number in (1, 2, 3, 5)]
    corpus = read_corpus("esd", [*names, "0002/Calm/0002_000001.wav"], {"0001/0001.txt": table})
    assert {name: row["text"] for name, row in corpus.rows.items()} == {
        "0001_000352": "lost its tabs",
        "0001_000353": "lost more",
    }
    assert corpus.problems == [
        ("unknown line", "0001/0001.txt, line 4"),
        ("unknown name", names[0]),
        ("unknown name", names[3]),
        ("unknown name", "0002/Calm/0002_000001.wav"),
        ("no audio", "0001_000354"),
    ]
    assert "the transcript says 'Happy', the file name 'Angry'" in corpus.findings[1].reason
    assert "0001.txt, line 6: emotion is '高兴'; valid are Neutral, " in corpus.findings[2].reason


def test_a_transcript_in_no_known_encoding(read_corpus):
    with pytest.raises(CorpusError, match=r"0001.txt, line 2: not gb18030 text"):
        read_corpus("esd", ["0001/Angry/0001_000351.wav"], {"0001/0001.txt": b"0001_000351\tone\tAngry\n\x80\xff\n"})


def test_speakers_without_official_split(tmp_path):
    reader = get_reader("esd")(tmp_path)
    splits = Counter()
    for speaker, known in reader.speakers.items():
        splits[reader.splits("esd", speaker), "zh" if speaker <= "0010" else "en", known.gender] += 1
    assert {split for split, _, _ in splits} == {"train", "validation", "test"}
    for split in ("validation", "test"):
        for language in ("zh", "en"):
            assert splits[split, language, "female"] == splits[split, language, "male"] == 1


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("esd")(tmp_path)
    found = Counter()
    for path, label in real_names("esd"):
        name = reader.parse_name(path)
        assert reader.word(name["emotion"]) == label
        assert name["speaker"] in reader.speakers
        found[label] += 1
    assert found == reader.info.emotion_counts
