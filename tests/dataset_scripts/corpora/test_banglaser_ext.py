from audio_emotion.dataset_scripts.schema import EMOTIONS


def test_owner_layout(read_corpus):
    corpus = read_corpus(
        "banglaser_ext",
        [f"complete/Actor - 35/03-01-06-{level}-04-01-35.wav" for level in ("01", "02", "03", "04")]
        + ["complete/Actor - 44/03-01-05-02-01-01-44.wav"],
    )
    fear = [row["distribution"][EMOTIONS.index("disgust")] for row in corpus.rows.values() if row["speaker"] == "35"]
    assert fear == sorted(fear)
    assert {row["emotion"] for row in corpus.rows.values()} == {"disgust", "neutral"}
    actor = corpus.rows["03-01-05-02-01-01-44"]
    assert (actor["gender"], actor["split"], actor["text"]) == ("female", "validation", "Barota beje geche")
    assert corpus.problems == [("unknown name", "complete/Actor - 35/03-01-06-04-04-01-35.wav")]
