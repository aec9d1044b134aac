def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "turevdb",
        [
            "Sound Source/Angry/1157_kz_acik.wav",
            "Sound Source/Calm/7895_sk_acik.wav",
            "Sound Source/Happy/1234_hl_acik.wav",
            "Sound Source/Sad/1234_hl_acik.wav",
        ],
    )
    angry, calm = corpus.rows["Angry/1157_kz_acik"], corpus.rows["Calm/7895_sk_acik"]
    assert (angry["emotion"], angry["speaker"], angry["text"], angry["split"]) == ("anger", "1157", "acik", "train")
    assert (calm["emotion_raw"], calm["emotion"], calm["split"]) == ("Calm", "neutral", "validation")
    assert corpus.problems == [("unknown name", "Sound Source/Happy/1234_hl_acik.wav")]
    assert "folder says 'Happy', the file name 'Sad'" in corpus.findings[0].reason
