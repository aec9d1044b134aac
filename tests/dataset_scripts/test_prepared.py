"""A folder is read as it is now, whatever a folder of the same name held before."""

import shutil
from pathlib import Path

import pytest
from datasets import Dataset
from datasets.exceptions import DatasetNotFoundError

from audio_emotion.dataset_scripts.prepared import corpus_names, load_files, load_prepared, split_files

CARD = "---\nconfigs:\n- config_name: voices\n  data_files:\n  - split: train\n    path: voices/train.parquet\n---\n"


def write(folder: Path, number: int) -> Path:
    (folder / "voices").mkdir(parents=True)
    (folder / "README.md").write_text(CARD)
    Dataset.from_list([{"number": number}]).to_parquet(folder / "voices" / "train.parquet")
    return folder


def test_folders_of_one_name_are_not_confused(tmp_path: Path) -> None:
    folders = [write(tmp_path / parent / "prepared", number) for number, parent in enumerate("ab")]
    assert [load_prepared(folder, "voices")["train"]["number"][0] for folder in folders] == [0, 1]


def test_a_folder_written_anew_is_read_anew(tmp_path: Path) -> None:
    folder = write(tmp_path / "prepared", 1)
    assert load_prepared(folder, "voices")["train"]["number"][0] == 1
    shutil.rmtree(folder)
    write(folder, 2)
    assert load_prepared(folder, "voices")["train"]["number"][0] == 2


@pytest.mark.parametrize("name", ["a [v1] b", "x*y?", "[!a]", "a{b,c}", "50% #2", "schön"])
def test_a_folder_may_be_called_anything(tmp_path: Path, name: str) -> None:
    for number, parent in enumerate((name, "a v b")):
        write(tmp_path / parent, number)
    folder = tmp_path / name
    assert corpus_names(folder) == ["voices"]
    assert load_prepared(folder, "voices")["train"]["number"] == [0]
    files = split_files(folder, "voices")
    assert files == {"train": [str(folder / "voices" / "train.parquet")]}
    assert load_files(files)["train"]["number"] == [0]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    folder = write(tmp_path / "prepared", 1)
    with pytest.raises(ValueError, match="voices"):
        load_prepared(folder, "songs")
    with pytest.raises((DatasetNotFoundError, OSError)):
        load_prepared(tmp_path / "nowhere", "voices")
