from collections import Counter

from audio_emotion.dataset_scripts.reader import get_reader


def test_owner_layout(read_corpus):
    names = [
        "subject 11/anger/sentence 1/s12_an_1.avi",
        "subject 12/anger/sentence 1/s12_an_1.avi",
        "subject 16/surprise/sentence 3/s16_su_3avi.avi",
        "subject 19/anger/sentence 4/s19_an_4.avi",
        "subject 3/happiness/sentence 1/s_3_ha_1.avi",
        "subject 6/sadness/s6_sa.avi",
    ]
    corpus = read_corpus(
        "enterface", [f"enterface database/{name}" for name in names], {"subject 1/Thumbs.db": b"\x00"}
    )
    found = [(row["id"], row["speaker"], row["emotion"]) for row in corpus.rows.values()]
    assert found == [
        ("subject 11/anger/sentence 1/s12_an_1", "subject 11", "anger"),
        ("subject 12/anger/sentence 1/s12_an_1", "subject 12", "anger"),
        ("subject 16/surprise/sentence 3/s16_su_3avi", "subject 16", "surprise"),
        ("subject 19/anger/sentence 4/s19_an_4", "subject 19", "anger"),
        ("subject 3/happiness/sentence 1/s_3_ha_1", "subject 3", "happiness"),
        ("subject 6/sadness/s6_sa", "subject 6", "sadness"),
    ]
    assert all(not row["label_mask"][7] and not row["label_mask"][6] for row in corpus.rows.values())  # no neutral
    assert not corpus.findings


def test_file_and_folder_disagree(read_corpus):
    names = [
        "subject 1/anger/sentence 1/s1_an_1.avi",
        "subject 1/anger/sentence 2/s1_fe_2.avi",
        "subject 1/anger/s1.avi",
    ]
    corpus = read_corpus("enterface", names)
    assert sorted(corpus.problems) == [("unknown name", names[2]), ("unknown name", names[1])]
    reasons = {finding.where: finding.reason for finding in corpus.findings}
    assert "the folder says 'anger', the file name 'fear'" in reasons[names[1]]


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("enterface")(tmp_path)
    found, speakers = Counter(), set()
    for path, code in real_names("enterface"):
        annotation = reader.clip(path).annotation
        assert annotation.emotion_raw == reader.codes[code]
        found[annotation.emotion_raw] += 1
        speakers.add(annotation.speaker)
    # The list has one clip a file name. Subject 12's names are those of subject 11's files, so its five clips of each
    # emotion are not on the list.
    assert reader.info.emotion_counts == {emotion: count + 5 for emotion, count in found.items()}
    assert {f"subject {number}" for number in range(1, 45)} - speakers == {"subject 12"}
    assert reader.info.num_clips == found.total() + 30
