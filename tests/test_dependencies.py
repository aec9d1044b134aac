"""What the code imports is what pyproject.toml declares, and what the lock file pins."""

import ast
import re
import sys
from importlib.metadata import packages_distributions, requires
from pathlib import Path

import pytest

if sys.version_info < (3, 11):
    pytest.skip("reads pyproject.toml with tomllib, which Python 3.10 lacks", allow_module_level=True)

import tomllib

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
PACKAGE_FOLDERS = ("src", "modeling", "pipeline", "training", "dataset_scripts")


def normalized(requirement: str) -> str:
    """The name of a distribution in a requirement, in its canonical spelling."""
    return re.sub(r"[-_.]+", "-", re.split(r"[\s<>=!~;\[]", requirement, maxsplit=1)[0]).lower()


CORE = {normalized(requirement) for requirement in PROJECT["dependencies"]}
EXTRAS = {name: {normalized(line) for line in lines} for name, lines in PROJECT["optional-dependencies"].items()}


def imported_distributions(folders: tuple[str, ...]) -> dict[str, set[str]]:
    """Distribution -> the files that import it, of all third-party imports below the folders."""
    local = {path.stem for path in (ROOT / "tests").rglob("*.py")} | {"audio_emotion", "benchmarks", "fuzz_doors"}
    of_module = packages_distributions()
    found: dict[str, set[str]] = {}
    for path in [path for folder in folders for path in (ROOT / folder).rglob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.append(node.module)
            for root in {name.partition(".")[0] for name in names} - sys.stdlib_module_names - local:
                distribution = normalized(of_module.get(root, [root])[0])
                found.setdefault(distribution, set()).add(str(path.relative_to(ROOT)))
    return found


def test_the_package_declares_what_it_imports() -> None:
    declared = CORE.union(*(names for extra, names in EXTRAS.items() if extra != "dev"))
    undeclared = {
        name: files for name, files in imported_distributions(PACKAGE_FOLDERS).items() if name not in declared
    }
    assert not undeclared


def test_tests_benchmarks_and_examples_need_only_core_and_dev() -> None:
    imported = imported_distributions(("tests", "benchmarks", "examples"))
    assert not {name: files for name, files in imported.items() if name not in CORE.union(*EXTRAS.values())}


def pins(name: str) -> dict[str, tuple[str, int]]:
    """Distribution -> its pinned version in a lock file, and the number of hashes that its files may have."""
    entries = re.split(r"\n(?=\S)", (ROOT / name).read_text(encoding="utf-8"))
    found = {}
    for entry in entries:
        if not entry.startswith(("#", "--")):
            distribution, version = entry.split()[0].split("==")
            found[normalized(distribution)] = version, len(re.findall(r"--hash=sha256:[0-9a-f]{64}(?!\S)", entry))
    return found


LOCK, TORCH = pins("requirements.lock"), pins("requirements-torch.lock")


def test_the_lock_pins_core_and_dev_and_what_they_need() -> None:
    assert not (CORE | EXTRAS["dev"]) - LOCK.keys() - TORCH.keys()
    versions = [version for version, _ in [*LOCK.values(), *TORCH.values()]]
    assert not [version for version in versions if not re.fullmatch(r"\d[\w.]*", version)], (
        "an exact public version each"
    )
    needed = {normalized(line) for name in CORE for line in requires(name) or [] if ";" not in line}
    assert not needed - LOCK.keys() - TORCH.keys()


def test_only_torch_is_without_hashes() -> None:
    assert list(TORCH) == ["torch"]
    assert not [name for name, (_, num_hashes) in LOCK.items() if not num_hashes]


@pytest.mark.parametrize("name", ["requirements.lock", "requirements-torch.lock"])
def test_no_package_runs_code_to_be_installed(name: str) -> None:
    assert "--only-binary :all:" in (ROOT / name).read_text(encoding="utf-8").splitlines()
