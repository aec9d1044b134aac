from collections import Counter

from audio_emotion.dataset_scripts.reader import get_reader


def test_owner_layout(read_corpus):
    corpus = read_corpus("baved", ["0/0-m-21-0-0-105.wav", "6/9-f-20-6-1-1696.wav", "0/49-m-23-6-2-201.wav"])
    low, neutral, high = (corpus.rows[name] for name in ("0-m-21-0-0-105", "9-f-20-6-1-1696", "49-m-23-6-2-201"))
    assert [row["arousal"] for row in (low, neutral, high)] == [0.0, 0.5, 1.0]
    assert [row["emotion_raw"] for row in (low, neutral, high)] == ["low", "neutral", "high"]
    for row in (low, neutral, high):
        assert (row["emotion"], row["label_source"], sum(row["distribution"])) == (None, "none", 0)
        assert not any(row["label_mask"])
    assert (low["speaker"], low["gender"], low["age"], low["text"]) == ("0", "male", 21, "اعجبني")
    assert (neutral["gender"], neutral["language"], high["text"]) == ("female", "ar", "سيئ")
    assert not corpus.findings


def test_unknown_names(read_corpus):
    names = [
        "0/0-m-21-0-0-105.wav",
        "0/0-m-21-0-3-105.wav",
        "0/0-m-21-7-0-105.wav",
        "0/0-x-21-0-0-105.wav",
        "0/0-m-0-0-0-105.wav",
    ]
    corpus = read_corpus("baved", names)
    reasons = {finding.where: finding.reason for finding in corpus.findings}
    assert "emotion '3' is unknown" in reasons[names[1]]
    assert "text '7' is unknown" in reasons[names[2]]
    assert set(reasons) == set(names[1:])


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("baved")(tmp_path)
    found, speakers = Counter(), set()
    for path, level in real_names("baved"):
        annotation = reader.clip(path).annotation
        assert annotation.arousal == int(level) / 2
        found[annotation.emotion_raw] += 1
        speakers.add(annotation.speaker)
    assert found == reader.info.emotion_counts
    assert len(speakers) == reader.info.num_speakers
