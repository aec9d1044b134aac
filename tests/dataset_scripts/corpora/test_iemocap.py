from pathlib import Path

import pytest

from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

EVALUATION = "Session1/dialog/EmoEvaluation/Ses01F_impro01.txt"


def shares(row):
    return {
        emotion: pytest.approx(share) for emotion, share in zip(EMOTIONS, row["distribution"], strict=True) if share
    }


def test_listeners_vote_and_actors_do_not(read_corpus, label_sample):
    sample = label_sample("iemocap")
    corpus = read_corpus("iemocap", sample.audio, sample.labels)
    row = corpus.rows["Ses01F_impro01_F000"]
    assert {vote["label"]: vote["count"] for vote in row["votes"]} == {"Neutral": 3, "curious": 1}
    assert shares(row) == {"neutral": 0.75, "other": 0.25}
    assert (row["emotion_raw"], row["label_source"]) == ("Neutral", "votes")
    assert (row["speaker"], row["gender"], row["text"]) == ("Ses01F", "female", "Excuse me.")
    assert row["valence"] == row["arousal"] == row["dominance"] == pytest.approx(0.375)
    assert corpus.reader.report.unmapped == {"curious": 1}


def test_no_agreement_two_ticks_and_words_behind_other(read_corpus, label_sample):
    sample = label_sample("iemocap")
    corpus = read_corpus("iemocap", sample.audio, sample.labels)
    row = corpus.rows["Ses01F_impro01_M011"]
    assert (row["emotion_raw"], row["emotion"]) == ("no agreement", "anger")
    assert shares(row) == {"other": 0.25, "anger": 0.5, "happiness": 0.25}  # annoyed is anger, excited happiness
    assert row["dominance"] is None  # a rater's blank drew the mean below the scale
    assert (row["speaker"], row["gender"]) == ("Ses01M", "male")
    assert corpus.rows["Ses01M_script01_1b_M000"]["emotion"] == "other"
    assert corpus.problems == [("skipped", "Session1/dialog/wav/Ses01F_impro01.wav")]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (b"[2.5000, 2.5000, 2.5000]", b"[2.5000, 2.5000]", r"Ses01F_impro01\.txt, line 3: not `\[start"),
        (b"Ses01F_impro01_M011", b"Ses01F_impro01_F000", r"line 12: Ses01F_impro01_F000 has a row in line 3"),
    ],
)
def test_a_broken_file_names_its_line(read_corpus, label_sample, old, new, message):
    sample = label_sample("iemocap")
    labels = {**sample.labels, EVALUATION: sample.labels[EVALUATION].replace(old, new)}
    with pytest.raises(CorpusError, match=message):
        read_corpus("iemocap", sample.audio, labels)


@pytest.mark.parametrize(
    ("old", "new", "reason"),
    [
        (b"\tneu\t", b"\tnue\t", "line 3: emotion is 'nue'; valid are neu"),
        (b"C-E", b"X-E", "line 3: no line of a listener"),
        (b"[2.5000, 2.5000, 2.5000]", b"[2.5000, high, 2.5000]", "line 3: arousal is 'high'; it must be a number"),
    ],
)
def test_a_broken_turn_is_one_finding(read_corpus, label_sample, old, new, reason):
    sample = label_sample("iemocap")
    labels = {**sample.labels, EVALUATION: sample.labels[EVALUATION].replace(old, new)}
    corpus = read_corpus("iemocap", sample.audio, labels)
    finding = next(finding for finding in corpus.findings if finding.where.endswith("Ses01F_impro01_F000.wav"))
    assert finding.kind == "unknown name"
    assert reason in finding.reason


def test_every_real_name(real_names, tmp_path):
    """The names come with the consensus alone, from which one listener is made up."""
    names = real_names("iemocap")
    reader = get_reader("iemocap")(tmp_path)
    (tmp_path / "EmoEvaluation").mkdir()
    lines = [f"[0 - 1]\t{Path(path).stem}\t{label}\t[2, 3, 4]\nC-E1:\tFear;\t()\n" for path, label in names]
    (tmp_path / "EmoEvaluation" / "Ses01.txt").write_text("".join(lines))
    clips = [reader.clip(path) for path, _ in names]
    assert all(
        clip.annotation.emotion_raw == reader.codes[label] for clip, (_, label) in zip(clips, names, strict=True)
    )
    assert len({clip.id for clip in clips}) == 5531
    assert {clip.annotation.speaker for clip in clips} == {
        f"Ses0{session}{gender}" for session in range(1, 6) for gender in "FM"
    }
    assert {clip.annotation.speaker[:5]: clip.split for clip in clips} == {
        **dict.fromkeys(("Ses01", "Ses02", "Ses03"), "train"),
        "Ses04": "validation",
        "Ses05": "test",
    }
    assert all(clip.path.parent.parent.parent.parent.name == f"Session{clip.annotation.speaker[4]}" for clip in clips)
