UNKNOWN = "d14a028c2a3a2bc9476102bb288234c415a2b01f828ea62ac5b3e42f"
KNOWN = "fda31b2be41da6499788299ce3d8dc14c6d9b9e8754601ba8ad59e5e"


def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "emospeech_bacho",
        [
            f"House/bacho-safe-calm-20190709085906-{UNKNOWN}.wav",
            f"House/bacho-glass break-Angry-20190709085907-{KNOWN}.wav",
            f"Roads/background-safe-None-20190701193438-{UNKNOWN}.wav",
            f"Roads/bacho-safe-None-20190701193439-{UNKNOWN}.wav",
            "Roads/bacho-safe-calm-20190701193438-0.wav",
        ],
    )
    angry, calm = corpus.rows.values()
    assert (calm["speaker"], calm["split"], calm["emotion"], calm["text"]) == (None, "train", "neutral", "bacho")
    assert (angry["speaker"], angry["emotion"]) == (KNOWN, "anger")
    assert [kind for kind, _ in corpus.problems] == ["skipped", "unknown name", "skipped"]
