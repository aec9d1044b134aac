from itertools import product

SPEAKERS = ("liuchanhg", "wangzhe", "zhaoquanyin", "ZhaoZuoxiang")


def test_owner_layout(read_corpus):
    emotions = {
        "angry": "anger",
        "fear": "fear",
        "happy": "happiness",
        "neutral": "neutral",
        "sad": "sadness",
        "surprise": "surprise",
    }
    names = [
        f"CASIA database/{speaker}/{emotion}/{number}.wav"
        for speaker, emotion, number in product(SPEAKERS, emotions, (201, 239))
    ]
    corpus = read_corpus("casia", names)
    assert len(corpus.rows) == len(names)  # the numbers repeat in every folder
    for clip_id, row in corpus.rows.items():
        speaker, emotion, _ = clip_id.split("/")
        assert (row["speaker"], row["emotion_raw"], row["emotion"]) == (speaker, emotion, emotions[emotion])
        assert row["split"] == ("validation" if speaker == "wangzhe" else "train")
    assert not corpus.findings


def test_unknown_emotion(read_corpus):
    corpus = read_corpus("casia", ["wangzhe/neutral/239.wav", "wangzhe/calm/239.wav", "wangzhe/239.wav"])
    assert corpus.problems == [("unknown name", "wangzhe/239.wav"), ("unknown name", "wangzhe/calm/239.wav")]
    assert "emotion 'calm' is unknown" in corpus.findings[1].reason
