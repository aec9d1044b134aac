"""The house keeps its walls: arrows between the folders, no circles, and the rules for files that travel to the Hub."""

import ast
import graphlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from transformers.dynamic_module_utils import get_imports, get_relative_imports

ROOT = Path(__file__).parents[1]
FOLDERS = ("modeling", "pipeline", "dataset_scripts", "training")
TRAVELLING = [
    path
    for folder in ("modeling", "pipeline")
    for path in sorted((ROOT / folder).glob("*.py"))
    if path.stem != "__init__"
]
THIRD_PARTY_THAT_TRAVELS = {"torch", "numpy", "transformers"}

# What each part may import, itself aside. "registration" stands for it and the package's own __init__; "cli" for the
# rest of src/audio_emotion.
ARROWS = {
    "modeling": set(),
    "pipeline": set(),
    "dataset_scripts": {"pipeline"},
    "training": {"modeling", "pipeline", "dataset_scripts"},
    "registration": {"modeling", "pipeline"},
    "cli": {*FOLDERS, "registration"},
}


def modules() -> dict[str, Path]:
    """The dotted name of every module of the package, and its file."""
    found = {}
    for base, prefix in [(ROOT / "src" / "audio_emotion", ()), *((ROOT / name, (name,)) for name in FOLDERS)]:
        for path in base.rglob("*.py"):
            parts = ("audio_emotion", *prefix, *path.relative_to(base).with_suffix("").parts)
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


MODULES = modules()


def imported_modules(name: str) -> set[str]:
    """The modules of this package that module `name` imports, anywhere in its file."""
    path = MODULES[name]
    package = name if path.stem == "__init__" else name.rpartition(".")[0]
    targets = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            targets |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            anchor = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            module = ".".join([*anchor, *([node.module] if node.module else [])])
            targets |= {
                f"{module}.{alias.name}" if f"{module}.{alias.name}" in MODULES else module for alias in node.names
            }
    return {target for target in targets if target.partition(".")[0] == "audio_emotion"}


def part_of(module: str) -> str:
    """The part of the house that a module of the package lives in."""
    room = (*module.split("."), "")[1]
    if room in FOLDERS:
        return room
    return "registration" if room in ("", "registration") else "cli"


def test_every_folder_was_found() -> None:
    assert {part_of(module) for module in MODULES} >= {*FOLDERS, "registration", "cli"}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_imports_follow_the_arrows(module: str) -> None:
    part = part_of(module)
    targets = imported_modules(module)
    wrong = sorted(target for target in targets if part_of(target) not in ARROWS[part] | {part})
    assert not wrong, f"{MODULES[module].relative_to(ROOT)} ({part}) may not import {wrong}"
    assert targets <= set(MODULES), f"{MODULES[module].relative_to(ROOT)} imports modules that do not exist"


@pytest.mark.parametrize("module", sorted(MODULES))
def test_no_folder_is_imported_by_its_bare_name(module: str) -> None:
    roots = {name.partition(".")[0] for name in imported_names(ast.parse(MODULES[module].read_text(encoding="utf-8")))}
    assert not roots & set(FOLDERS), "works in a checkout only, by accident"


def test_no_circles() -> None:
    graph = {module: imported_modules(module) - {module} for module in MODULES}
    try:
        graphlib.TopologicalSorter(graph).prepare()
    except graphlib.CycleError as error:
        pytest.fail(f"a circle of imports: {' -> '.join(error.args[1])}")


def faults_of_travelling_file(path: Path) -> Iterator[str]:
    """What would stop transformers from copying a file to the Hub, or from loading it there."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    relative = set()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom) or not node.level:
            continue
        if node.level > 1 or not node.module or "." in node.module:
            yield f"line {node.lineno}: only `from .flat_name import x` is copied"
        elif not (path.parent / f"{node.module}.py").is_file():
            yield f"line {node.lineno}: {node.module}.py is not in this folder"
        else:
            relative.add(node.module)
    if extra := set(get_relative_imports(path)) - relative:
        yield f"the copier reads text that is no import as one: {sorted(extra)}"
    if hard := set(get_imports(path)) - THIRD_PARTY_THAT_TRAVELS - sys.stdlib_module_names:
        yield f"a hard requirement, unless imported inside `try:`: {sorted(hard)}"
    if any(name.partition(".")[0] == "audio_emotion" for name in imported_names(tree)):
        yield "imports audio_emotion, which is absent where the file travels to"


def imported_names(tree: ast.AST) -> Iterator[str]:
    """Every absolute module name that a syntax tree imports."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


@pytest.mark.parametrize("path", TRAVELLING, ids=lambda path: path.name)
def test_files_that_travel_obey_the_copier(path: Path) -> None:
    assert not list(faults_of_travelling_file(path))


@pytest.mark.parametrize(
    "source",
    [
        "from ..modeling.x import y",
        "from .sub.mod import y",
        "from . import x",
        "from .absent import x",
        '"""\nfrom .flat import x\n"""',
        "def f():\n    import soundfile",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from audio_emotion.pipeline import x",
        "try:\n    import audio_emotion.pipeline\nexcept ImportError:\n    pass",
    ],
)
def test_the_travel_rules_catch(source: str, tmp_path: Path) -> None:
    file = tmp_path / "flat.py"
    file.write_text(source)
    assert list(faults_of_travelling_file(file))


def test_the_travel_rules_allow(tmp_path: Path) -> None:
    (tmp_path / "flat.py").touch()
    file = tmp_path / "other.py"
    file.write_text(
        "import json\nimport torch\nfrom .flat import x\ntry:\n    import soundfile\nexcept ImportError:\n    pass\n"
    )
    assert not list(faults_of_travelling_file(file))


def test_files_that_travel_lie_flat_under_unique_names() -> None:
    names = [path.name for path in TRAVELLING]
    assert len(names) == len(set(names))
    for folder in ("modeling", "pipeline"):
        assert not [path for path in (ROOT / folder).rglob("*.py") if path.parent != ROOT / folder]


@pytest.mark.parametrize("folder", FOLDERS)
def test_the_linter_bans_the_accidental_import(folder: str) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--output-format=concise", "--stdin-filename", "x.py", "-"]
    result = subprocess.run(command, input=f"import {folder}\n", cwd=ROOT, capture_output=True, text=True, check=False)
    assert "TID251" in result.stdout and f"audio_emotion.{folder}" in result.stdout
