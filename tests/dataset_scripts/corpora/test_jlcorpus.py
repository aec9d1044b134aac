from collections import Counter

from audio_emotion.dataset_scripts.reader import get_reader

FOLDER = "Raw JL corpus (unchecked and unannotated)/JL(wav+txt)"


def test_owner_layout(read_corpus):
    names = ["male2_concerned_6b_1", "female1_excited_10a_2", "male1_anxious_1a_1", "female2_neutral_3b_2"]
    corpus = read_corpus(
        "jlcorpus",
        [f"{FOLDER}/{name}.wav" for name in [*names, "male3_happy_1a_1", "male1_bored_1a_1"]],
        {f"{FOLDER}/{name}.txt": "They had it all the way." for name in names},
    )
    concerned, excited, anxious, neutral = (corpus.rows[name] for name in names)
    assert (concerned["emotion"], concerned["gender"], concerned["split"]) == ("other", "male", "validation")
    assert (excited["emotion"], excited["gender"], excited["language"]) == ("happiness", "female", "en-NZ")
    assert (anxious["emotion"], neutral["emotion"]) == ("fear", "neutral")
    assert not neutral["label_mask"][2]  # no disgust
    assert corpus.problems == [
        ("unknown name", f"{FOLDER}/male1_bored_1a_1.wav"),
        ("unknown name", f"{FOLDER}/male3_happy_1a_1.wav"),
    ]


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("jlcorpus")(tmp_path)
    found = Counter()
    for path, label in real_names("jlcorpus"):
        assert reader.clip(path).annotation.emotion_raw == label
        found[label] += 1
    assert found == reader.info.emotion_counts
