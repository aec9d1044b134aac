from collections import Counter

import pytest

from audio_emotion.dataset_scripts.reader import get_reader


@pytest.mark.parametrize("path", ["AudioData/{}/{}.wav", "ALL/{}_{}.wav", "{}_{}.wav"])
def test_both_layouts(read_corpus, path):
    names = [("DC", "a01"), ("DC", "sa02"), ("JE", "su15"), ("JK", "n30"), ("KL", "h01")]
    corpus = read_corpus("savee", [path.format(*name) for name in names])
    found = {(row["speaker"], row["emotion"], row["gender"], row["split"]) for row in corpus.rows.values()}
    assert found == {
        ("DC", "anger", "male", "train"),
        ("DC", "sadness", "male", "train"),
        ("JE", "surprise", "male", "train"),
        ("JK", "neutral", "male", "train"),
        ("KL", "happiness", "male", "validation"),
    }
    assert not corpus.findings


def test_odd_names(read_corpus):
    corpus = read_corpus("savee", ["DC_a01.wav", "XY_a01.wav", "DC_z01.wav", "AudioData/a01.wav"])
    assert list(corpus.rows) == ["DC_a01"]
    assert corpus.problems == [("unknown name", name) for name in ("AudioData/a01.wav", "DC_z01.wav", "XY_a01.wav")]


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("savee")(tmp_path)
    found = Counter()
    for path, code in real_names("savee"):
        annotation = reader.clip(path).annotation
        assert annotation.emotion_raw == reader.codes[code]
        found[annotation.emotion_raw] += 1
    assert found == reader.info.emotion_counts
