"""Knocks at every door with thousands of broken inputs: `make fuzz`, or `python tests/fuzz_run.py --help`.

Each door's cases run in a process of their own, so that a crash, a hang or a memory blow-up ends that process alone;
the parent notes the case, keeps its bytes, and goes on behind it. The cases of a number are always the same ones, as
far as the seeds are: some encoders put random numbers into a file.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import select
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

MAX_S = 5.0
"""Of the processor, so that a crowded machine is no fault."""
SILENT_S = 60.0
"""Whoever does not answer so long by the clock hangs."""
MAX_BYTES = 1 << 30
START_S = 120.0
"""A process may take so long to import what a door needs, and for its first case."""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--cases", type=int, default=10_000, help="cases over all doors (default: %(default)s)")
    parser.add_argument("--first", type=int, default=0, help="number of the first case of each door")
    parser.add_argument("--door", action="append", help="only these doors; may be repeated")
    parser.add_argument("--keep", type=Path, help="folder for the bytes of what fell")
    parser.add_argument("--coverage", type=int, metavar="SECONDS", help="let atheris lead, so long at each door")
    parser.add_argument("--worker", nargs=3, metavar=("FIRST", "LAST", "FOLDER"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.worker:
        first, last, folder = arguments.worker
        knock_often(arguments.door[0], int(first), int(last), Path(folder))
        os._exit(0)  # taking torch apart is no case
    from fuzz_doors import DOORS

    if unknown := set(arguments.door or ()) - DOORS.keys():
        parser.error(f"no door is called {', '.join(sorted(unknown))}; there are {', '.join(DOORS)}")
    doors = {name: DOORS[name] for name in arguments.door or DOORS}
    if arguments.coverage:
        return max(lead_by_coverage(name, arguments.coverage) for name in doors)
    share = arguments.cases / sum(door.weight for door in doors.values())
    num_cases, num_fallen = 0, 0
    for name, door in doors.items():
        count = math.ceil(share * door.weight)
        began = time.monotonic()
        fallen = watch(name, arguments.first, arguments.first + count, arguments.keep)
        num_cases, num_fallen = num_cases + count, num_fallen + len(fallen)
        print(f"{name:24} {count:6} cases {time.monotonic() - began:7.1f} s  {len(fallen)} fell", flush=True)
        for what, times in Counter(fault.partition(": ")[2] for fault in fallen).most_common():
            print(f"    {times} x {what}", flush=True)
        for fault in fallen[:3]:
            print(f"    e.g. case {fault.partition(': ')[0]}", flush=True)
    print(f"{num_cases} cases at {len(doors)} doors, {num_fallen} fell")
    return 1 if num_fallen else 0


def watch(name: str, first: int, last: int, keep: Path | None = None) -> list[str]:
    """Have a process knock; what fell, `NUMBER: FAULT` each. A process that dies or hangs is replaced behind its case.

    Args:
        name: The door.
        first: Number of the first case.
        last: Number behind the last case.
        keep: Folder for the bytes of what fell.
    """
    fallen: list[str] = []
    folder = Path(tempfile.mkdtemp(prefix="fuzz-"))
    try:
        while first < last:
            command = [sys.executable, __file__, "--door", name, "--worker", str(first), str(last), str(folder)]
            environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "PYTHONFAULTHANDLER": "1"}
            with (folder / "log").open("w") as log:
                process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, text=True, env=environment)
                reached, fault = _follow(process, first, fallen, folder, keep)
            if fault is None:
                break
            fallen.append(f"{reached}: {fault}")
            _keep(keep, name, reached, folder)
            first = reached + 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return fallen


def _follow(
    process: subprocess.Popen[str], first: int, fallen: list[str], folder: Path, keep: Path | None
) -> tuple[int, str | None]:
    """Read a worker's lines until it ends: the case it was at, and what became of it where it did not end well."""
    number, limit_s = first, START_S
    assert process.stdout is not None
    while True:
        ready, _, _ = select.select([process.stdout], [], [], limit_s)
        if not ready:
            process.kill()
            process.wait()
            return number, f"hangs: no answer in {limit_s:g} s"
        line = process.stdout.readline()
        if not line:
            code = process.wait()
            return number, None if code == 0 else f"the process died with exit code {code}"
        report: dict[str, Any] = json.loads(line)
        number, limit_s = report["case"], SILENT_S
        if fault := report.get("fault"):
            fallen.append(f"{number}: {fault}")
            _keep(keep, report["door"], number, folder)


def _keep(keep: Path | None, name: str, number: int, folder: Path) -> None:
    case = folder / f"case-{number}"
    if keep is not None and case.exists():
        (keep / name).mkdir(parents=True, exist_ok=True)
        shutil.copy(case, keep / name / str(number))


def knock_often(name: str, first: int, last: int, folder: Path) -> None:
    """The worker: knocks case after case, and says on standard output how each went."""
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a case prints is no report
    sys.stdout = sys.stderr
    from fuzz_doors import DOORS
    from fuzz_mutation import mutated

    door = DOORS[name]
    seeds = door.seeds(folder)
    for seed in seeds:
        door.try_knock(seed, folder)  # also the imports, which are no case's fault
    for number in range(first, last):
        content = mutated(seeds, name, number)
        case = folder / f"case-{number}"
        case.write_bytes(content)
        print(json.dumps({"door": name, "case": number}), file=out, flush=True)
        fault = knock_once(name, content, folder)
        if fault:
            print(json.dumps({"door": name, "case": number, "fault": fault}), file=out, flush=True)
        else:
            case.unlink()


def knock_once(name: str, content: bytes, folder: Path) -> str | None:
    """What is wrong with how a door took an input; None where nothing is."""
    from fuzz_doors import DOORS

    before = _begin_peak()
    began = time.process_time()
    try:
        DOORS[name].try_knock(content, folder)
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:
        frames = [frame for frame in traceback.extract_tb(error.__traceback__) if "site-packages" not in frame.filename]
        place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "?"
        return f"{type(error).__name__} at {place}: {str(error)[:160]!r}"
    took_s, grew = time.process_time() - began, _peak() - before
    if took_s > MAX_S:
        return f"slow: {took_s:.1f} s"
    if grew > MAX_BYTES:
        return f"large: {grew / 2**20:.0f} MB"
    return None


def _begin_peak() -> int:
    """Bytes in memory now; from here on the kernel counts the peak anew, where it lets itself be asked."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")
    return _peak()


def _peak() -> int:
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return 0


def lead_by_coverage(name: str, seconds: int) -> int:
    """Let atheris find input by the lines it reaches, in a process of its own; its exit code."""
    code = f"""
import atheris, sys, tempfile
from pathlib import Path
with atheris.instrument_imports(include=["audio_emotion"]):
    from fuzz_doors import DOORS
    import fuzz_run
    door = DOORS[{name!r}]
    folder = Path(tempfile.mkdtemp())
    seeds = door.seeds(folder)
    for seed in seeds: door.try_knock(seed, folder)
corpus = folder / "corpus"
corpus.mkdir()
for number, seed in enumerate(seeds): (corpus / str(number)).write_bytes(seed)
options = ["-max_total_time={seconds}", "-rss_limit_mb=3000", "-timeout=20", "-artifact_prefix=" + str(folder) + "/"]
atheris.Setup([sys.argv[0], str(corpus), *options], lambda content: door.try_knock(content, folder))
atheris.Fuzz()
"""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"}
    return subprocess.run(
        [sys.executable, "-c", code], cwd=Path(__file__).parent, env=environment, check=False
    ).returncode


if __name__ == "__main__":
    sys.exit(main())
