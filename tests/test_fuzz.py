"""Broken input at every door: what once fell, kept in `fuzz_corpus/`, and the ten thousand cases of `make fuzz`."""

import math
from collections.abc import Callable
from pathlib import Path

import fuzz_run
import pytest
from fuzz_doors import DOORS, Door
from fuzz_mutation import mutated
from fuzz_run import knock_once, watch

pytestmark = pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")

CORPUS = Path(__file__).parent / "fuzz_corpus"
KEPT = sorted(path for path in CORPUS.rglob("*") if path.is_file())
CASES = 10_000
SHARE = CASES / sum(door.weight for door in DOORS.values())


@pytest.fixture(scope="session")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all: a door's model is made once."""
    return tmp_path_factory.mktemp("fuzz")


@pytest.mark.parametrize("path", KEPT, ids=lambda path: path.relative_to(CORPUS).as_posix())
def test_what_once_fell_stands(path: Path, scratch: Path) -> None:
    door = DOORS[path.parent.name]
    door.try_knock(door.seeds(scratch)[0], scratch)  # the imports are no case's fault
    assert knock_once(path.parent.name, path.read_bytes(), scratch) is None


@pytest.mark.parametrize("name", [name for name in DOORS if name.startswith(("sound", "turns", "recipe", "score"))])
def test_whole_and_broken_input(name: str, scratch: Path) -> None:
    seeds = DOORS[name].seeds(scratch)
    for content in [*seeds, *(mutated(seeds, name, number) for number in range(5))]:
        assert knock_once(name, content, scratch) is None, content[:200]


def test_a_fault_of_a_door_is_seen(monkeypatch: pytest.MonkeyPatch, scratch: Path) -> None:
    def knock(fault: Callable[[], object]) -> str | None:
        monkeypatch.setattr(Door, "try_knock", lambda *_: fault())
        return knock_once("turns-json", b"", scratch)

    monkeypatch.setattr(fuzz_run, "MAX_BYTES", 64 << 20)
    assert knock(lambda: None) is None
    assert "ZeroDivisionError" in str(knock(lambda: 1 // 0))
    assert "large: " in str(knock(lambda: bytes(range(256)) * (1 << 19)))
    monkeypatch.setattr(fuzz_run, "MAX_S", 0.05)
    assert "slow: " in str(knock(lambda: sum(range(10_000_000))))


def test_the_same_number_is_the_same_case() -> None:
    seeds = [b"one, 2, three", b'{"four": 5}']
    cases = [mutated(seeds, "a door", number) for number in range(200)]
    assert cases == [mutated(seeds, "a door", number) for number in range(200)]
    assert len(set(cases)) > 150


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("name", DOORS)
def test_ten_thousand_cases(name: str) -> None:
    assert watch(name, 0, math.ceil(SHARE * DOORS[name].weight)) == []


def test_every_kept_case_has_its_door() -> None:
    assert {path.parent.name for path in KEPT} <= DOORS.keys()
    assert KEPT
