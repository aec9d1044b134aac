import subprocess
import sys
from collections import Counter

from audio_emotion.dataset_scripts.splits import HashedSpeakers, ListedSpeakers


def test_hashed_speakers_get_about_the_shares_asked_for():
    rule = HashedSpeakers(validation=0.1, test=0.2)
    counts = Counter(rule("x", f"speaker {number}") for number in range(5000))
    assert abs(counts["validation"] / 5000 - 0.1) < 0.02
    assert abs(counts["test"] / 5000 - 0.2) < 0.02


def test_hashed_speakers_stay_where_they_are_in_another_process():
    code = "from audio_emotion.dataset_scripts.splits import HashedSpeakers as Rule\n"
    code += "print([Rule()('x', str(number)) for number in range(50)])"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == str([HashedSpeakers()("x", str(number)) for number in range(50)])


def test_unknown_speakers_are_never_held_out():
    assert HashedSpeakers(validation=0.5, test=0.5)("x", None) == "train"
    assert ListedSpeakers(validation=("a",))("x", None) == "train"


def test_listed_speakers():
    rule = ListedSpeakers(validation=("a",), test=("b",))
    assert [rule("x", speaker) for speaker in "abc"] == ["validation", "test", "train"]
    assert ListedSpeakers(rest="test")("x", "c") == "test"
