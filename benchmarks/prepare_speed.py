"""Seconds and peak resident memory of `corpora prepare`, all its processes together (Linux).

Usage: python -m benchmarks.prepare_speed nemo --source ../shared/corpora/nemo [--num-proc 2] [--json FILE]
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.measure import argument_parser, report

SAMPLE_EVERY_S = 0.05
CODE = """
import sys
from audio_emotion.cli import app
if __name__ == "__main__":
    app(["corpora", "prepare", *sys.argv[1:]])
"""


def process_tree(pid: int) -> list[int]:
    """A process and all its descendants."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text(encoding="ascii").split()
    except OSError:
        return []
    return [pid, *(descendant for child in children for descendant in process_tree(int(child)))]


def resident_bytes(pid: int) -> int:
    """Resident memory of a process; 0 once it is gone."""
    try:
        status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return sum(1024 * int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS"))


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("corpus", help="a name that `audio-emotion corpora list` shows")
    parser.add_argument("--source", type=Path, required=True, help="the corpus's folder")
    parser.add_argument("--num-proc", type=int, default=2, help="processes that decode")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        program = Path(folder, "program.py")  # a file, for spawned processes import their main module
        program.write_text(CODE, encoding="utf-8")
        arguments = [args.corpus, "--source", args.source, "--out", folder, "--num-proc", str(args.num_proc)]
        start = time.perf_counter()
        process = subprocess.Popen([sys.executable, program, *arguments])
        peak_bytes = 0
        while process.poll() is None:
            peak_bytes = max(peak_bytes, sum(map(resident_bytes, process_tree(process.pid))))
            time.sleep(SAMPLE_EVERY_S)
        seconds = time.perf_counter() - start
        if process.returncode != 0:
            raise SystemExit(process.returncode)
        (manifest,) = Path(folder).glob("*/manifest.json")
        shards = json.loads(manifest.read_text(encoding="utf-8"))["shards"].values()
        duration_s = sum(shard["duration_s"] for shard in shards)
    print(f"{duration_s / seconds:.0f} x real time, peak {peak_bytes / 1e6:.0f} MB, {seconds:.1f} s")
    numbers = {"benchmark": "prepare_speed", "corpus": args.corpus, "num_proc": args.num_proc}
    report({**numbers, "seconds": seconds, "duration_s": duration_s, "peak_bytes": peak_bytes}, args.json)


if __name__ == "__main__":
    main()
