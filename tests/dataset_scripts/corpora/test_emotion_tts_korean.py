import pytest

from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

FOLDER = "Dataset/SpeechCorpus/Emotional"


def test_owner_layout(read_corpus, label_sample):
    sample = label_sample("emotion_tts_korean")
    numbers = (1, 100, 101, 200, 201, 300, 301, 400)
    names = [f"{FOLDER}/emotional-to-emotional/nek/wav/nek{number:05}.wav" for number in numbers]
    held_out = f"{FOLDER}/emotional-to-emotional/nee/wav/nee00001.wav"
    corpus = read_corpus("emotion_tts_korean", [*sample.audio, *names, held_out], sample.labels)
    emotions = [corpus.rows[name[-12:-4]]["emotion"] for name in names]
    assert emotions == ["neutral", "neutral", "happiness", "happiness", "sadness", "sadness", "anger", "anger"]
    scolding = corpus.rows["nek00301"]
    assert (scolding["text"], scolding["emotion_raw"], scolding["gender"]) == ("놀기만 할 거니?", "화남", "male")
    assert (corpus.rows["nek00001"]["text"], scolding["language"], sum(scolding["label_mask"])) == (None, "ko", 4)
    assert (corpus.rows["ema00201"]["gender"], corpus.rows["ema00201"]["emotion"]) == ("female", "sadness")
    assert scolding["split"] == "train"
    assert corpus.rows["nee00001"]["split"] == "validation"
    assert not corpus.findings


def test_unknown_names(read_corpus):
    names = [
        "ema/wav/ema00001.wav",
        "ema/wav/ema00000.wav",
        "ema/wav/ema00401.wav",
        "nez/wav/nez00001.wav",
        "fv/wav/fv00001.wav",
    ]
    corpus = read_corpus("emotion_tts_korean", names)
    assert list(corpus.rows) == ["ema00001"]
    reasons = {finding.where: finding.reason for finding in corpus.findings}
    assert "number 00401 lies outside 00001..00400" in reasons[names[2]]
    assert "speaker 'nez' is unknown" in reasons[names[3]]
    assert set(reasons) == set(names[1:])


def test_a_script_that_is_no_text(read_corpus):
    with pytest.raises(CorpusError, match=r"ema00001.txt, line 1: not utf-8-sig text"):
        read_corpus("emotion_tts_korean", ["ema/wav/ema00001.wav"], {"ema/script/ema00001.txt": b"\xff\xfe"})


def test_no_speaker_is_held_out_whose_letter_both_sets_have(tmp_path):
    reader = get_reader("emotion_tts_korean")(tmp_path)
    letters = [speaker[-1] for speaker in reader.speakers if reader.splits("", speaker) == "validation"]
    assert len(letters) == 2
    assert all(f"em{letter}" not in reader.speakers for letter in letters)
