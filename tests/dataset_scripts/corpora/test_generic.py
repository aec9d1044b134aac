import json
import re
from pathlib import Path

import pytest

from audio_emotion.dataset_scripts.check import check
from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

PLAIN = "table: labels.csv\nlanguages: [en]\ncolumns: {audio: file, emotion: label}\n"
TABLE = "file,label\n1.wav,anger\n2.wav,neutral\n"


def shares(row):
    return {
        emotion: pytest.approx(share) for emotion, share in zip(EMOTIONS, row["distribution"], strict=True) if share
    }


def test_a_described_table(read_corpus, label_sample):
    sample = label_sample("generic")
    corpus = read_corpus("generic", [*sample.audio, "calls/ben/3.wav"], sample.labels)
    anna, ben = corpus.rows["calls/anna/1"], corpus.rows["calls/ben/2"]
    assert (anna["corpus"], anna["emotion_raw"], anna["emotion"], anna["label_source"]) == (
        "calls",
        "wut",
        "anger",
        "smoothed",
    )
    assert (anna["speaker"], anna["gender"], anna["age"], anna["language"]) == ("anna", "female", 31, "de")
    assert (anna["valence"], ben["valence"], ben["age"], ben["language"]) == (pytest.approx(1 / 12), 1.0, None, "en")
    assert [share for share in anna["distribution"] if share] == pytest.approx([0.025, 0.95, 0.025])
    assert corpus.reader.info.title == "Calls of March"
    assert corpus.problems == [("unknown name", "calls/ben/3.wav")]


def test_check_and_a_folder_around_it(read_corpus, label_sample, tmp_path):
    sample = label_sample("generic")
    read_corpus("generic", [f"a/b/{path}" for path in sample.audio], {f"a/b/{k}": v for k, v in sample.labels.items()})
    result = check("generic", tmp_path, decode=False)
    assert (result.num_clips, result.label_table["wut"], result.problems()) == (2, "anger", [])


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl"])
def test_raters_vote_one_row_each(read_corpus, suffix):
    answers = [("1.wav", "anger", 2), ("1.wav", "anger", 4), ("1.wav", "bored", 3)]
    if suffix == "jsonl":
        table = "".join(json.dumps({"file": f, "label": w, "v": v}) + "\n" for f, w, v in answers)
    else:
        separator = "," if suffix == "csv" else "\t"
        table = "\n".join(separator.join(map(str, row)) for row in [("file", "label", "v"), *answers])
    description = (
        f"table: labels.{suffix}\nlanguages: [en]\nrows: rater\nranges: {{valence: [1, 5]}}\n"
        "columns: {audio: file, emotion: label, valence: v}\n"
    )
    corpus = read_corpus("generic", ["1.wav"], {"corpus.yaml": description, f"labels.{suffix}": table})
    row = corpus.rows["1"]
    assert shares(row) == {"anger": 2 / 3, "other": 1 / 3}
    assert (row["label_source"], row["emotion_raw"], row["valence"]) == ("votes", None, 0.5)
    assert corpus.reader.report.unmapped == {"bored": 1}


def test_raters_without_an_other_class_may_not_invent_words(read_corpus):
    labels = {"corpus.yaml": PLAIN + "rows: rater\nlabels: {anger: anger}\n", "labels.csv": TABLE}
    corpus = read_corpus("generic", ["1.wav", "2.wav"], labels)
    assert corpus.problems == [("unknown name", "2.wav")]
    assert "labels.csv, line 3: label is 'neutral'; valid are anger" in corpus.findings[0].reason


@pytest.mark.parametrize(
    ("description", "header", "values", "source", "expected"),
    [
        (
            "columns: {audio: file}\nvotes: {anger: a, neutral: n}",
            "a,n",
            "3,1",
            "votes",
            {"anger": 0.75, "neutral": 0.25},
        ),
        (
            "columns: {audio: file}\nintensities: {anger: a, fear: f}\nranges: {intensities: [0, 100]}",
            "a,f",
            "50,25",
            "intensity",
            {"anger": 0.5, "fear": 0.25, "neutral": 0.25},
        ),
        (
            "columns: {audio: file, emotion: e, intensity: i}\nlabels: {anger: anger, calm: neutral}",
            "e,i",
            "anger,0.8",
            "intensity",
            {"anger": 0.8 * 0.95 + 0.2 * 0.05, "neutral": 0.2 * 0.95 + 0.8 * 0.05},
        ),
        ("columns: {audio: file}\ntargets: [Boredom]", "Boredom", "0.3", "none", {}),
    ],
)
def test_every_form_of_label(read_corpus, description, header, values, source, expected):
    labels = {
        "corpus.yaml": f"table: labels.csv\nlanguages: [en]\n{description}\n",
        "labels.csv": f"file,{header}\n1.wav,{values}\n",
    }
    row = read_corpus("generic", ["1.wav"], labels).rows["1"]
    assert row["label_source"] == source
    assert shares(row) == expected
    if source == "none":
        assert row["targets"] == [{"name": "Boredom", "intensity": 0.3}]
        assert not any(row["label_mask"])


def test_splits_are_the_table_s_or_hashed(read_corpus):
    description = PLAIN.replace("label}", "label, split: part}")
    table = "file,label,part\n1.wav,anger,validation\n2.wav,anger,\n"
    rows = read_corpus("generic", ["1.wav", "2.wav"], {"corpus.yaml": description, "labels.csv": table}).rows
    assert [row["split"] for row in rows.values()] == ["validation", "train"]


@pytest.mark.parametrize(
    ("description", "message"),
    [
        ("table: labels.csv\nlanguages: [en]\n", r"line 1: columns: Field required"),
        (PLAIN + "colour: red\n", r"line 4: colour: Extra inputs are not permitted"),
        (PLAIN.replace("file,", "fil, nam: x,"), r"line 3: columns\.nam: Extra inputs"),
        (PLAIN.replace("[en]", "[en, English]"), r"line 2: languages\.1: String should match"),
        (PLAIN.replace("csv", "xlsx"), r"line 1: table: String should match"),
        (PLAIN + "labels: {anger: rage}\n", r"line 1: the description: .*unknown emotions rage; valid are happiness"),
        (PLAIN + "genders: {w: woman}\n", r"genders has woman; valid are female, male, other"),
        (PLAIN + "ranges: {valence: [7, 1]}\n", r"ranges\.valence is \[7, 1\]; the lower end comes first"),
        (PLAIN + "votes: {wut: n}\n", r"votes has the words wut, which labels lacks"),
        (PLAIN + "rows: rater\nvotes: {anger: n}\n", r"with `rows: rater` each row is one opinion"),
        (PLAIN + "name: ravdess\n", r"line 4: name is 'ravdess', which is the name of a known corpus"),
        (PLAIN + "columns: [\n", r"line \d: not YAML"),
        (PLAIN + "\x01", r"line 4: not YAML"),
        ("", r"line 1: the description: Input should be"),
        (
            PLAIN.replace("label}", "lable}"),
            r"line 1: no column lable; it has file, label\. .*corpus\.yaml, line 3 names",
        ),
        (PLAIN.replace("labels.csv", "missing.csv"), r"missing\.csv cannot be read"),
    ],
)
def test_a_wrong_description_names_file_and_line(read_corpus, description, message):
    with pytest.raises(CorpusError, match=message) as error:
        read_corpus("generic", ["1.wav"], {"corpus.yaml": description, "labels.csv": TABLE})
    assert "corpus.yaml, line " in str(error.value)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("2.wav,neutral", "1.wav,neutral", r"labels\.csv, line 3: 1 has a row in line 2 already"),
        ("2.wav", "/2.wav", r"labels\.csv, line 3: file is '/2\.wav'; it must be a path from the folder"),
        ("2.wav", "../2.wav", r"labels\.csv, line 3: file is '\.\./2\.wav'"),
        ("2.wav", "", r"labels\.csv, line 3: file is missing or empty"),
        (",neutral", "", r"labels\.csv, line 3: 1 fields, the header has 2"),
    ],
)
def test_a_wrong_row_names_file_line_and_column(read_corpus, old, new, message):
    with pytest.raises(CorpusError, match=message):
        read_corpus("generic", ["1.wav"], {"corpus.yaml": PLAIN, "labels.csv": TABLE.replace(old, new)})


def test_a_wrong_value_is_one_finding(read_corpus):
    labels = {"corpus.yaml": PLAIN, "labels.csv": TABLE.replace("neutral", "calm")}
    corpus = read_corpus("generic", ["1.wav", "2.wav"], labels)
    assert corpus.problems == [("unknown name", "2.wav")]
    assert "labels.csv, line 3: label is 'calm'; valid are happiness" in corpus.findings[0].reason


def test_the_example_of_the_documentation(read_corpus):
    text = (Path(__file__).parents[3] / "docs" / "corpora.md").read_text(encoding="utf-8")
    description = re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1]
    table = "file,label,agent,v\n1.wav,wut,anna,7\n"
    corpus = read_corpus("generic", ["1.wav"], {"corpus.yaml": description, "labels.csv": table})
    assert (corpus.rows["1"]["corpus"], corpus.rows["1"]["emotion"]) == ("calls", "anger")


def test_no_description(tmp_path):
    with pytest.raises(CorpusError, match=r"no corpus\.yaml here or below\. Give a folder with corpus\.yaml"):
        get_reader("generic")(tmp_path)
    with pytest.raises(CorpusError, match="is not a folder"):
        get_reader("generic")(tmp_path / "missing")
