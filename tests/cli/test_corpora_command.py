"""`audio-emotion corpora` as a user meets it: list, check, prepare."""

from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
from typer.testing import CliRunner, Result

from audio_emotion.cli import app
from audio_emotion.dataset_scripts.reader import list_corpora


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["corpora", *map(str, arguments)])


def make_clips(folder: Path, *names: str) -> Path:
    for name in names:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, np.full(8000, 0.1), 16000)
    return folder


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    make_clips(tmp_path / "urdu", "Angry/SM1_F10_A010.wav", "Happy/SF1_F1_H001.wav")
    make_clips(tmp_path / "tess", "OAF_back_angry.wav", "YAF_back_ps.wav")
    return tmp_path


def test_list_names_every_corpus() -> None:
    result = run("list")
    assert result.exit_code == 0
    assert all(name[:10] in result.stdout for name in list_corpora())


def test_check_says_what_is_off_and_exits_with_1(corpora: Path) -> None:
    (corpora / "urdu" / "Sad").mkdir()
    (corpora / "urdu" / "Sad" / "SF1_F1_S001.wav").write_text("no sound")
    make_clips(corpora / "urdu", "Sad/SF1_F1_Q001.wav")
    result = run("check", "urdu", "--source", corpora, "--num-proc", 1)
    assert result.exit_code == 1
    for text in ("off: 3 clips, 400 expected", "off: bad audio: 1", "Sad/SF1_F1_Q001.wav: emotion 'Q' is unknown"):
        assert text in result.stdout


def test_check_of_a_whole_corpus_exits_with_0(shared_dir: Path) -> None:
    result = run("check", "banglaser_ext", "--source", shared_dir / "corpora", "--no-audio")
    assert result.exit_code == 0, result.output
    assert "as published" in result.stdout


def test_prepare_several_corpora_and_go_on_after_one_that_fails(corpora: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = run("prepare", "tess", "nemo", "urdu", "--source", corpora, "--out", out, "--num-proc", 1)
    assert result.exit_code == 1
    assert "nemo is not a folder" in result.stderr
    assert pq.read_table(out / "urdu" / "test-00000-of-00001.parquet").num_rows == 2
    assert (out / "README.md").is_file()
    assert run("prepare", "tess", "urdu", "--source", corpora, "--out", out, "--num-proc", 1).exit_code == 0


@pytest.mark.parametrize(("max_bad", "exit_code"), [(0, 1), (1, 0)])
def test_bad_audio_fails_only_above_max_bad(corpora: Path, tmp_path: Path, max_bad: int, exit_code: int) -> None:
    (corpora / "tess" / "YAF_bar_ps.wav").write_bytes(b"")
    arguments = ("--source", corpora / "tess", "--out", tmp_path / "out", "--max-bad", max_bad, "--num-proc", 1)
    result = run("prepare", "tess", *arguments)
    assert result.exit_code == exit_code
    assert "2 clips" in result.stderr
    assert "bad audio 1: see report.csv" in result.stderr
    assert "YAF_bar_ps.wav" in (tmp_path / "out" / "tess" / "report.csv").read_text()


def test_an_unknown_corpus_names_the_known_ones(tmp_path: Path) -> None:
    result = run("check", "iemocup", "--source", tmp_path)
    assert result.exit_code == 1
    assert "no corpus is called 'iemocup'; there are" in result.stderr
