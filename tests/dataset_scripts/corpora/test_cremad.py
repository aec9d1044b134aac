import gzip
from collections import Counter

import pytest

from audio_emotion.dataset_scripts.corpus import Skip
from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.dataset_scripts.schema import EMOTIONS
from audio_emotion.pipeline.errors_audio_emotion import CorpusError

VOTES = "processedResults/tabulatedVotes.csv"


def test_only_the_voice_votes_count(read_corpus, label_sample):
    sample = label_sample("cremad")
    corpus = read_corpus("cremad", sample.audio, sample.labels)
    row = corpus.rows["1001_IEO_HAP_LO"]
    assert (row["emotion_raw"], row["emotion"], row["label_source"]) == ("happy", "neutral", "votes")
    assert row["distribution"][EMOTIONS.index("neutral")] == pytest.approx(6 / 9)
    assert row["distribution"][EMOTIONS.index("happiness")] == pytest.approx(3 / 9)
    assert {vote["label"]: vote["count"] for vote in row["votes"] if vote["count"]} == {"neutral": 6, "happy": 3}
    assert row["intensity"] == pytest.approx(1 / 3)
    assert (row["speaker"], row["gender"], row["age"], row["text"]) == ("1001", "male", 51, "It's eleven o'clock.")
    assert not row["label_mask"][EMOTIONS.index("surprise")]
    assert corpus.rows["1001_IEO_NEU_XX"]["intensity"] is None


def test_silent_clip_and_other_formats(read_corpus, label_sample):
    sample = label_sample("cremad")
    corpus = read_corpus("cremad", sample.audio, sample.labels)
    assert corpus.problems == [
        ("skipped", "AudioWAV/1076_MTI_SAD_XX.wav"),
        ("duplicate", "AudioMP3/1001_IEO_NEU_XX.mp3"),
    ]


def test_without_votes_the_acted_label_does_not_stand_in(read_corpus, label_sample):
    sample = label_sample("cremad")
    with pytest.raises(CorpusError, match=r"no tabulatedVotes\.csv here or below"):
        read_corpus("cremad", sample.audio, {})
    without_demographics = {VOTES: sample.labels[VOTES]}
    assert read_corpus("cremad", sample.audio, without_demographics).rows["1001_IEO_NEU_XX"]["gender"] is None


def test_votes_that_do_not_add_up(read_corpus, label_sample):
    sample = label_sample("cremad")
    broken = sample.labels[VOTES].replace(b'"1001_IEO_HAP_LO",9,0.666', b'"1001_IEO_HAP_LO",8,0.666')
    corpus = read_corpus("cremad", sample.audio, {VOTES: broken})
    assert corpus.problems[0] == ("unknown name", "AudioWAV/1001_IEO_HAP_LO.wav")
    assert "tabulatedVotes.csv, line 3: numResponses is 8, the votes sum to 9" in corpus.findings[0].reason


@pytest.fixture(scope="module")
def real_clips(shared_dir, real_names, tmp_path_factory):
    """Every real clip with the real tables, and its acted code."""
    folder = tmp_path_factory.mktemp("crema_d")
    tables = shared_dir / "corpora_labels" / "crema_d"
    (folder / "tabulatedVotes.csv").write_bytes(
        gzip.decompress((tables / "processedResults" / "tabulatedVotes.csv.gz").read_bytes())
    )
    (folder / "VideoDemographics.csv").write_bytes((tables / "VideoDemographics.csv").read_bytes())
    reader = get_reader("cremad")(folder)
    return reader, [(reader.clip(path), label) for path, label in real_names("cremad")]


def test_every_real_name_agrees_with_its_label(real_clips):
    reader, clips = real_clips
    assert len(clips) == 7442
    skipped = [clip for clip, _ in clips if isinstance(clip, Skip)]
    assert len(skipped) == 1  # 1076_MTI_SAD_XX, which has no sound
    read = [(clip.annotation, label) for clip, label in clips if not isinstance(clip, Skip)]
    assert all(annotation.emotion_raw == reader.codes[label] for annotation, label in read)
    assert Counter(annotation.emotion_raw for annotation, _ in read) == reader.info.emotion_counts
    assert len({annotation.speaker for annotation, _ in read}) == reader.info.num_speakers
    assert Counter(annotation.gender for annotation, _ in read).keys() == {"female", "male"}


def test_voice_votes_give_the_published_totals(real_clips):
    reader, clips = real_clips
    assert len(reader.rows) == 7442  # of the table's 22,326 rows, a third are voices
    labels = [(clip.annotation.label, clip.annotation.emotion_raw) for clip, _ in clips if not isinstance(clip, Skip)]
    winners = [[word for word, n in label.votes.items() if n == max(label.votes.values())] for label, _ in labels]
    num_votes = [sum(label.votes.values()) for label, _ in labels]
    agreements = [max(label.votes.values()) / sum(label.votes.values()) for label, _ in labels]
    named = sum(won == [acted] for won, (_, acted) in zip(winners, labels, strict=True))
    named_or_tied = sum(acted in won for won, (_, acted) in zip(winners, labels, strict=True))
    assert (min(num_votes), max(num_votes)) == (4, 12)
    assert round(sum(num_votes) / len(labels), 2) == 9.21
    assert round(sum(agreements) / len(labels), 3) == 0.637
    assert (round(named / len(labels), 3), round(named_or_tied / len(labels), 3)) == (0.416, 0.479)
    assert sum(len(won) > 1 for won in winners) == 644
    assert sum(clip.annotation.label.source == "votes" for clip, _ in clips if not isinstance(clip, Skip)) == 7441
