"""What the benchmarks share: alternating runs, medians with their spread, fresh processes, and the report."""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Spread:
    """Median and quartiles of repeated measurements, in the unit of the measurements."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        """The spread of at least two measurements."""
        low, median, high = statistics.quantiles(values, n=4, method="inclusive")
        return cls(median, low, high)

    def __str__(self) -> str:
        return f"{self.median:.3g} [{self.low:.3g} to {self.high:.3g}]"


def alternate(candidates: Mapping[str, Callable[[], object]], runs: int, warmup: int = 2) -> dict[str, list[float]]:
    """Times the candidates in turns, so that a slow minute of the machine touches all of them alike.

    Args:
        candidates: Name -> what to run.
        runs: Measured runs of each candidate.
        warmup: Runs of each candidate that are not measured.

    Returns:
        Name -> seconds of each measured run; the k-th runs of all candidates lie next to each other in time.
    """
    times: dict[str, list[float]] = {name: [] for name in candidates}
    for run in range(-warmup, runs):
        for name, function in candidates.items():
            start = time.perf_counter()
            function()
            if run >= 0:
                times[name].append(time.perf_counter() - start)
    return times


def fresh_process(code: str, *arguments: str) -> Any:
    """Runs Python code in a new process and reads the JSON that it prints on its last line."""
    command = [sys.executable, "-c", code, *arguments]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    return json.loads(output.splitlines()[-1])


def argument_parser(description: str | None) -> argparse.ArgumentParser:
    """A parser with the option that every benchmark has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--json", type=Path, metavar="FILE", help="also write the numbers to FILE")
    return parser


def processor() -> str:
    """The processor's name where the system tells it, else nothing."""
    information = Path("/proc/cpuinfo")
    lines = information.read_text(encoding="utf-8").splitlines() if information.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def report(numbers: dict[str, Any], file: Path | None) -> None:
    """Writes the numbers, and what they were measured with, to `file` where one is given."""
    if file is None:
        return
    packages = {name: version(name) for name in ("audio-emotion", "torch", "transformers", "numpy")}
    machine = {
        "machine": platform.machine(),
        "processor": processor(),
        "cores": os.cpu_count(),
        "system": platform.system(),
        "python": platform.python_version(),
    }
    content = json.dumps({**numbers, "versions": packages, **machine}, indent=2, default=asdict)
    file.write_text(content + "\n", encoding="utf-8")
