import pytest

from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


def test_owner_layout(read_corpus, label_sample):
    sample = label_sample("emodb")
    corpus = read_corpus("emodb", [*sample.audio, "wav/03a01Fa.wav"], sample.labels)
    anger, boredom = corpus.rows["03a01Wa"], corpus.rows["08a02Lb"]
    assert (anger["speaker"], anger["gender"], anger["age"]) == ("03", "male", 31)
    assert (anger["emotion_raw"], anger["emotion"], anger["label_source"]) == ("Wut", "anger", "recognition_rate")
    assert anger["distribution"][EMOTIONS.index("anger")] == pytest.approx(0.95)
    assert anger["distribution"][EMOTIONS.index("surprise")] == 0
    assert not anger["label_mask"][EMOTIONS.index("surprise")]
    assert (boredom["emotion"], boredom["split"]) == ("other", "test")
    assert boredom["distribution"][EMOTIONS.index("fear")] == pytest.approx(0.2 / 6)
    assert corpus.problems == [("unknown name", "wav/03a01Fa.wav")]  # not in the test; 03a01Tc was never published


def test_without_recognition_rates_labels_are_smoothed(read_corpus):
    row = read_corpus("emodb", ["wav/03a01Wa.wav"]).rows["03a01Wa"]
    assert (row["label_source"], row["emotion"]) == ("smoothed", "anger")
    assert row["text"] == "Der Lappen liegt auf dem Eisschrank."


def test_an_impossible_rate_names_file_and_line(read_corpus, label_sample):
    sample = label_sample("emodb")
    rates = sample.labels["erkennung.txt"].replace(b"80,00", b"180")
    corpus = read_corpus("emodb", sample.audio, {"erkennung.txt": rates})
    assert "erkennung.txt, line 3: erkannt is 180; it must lie in 0..100" in corpus.findings[0].reason


def test_a_missing_column_is_named(read_corpus):
    with pytest.raises(CorpusError, match="no column erkannt"):
        read_corpus("emodb", ["wav/03a01Wa.wav"], {"erkennung.txt": "Nr.\tSatz\n"})
