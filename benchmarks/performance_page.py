"""Writes the tables of docs/performance.md from what the benchmarks left in results/: one section a question.

A result that is not there leaves its section out. The text outside the markers stays.

Usage: python -m benchmarks.performance_page [--results results] [--page docs/performance.md] [--json FILE]
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audio_emotion.training.results_table import markdown_table
from benchmarks.measure import argument_parser, report

BEGIN = "<!-- tables: written by `python -m benchmarks.performance_page`; edits here are lost -->"
END = "<!-- end of tables -->"
ROOT = Path(__file__).parents[1]
Results = dict[str, Any]
Row = tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """One question: the result that answers it, the command that made it, and its rows as text."""

    title: str
    result: str
    command: str
    header: Row
    rows: Callable[[Results], list[Row]]
    note: str = ""


def figure(value: float) -> str:
    """A number with three digits that count; from 1000 on all digits before the point.

    Example:
        >>> figure(0.02345), figure(10.04), figure(12345.6)
        ('0.0234', '10', '12,346')
    """
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def spread(value: dict[str, float], scale: float = 1.0) -> str:
    """Median and quartiles of a `Spread` that went through JSON.

    Example:
        >>> spread({"median": 2.0, "low": 1.0, "high": 3.0}, scale=1000)
        '2,000 [1,000 to 3,000]'
    """
    median, low, high = (figure(scale * value[name]) for name in ("median", "low", "high"))
    return f"{median} [{low} to {high}]"


def _peers(results: Results) -> list[Row]:
    rows: list[Row] = []
    for name, case in results["cases"].items():
        length, _, _ = name.partition(",")
        clips = f"mix of {case['num_clips']}, {case['seconds_of_audio']:.0f} s" if length == "mix" else f"{length} s"
        ours = spread(case["clips_per_second"]["ours"])
        for peer, ratio in case["ours_is_faster"].items():
            rate = spread(case["clips_per_second"][peer])
            rows.append((clips, str(case["batch_size"]), peer, ours, rate, spread(ratio)))
    return rows


def _roof(results: Results) -> list[Row]:
    peak = results["gemm_gflops"][results["roof"]]
    where = ", ".join(f"{kind} {share:.0%}" for kind, share in results["time"].items())
    return [
        (f"roof: sgemm ({results['roof']})", f"{spread(peak)} GFLOP/s"),
        ("the model's products on the clip", f"{figure(results['flops']['all'] / 1e9)} GFLOP"),
        ("encoder", f"{spread(results['encoder_ms'])} ms"),
        (
            "share of the roof",
            f"{spread(results['share_of_roof'], 100)} % (aim: {results['bar']['share_of_roof']:.0%})",
        ),
        ("stock encoder's time over ours", spread(results["ours_is_faster_than_stock"])),
        ("where the time goes", where),
    ]


def _training(results: Results) -> list[Row]:
    rates = results["clips_per_second"]
    clips = f"{results['clips_per_step']} x {results['clip_s']:g} s"
    return [(clips, spread(rates["ours"]), spread(rates["stock"]), spread(results["ours_is_faster"]))]


def _encoder_speed(results: Results) -> list[Row]:
    return [
        (name, spread(row["ours_ms"]), spread(row["stock_ms"]), spread(row["ratio"]))
        for name, row in results["comparisons"].items()
    ]


def _long_audio(results: Results) -> list[Row]:
    rows: list[Row] = []
    for name, case in results["cases"].items():
        memory = f"{case['peak_bytes'] / 1e9:.2f} GB" if "peak_bytes" in case else ""
        factor = case["seconds"] / case["seconds_of_audio"]
        over = figure(case["over_encoder"]) if "over_encoder" in case else ""
        rows.append((name, figure(case["seconds"]), figure(factor), over, memory))
    return rows


def _growth(results: Results) -> list[Row]:
    return [(name.replace("_", " "), figure(ratio)) for name, ratio in results["growth"].items()]


def _memory(results: Results) -> list[Row]:
    return [
        (name, f"{case['peak_bytes'] / 1e9:.2f} GB", figure(case["seconds"] / case["end_s"]))
        for name, case in results["cases"].items()
    ]


def _stream(results: Results) -> list[Row]:
    delay, quality = results["delay_s"], results["against_the_pipeline"]
    return [
        ("delay of a frame, median", f"{figure(delay['p50'])} s"),
        ("delay of a frame, 95 %", f"{figure(delay['p95'])} s"),
        ("longest delay", f"{figure(delay['max'])} s"),
        ("one core is busy", f"{results['core_share']:.0%}"),
        ("frames with the same strongest label as offline", f"{quality['same_strongest_label']:.0%}"),
    ]


def _onnx(results: Results) -> list[Row]:
    return [
        (f"{seconds} s", spread(row["torch_s"], 1000), spread(row["onnx_s"], 1000), spread(row["ratio"]))
        for seconds, row in results["clips"].items()
    ]


def _int8(results: Results) -> list[Row]:
    return [
        (f"{seconds} s", spread(row["int8_ms"]), spread(row["int8_over_torch"]), spread(row["int8_over_onnx"]))
        for seconds, row in results.get("speed", {}).items()
    ]


def _int8_accuracy(results: Results) -> list[Row]:
    rows: list[Row] = [("size", f"{results['float32_bytes'] / 1e6:.1f} MB", f"{results['int8_bytes'] / 1e6:.1f} MB")]
    if "test_uar" in results:
        recalls = results["test_uar"]
        rows.append((f"UAR on {results['test']}", *(f"{100 * recalls[kind]:.1f} %" for kind in ("onnx", "int8"))))
        rows.append((f"relative L2 of frame logits on {results['test']}", "0", figure(results["test_relative_l2"])))
    return rows


def _scale(results: Results) -> list[Row]:
    size = results["million_hours"]
    rows: list[Row] = [
        (f"{name} worker(s)", f"{spread(row['steady_rate'])} hours of audio an hour")
        for name, row in results["workers"].items()
    ]
    rows.append(("from one worker to two", f"{spread(results['scaling'])} times"))
    rows.append(("a million hours (computed)", f"{figure(size['core_hours'])} core-hours"))
    return rows


def _prepare(results: Results) -> list[Row]:
    speed = results["duration_s"] / results["seconds"]
    return [(results["corpus"], f"{figure(speed)} times real time", f"{results['peak_bytes'] / 1e6:.0f} MB")]


def _import_time(results: Results) -> list[Row]:
    return [
        ("import transformers", f"{spread(results['import_transformers_s'], 1000)} ms"),
        ("import audio_emotion adds", f"{spread(results['import_audio_emotion_adds_s'], 1000)} ms"),
    ]


SECTIONS = (
    Section(
        "From files to scores, beside peers",
        "peers",
        "python -m benchmarks.peers --json results/peers.json",
        ("clips", "batch", "peer", "ours, clips/s", "peer, clips/s", "ours is faster, times"),
        _peers,
        "Same encoder weights. `stock` is transformers' audio-classification pipeline, `reference` the published way "
        "(both on 30 s), `ctranslate2` the encoder alone as faster-whisper feeds it (30 s), `onnx` our own graph. "
        "`mix` has the lengths of nine prepared corpora. Aim: the mix 8 times stock, a single clip of 3 s 10 times.",
    ),
    *(
        Section(
            f"On a GPU, {dtype}",
            f"peers_cuda_{dtype}",
            "python -m benchmarks.peers --peers stock --device cuda --lengths mix --batches 64 --mix-clips 192 "
            f"--threads 16 --dtype {dtype} --json results/peers_cuda_{dtype}.json",
            ("clips", "batch", "peer", "ours, clips/s", "peer, clips/s", "ours is faster, times"),
            _peers,
            "From files to scores in one process; both decode and make their features on the CPU.",
        )
        for dtype in ("float32", "bfloat16")
    ),
    Section(
        "The encoder and the roof of the machine",
        "roof",
        "python -m benchmarks.roof --json results/roof.json",
        ("one clip of 30 s", ""),
        _roof,
        "The model's linear layers, convolutions and attention products (2 FLOPs for a multiply-add) at the fastest "
        "measured float32 matrix product; whatever is not a product counts as lost.",
    ),
    Section(
        "A single clip",
        "encoder_speed",
        "python -m benchmarks.encoder_speed --json results/encoder_speed.json",
        ("3 s, six layers", "ours, ms", "stock, ms", "ours is faster, times"),
        _encoder_speed,
        "Arrays in memory, Whisper-base's whole encoder with random weights.",
    ),
    Section(
        "Training",
        "training_speed",
        "python -m benchmarks.training_speed --json results/training_speed.json",
        ("one optimiser step", "ours, clips/s", "transformers' example, clips/s", "ours is faster, times"),
        _training,
        "Features, forward, backward, clipping and AdamW, all encoder layers trained. Aim: 5 times.",
    ),
    Section(
        "Long recordings",
        "long_audio",
        "python -m benchmarks.long_audio --json results/long_audio.json",
        ("recording", "seconds", "real-time factor", "times the encoder alone", "peak memory"),
        _long_audio,
        "44.1 kHz stereo, from file to segments in a fresh process; MP3 through the command line, start included, "
        "measured by itself (`--minutes --mp3-minutes 10 60`). Aim: 1.3 times the encoder at 10 minutes.",
    ),
    Section(
        "Growth with length",
        "long_audio",
        "python -m benchmarks.long_audio --json results/long_audio.json",
        ("ratio", ""),
        _growth,
        "1 is linear time and flat memory.",
    ),
    Section(
        "Memory by rate and channels",
        "memory",
        "python -m benchmarks.memory --json results/memory.json",
        ("recording", "peak memory", "real-time factor"),
        _memory,
    ),
    Section(
        "A live stream",
        "stream",
        "python -m benchmarks.stream --json results/stream.json",
        ("one thread", ""),
        _stream,
    ),
    Section(
        "ONNX",
        "onnx",
        "python -m benchmarks.onnx_backend --json results/onnx.json",
        ("clip", "torch, ms", "onnxruntime, ms", "onnxruntime is faster, times"),
        _onnx,
    ),
    Section(
        "Eight bits: speed",
        "int8",
        "python -m benchmarks.int8 --data prepared --json results/int8.json",
        ("clip", "int8, ms", "faster than torch, times", "faster than onnxruntime float32, times"),
        _int8,
    ),
    Section(
        "Eight bits: what it costs",
        "int8",
        "python -m benchmarks.int8 --data prepared --json results/int8.json",
        ("", "float32", "int8"),
        _int8_accuracy,
    ),
    Section(
        "Past one machine",
        "scale",
        "python -m benchmarks.scale --json results/scale.json",
        ("Ray, one thread a worker", ""),
        _scale,
    ),
    Section(
        "Preparing corpora",
        "prepare_speed",
        "python -m benchmarks.prepare_speed nemo --source DIR --json results/prepare_speed.json",
        ("corpus", "speed", "peak memory, all processes"),
        _prepare,
    ),
    Section(
        "Import",
        "import_time",
        "python -m benchmarks.import_time --json results/import_time.json",
        ("fresh processes", ""),
        _import_time,
    ),
)


def section_text(section: Section, results: Results) -> str:
    """A section's heading, table, machine and command; nothing where the result has no row for it."""
    rows = section.rows(results)
    if not rows:
        return ""
    threads = results.get("threads", results.get("threads_per_worker"))
    setting = [
        f"{threads} thread{'s' if threads != 1 else ''}" if threads else "",
        f"{results['encoder_layers']} encoder layers" if "encoder_layers" in results else "",
        f"{results.get('processor') or results['machine']}",
        f"{results['cores']} cores" if results.get("cores") else "",
        results.get("accelerator", ""),
        f"torch {results['versions']['torch']}",
    ]
    lines = [f"## {section.title}", section.note, markdown_table(section.header, rows)]
    lines.append(f"{', '.join(filter(None, setting))}: `{section.command}`")
    return "\n\n".join(filter(None, lines))


def tables(folder: Path, sections: Sequence[Section] = SECTIONS) -> str:
    """All sections whose results lie in `folder`."""
    texts = []
    for section in sections:
        path = folder / f"{section.result}.json"
        if path.exists():
            texts.append(section_text(section, json.loads(path.read_text(encoding="utf-8"))))
    return "\n\n".join(filter(None, texts))


def rewritten(page: str, content: str) -> str:
    """The page with `content` between its markers."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page lacks the lines {BEGIN} and {END}")
    return f"{before}{BEGIN}\n\n{content}\n\n{END}{after}"


def main() -> None:
    """Runs the command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--results", type=Path, default=ROOT / "results", help="folder of the benchmarks' JSON files")
    parser.add_argument("--page", type=Path, default=ROOT / "docs" / "performance.md", help="the page to rewrite")
    args = parser.parse_args()
    page = args.page.read_text(encoding="utf-8")
    args.page.write_text(rewritten(page, tables(args.results)), encoding="utf-8")
    present = sorted({section.result for section in SECTIONS if (args.results / f"{section.result}.json").exists()})
    print(f"{args.page}: from {', '.join(present) or 'no result'}")
    report({"benchmark": "performance_page", "results": present}, args.json)


if __name__ == "__main__":
    main()
