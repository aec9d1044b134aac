from collections import Counter
from pathlib import Path

import pytest

from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.dataset_scripts.schema import EMOTIONS

METADATA = "emozionalmente_dataset/metadata"
SAMPLES, EVALUATIONS, USERS = (f"{METADATA}/{name}.csv" for name in ("samples", "evaluations", "users"))


def test_five_listeners_vote(read_corpus, label_sample):
    sample = label_sample("emozionalmente")
    corpus = read_corpus("emozionalmente", sample.audio, sample.labels)
    row = corpus.rows["1612871026347"]
    assert {vote["label"]: vote["count"] for vote in row["votes"]} == {"joy": 3, "surprise": 1, "neutrality": 1}
    assert row["distribution"][EMOTIONS.index("happiness")] == pytest.approx(0.6)
    assert (row["emotion_raw"], row["emotion"], row["label_source"]) == ("joy", "happiness", "votes")
    assert (row["speaker"], row["gender"], row["age"]) == ("u001", "female", 27)
    assert row["text"] == "Vorrei il numero telefonico del signor Piatti."
    assert not corpus.findings


def test_the_second_edition_has_a_split(read_corpus, label_sample):
    sample = label_sample("emozionalmente")
    header, joy, neutrality = sample.labels[SAMPLES].decode().splitlines(keepends=True)
    splits = {f"{METADATA}/split/dev.csv": header + joy, f"{METADATA}/split/test.csv": header + neutrality}
    corpus = read_corpus("emozionalmente", sample.audio, {**sample.labels, **splits})
    assert [row["split"] for row in corpus.rows.values()] == ["validation", "test"]
    splits[f"{METADATA}/split/dev.csv"] = header
    corpus = read_corpus("emozionalmente", sample.audio, {**sample.labels, **splits})
    assert "samples.csv, line 2: it is in none of the tables" in corpus.findings[0].reason


@pytest.mark.parametrize(
    ("file", "old", "new", "reason"),
    [
        (USERS, b"u001", b"u003", "samples.csv, line 2: users.csv has no u001"),
        (USERS, b"female", b"femina", "gender 'femina' is unknown"),
        (EVALUATIONS, b"1612871026347", b"1", "samples.csv, line 2: evaluations.csv has no listener of it"),
        (SAMPLES, b"u001,joy", b"u001,gioia", "samples.csv, line 2: emotion_expressed is 'gioia'; valid are anger"),
    ],
)
def test_tables_that_do_not_fit(read_corpus, label_sample, file, old, new, reason):
    sample = label_sample("emozionalmente")
    labels = {**sample.labels, file: sample.labels[file].replace(old, new)}
    corpus = read_corpus("emozionalmente", sample.audio, labels)
    assert corpus.problems == [("unknown name", sample.audio[0])]
    assert reason in corpus.findings[0].reason


def test_every_real_name(real_names, tmp_path):
    """The names come with the acted emotion alone; one actor and one listener are made up."""
    names = real_names("emozionalmente")
    (tmp_path / "users.csv").write_text("username,gender,age\nu1,male,\n")
    rows = [f"{Path(path).name},u1,{label}\n" for path, label in names]
    (tmp_path / "samples.csv").write_text("file_name,actor,emotion_expressed\n" + "".join(rows))
    (tmp_path / "evaluations.csv").write_text("file_name,evaluator,emotion_recognized\n" + "".join(rows))
    reader = get_reader("emozionalmente")(tmp_path)
    clips = [reader.clip(path) for path, _ in names]
    assert [clip.annotation.emotion_raw for clip in clips] == [label for _, label in names]
    assert Counter(label for _, label in names) == reader.info.emotion_counts
    assert len({clip.id for clip in clips}) == reader.info.num_clips
