"""How near the encoder is to the roof of the machine: its matrix products at the measured peak of sgemm.

    roof      the fastest of several float32 matrix products (`torch.mm`), squares and the shapes of the model's layers
    FLOPs     of the model on one clip, as torch.utils.flop_counter counts them: 2 for each multiply-add of the linear
              layers, convolutions and attention products; nothing for GELU, norms, softmax, sums and copies
    share     time that those FLOPs take at the roof, of the time that the encoder takes

The encoder runs from log-mel features to frame vectors, batch 1. Stock transformers' encoder with the same weights runs
beside it, and a profile says where the time goes.

Usage: python -m benchmarks.roof [--seconds 30] [--runs 15] [--threads 2] [--model MODEL] [--json FILE]
"""

import functools
import statistics
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from audio_emotion.registration import bundled_checkpoint
from benchmarks.clip_lengths import cut_example
from benchmarks.encoder_speed import load, stock_twin
from benchmarks.measure import Spread, alternate, argument_parser, report

SQUARES = (1024, 2048, 3072)
KINDS = {
    "attention": ("scaled_dot_product", "_softmax", "bmm", "baddbmm"),
    "convolution": ("conv",),
    "gemm": ("addmm", "aten::mm", "mkldnn_linear", "aten::linear"),
    "elementwise": ("gelu", "layer_norm", "aten::add", "aten::mul"),
}
"""Operations by what they are; the first kind with a matching part of the name takes one."""


def count_flops(encode: Callable[[], object]) -> dict[str, int]:
    """Floating-point operations of a call by kind; torch's fused attention on a CPU is counted as its two products."""
    with torch.inference_mode(), sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter:
        encode()
    kinds: dict[str, int] = {}
    for operation, flops in counter.get_flop_counts()["Global"].items():
        kinds[kind_of(str(operation))] = kinds.get(kind_of(str(operation)), 0) + flops
    return kinds


def kind_of(operation: str) -> str:
    """The kind of an operation of torch; "other" where none fits."""
    operation = operation.replace("aten.", "aten::")
    return next((kind for kind, parts in KINDS.items() if any(part in operation for part in parts)), "other")


def profile_kinds(encode: Callable[[], object], runs: int) -> dict[str, float]:
    """Share of a call's time by the kind of operation, in this thread (the others work for it)."""
    with torch.inference_mode(), profile(activities=[ProfilerActivity.CPU]) as profiler:
        for _ in range(runs):
            encode()
    microseconds: dict[str, float] = {}
    for event in profiler.key_averages():
        kind = kind_of(event.key)
        microseconds[kind] = microseconds.get(kind, 0.0) + event.self_cpu_time_total
    total = sum(microseconds.values())
    return {kind: used / total for kind, used in sorted(microseconds.items(), key=lambda item: -item[1])}


def products(config: Any, num_frames: int) -> dict[str, tuple[int, int, int]]:
    """Matrix products to try: `(m, k) @ (k, n)` by name."""
    width, inner = config.d_model, config.encoder_ffn_dim
    shapes = {
        "attention projection": (num_frames, width, width),
        "first linear": (num_frames, width, inner),
        "second linear": (num_frames, inner, width),
    }
    return shapes | {f"square {size}": (size, size, size) for size in SQUARES}


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=30.0, help="length of the clip, at most 30")
    parser.add_argument("--runs", type=int, default=15, help="measured runs of each, in turns")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads")
    parser.add_argument("--model", default=str(bundled_checkpoint()), help="folder or Hub id; by default the bundled")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    ours, features = load(args.model)
    stock, config = stock_twin(ours), ours.config.encoder_config
    inputs = dict(features(cut_example([args.seconds])[0], return_tensors="pt"))
    padding = 2 * config.max_source_positions - inputs["input_features"].shape[-1]
    window = torch.nn.functional.pad(inputs["input_features"], (0, padding))

    def encode() -> object:
        return ours.model(**inputs)

    num_frames = ours.config.num_frames(round(args.seconds * features.sampling_rate))
    shapes = products(config, num_frames)
    candidates: dict[str, Callable[[], object]] = {"ours": encode, "stock": lambda: stock.encoder(window)}
    for name, (rows, inner, columns) in shapes.items():
        candidates[name] = functools.partial(torch.mm, torch.randn(rows, inner), torch.randn(inner, columns))
    flops = count_flops(encode)
    total_flops = sum(flops.values())
    with torch.inference_mode():
        times = alternate(candidates, args.runs)
    speeds = {name: [2 * m * k * n / second for second in times[name]] for name, (m, k, n) in shapes.items()}
    best = max(speeds, key=lambda name: statistics.median(speeds[name]))
    shares = [total_flops / second / peak for second, peak in zip(times["ours"], speeds[best], strict=True)]
    ratio = Spread.of([other / own for own, other in zip(times["ours"], times["stock"], strict=True)])
    numbers: dict[str, Any] = {
        "benchmark": "roof",
        "clip_s": args.seconds,
        "threads": args.threads,
        "runs": args.runs,
        "model": Path(args.model).name,
        "encoder_layers": config.encoder_layers,
        "flops": {"all": total_flops, **flops},
        "gemm_gflops": {name: Spread.of([value / 1e9 for value in values]) for name, values in speeds.items()},
        "roof": best,
        "encoder_ms": Spread.of([1000 * second for second in times["ours"]]),
        "share_of_roof": Spread.of(shares),
        "ours_is_faster_than_stock": ratio,
        "time": profile_kinds(encode, max(2, args.runs // 3)),
        "bar": {"share_of_roof": 0.75, "ours_is_faster_than_stock": 1.0},
    }
    print(f"one clip of {args.seconds:g} s, {args.threads} threads, float32, median [quartiles]:")
    for name, speed in numbers["gemm_gflops"].items():
        print(f"    sgemm, {name:21} {speed} GFLOP/s")
    for kind, count in flops.items():
        print(f"    {kind:28} {count / 1e9:.2f} GFLOP")
    print(f"encoder {numbers['encoder_ms']} ms: {numbers['share_of_roof']} of the roof ({best})")
    print(f"stock's encoder takes {ratio} times as long")
    print("time: " + ", ".join(f"{kind} {share:.0%}" for kind, share in numbers["time"].items()))
    report(numbers, args.json)


if __name__ == "__main__":
    main()
