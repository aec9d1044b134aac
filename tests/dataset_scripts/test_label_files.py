import pytest

from audio_emotion.dataset_scripts.label_files import (
    Record,
    groups_by,
    read_json_lines,
    read_lines,
    read_table,
    rows_by,
)
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


@pytest.fixture
def write(tmp_path):
    def write(content, name="labels.csv"):
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def names(records):
    return [record.get("name") for record in records]


def test_tables_with_byte_order_mark_crlf_blank_lines_and_quotes(write):
    path = write(b'\xef\xbb\xbfname , votes\r\na,1\r\n\r\n"b,\nc",2\r\n')
    records = list(read_table(path, ("name", "votes")))
    assert names(records) == ["a", "b,\nc"]
    assert [record.integer("votes", 0, 9) for record in records] == [1, 2]
    assert [record.line for record in records] == [2, 5]


def test_quotes_may_be_plain_characters(write):
    path = write('name\ttext\na\tsay "yes\nb\tno"\n', "labels.tsv")
    assert names(read_table(path, ("name",), delimiter="\t", quoted=False)) == ["a", "b"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("name\na\n", "line 1: no column votes; it has name"),
        ("name,votes\na\n", "line 2: 1 fields, the header has 2"),
        ("name,votes\na,1,2\n", "line 2: 3 fields"),
        ("", "is empty; it must have the columns name, votes"),
        (b"name,votes\na,\xff\n", "line 2: not utf-8-sig text"),
        ("name,votes\n" + "x" * 2_000_000 + ",1\n", "line 2: field larger"),
    ],
)
def test_faults_of_tables_name_file_and_line(write, content, message):
    with pytest.raises(CorpusError, match=f"labels.csv.*{message}"):
        list(read_table(write(content), ("name", "votes")))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(CorpusError, match=r"none.csv cannot be read: No such file"):
        list(read_lines(tmp_path / "none.csv"))


def test_json_lines(write):
    path = write('{"name": "a", "votes": 3}\n\n{"name": "b", "votes": null}\n')
    records = list(read_json_lines(path, ("name", "votes")))
    assert (names(records), records[1].line, records[1].get("votes")) == (["a", "b"], 3, None)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"name": "a"}\n{', "line 2: not JSON"),
        ("[1]\n", "line 1: a JSON object is needed, this is list"),
        ('{"a": 1}\n', "line 1: no name; there is a"),
        ("[" * 100_000, "line 1: not JSON"),
    ],
)
def test_faults_of_json_lines_name_file_and_line(write, content, message):
    with pytest.raises(CorpusError, match=f"labels.csv, {message}"):
        list(read_json_lines(write(content), ("name",)))


def test_getters(tmp_path):
    record = Record(
        tmp_path / "f.csv", 7, {"word": " ang ", "rate": "65,00\xa0", "empty": "  ", "nan": "nan", "half": 0.5}
    )
    assert record.text("word") == "ang"
    assert record.choice("word", {"ang": "anger"}) == "anger"
    assert record.number("rate", 0, 100) == 65.0
    assert record.unit("rate", 0, 130) == 0.5
    assert record.get("empty") is record.get("missing") is None
    for call, message in (
        (lambda: record.text("empty"), "empty is missing or empty"),
        (lambda: record.choice("word", {"neu": "neutral"}), "word is 'ang'; valid are neu"),
        (lambda: record.number("word", 0, 1), "word is 'ang'; it must be a number"),
        (lambda: record.number("nan", 0, 1), "nan is nan; it must lie in 0..1"),
        (lambda: record.number("rate", 0, 1), "rate is 65,00; it must lie in 0..1"),
        (lambda: record.integer("half", 0, 1), "half is 0.5; it must be a whole number"),
    ):
        with pytest.raises(CorpusError, match=f"f.csv, line 7: {message}"):
            call()


def test_rows_by_and_groups_by(write):
    path = write("name,votes\na,1\nb,2\na,3\n")
    records = list(read_table(path, ("name",)))
    groups = groups_by(records, lambda record: record.text("name"))
    assert {name: [record.line for record in group] for name, group in groups.items()} == {"a": [2, 4], "b": [3]}
    with pytest.raises(CorpusError, match=r"labels.csv, line 4: a has a row in line 2"):
        rows_by(records, lambda record: record.text("name"))
