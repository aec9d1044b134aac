"""A live stream at its default: how far behind its frames come, and how much of one core it takes.

Blocks of sound are fed when a microphone would deliver them. A frame's delay reaches from the moment at which it begins
to sound to the moment at which its scores are there, so it holds the wait for the look-ahead, the resampler and the
computation. Then the same stream is compared with the pipeline, which hears what comes after a frame for longer.

Usage: python -m benchmarks.stream [FILE] [--seconds 60] [--sampling-rate 44100] [--block-ms 20] [--json FILE]
"""

import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch

from audio_emotion import EmotionStream, decode_audio
from benchmarks.measure import argument_parser, report

EXAMPLE = Path(__file__).parents[1] / "examples" / "emotion_shifts.flac"
FloatArray = npt.NDArray[np.float32]


def listen(stream: EmotionStream, samples: FloatArray, block_s: float) -> tuple[list[float], float, float]:
    """Feeds `samples` (num_samples,) in real time; returns each frame's delay, processor seconds and wall seconds."""
    block = round(block_s * stream.sampling_rate)
    delays_s: list[float] = []
    start, used_s = time.perf_counter(), time.process_time()
    for end in range(block, len(samples) + 1, block):
        wait_s = start + end / stream.sampling_rate - time.perf_counter()
        if wait_s > 0:
            time.sleep(wait_s)
        frames = stream.feed(samples[end - block : end])
        now_s = time.perf_counter() - start
        delays_s += [now_s - frames.start_s - index * frames.frame_period_s for index in range(len(frames))]
    return delays_s, time.process_time() - used_s, time.perf_counter() - start


def against_pipeline(stream: EmotionStream, samples: FloatArray) -> dict[str, float]:
    """How the frames of such a stream differ from those of the pipeline on the whole recording."""
    recording = {"array": samples, "sampling_rate": stream.sampling_rate}
    whole = stream.pipeline(recording, return_timestamps="frame")["frames"]  # (num_frames, num_labels)
    heard = stream.pipeline.score_recording(recording, plan=stream.plan)
    live = stream.pipeline.postprocess(heard, return_timestamps="frame")["frames"]
    middle = (whole + live) / 2
    divergence = sum(part * np.log(np.maximum(part, 1e-12) / np.maximum(middle, 1e-12)) for part in (whole, live)) / 2
    return {
        "jensen_shannon_nats": float(divergence.sum(axis=1).mean()),
        "same_strongest_label": float((whole.argmax(axis=1) == live.argmax(axis=1)).mean()),
    }


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("file", nargs="?", default=str(EXAMPLE), help="what is heard, again and again")
    parser.add_argument("--seconds", type=float, default=60.0, help="length of the stream")
    parser.add_argument("--sampling-rate", type=int, default=44_100, help="rate of the microphone, in Hz")
    parser.add_argument("--block-ms", type=float, default=20.0, help="length of a block")
    parser.add_argument("--model", help="folder or Hub id; the bundled checkpoint by default")
    args = parser.parse_args()
    torch.set_num_threads(1)

    recording = decode_audio(args.file, args.sampling_rate)
    samples = np.resize(recording, round(args.seconds * args.sampling_rate))
    stream = EmotionStream(args.sampling_rate, args.model)
    EmotionStream(args.sampling_rate, stream.pipeline).feed(samples[: 2 * args.sampling_rate])  # the first call is slow
    delays_s, used_s, wall_s = listen(stream, samples, args.block_ms / 1000)
    p50, p95, longest = np.percentile(delays_s, [50, 95, 100]).tolist()
    numbers: dict[str, Any] = {
        "seconds": args.seconds,
        "sampling_rate": args.sampling_rate,
        "block_ms": args.block_ms,
        "threads": 1,
        "window_s": stream.plan.window_frames * stream.frame_period_s,
        "hop_s": stream.plan.stride_frames * stream.frame_period_s,
        "look_ahead_s": stream.plan.edge_frames * stream.frame_period_s,
        "delay_s": {"p50": p50, "p95": p95, "max": longest},
        "core_share": used_s / wall_s,
        "against_the_pipeline": against_pipeline(stream, recording),
    }
    print(f"{args.seconds:g} s live, blocks of {args.block_ms:g} ms at {args.sampling_rate} Hz, one thread")
    print(f"delay    {p50:.2f} s median, {p95:.2f} s for 95 %, {longest:.2f} s at most")
    print(f"one core {100 * numbers['core_share']:.0f} % busy")
    print(
        "against the pipeline on the whole recording: Jensen-Shannon divergence {jensen_shannon_nats:.3f} nats, the "
        "same strongest label in {same_strongest_label:.0%} of the frames".format(**numbers["against_the_pipeline"])
    )
    report({"benchmark": "stream", **numbers}, args.json)


if __name__ == "__main__":
    main()
