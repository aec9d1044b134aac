import pytest

NAMES = [
    ("bea", "Amused", "amused_1-15_0001"),
    ("jenie", "Angry", "anger_393-420_0397"),
    ("jenie", "Disgusted", "Disgust_57-84_0060"),
    ("josh", "Sleepy", "sleepiness_1-28_0011"),
    ("sam", "Neutral", "neutral_1-28_0011"),
    ("sam", "Amused", "amused_1-15_0001"),  # the file name of another speaker
]


@pytest.mark.parametrize("folder", ["{}_{}/{}.wav", "EmoV-DB_sorted/{}/{}/{}.wav"])
def test_openslr_and_sorted_layout(read_corpus, folder):
    corpus = read_corpus("emovdb", [folder.format(*name) for name in NAMES])
    found = [(row["speaker"], row["gender"], row["emotion_raw"], row["emotion"]) for row in corpus.rows.values()]
    assert found == [
        ("bea", "female", "Amused", "happiness"),
        ("jenie", "female", "Angry", "anger"),
        ("jenie", "female", "Disgusted", "disgust"),
        ("josh", "male", "Sleepy", "other"),
        ("sam", "male", "Amused", "happiness"),
        ("sam", "male", "Neutral", "neutral"),
    ]
    assert [row["split"] for row in corpus.rows.values()].count("validation") == 1
    assert not corpus.findings


def test_file_and_folder_disagree(read_corpus):
    corpus = read_corpus("emovdb", ["bea_Amused/anger_1-28_0001.wav", "bea_Amused/amused_1-28_0002.wav"])
    assert corpus.problems == [("unknown name", "bea_Amused/anger_1-28_0001.wav")]
    assert "the folder says 'Amused', the file name 'Angry'" in corpus.findings[0].reason


def test_unknown_speaker_and_emotion(read_corpus):
    names = ["bea_Amused/amused_1-28_0002.wav", "bea_Calm/calm_1-28_0001.wav", "tom_Amused/amused_1-28_0001.wav"]
    corpus = read_corpus("emovdb", names)
    assert [where for _, where in corpus.problems] == names[1:]
    assert "emotion 'calm' is unknown" in corpus.findings[0].reason
