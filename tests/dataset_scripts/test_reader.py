# ruff: noqa: RUF012 (the tables of a reader)
import os
import unicodedata
from pathlib import Path

import pytest

from audio_emotion.dataset_scripts.corpus import Annotation, CorpusInfo, Skip, Speaker
from audio_emotion.dataset_scripts.reader import (
    AUDIO_SUFFIXES,
    CorpusReader,
    get_reader,
    is_audio,
    list_corpora,
    without_suffix,
)
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.dataset_scripts.soft_labels import NO_CATEGORIES
from audio_emotion.pipeline.errors_audio_emotion import CorpusError


class Toy(CorpusReader):
    info = CorpusInfo(
        name="toy",
        title="Toy corpus",
        languages=("en", "zh"),
        license="cc0-1.0",
        redistribution=True,
        homepage="https://example.org/toy",
        citation="Toy",
        label_note="",
        split_note="",
    )
    grammar = r"(?P<speaker>\w+)/(?P<emotion>[a-zé]+)_(?P<text>\d+)(?:_(?P<gender>[fm]))?(?:_(?P<age>\d+))?"
    example = "anna/ang_1.wav"
    codes = {"ang": "angry", "neu": "neutral", "gai": "happy", "gaié": "happy"}
    labels = {"angry": "anger", "neutral": "neutral", "happy": "happiness"}
    genders = {"f": "female", "m": "male"}
    texts = {"1": "One.", "2": "Two."}


@pytest.fixture
def lay_out(tmp_path):
    def lay_out(*paths):
        for path in paths:
            (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / path).touch()
        return tmp_path

    return lay_out


def read(reader):
    return {clip.id: clip for clip in reader.clips()}, [
        (finding.kind, finding.where) for finding in reader.report.findings
    ]


def test_groups_and_tables(lay_out):
    clips, findings = read(Toy(lay_out("anna/ang_1_f_30.wav", "ben/neu_2.mp4")))
    anna, ben = clips["anna/ang_1_f_30"].annotation, clips["ben/neu_2"].annotation
    assert (anna.emotion_raw, anna.speaker, anna.gender, anna.age, anna.text) == ("angry", "anna", "female", 30, "One.")
    assert (ben.gender, ben.age, ben.text) == (None, None, "Two.")
    assert clips["ben/neu_2"].language == "en"
    assert not findings


def test_any_depth_and_any_suffix(lay_out):
    source = lay_out("toy-v1/toy/anna/ang_1.WAV", "toy-v1/toy/anna/ang_2.opus")
    assert list(read(Toy(source))[0]) == list(read(Toy(source / "toy-v1" / "toy"))[0]) == ["anna/ang_1", "anna/ang_2"]


def test_what_is_no_audio_is_not_seen(lay_out):
    source = lay_out(
        "anna/ang_1.wav", "anna/ang_1.txt", "anna/._ang_2.wav", "__MACOSX/anna/ang_2.wav", ".git/ang_2.wav"
    )
    clips, findings = read(Toy(source))
    assert list(clips) == ["anna/ang_1"]
    assert not findings


def test_unknown_names_and_codes_are_reported_with_what_is_valid(lay_out):
    reader = Toy(lay_out("anna/ang_1.wav", "anna/xxx_1.wav", "anna/ang_9.wav", "ang.wav"))
    _, findings = read(reader)
    assert findings == [("unknown name", path) for path in ("ang.wav", "anna/ang_9.wav", "anna/xxx_1.wav")]
    assert "emotion 'xxx' is unknown; Toy corpus has ang, neu" in reader.report.findings[2].reason
    with pytest.raises(CorpusError, match=r"anna/ang_9.wav: text '9' is unknown; Toy corpus has 1, 2"):
        reader.clip("anna/ang_9.wav")


def test_a_second_copy_is_reported_once_and_the_first_kept(lay_out):
    clips, findings = read(Toy(lay_out("a/anna/ang_1.wav", "b/anna/ang_1.wav")))
    assert clips["anna/ang_1"].relative_path == "a/anna/ang_1.wav"
    assert findings == [("duplicate", "b/anna/ang_1.wav")]


def test_accents_match_in_either_unicode_form(lay_out):
    decomposed = unicodedata.normalize("NFD", "anna/gaié_1.wav")
    assert list(read(Toy(lay_out(decomposed)))[0]) == ["anna/gaié_1"]


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_names_that_are_not_utf_8_are_reported(lay_out):
    folder = lay_out("anna/ang_1.wav")
    Path(os.fsdecode(os.fsencode(folder / "anna") + b"/col\x8are_1.wav")).touch()
    clips, findings = read(Toy(folder))
    assert list(clips) == ["anna/ang_1"]
    assert findings == [("unknown name", "anna/col%8Are_1.wav")]


def test_digits_are_ascii(lay_out):
    other_digit = "anna/ang_\N{ARABIC-INDIC DIGIT ONE}.wav"
    assert read(Toy(lay_out("anna/ang_1.wav", other_digit)))[1] == [("unknown name", other_digit)]


def test_nothing_found_says_what_was_seen_and_what_would_work(lay_out):
    with pytest.raises(
        CorpusError, match=r"none of 1 audio files.*example.org/toy.*anna/ang_1.wav.*\n  song.wav: not a name"
    ):
        read(Toy(lay_out("song.wav")))


def test_a_source_that_is_no_folder(tmp_path):
    with pytest.raises(CorpusError, match=r"nowhere is not a folder.*Toy corpus"):
        Toy(tmp_path / "nowhere")


def test_skipped_clips_language_official_split_and_speakers(lay_out):
    class Told(Toy):
        speakers = {"anna": Speaker("female", 41)}

        def annotate(self, name):
            if name["text"] == "2":
                return Skip("a song")
            return self.annotation(name, language="zh", split="test")

    clips, findings = read(Told(lay_out("anna/ang_1.wav", "anna/ang_2.wav", "carl/ang_1.wav")))
    clip = clips["anna/ang_1"]
    assert (clip.language, clip.split, clip.annotation.gender, clip.annotation.age) == ("zh", "test", "female", 41)
    assert findings == [("skipped", "anna/ang_2.wav"), ("unknown name", "carl/ang_1.wav")]


def test_label_rows_without_audio_and_audio_without_row(lay_out):
    class Labelled(Toy):
        def read_labels(self):
            return {"anna/ang_1": {"ang": 3, "grumpy": 1}, "anna/ang_3": {"ang": 1}}

        expressible = ("anger", "other", "neutral")
        labels = {"ang": "anger"}

        def annotate(self, name):
            return self.annotation(name, label=self.voted_label(self.row(name["id"])), text=None)

    reader = Labelled(lay_out("anna/ang_1.wav", "anna/ang_2.wav"))
    clips, findings = read(reader)
    label = clips["anna/ang_1"].annotation.label
    assert (label.source, label.distribution[EMOTIONS.index("other")]) == ("votes", 0.25)
    assert reader.report.unmapped == {"grumpy": 1}
    assert findings == [("unknown name", "anna/ang_2.wav"), ("no audio", "anna/ang_3")]
    Labelled.labels_beyond_audio = True
    assert ("no audio", "anna/ang_3") not in read(reader)[1]


def test_mass_outside_the_mask_never_becomes_a_row(lay_out):
    class Narrow(Toy):
        expressible = ("anger", "neutral")

        def annotate(self, name):
            return self.annotation(name, label=self.voted_label({"happy": 1}))

    with pytest.raises(CorpusError, match="gives mass to happiness, which the corpus cannot express"):
        Narrow(lay_out("anna/ang_1.wav")).clip("anna/ang_1.wav")


def test_a_speaker_in_two_splits_is_reported(lay_out):
    class Leaky(Toy):
        def annotate(self, name):
            return self.annotation(name, split="test" if name["text"] == "2" else "train")

    source = lay_out("anna/ang_1.wav", "anna/ang_2.wav")
    assert read(Leaky(source))[1] == [("speaker in two splits", "anna/ang_2.wav")]


def test_an_unknown_split_is_an_error(lay_out):
    class Odd(Toy):
        def annotate(self, name):
            return self.annotation(name, split="dev")

    with pytest.raises(CorpusError, match="split is 'dev'"):
        Odd(lay_out("anna/ang_1.wav")).clip("anna/ang_1.wav")


def test_a_clip_without_categories_masks_all(lay_out):
    class Aroused(Toy):
        def annotate(self, name):
            return Annotation(label=NO_CATEGORIES, arousal=0.5)

    clip = Aroused(lay_out("anna/ang_1.wav")).clip("anna/ang_1.wav")
    assert not any(clip.label_mask)


def test_what_read_labels_reports_is_in_every_pass(lay_out):
    class Noisy(Toy):
        def read_labels(self):
            self.report.add("unknown line", "labels.txt, line 3", "no text")
            return {}

    reader = Noisy(lay_out("anna/ang_1.wav", "song.wav"))
    expected = [("unknown line", "labels.txt, line 3"), ("unknown name", "song.wav")]
    assert [read(reader)[1], read(reader)[1]] == [expected, expected]


def test_the_nearest_label_file_is_found(lay_out):
    reader = Toy(lay_out("a/b/labels.csv", "z/labels.csv", "anna/ang_1.wav"))
    assert reader.require("labels.csv") == reader.source / "z" / "labels.csv"
    assert reader.find("none.csv") is None
    with pytest.raises(CorpusError, match=r"no none.csv here or below.*example.org"):
        reader.require("none.csv")


def test_suffixes():
    assert is_audio("a.b/c.WAV")
    assert not is_audio("wav")
    assert without_suffix("x/Ses01.wav") == "x/Ses01"
    assert without_suffix("x/a.b") == "x/a.b"
    assert all(suffix == suffix.lower() for suffix in AUDIO_SUFFIXES)


@pytest.mark.parametrize("name", sorted(set(list_corpora()) - {"generic"}))  # whose info is in a corpus.yaml
def test_every_reader_is_complete(name):
    reader = get_reader(name)
    info = reader.info
    assert info.name == name
    for text in (
        info.title,
        info.license,
        info.homepage,
        info.citation,
        info.label_note,
        info.split_note,
        reader.__doc__,
    ):
        assert text.strip()
    assert set(reader.labels.values()) <= set(EMOTIONS)
    words = {*reader.labels, *reader.codes.values()}
    if reader.read_labels is CorpusReader.read_labels and reader.labels:  # no votes: each word needs its emotion
        assert words == set(reader.labels)
    if info.emotion_counts and info.num_clips:
        assert sum(info.emotion_counts.values()) == info.num_clips
        assert set(info.emotion_counts) <= words


def test_an_unknown_corpus():
    with pytest.raises(CorpusError, match=r"no corpus is called 'iemocup'; there are .*ravdess"):
        get_reader("iemocup")
