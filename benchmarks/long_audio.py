"""Long recordings: real-time factor, peak memory, how both grow with length, and what the whole costs over the encoder.

The recordings, stereo at 44.1 kHz, are the example recording again and again under a little noise. Each case runs in a
fresh process: from opening the file to segments. The MP3 case is the command line, from the start of its process to its
table, beside the encoder alone on the same windows. Cases already in FILE are kept, so they can be measured one by one.

Usage: python -m benchmarks.long_audio [--minutes 10 60 180] [--mp3-minutes 10] [--threads 2] [--json FILE]
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf

from benchmarks.measure import argument_parser, fresh_process, report

EXAMPLE = Path(__file__).parents[1] / "examples" / "emotion_shifts.flac"
SAMPLING_RATE = 44_100

# This parent stays small (no torch): a child begins with its parent's peak.
RUN = """
import json, resource, sys, time
import torch
from audio_emotion import AudioEmotionPipeline
path, model, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
pipe = AudioEmotionPipeline.from_pretrained(model)
matrix = torch.ones(2048, 2048)
start = time.perf_counter()
for _ in range(4):
    matrix @ matrix
roof = 4 * 2 * 2048**3 / (time.perf_counter() - start)
pipe.feature_extractor([0.0] * 16000)
start, used = time.perf_counter(), time.process_time()
result = pipe(path, return_timestamps=True)
seconds, used = time.perf_counter() - start, time.process_time() - used
unit = 1 if sys.platform == "darwin" else 1024
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
print(json.dumps({"seconds_of_audio": result["chunks"][-1]["timestamp"][1], "seconds": seconds, "cpu_seconds": used,
                  "peak_bytes": peak, "sgemm_flops": roof}))
"""
ENCODER = """
import json, sys, time
import torch
from audio_emotion import AudioEmotionPipeline
path, model, threads = sys.argv[1:]
torch.set_num_threads(int(threads))
pipe = AudioEmotionPipeline.from_pretrained(model)
seconds = 0.0
with torch.inference_mode():
    for index, window in enumerate(pipe.make_scorer().windows(path)):
        features = pipe.feature_extractor(window, sampling_rate=16000, return_tensors="pt")
        if index == 0:
            pipe.model.model(**features)
        start = time.perf_counter()
        pipe.model.model(**features)
        seconds += time.perf_counter() - start
print(json.dumps(seconds))
"""
BUNDLED = "import json, audio_emotion.registration as r; print(json.dumps(str(r.bundled_checkpoint())))"


def write_recording(path: Path, duration_s: float) -> None:
    """Writes the looped example, stereo; the noise is another one in each round."""
    import soxr

    clip = soxr.resample(sf.read(EXAMPLE, dtype="float32")[0], 16_000, SAMPLING_RATE)  # (num_samples,)
    rng = np.random.default_rng(0)
    num_left = round(duration_s * SAMPLING_RATE)
    with sf.SoundFile(path, "w", samplerate=SAMPLING_RATE, channels=2) as file:
        while num_left > 0:
            stereo = clip[:num_left, None] + 0.001 * rng.standard_normal((min(len(clip), num_left), 2))
            file.write(stereo.astype(np.float32))
            num_left -= len(stereo)


def measure_wav(minutes: float, model: str, threads: int) -> dict[str, Any]:
    """One WAV through the pipeline."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.wav")
        write_recording(path, 60 * minutes)
        case: dict[str, Any] = fresh_process(RUN, str(path), model, str(threads))
    return case | {"real_time_factor": case["seconds"] / case["seconds_of_audio"]}


def measure_mp3(minutes: float, model: str, threads: int) -> dict[str, Any]:
    """One MP3 through the command line, and through the encoder alone."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "long.mp3")
        write_recording(path, 60 * minutes)
        command = "from audio_emotion.cli import app; app()"
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-c", command, "analyze", path, "--model", model], check=True, stdout=subprocess.DEVNULL
        )
        seconds = time.perf_counter() - start
        encoder_s = fresh_process(ENCODER, str(path), model, str(threads))
    return {
        "seconds_of_audio": 60 * minutes,
        "seconds": seconds,
        "encoder_seconds": encoder_s,
        "over_encoder": seconds / encoder_s,
    }


def growth(cases: dict[str, dict[str, Any]]) -> dict[str, float]:
    """The longest recording against shorter ones: seconds per second, and memory."""
    wavs = sorted((case for case in cases.values() if "peak_bytes" in case), key=lambda case: case["seconds_of_audio"])
    if len(wavs) < 2:
        return {}
    first, middle, last = wavs[0], wavs[-2], wavs[-1]
    return {
        "time_per_second_longest_to_shortest": last["real_time_factor"] / first["real_time_factor"],
        "cpu_per_second_longest_to_shortest": (last["cpu_seconds"] / last["seconds_of_audio"])
        / (first["cpu_seconds"] / first["seconds_of_audio"]),
        "peak_memory_longest_to_next": last["peak_bytes"] / middle["peak_bytes"],
    }


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--minutes", type=float, nargs="*", default=[10, 60, 180], help="lengths of the WAV files")
    parser.add_argument("--mp3-minutes", type=float, nargs="*", default=[10], help="lengths of the MP3 files")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of torch (the command line takes its own)")
    parser.add_argument("--model", help="folder or Hub id; the bundled checkpoint by default")
    args = parser.parse_args()
    model = args.model or fresh_process(BUNDLED)
    cases: dict[str, dict[str, Any]] = {}
    if args.json is not None and args.json.exists():
        cases = json.loads(args.json.read_text(encoding="utf-8"))["cases"]
    for minutes in args.mp3_minutes:
        case = cases[f"mp3-{minutes:g}-min"] = measure_mp3(minutes, model, args.threads)
        print(
            "mp3 {seconds_of_audio:.0f} s: table after {seconds:.1f} s, encoder alone {encoder_seconds:.1f} s".format(
                **case
            )
        )
        print(f"    {case['over_encoder']:.2f} times the encoder alone", flush=True)
    for minutes in args.minutes:
        case = cases[f"wav-{minutes:g}-min"] = measure_wav(minutes, model, args.threads)
        print(
            f"wav {case['seconds_of_audio']:.0f} s: real-time factor {case['real_time_factor']:.4f}, peak "
            f"{case['peak_bytes'] / 1e9:.2f} GB, sgemm {case['sgemm_flops'] / 1e9:.0f} GFLOP/s",
            flush=True,
        )
    compared = growth(cases)
    for name, ratio in compared.items():
        print(f"{name.replace('_', ' ')}: {ratio:.3f}")
    report({"benchmark": "long_audio", "threads": args.threads, "cases": cases, "growth": compared}, args.json)


if __name__ == "__main__":
    main()
