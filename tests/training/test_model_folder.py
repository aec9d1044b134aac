"""A model folder is there whole, or as it was."""

from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.model_folder import written_whole


def write(folder: Path, value: float) -> None:
    save_file({"weight": torch.full((3,), value)}, folder / "model.safetensors")
    (folder / "config.json").write_text(str(value))


def contents(folder: Path) -> tuple[str, float]:
    return (folder / "config.json").read_text(), load_file(folder / "model.safetensors")["weight"][0].item()


@pytest.mark.parametrize("target", ["absent", "empty", "full"])
def test_a_folder_is_written(tmp_path: Path, target: str) -> None:
    folder = tmp_path / "runs" / "model"
    if target != "absent":
        folder.mkdir(parents=True)
    if target == "full":
        write(folder, 1.0)
        (folder / "notes.txt").touch()
    with written_whole(folder) as beside:
        assert beside.parent == folder.parent
        write(beside, 2.0)
    assert contents(folder) == ("2.0", 2.0)
    assert (folder / "notes.txt").exists() == (target == "full")
    assert [path.name for path in folder.parent.iterdir()] == ["model"]


def test_a_folder_is_written_anew(tmp_path: Path) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "adapter_config.json").touch()
    with written_whole(folder, anew=True) as beside:
        write(beside, 2.0)
        assert (folder / "adapter_config.json").exists()
    assert sorted(path.name for path in folder.iterdir()) == ["config.json", "model.safetensors"]


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), SafetensorError("(os error 28)")])
def test_a_failure_leaves_what_was_there(tmp_path: Path, error: Exception) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    write(folder, 1.0)
    with (
        pytest.raises(AudioEmotionError, match=r"model cannot be written: .*28.*untouched"),
        written_whole(folder) as at,
    ):
        write(at, 2.0)
        raise error
    assert contents(folder) == ("1.0", 1.0)
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_ctrl_c_leaves_what_was_there(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), written_whole(tmp_path / "model") as beside:
        write(beside, 1.0)
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())


def test_what_a_kill_left_is_removed(tmp_path: Path) -> None:
    left = tmp_path / ".model.partial"
    left.mkdir()
    (left / "old.safetensors").touch()
    with written_whole(tmp_path / "model") as beside:
        write(beside, 1.0)
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == ["config.json", "model.safetensors"]
