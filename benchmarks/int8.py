"""What eight bits cost and bring: error by layer, recall on an unseen corpus, size, and speed beside float32.

The layers are chosen on validation clips of the corpora in --calibration; the corpus in --test only measures.

Usage: python -m benchmarks.int8 --data ../data/prepared [--model MODEL] [--runs 9] [--threads 2] [--json FILE]
"""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import soundfile as sf
import torch

from audio_emotion import AudioEmotionPipeline
from audio_emotion.pipeline.decoding_audio_emotion import decode_audio
from audio_emotion.registration import bundled_checkpoint
from audio_emotion.training.evaluation import evaluate_corpora
from audio_emotion.training.evaluation_run import read_corpora
from audio_emotion.training.onnx_export import export_onnx, read_calibration
from audio_emotion.training.onnx_int8 import (
    MAX_RELATIVE_L2,
    frame_logits,
    layer_errors,
    linear_layers,
    quantise_layers,
    relative_l2,
)
from benchmarks.measure import Spread, alternate, argument_parser, report

CALIBRATION = ["ravdess", "nemo", "ased", "turevdb", "emospeech_bacho", "banglaser_ext"]
LENGTHS_S = (3.0, 10.0, 30.0)


def write_clips(data: Path, names: list[str], split: str, per_corpus: int | None, folder: Path) -> None:
    """Writes clips of prepared corpora as WAV: so many of each corpus, spread over the split, or all."""
    corpora, _ = read_corpora([str(data)], names, split)
    for name, rows in corpora.items():
        count = len(rows) if per_corpus is None else min(per_corpus, len(rows))
        for index in np.linspace(0, len(rows) - 1, count).astype(int):
            sf.write(folder / f"{name}-{index}.wav", decode_audio(rows[int(index)]["audio"], 16_000), 16_000)


def growing(graph: Any, errors: dict[str, float], clips: Any, reference: Any) -> Iterator[dict[str, Any]]:
    """The trade-off: ever more layers in eight bits, the least sensitive first, six steps."""
    ascending = sorted(linear_layers(graph), key=errors.__getitem__)
    for count in sorted({round(len(ascending) * step / 6) for step in range(1, 7)}):
        quantised = quantise_layers(graph, ascending[:count])
        error = relative_l2(frame_logits(quantised, clips), reference)
        yield {"layers": count, "relative_l2": error, "bytes": quantised.ByteSize()}


def recall(pipe: AudioEmotionPipeline, data: Path, name: str) -> float:
    """Unweighted average recall on a corpus, its classes, the training prior."""
    corpora, _ = read_corpora([str(data)], [name], "all")
    row = evaluate_corpora(pipe, corpora, num_resamples=2)["corpora"][name]["class_sets"]["all"]
    return float(row["priors"]["train"]["uar"]["value"])


def speeds(pipes: dict[str, AudioEmotionPipeline], runs: int) -> dict[str, Any]:
    """Whole-pipeline times of a clip at several lengths, and how many times faster int8 is than each float32."""
    rng = np.random.default_rng(0)
    rows = {}
    for seconds in LENGTHS_S:
        clip = (0.1 * rng.standard_normal(round(seconds * 16_000))).astype(np.float32)
        times = alternate({name: (lambda p=pipe, c=clip: p(c)) for name, pipe in pipes.items()}, runs)  # type: ignore[misc]
        row = {f"{name}_ms": Spread.of([1000 * second for second in values]) for name, values in times.items()}
        for name in ("torch", "onnx"):
            ratios = [other / own for other, own in zip(times[name], times["int8"], strict=True)]
            row[f"int8_over_{name}"] = Spread.of(ratios)
        print(f"{seconds:g} s: int8 {row['int8_over_torch']} x torch, {row['int8_over_onnx']} x onnxruntime float32")
        rows[f"{seconds:g}"] = row
    return rows


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--data", type=Path, required=True, help="prepared corpora")
    parser.add_argument("--model", default=str(bundled_checkpoint()), help="folder or Hub id; by default the bundled")
    parser.add_argument("--calibration", nargs="+", default=CALIBRATION, metavar="CORPUS", help="choose the layers")
    parser.add_argument("--clips", type=int, default=8, help="validation clips of each of them")
    parser.add_argument("--test", default="emodb", metavar="CORPUS", help="measured only")
    parser.add_argument("--runs", type=int, default=9, help="measured runs of each side, in turns")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads")
    parser.add_argument("--only", choices=["accuracy", "speed"], help="half of it; the other keys are left out")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    numbers: dict[str, Any] = {"benchmark": "int8", "threads": args.threads, "runs": args.runs}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "calibration").mkdir()
        write_clips(args.data, args.calibration, "validation", args.clips, folder / "calibration")
        float32 = export_onnx(args.model, folder / "float32")
        int8 = export_onnx(args.model, folder / "int8", folder / "calibration")
        pipes = {
            "torch": AudioEmotionPipeline.from_pretrained(args.model, device="cpu"),
            "onnx": AudioEmotionPipeline.from_pretrained(folder / "float32"),
            "int8": AudioEmotionPipeline.from_pretrained(folder / "int8"),
        }
        numbers |= {"chosen": int8.int8, "float32_bytes": float32.num_bytes, "int8_bytes": int8.num_bytes}
        if args.only != "speed":
            graph = onnx.load(folder / "float32" / "model.onnx")
            clips = read_calibration(folder / "calibration", pipes["onnx"].feature_extractor)
            reference = frame_logits(graph, clips)
            errors = layer_errors(graph, clips, reference)
            for layer, error in errors.items():
                print(f"{layer:30} alone in eight bits: relative L2 {error:.4f}")
            numbers |= {"layer_errors": errors, "trade_off": list(growing(graph, errors, clips, reference))}
            (folder / "test").mkdir()
            write_clips(args.data, [args.test], "all", 60, folder / "test")
            clips = read_calibration(folder / "test", pipes["onnx"].feature_extractor)
            graphs = [folder / kind / "model.onnx" for kind in ("int8", "float32")]
            error = relative_l2(*(frame_logits(path, clips) for path in graphs))
            recalls = {kind: recall(pipe, args.data, args.test) for kind, pipe in pipes.items() if kind != "torch"}
            print(f"{args.test}: relative L2 {error:.4f}, recall {recalls}")
            numbers |= {"test": args.test, "test_relative_l2": error, "test_uar": recalls, "limit": MAX_RELATIVE_L2}
        if args.only != "accuracy":
            with torch.inference_mode():
                numbers["speed"] = speeds(pipes, args.runs)
    report(numbers, args.json)


if __name__ == "__main__":
    main()
