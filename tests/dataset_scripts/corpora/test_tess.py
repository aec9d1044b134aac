from audio_emotion.dataset_scripts.reader import get_reader


def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "tess",
        [
            "TESS Toronto emotional speech set data/OAF_angry/OAF_back_angry.wav",
            "TESS Toronto emotional speech set data/OAF_neutral/OA_bite_neutral.wav",
            "TESS Toronto emotional speech set data/YAF_pleasant_surprised/YAF_back_ps.wav",
            "TESS Toronto emotional speech set data/YAF_happy/YAF_back_joyful.wav",
            "tess toronto emotional speech set data/OAF_angry/OAF_back_angry.wav",
        ],
    )
    old, odd, young = (corpus.rows[name] for name in ("OAF_back_angry", "OA_bite_neutral", "YAF_back_ps"))
    assert (old["speaker"], old["gender"], old["age"], old["emotion"]) == ("OAF", "female", 64, "anger")
    assert (odd["speaker"], odd["emotion"], odd["text"]) == ("OAF", "neutral", "Say the word bite.")
    assert (young["age"], young["emotion_raw"], young["emotion"]) == (26, "pleasant surprise", "surprise")
    assert not old["label_mask"][6]  # no other
    assert corpus.problems == [
        ("unknown name", "TESS Toronto emotional speech set data/YAF_happy/YAF_back_joyful.wav"),
        ("duplicate", "tess toronto emotional speech set data/OAF_angry/OAF_back_angry.wav"),
    ]


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("tess")(tmp_path)
    words = {"ps": "pleasant surprise", "surprise": "pleasant surprise"}
    for path, label in real_names("tess"):
        assert reader.clip(path).annotation.emotion_raw == words.get(label, label)
