def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "urdu", ["Angry/SM1_F10_A010.wav", "Happy/SF11_F1_H095.wav", "Sad/SM1_F1_S1.wav", "Sad/SM1_F1_X1.wav"]
    )
    angry, happy = corpus.rows["SM1_F10_A010"], corpus.rows["SF11_F1_H095"]
    assert (angry["speaker"], angry["gender"], angry["emotion"], angry["split"]) == ("SM1", "male", "anger", "test")
    assert (happy["speaker"], happy["gender"], happy["emotion"]) == ("SF11", "female", "happiness")
    assert corpus.problems == [("unknown name", "Sad/SM1_F1_X1.wav")]
