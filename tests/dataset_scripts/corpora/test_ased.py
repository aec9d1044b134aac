def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "ased",
        [
            "01Neutral/n1-01-01-01-01.wav",
            "02Fearful/f2-01-01-02-02.wav",
            "04Sad/S4-04-02-01-29.wav",
            "05Angry/a5-01-01-02-15.wav",
            "05Angry/x5-01-01-02-16.wav",
        ],
    )
    assert [(row["emotion"], row["gender"], row["speaker"]) for row in corpus.rows.values()] == [
        ("neutral", "female", "01"),
        ("fear", "male", "02"),
        ("sadness", "female", "29"),
        ("anger", "female", "15"),  # the digit says male, speaker 15's other files say female
    ]
    assert corpus.problems == [("unknown name", "05Angry/x5-01-01-02-16.wav")]
