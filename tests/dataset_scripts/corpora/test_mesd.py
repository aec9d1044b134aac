from collections import Counter

from audio_emotion.dataset_scripts.reader import get_reader

FOLDER = "Mexican Emotional Speech Database (MESD)"


def test_owner_layout(read_corpus):
    names = ["Anger_F_A_tarde", "Sadness_M_B_tristeza", "Neutral_C_A_basta_ya", "Happiness_C_A_lento_dentro"]
    corpus = read_corpus("mesd", [f"{FOLDER}/{name}.wav" for name in names])
    anger, sadness, neutral, happiness = (corpus.rows[name] for name in names)
    assert (anger["gender"], anger["text"], anger["emotion"], anger["language"]) == (
        "female",
        "tarde",
        "anger",
        "es-MX",
    )
    assert (sadness["gender"], neutral["gender"]) == ("male", None)
    assert (neutral["text"], neutral["emotion"], happiness["text"]) == ("basta ya", "neutral", "lento dentro")
    assert {(row["speaker"], row["split"]) for row in corpus.rows.values()} == {(None, "train")}
    assert not anger["label_mask"][4]  # no surprise
    assert not corpus.findings


def test_unknown_names(read_corpus):
    corpus = read_corpus("mesd", ["Anger_F_A_tarde.wav", "Anger_X_A_tarde.wav", "Surprise_F_A_tarde.wav"])
    assert corpus.problems == [("unknown name", "Anger_X_A_tarde.wav"), ("unknown name", "Surprise_F_A_tarde.wav")]


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("mesd")(tmp_path)
    found = Counter()
    for path, label in real_names("mesd"):
        assert reader.clip(path).annotation.emotion_raw == label
        found[label] += 1
    assert found == reader.info.emotion_counts
