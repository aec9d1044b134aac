"""docs/performance.md shows what lies in results/, and its generator reads what the benchmarks write."""

import json
import re
from pathlib import Path

import pytest

from benchmarks import performance_page
from benchmarks.performance_page import BEGIN, END, ROOT, SECTIONS, rewritten, tables

PAGE = ROOT / "docs" / "performance.md"
SPREAD = {"median": 2.0, "low": 1.0, "high": 3.0}
MEASURED_WITH = {"machine": "x86_64", "versions": {"torch": "2.13.0"}}


def test_the_page_is_what_the_results_make_of_it() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == rewritten(page, tables(ROOT / "results")), "run `python -m benchmarks.performance_page`"


def test_the_commands_exist_and_write_the_result_that_is_read() -> None:
    for section in SECTIONS:
        (module,) = re.findall(r"-m benchmarks\.(\w+)", section.command)
        if module != "scale":
            assert (ROOT / "benchmarks" / f"{module}.py").is_file()
        assert section.command.endswith(f"--json results/{section.result}.json")


def test_a_result_that_is_absent_leaves_its_section_out(tmp_path: Path) -> None:
    assert tables(tmp_path) == ""
    numbers = {**MEASURED_WITH, "import_transformers_s": SPREAD, "import_audio_emotion_adds_s": SPREAD}
    (tmp_path / "import_time.json").write_text(json.dumps(numbers))
    assert re.findall("^## (.*)", tables(tmp_path), re.MULTILINE) == ["Import"]
    assert "| import transformers | 2,000 [1,000 to 3,000] ms |" in tables(tmp_path)


def test_new_tables_take_the_place_of_old_ones() -> None:
    page = f"above\n{BEGIN}\nold\n{END}\nbelow\n"
    assert rewritten(page, "new") == f"above\n{BEGIN}\n\nnew\n\n{END}\nbelow\n"
    with pytest.raises(SystemExit, match="lacks the lines"):
        rewritten("no markers", "new")


def test_the_command_rewrites_a_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\n{END}\n")
    monkeypatch.setattr("sys.argv", ["page", "--results", str(ROOT / "results"), "--page", str(page)])
    performance_page.main()
    assert tables(ROOT / "results") in page.read_text(encoding="utf-8")
