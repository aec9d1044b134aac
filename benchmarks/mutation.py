"""How many small faults, put into losses, masks, windows and metrics one at a time, the tests find.

Needs `pip install 'audio-emotion[mutation]'`. A process that has imported torch forks one child a fault; the child
compiles the faulty source in place of the file and runs the file's own tests.

Usage: python -m benchmarks.mutation [--sample 12] [--json FILE]
"""

from __future__ import annotations

import ast
import difflib
import importlib.machinery
import itertools
import os
import random
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.measure import argument_parser, report

ROOT = Path(__file__).parents[1]
TESTS = {
    "modeling/losses_emotion_whisper.py": ["modeling/test_losses.py", "modeling/test_loss_properties.py"],
    "pipeline/windows_audio_emotion.py": ["pipeline/test_windows.py"],
    "training/objectives.py": ["training/test_objectives.py"],
    "training/intensity_losses.py": ["training/test_finetune_labels.py"],
    "training/metrics/classification.py": ["training/test_metrics_classification.py"],
    "training/metrics/distribution.py": ["training/test_metrics_distribution.py"],
    "training/metrics/regression.py": ["training/test_metrics_regression.py"],
    "training/metrics/diarization.py": ["training/test_metrics_diarization.py"],
    "training/metrics/bootstrap.py": ["training/test_metrics_bootstrap.py"],
}
TIMEOUT_S = 600
"""A test that takes longer has noticed the fault: it loops."""


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--sample", type=int, default=12, help="faults a file, drawn at random; 0 for all")
    parser.add_argument("--files", nargs="+", default=list(TESTS), metavar="FILE", help="only these")
    args = parser.parse_args()
    import hypothesis  # noqa: F401 # what every child needs and is slow to import
    import pytest  # noqa: F401
    import torch  # noqa: F401
    import transformers  # noqa: F401

    results: dict[str, Any] = {}
    for name in args.files:
        source = (ROOT / name).read_text(encoding="utf-8")
        if not survives(name, source):
            raise SystemExit(f"{name}: its tests fail without a fault")
        faults = list_faults(source)
        random.Random(0).shuffle(faults)
        made = filter(None, (faulty(source, *fault) for fault in faults))
        drawn = list(itertools.islice(made, args.sample or None))
        survivors = [describe(source, fault) for fault in drawn if survives(name, fault)]
        results[name] = {"faults": len(faults), "tried": len(drawn), "survivors": survivors}
        print(f"{name}: {len(drawn) - len(survivors)} of {len(drawn)} found", *survivors, sep="\n  ", flush=True)
    tried = sum(result["tried"] for result in results.values())
    found = tried - sum(len(result["survivors"]) for result in results.values())
    print(f"{found} of {tried} faults found: {found / tried:.0%}")
    report({"benchmark": "mutation", "found": found, "tried": tried, "files": results}, args.json)


def list_faults(source: str) -> list[tuple[str, int]]:
    """Cosmic Ray's operators and the occurrences where they apply; annotations, which do nothing, are left alone."""
    from cosmic_ray.ast import ast_nodes, get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    idle = list(annotation_spans(source))
    nodes = list(ast_nodes(get_ast(source)))
    return [
        (name, occurrence)
        for name in sorted(operator_names())
        if not get_operator(name).arguments()
        for occurrence, (start, _) in enumerate(
            span for node in nodes for span in get_operator(name)().mutation_positions(node)
        )
        if not any(first <= start < last for first, last in idle)
    ]


def faulty(source: str, operator_name: str, occurrence: int) -> str | None:
    """The source with a fault; None where that is no other program."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    fault: str | None = mutate_code(source, get_operator(operator_name)(), occurrence)
    return fault if fault is not None and is_another_program(source, fault) else None


def is_another_program(source: str, fault: str) -> bool:
    """Whether a fault is one: Python reads it, and not as what was there."""
    try:
        return ast.dump(ast.parse(fault)) != ast.dump(ast.parse(source))
    except SyntaxError:
        return False


def annotation_spans(source: str) -> Iterator[tuple[tuple[int, int], tuple[int, int]]]:
    """Start and end, `(line, column)`, of everything that only says a type."""
    for node in ast.walk(ast.parse(source)):
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            if part is not None:
                yield (part.lineno, part.col_offset), (part.end_lineno, part.end_col_offset)


def survives(name: str, source: str) -> bool:
    """Whether the tests of a file pass with another source in its place."""
    child = os.fork()
    if child == 0:
        with tempfile.TemporaryDirectory() as folder:
            code = run_tests(ROOT / name, source, Path(folder))
        os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def run_tests(path: Path, source: str, folder: Path) -> int:
    """Exit code of pytest on the tests of `path`, where importing it gives `source`; for a process of its own."""
    import pytest
    import torch

    signal.alarm(TIMEOUT_S)
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    os.environ["HYPOTHESIS_STORAGE_DIRECTORY"] = str(folder)
    torch.set_num_threads(1)
    loader = importlib.machinery.SourceFileLoader
    unchanged = loader.get_code

    def get_code(self: importlib.machinery.SourceFileLoader, fullname: str) -> Any:
        if Path(self.path) == path:
            return compile(source, self.path, "exec", dont_inherit=True)
        return unchanged(self, fullname)

    loader.get_code = get_code  # type: ignore[assignment, method-assign]
    os.chdir(ROOT)
    tests = [f"tests/{test}" for test in TESTS[str(path.relative_to(ROOT))]]
    options = ["-x", "-p", "no:cacheprovider", "--hypothesis-seed=0", f"--basetemp={folder / 'tests'}"]
    return int(pytest.main([*tests, *options]))


def describe(source: str, fault: str) -> str:
    """A fault as its line before and after."""
    lines = difflib.ndiff(source.splitlines(), fault.splitlines())
    changed = [f"{line[0]} {line[2:].strip()}" for line in lines if line[0] in "+-"]
    return " ".join(changed)


if __name__ == "__main__":
    main()
