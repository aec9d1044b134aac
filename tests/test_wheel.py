"""What is built is what is tracked: nothing forgotten, nothing left over, and the wheel works where it is installed."""

import os
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE_FOLDERS = {
    "src/audio_emotion/": "audio_emotion/",
    "modeling/": "audio_emotion/modeling/",
    "pipeline/": "audio_emotion/pipeline/",
    "training/": "audio_emotion/training/",
    "dataset_scripts/": "audio_emotion/dataset_scripts/",
}

pytestmark = pytest.mark.slow  # about 15 s; `make package` runs it on what it built


@pytest.fixture(scope="module")
def tracked() -> list[str]:
    """The tracked files that the working tree holds, relative to the root."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout: no list of tracked files to compare with")
    listing = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listing.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def dist(tracked: list[str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The sdist and the wheel made from it: what `make package` built, or a build of the tracked files."""
    if built := os.environ.get("AUDIO_EMOTION_DIST"):
        return ROOT / built
    source, out = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("dist")
    for name in tracked:
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, source / name)
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(out), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    return out


@pytest.fixture(scope="module")
def wheel(dist: Path) -> Path:
    (path,) = dist.glob("*.whl")
    return path


def test_the_wheel_holds_the_tracked_files_of_the_package(wheel: Path, tracked: list[str]) -> None:
    expected = {
        inside + name.removeprefix(folder)
        for folder, inside in PACKAGE_FOLDERS.items()
        for name in tracked
        if name.startswith(folder) and not name.endswith(".gitkeep")
    }
    names = zipfile.ZipFile(wheel).namelist()
    assert {name for name in names if ".dist-info/" not in name} == expected
    assert any(name.endswith(".dist-info/licenses/LICENSE") for name in names)


def test_the_sdist_holds_the_tracked_files(dist: Path, tracked: list[str]) -> None:
    (path,) = dist.glob("*.tar.gz")
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    ours = {name for name in tracked if not name.endswith(".gitkeep") and name != ".gitignore"}
    assert not ours - names, "tracked, but not in the sdist: see MANIFEST.in"
    made = {"PKG-INFO", "setup.cfg", "audio_emotion.egg-info"}
    assert not {name for name in names - ours if name.partition("/")[0] not in made and ".egg-info/" not in name}


def test_the_installed_wheel_imports_every_module(wheel: Path, tmp_path: Path) -> None:
    zipfile.ZipFile(wheel).extractall(tmp_path)
    code = """
import importlib, pathlib, pkgutil, sys
import audio_emotion
assert pathlib.Path(audio_emotion.__file__).is_relative_to(sys.argv[1]), audio_emotion.__file__
names = [info.name for info in pkgutil.walk_packages(audio_emotion.__path__, "audio_emotion.")]
assert {"audio_emotion.modeling", "audio_emotion.pipeline", "audio_emotion.training"} <= set(names), names
for name in names:
    assert pathlib.Path(importlib.import_module(name).__file__).is_relative_to(sys.argv[1]), name
"""
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], cwd=tmp_path, env=environment, check=True)
