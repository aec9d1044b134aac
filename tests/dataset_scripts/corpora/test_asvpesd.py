import pytest

from audio_emotion.dataset_scripts.schema import EMOTIONS


def share(row, emotion):
    return row["distribution"][EMOTIONS.index(emotion)]


def test_owner_layout(read_corpus):
    names = [
        "Audio/actor_36/03-01-09-01-06-36-02-02-01-39.wav",
        "Audio/actor_36/03-01-05-02-06-36-02-02-02.wav",
        "Audio/actor_113/03-02-04-01-131-113-02-03.wav",  # non-speech, no language
        "Audio/actor_15/03-01-06-01-02-15-02-01-04-16-77.wav",
        "Audio/actor_15/03-01-13-01-02-15-02-01-03.wav",
    ]
    corpus = read_corpus("asvpesd", names)
    excited, angry, crying, noisy, breath = (corpus.rows[name.split("/")[-1][:-4]] for name in names)
    assert (excited["speaker"], excited["gender"], excited["language"]) == ("actor_36", "male", "zh")
    assert (excited["emotion_raw"], excited["emotion"], excited["age"]) == ("excited", "happiness", None)
    assert (angry["language"], crying["language"], noisy["language"], breath["language"]) == ("en", "und", "fr", "und")
    assert (crying["speaker"], crying["gender"], crying["emotion"]) == ("actor_113", "female", "sadness")
    assert (noisy["emotion"], breath["emotion"]) == ("fear", "other")
    assert not corpus.findings


def test_labels_are_graded_by_intensity(read_corpus):
    corpus = read_corpus("asvpesd", ["03-01-05-01-06-36-02-02-02.wav", "03-01-05-02-06-36-02-02-02.wav"])
    normal, high = corpus.rows.values()
    assert (normal["label_source"], normal["intensity"]) == ("intensity", pytest.approx(0.7))
    assert (high["intensity"], share(high, "anger")) == (1.0, pytest.approx(0.95))
    assert share(normal, "anger") < share(high, "anger")
    assert share(normal, "neutral") > share(high, "neutral")


def test_unknown_codes(read_corpus):
    names = [
        "03-01-05-01-06-36-02-02-02.wav",
        "03-01-05-03-06-36-02-02-02.wav",
        "03-01-14-01-06-36-02-02-02.wav",
        "03-01-05-01.wav",
    ]
    corpus = read_corpus("asvpesd", names)
    reasons = {finding.where: finding.reason for finding in corpus.findings}
    assert "intensity '03' is unknown" in reasons[names[1]]
    assert "emotion '14' is unknown" in reasons[names[2]]
    assert "not a name of ASVP-ESD" in reasons[names[3]]


def test_an_actor_has_one_split(read_corpus):
    names = [
        f"actor_{actor:02}/03-01-05-01-{take:02}-{actor:02}-02-02-01.wav" for actor in range(1, 90) for take in (1, 2)
    ]
    corpus = read_corpus("asvpesd", names)
    splits = {(row["speaker"], row["split"]) for row in corpus.rows.values()}
    assert len(splits) == 89
    assert {split for _, split in splits} == {"train", "validation", "test"}
