def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "shemo",
        [
            "female/F03S02.wav",
            "male/M12A01.wav",
            "male/M12W10.wav",
            "female/F31F01.wav",
            "male/M01N05.wav",
            "male/M01H02.wav",
        ],
        {"shemo.json": '{"F03S02": {"gender": "female", "emotion": "anger"}}'},
    )
    found = {name: (row["speaker"], row["gender"], row["emotion"]) for name, row in corpus.rows.items()}
    assert found == {
        "F03S02": ("F03", "female", "sadness"),
        "M12A01": ("M12", "male", "anger"),
        "M12W10": ("M12", "male", "surprise"),
        "F31F01": ("F31", "female", "fear"),
        "M01N05": ("M01", "male", "neutral"),
        "M01H02": ("M01", "male", "happiness"),
    }
    row = corpus.rows["F03S02"]
    assert (row["language"], row["label_mask"][2]) == ("fa", False)  # no disgust
    assert not corpus.findings


def test_unknown_names(read_corpus):
    corpus = read_corpus("shemo", ["female/F03S02.wav", "female/F03X02.wav", "female/G03S02.wav"])
    assert corpus.problems == [("unknown name", "female/F03X02.wav"), ("unknown name", "female/G03S02.wav")]
    assert "emotion 'X' is unknown" in corpus.findings[0].reason


def test_a_speaker_has_one_split(read_corpus):
    names = [f"male/M{speaker:02}{emotion}01.wav" for speaker in range(1, 57) for emotion in "AN"]
    splits = {(row["speaker"], row["split"]) for row in read_corpus("shemo", names).rows.values()}
    assert len(splits) == 56
    assert {split for _, split in splits} == {"train", "validation", "test"}
