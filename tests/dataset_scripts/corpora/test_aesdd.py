from collections import Counter

from audio_emotion.dataset_scripts.reader import get_reader

FOLDER = "Acted Emotional Speech Dynamic Database"


def test_owner_layout(read_corpus):
    names = ["anger/a03 (3)", "anger/a06 (5)b", "sadness/s01 (5)a", "fear/f10 (01)", "fear/f09 (1)", "disgust/d01 (6)"]
    corpus = read_corpus("aesdd", [f"{FOLDER}/{name}.wav" for name in names])
    found = {name: (row["speaker"], row["emotion"], row["split"]) for name, row in corpus.rows.items()}
    assert found == {
        "a03 (3)": ("3", "anger", "train"),
        "a06 (5)b": ("5", "anger", "train"),
        "s01 (5)a": ("5", "sadness", "train"),
        "f10 (01)": ("1", "fear", "train"),
        "f09 (1)": ("1", "fear", "train"),
        "d01 (6)": ("6", "disgust", "validation"),
    }
    row = corpus.rows["a03 (3)"]
    assert (row["language"], row["gender"], sum(row["label_mask"])) == ("el", None, 5)
    assert not row["label_mask"][7]  # no neutral
    assert not row["label_mask"][4]  # no surprise
    assert not corpus.findings


def test_unknown_names(read_corpus):
    corpus = read_corpus("aesdd", ["anger/a03 (3).wav", "anger/a03.wav", "anger/n03 (3).wav"])
    assert corpus.problems == [("unknown name", "anger/a03.wav"), ("unknown name", "anger/n03 (3).wav")]


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("aesdd")(tmp_path)
    found, speakers = Counter(), Counter()
    for path, code in real_names("aesdd"):
        annotation = reader.clip(path).annotation
        assert annotation.emotion_raw == reader.codes[code] == path.split("/")[0]
        found[annotation.emotion_raw] += 1
        speakers[annotation.speaker] += 1
    assert found == reader.info.emotion_counts
    assert len(speakers) == reader.info.num_speakers
    assert min(speakers.values()) >= 98  # 01 and 1 are one speaker
