def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "subesco",
        [
            "F_10_FAHMEE_S_6_FEAR_5.wav",
            "F_01_OISHI_S_10_ANGRY_1.wav",
            "M_10_TITU_S_1_SURPRISE_2.wav",
            "M_01_TUSHAR_S_2_HAPPY_3.wav",
        ],
    )
    found = [(row["speaker"], row["gender"], row["emotion"], row["split"]) for row in corpus.rows.values()]
    assert found == [
        ("F_01", "female", "anger", "train"),
        ("F_10", "female", "fear", "validation"),
        ("M_01", "male", "happiness", "train"),
        ("M_10", "male", "surprise", "validation"),
    ]
    row = corpus.rows["F_10_FAHMEE_S_6_FEAR_5"]
    assert (row["language"], row["emotion_raw"], sum(row["label_mask"])) == ("bn", "FEAR", 7)
    assert not corpus.findings


def test_unknown_names(read_corpus):
    names = ["F_10_FAHMEE_S_6_BORED_5.wav", "F_10_FAHMEE_S_6_FEAR_5.wav", "X_10_FAHMEE_S_6_FEAR_5.wav"]
    corpus = read_corpus("subesco", names)
    assert corpus.problems == [("unknown name", names[0]), ("unknown name", names[2])]
    assert "emotion 'BORED' is unknown" in corpus.findings[0].reason
