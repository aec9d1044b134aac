"""Peak resident memory of a process that analyses a long file, at several rates and channel counts.

The recordings are generated; the model is the bundled checkpoint unless another is named.

Usage: python -m benchmarks.memory [--duration-s 3600] [--cases wav-44100-2 ...] [--model MODEL] [--json FILE]
"""

import tempfile
from pathlib import Path

import numpy as np
import soundfile as sf

from benchmarks.measure import argument_parser, fresh_process, report

CASES = {
    "wav-44100-2": (44_100, 2),
    "wav-8000-1": (8_000, 1),
    "flac-16000-1": (16_000, 1),
    "flac-96000-6": (96_000, 6),
    "ogg-48000-2": (48_000, 2),
}
BLOCK_S = 10

# The peak is read by the process itself. This parent stays small (no torch): a child begins with its parent's peak.
CODE = """
import json, resource, sys, time
import audio_emotion
from transformers import pipeline
path, model = sys.argv[1:]
pipe = pipeline("audio-emotion", model=model or None)
start = time.perf_counter()
result = pipe(path, return_timestamps=True)
seconds = time.perf_counter() - start
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"peak_bytes": peak, "seconds": seconds, "end_s": result["chunks"][-1]["timestamp"][1]}))
"""


def write_recording(path: Path, sampling_rate: int, num_channels: int, duration_s: int) -> None:
    """Writes a voice-like tone (gliding pitch, syllables, a little noise), the same block again and again."""
    time_s = np.arange(BLOCK_S * sampling_rate) / sampling_rate  # (block_samples,)
    phase = 2 * np.pi * (160 * time_s - 20 * np.cos(2 * np.pi * 0.3 * time_s))
    voice = sum(np.sin(k * phase) / k for k in range(1, 8)) * np.sin(2 * np.pi * 2 * time_s) ** 2
    noise = np.random.default_rng(0).standard_normal((num_channels, len(time_s)))
    block = (0.1 * voice + 0.001 * noise).T.astype(np.float32)  # (block_samples, num_channels)
    with sf.SoundFile(path, "w", samplerate=sampling_rate, channels=num_channels) as file:
        for _ in range(0, duration_s, BLOCK_S):
            file.write(block)


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--duration-s", type=int, default=3600, help="length of each recording, a multiple of 10")
    parser.add_argument("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="CASE", help=", ".join(CASES))
    parser.add_argument("--model", default="", help="folder or Hub id; the bundled checkpoint by default")
    args = parser.parse_args()
    numbers = {}
    for case in args.cases:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder, case).with_suffix("." + case.partition("-")[0])
            write_recording(path, *CASES[case], args.duration_s)
            numbers[case] = fresh_process(CODE, str(path), args.model) | {"file_bytes": path.stat().st_size}
        row = numbers[case]
        speed = row["end_s"] / row["seconds"]
        print(
            f"{case:14} peak {row['peak_bytes'] / 1e9:.2f} GB, {row['end_s']:.2f} s of audio, {speed:.0f} x real time",
            flush=True,
        )
    report({"benchmark": "memory", "duration_s": args.duration_s, "cases": numbers}, args.json)


if __name__ == "__main__":
    main()
