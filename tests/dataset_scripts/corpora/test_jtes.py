from itertools import product


def test_owner_layout(read_corpus):
    names = [
        f"jtes_v1.1/wav/{gender}{number:02}/{emotion}/{gender}{number:02}_{emotion}_01.wav"
        for gender, number, emotion in product("fm", range(1, 51), ("ang", "joy", "neu", "sad"))
    ]
    corpus = read_corpus("jtes", names)
    assert len(corpus.rows) == 400
    row = corpus.rows["f01_joy_01"]
    assert (row["speaker"], row["gender"], row["emotion_raw"], row["emotion"]) == ("f01", "female", "joy", "happiness")
    assert (row["language"], sum(row["label_mask"])) == ("ja", 4)
    splits = {(row["speaker"], row["split"]) for row in corpus.rows.values()}
    assert len(splits) == 100  # no speaker is in two
    assert {split for _, split in splits} == {"train", "validation", "test"}
    assert not corpus.findings


def test_unknown_names(read_corpus):
    corpus = read_corpus(
        "jtes", ["wav/f01/ang/f01_ang_01.wav", "wav/f01/sur/f01_sur_01.wav", "wav/f01/ang/x01_ang_01.wav"]
    )
    assert corpus.problems == [
        ("unknown name", "wav/f01/ang/x01_ang_01.wav"),
        ("unknown name", "wav/f01/sur/f01_sur_01.wav"),
    ]
