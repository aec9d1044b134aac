"""Clips per second of one optimiser step, beside that of transformers' audio-classification example.

Both start from the same encoder weights, train all of it, hear the same clips, and take a step from waveforms:
features, forward, backward, gradient clipping, AdamW. Ours is the shipped recipe's: clip and frame losses at every
width, averaged weights, micro-batches measured in frames. The example's is `WhisperForAudioClassification` with its own
loss, on clips padded to 30 s, in micro-batches of --stock-batch clips. Neither augments.

Usage: python -m benchmarks.training_speed [--seconds 3] [--clips 32] [--runs 3] [--threads 2] [--json FILE]
"""

import copy
import itertools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import WhisperFeatureExtractor

from audio_emotion import EmotionWhisperFeatureExtractor, EmotionWhisperForAudioClassification
from audio_emotion.registration import bundled_checkpoint
from audio_emotion.training.moving_average import MovingAverage
from audio_emotion.training.objectives import Batch, TrainingObjective
from audio_emotion.training.optimizer import parameter_groups
from audio_emotion.training.recipe import SHIPPED, Recipe, load_recipe
from benchmarks.clip_lengths import FloatArray, cut_example
from benchmarks.encoder_speed import load, stock_twin
from benchmarks.measure import Spread, alternate, argument_parser, report


def frame_batches(clips: Sequence[FloatArray], frames_per_batch: int, frame_samples: int) -> list[list[int]]:
    """Indices of clips, the shortest first, in micro-batches of at most `frames_per_batch` padded frames."""
    batches: list[list[int]] = [[]]
    for index in sorted(range(len(clips)), key=lambda index: len(clips[index])):
        num_frames = -(-len(clips[index]) // frame_samples)
        if batches[-1] and (len(batches[-1]) + 1) * num_frames > frames_per_batch:
            batches.append([])
        batches[-1].append(index)
    return batches


def make_our_step(
    model: EmotionWhisperForAudioClassification,
    features: EmotionWhisperFeatureExtractor,
    recipe: Recipe,
    clips: Sequence[FloatArray],
    labels: Sequence[int],
) -> Callable[[], float]:
    """One step of our training on all clips; it returns the loss."""
    config = model.config
    objective = TrainingObjective(model, recipe.objective, num_corpora=1, num_speakers=1).train()
    optimizer = torch.optim.AdamW(parameter_groups(objective, recipe.optimizer))
    averaged, num_steps = MovingAverage(objective, recipe.loop.ema_decay), itertools.count()
    targets = torch.nn.functional.one_hot(torch.tensor(labels), int(config.num_labels or 0)).float()
    batches = frame_batches(clips, recipe.loop.frames_per_batch, config.frame_samples)

    def batch_of(indices: list[int]) -> Batch:
        inputs = features([clips[index] for index in indices], return_tensors="pt")
        num_frames = max(config.num_frames(len(clips[index])) for index in indices)
        rows = targets[indices]  # (batch, num_labels)
        return {
            "input_features": inputs["input_features"][None],
            "attention_mask": inputs["attention_mask"],
            "labels": rows,
            "label_mask": torch.ones_like(rows, dtype=torch.bool),
            "frame_labels": rows[:, None].repeat(1, num_frames, 1),
            "corpus": torch.zeros(len(indices), dtype=torch.long),
            "speaker": torch.zeros(len(indices), dtype=torch.long),
        }

    def step() -> float:
        total = 0.0
        for indices in batches:
            loss = torch.stack(list(objective(batch_of(indices)).values())).sum() / len(clips)
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(objective.parameters(), recipe.optimizer.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        averaged.update(objective, next(num_steps))
        return total

    return step


def make_stock_step(
    model: torch.nn.Module,
    features: WhisperFeatureExtractor,
    recipe: Recipe,
    clips: Sequence[FloatArray],
    labels: Sequence[int],
    batch_size: int,
) -> Callable[[], float]:
    """One step as transformers' example takes it, gradients accumulated over micro-batches; it returns the loss."""
    model.train()
    rate = recipe.optimizer.learning_rate
    optimizer = torch.optim.AdamW([weight for weight in model.parameters() if weight.requires_grad], lr=rate)

    def step() -> float:
        total = 0.0
        for start in range(0, len(clips), batch_size):
            batch = list(clips[start : start + batch_size])
            inputs = features(batch, sampling_rate=16_000, return_tensors="pt")["input_features"]
            targets = torch.tensor(labels[start : start + batch_size])
            loss = model(inputs, labels=targets).loss * len(batch) / len(clips)
            loss.backward()
            total += float(loss.detach())
        torch.nn.utils.clip_grad_norm_(model.parameters(), recipe.optimizer.max_grad_norm)
        optimizer.step()
        optimizer.zero_grad()
        return total

    return step


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of the clips")
    parser.add_argument("--clips", type=int, default=32, help="clips of a step")
    parser.add_argument("--stock-batch", type=int, default=8, help="clips in one forward pass of the example")
    parser.add_argument("--runs", type=int, default=3, help="measured steps of each side, in turns; at least 2")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of both")
    parser.add_argument("--model", default=str(bundled_checkpoint()), help="folder or Hub id; by default the bundled")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    recipe = load_recipe(SHIPPED / "base.yaml")
    model, features = load(args.model)
    stock = stock_twin(copy.deepcopy(model))
    stock_features = WhisperFeatureExtractor(feature_size=features.feature_size)
    clips = cut_example([args.seconds] * args.clips)
    labels = (np.arange(args.clips) % model.config.num_labels).tolist()
    steps: dict[str, Callable[[], object]] = {
        "ours": make_our_step(model, features, recipe, clips, labels),
        "stock": make_stock_step(stock, stock_features, recipe, clips, labels, args.stock_batch),
    }
    times = alternate(steps, args.runs, warmup=1)
    ratio = Spread.of([stock / ours for ours, stock in zip(times["ours"], times["stock"], strict=True)])
    rates = {side: Spread.of([args.clips / second for second in seconds]) for side, seconds in times.items()}
    print(f"{args.clips} clips of {args.seconds:g} s a step, {args.threads} threads, float32, median [quartiles]:")
    print(f"stock {rates['stock']} clips/s, ours {rates['ours']} clips/s: {ratio} times faster")
    numbers: dict[str, Any] = {
        "benchmark": "training_speed",
        "threads": args.threads,
        "runs": args.runs,
        "clip_s": args.seconds,
        "clips_per_step": args.clips,
        "frames_per_batch": recipe.loop.frames_per_batch,
        "stock_batch": args.stock_batch,
        "model": Path(args.model).name,
        "encoder_layers": model.config.encoder_config.encoder_layers,
        "clips_per_second": rates,
        "ours_is_faster": ratio,
        "bar": {"at_least": 5.0},
    }
    report(numbers, args.json)


if __name__ == "__main__":
    main()
