import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

NEW = ["0001/Angry/0001_000351.wav", "0009/Neutral/0009_000001.wav", "0017/Surprise/0017_001401.wav"]
OLD = [
    "0001/Angry/train/0001_000351.wav",
    "0001/Angry/evaluation/0001_000352.wav",
    "0001/Angry/test/0001_000353.wav",
    "0011/Sad/test/0011_001051.wav",
]


def test_new_release(read_corpus):
    corpus = read_corpus(
        "esd",
        NEW,
        {
            "0001/0001.txt": "0001_000351\t打远一看,它们的确很是美丽,\t生气\n\n",
            "0009/0009.txt": "0009_000001\t打远一看\t中立\r\n".encode("gb2312"),
            "0017/0017.txt": "0017_001401\tThe caf\xe9s have nine.\tSurprise\n".encode("latin-1"),
            "ReadMe.txt": "Emotional speech data",
        },
    )
    mandarin, held_out, english = (corpus.rows[name] for name in ("0001_000351", "0009_000001", "0017_001401"))
    assert (mandarin["speaker"], mandarin["gender"], mandarin["language"]) == ("0001", "female", "zh")
    assert (mandarin["emotion"], mandarin["text"]) == ("anger", "打远一看,它们的确很是美丽,")
    assert (held_out["emotion"], held_out["text"], held_out["split"]) == ("neutral", "打远一看", "validation")
    assert (english["language"], english["text"], english["split"]) == ("en", "The cafés have nine.", "test")
    assert {name for name, inside in zip(EMOTIONS, english["label_mask"], strict=True) if inside} == {
        *("neutral", "happiness", "anger", "sadness", "surprise")
    }
    assert not corpus.findings


def test_older_release_has_the_official_split_and_the_same_ids(read_corpus):
    table = "0001_000351\t打远一看\t生气\n0001_000352\t打远一看\t生气\n0001_000353\t打远一看\t生气\n"
    corpus = read_corpus("esd", OLD, {"0001/0001.txt": table.encode("utf-16")})
    assert [row["split"] for row in corpus.rows.values()] == ["validation", "test", "train", "test"]
    assert corpus.rows["0001_000351"]["text"] == "打远一看"
    assert corpus.rows["0011_001051"]["text"] is None
    assert not corpus.findings  # a speaker in two splits is what this release has


def test_transcripts_that_contradict_are_broken_or_lack_audio(read_corpus):
    table = (
        "0001_000351\tone\t快乐\n"  # the folder says Angry
        "0001_000352 lost its tabs 生气\n"
        "0001_000353lost more\n"
        "not a row\n"
        "0001_000354\tno audio\t生气\n"
        "0001_000355\tno such word\t高兴\n"
    )
    names = [f"0001/Angry/0001_00035{number}.wav" for number in (1, 2, 3, 5)]
    corpus = read_corpus("esd", [*names, "0002/Calm/0002_000001.wav"], {"0001/0001.txt": table})
    assert {name: row["text"] for name, row in corpus.rows.items()} == {
        "0001_000352": "lost its tabs",
        "0001_000353": "lost more",
    }
    assert corpus.problems == [
        ("unknown line", "0001/0001.txt, line 4"),
        ("unknown name", names[0]),
        ("unknown name", names[3]),
        ("unknown name", "0002/Calm/0002_000001.wav"),
        ("no audio", "0001_000354"),
    ]
    assert "the transcript says 'Happy', the file name 'Angry'" in corpus.findings[1].reason
    assert "0001.txt, line 6: emotion is '高兴'; valid are Neutral, " in corpus.findings[2].reason


def test_a_transcript_in_no_known_encoding(read_corpus):
    with pytest.raises(CorpusError, match=r"0001.txt, line 2: not gb18030 text"):
        read_corpus("esd", NEW, {"0001/0001.txt": b"0001_000351\tone\tAngry\n\x80\xff\n"})


def test_speakers_without_official_split(tmp_path):
    reader = get_reader("esd")(tmp_path)
    splits = Counter()
    for speaker, known in reader.speakers.items():
        splits[reader.splits("esd", speaker), "zh" if speaker <= "0010" else "en", known.gender] += 1
    assert {split for split, _, _ in splits} == {"train", "validation", "test"}
    for split in ("validation", "test"):
        for language in ("zh", "en"):
            assert splits[split, language, "female"] == splits[split, language, "male"] == 1


def test_every_real_name(real_names, tmp_path):
    reader = get_reader("esd")(tmp_path)
    found = Counter()
    for path, label in real_names("esd"):
        name = reader.parse_name(path)
        assert reader.word(name["emotion"]) == label
        assert name["speaker"] in reader.speakers
        found[label] += 1
    assert found == reader.info.emotion_counts


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_mutated_transcripts(tmp_path: Path, data: st.DataObject) -> None:
    content = data.draw(st.sampled_from(["utf-8", "utf-16", "gb18030"]).map("0001_000351\t打远一看\t生气\n".encode))
    cut = data.draw(st.integers(0, len(content)))
    content = content[:cut] + data.draw(st.binary(max_size=6)) + content[cut + data.draw(st.integers(0, 4)) :]
    folder = tmp_path / "0001" / "Angry"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "0001_000351.wav").touch()
    (tmp_path / "0001" / "0001.txt").write_bytes(content)
    try:
        for clip in get_reader("esd")(tmp_path).clips():
            assert clip.annotation.emotion_raw == "Angry"
    except CorpusError as error:
        assert re.search(r"0001\.txt, line \d+|none of 1", str(error))
