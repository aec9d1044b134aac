"""The pipeline in onnxruntime beside the same pipeline in torch, float32: a clip of 3 s, one of 30 s, a long recording.

Usage: python -m benchmarks.onnx_backend [--model MODEL] [--long-s 3600] [--runs 9] [--threads 2] [--json FILE]
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from audio_emotion import AudioEmotionPipeline
from audio_emotion.registration import bundled_checkpoint
from audio_emotion.training.onnx_export import export_onnx
from benchmarks.measure import Spread, alternate, argument_parser, report


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--model", default=str(bundled_checkpoint()), help="folder or Hub id; by default the bundled")
    parser.add_argument("--long-s", type=float, default=3600.0, help="length of the long recording")
    parser.add_argument("--runs", type=int, default=9, help="measured runs of each side, in turns")
    parser.add_argument("--long-runs", type=int, default=2, help="the same for the long recording; at least 2")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads of both")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    rng = np.random.default_rng(0)
    numbers: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = export_onnx(args.model, Path(name, "model")).folder
        pipes = {
            "torch": AudioEmotionPipeline.from_pretrained(args.model, device="cpu"),
            "onnx": AudioEmotionPipeline.from_pretrained(folder),
        }
        for seconds in (3.0, 30.0, args.long_s):
            clip = (0.1 * rng.standard_normal(round(seconds * 16_000))).astype(np.float32)  # (num_samples,)
            runs, warmup = (args.long_runs, 0) if seconds == args.long_s else (args.runs, 2)
            sides = {side: (lambda p=pipe, c=clip: p(c)) for side, pipe in pipes.items()}
            times = alternate(sides, runs, warmup)
            ratios = [torch_s / onnx_s for torch_s, onnx_s in zip(times["torch"], times["onnx"], strict=True)]
            row: dict[str, Any] = {f"{side}_s": Spread.of(values) for side, values in times.items()}
            row |= {"ratio": Spread.of(ratios), "onnx_real_time_factor": row["onnx_s"].median / seconds, "runs": runs}
            print(f"{seconds:6g} s  torch {row['torch_s']} s, onnx {row['onnx_s']} s: {row['ratio']} times faster")
            numbers[f"{seconds:g}"] = row
    report({"benchmark": "onnx_backend", "threads": args.threads, "clips": numbers}, args.json)


if __name__ == "__main__":
    main()
