"""The stock way to the same task: transformers' WhisperForAudioClassification, trained by its Trainer.

All layers of the recipe's encoder, its corpora and seed, as many clips as asked for; settings of transformers' example
`run_audio_classification.py` (AdamW 3e-5, linear schedule, a tenth of it warm-up, 32 clips a step): hard labels (the
most probable class), cross-entropy over all classes, clips drawn evenly and padded to one window, no augmentation. The
window is Whisper's 30 s on a GPU, where it trains in bf16; on a CPU it is 10 s, with the table of positions cut to it.
Longer clips train on a random part, as in the example. Measured as ours: zero-shot, absent classes masked, speaker
bootstrap, 1 s windows.

Usage: python -m benchmarks.stock_recipe --config training/recipes/base.yaml --data prepared --items 6000 --threads 2

Run the same command again after an interruption: training goes on from its last checkpoint, scores that are there stay.
"""

import json
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils.data import Dataset
from transformers import (
    Trainer,
    TrainingArguments,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForAudioClassification,
    set_seed,
)
from transformers.trainer_utils import get_last_checkpoint

from audio_emotion.dataset_scripts.schema import EMOTIONS, SAMPLING_RATE
from audio_emotion.modeling.encoder_emotion_whisper import EmotionWhisperEncoder
from audio_emotion.training.data import ClipTable
from benchmarks.baseline import (
    Array,
    baseline_parser,
    class_shares,
    kept_in_files,
    measure_baseline,
    recipe_of,
    training_clips,
)

CPU_WINDOW_S, GPU_WINDOW_S = 10, 30
ITEMS_PER_STEP = 32
LEARNING_RATE = 3e-5
WARMUP_SHARE = 0.1


def load_stock(encoder: str, window_s: int) -> WhisperForAudioClassification:
    """A stock classifier with a new head on all layers of an encoder, its table of positions cut to a window."""
    config: Any = WhisperConfig.from_pretrained(encoder)
    weights = EmotionWhisperEncoder.from_whisper(encoder, config).state_dict()
    config.max_source_positions = window_s * 50
    config.id2label = dict(enumerate(EMOTIONS))
    config.label2id = {label: number for number, label in enumerate(EMOTIONS)}
    config.use_weighted_layer_sum = False
    config.dtype = torch.float32
    model = WhisperForAudioClassification(config)
    positions = "embed_positions.weight"
    model.encoder.load_state_dict({**weights, positions: weights[positions][: config.max_source_positions]})
    return model


class StockClips(Dataset[dict[str, Any]]):
    """Training clips as the stock example feeds them: padded log-mel features and one label."""

    def __init__(self, clips: ClipTable, extractor: WhisperFeatureExtractor, seed: int) -> None:
        self._clips = clips
        self._extractor = extractor
        self._seed = seed

    def __len__(self) -> int:
        return len(self._clips)

    def __getitem__(self, index: int) -> dict[str, Any]:
        """Features `(num_mel_bins, num_mel_frames)` and label of one clip."""
        waveform = self._clips.waveform(index)
        spare = len(waveform) - self._extractor.n_samples
        start = int(np.random.default_rng((self._seed, index)).integers(spare + 1)) if spare > 0 else 0
        encoded = self._extractor(waveform[start:], sampling_rate=SAMPLING_RATE)
        return {"input_features": encoded["input_features"][0], "labels": int(self._clips.emotion[index])}


class StockScores:
    """Logits of a trained model, kept in files so that an interrupted measurement goes on."""

    def __init__(self, model: Any, extractor: WhisperFeatureExtractor, folder: Path, batch_size: int) -> None:
        self._model, self._extractor = model.eval(), extractor
        self._folder, self._batch_size = folder, batch_size

    def __call__(self, name: str, waveforms: Iterable[Array], number: int) -> Array:
        """Logits `(number, 8)`; a clip longer than the window is cut at its end, as stock preprocessing does."""
        return kept_in_files(self._folder / name, waveforms, number, self._compute)

    @torch.inference_mode()
    def _compute(self, waveforms: list[Array], advance: Callable[[int], None]) -> Array:
        logits: list[Array] = []
        for start in range(0, len(waveforms), self._batch_size):
            batch = waveforms[start : start + self._batch_size]
            encoded = self._extractor(batch, sampling_rate=SAMPLING_RATE, return_tensors="pt")
            features = encoded["input_features"].to(self._model.device)
            logits.extend(self._model(features).logits.double().cpu().numpy())
            advance(len(batch))
        return np.stack(logits)


def main() -> None:
    """Runs the baseline as a command."""
    parser = baseline_parser(__doc__, "results/stock_recipe.json")
    parser.add_argument("--items", type=int, metavar="N", help="clips seen in training; default: the recipe's")
    parser.add_argument("--output-dir", type=Path, default=Path("runs/stock"), help="checkpoints; default: %(default)s")
    parser.add_argument("--batch-size", type=int, default=8, help="clips in one pass; default: %(default)s")
    parser.add_argument("--num-workers", type=int, default=0, help="processes that read clips; default: %(default)s")
    parser.add_argument("--save-every", type=int, default=10, metavar="STEPS", help="default: %(default)s")
    args = parser.parse_args()
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    recipe = recipe_of(args)
    items = args.items or recipe.sampling.items_per_epoch * recipe.loop.epochs
    set_seed(recipe.seed)
    window_s = GPU_WINDOW_S if torch.cuda.is_available() else CPU_WINDOW_S
    clips = training_clips(recipe)
    model = load_stock(recipe.model.encoder, window_s)
    extractor = WhisperFeatureExtractor(feature_size=model.config.num_mel_bins, chunk_length=window_s)
    arguments = TrainingArguments(
        output_dir=str(args.output_dir / "checkpoints"),
        max_steps=max(1, items // ITEMS_PER_STEP),
        per_device_train_batch_size=args.batch_size,
        gradient_accumulation_steps=max(1, ITEMS_PER_STEP // args.batch_size),
        learning_rate=LEARNING_RATE,
        warmup_steps=WARMUP_SHARE,
        seed=recipe.seed,
        save_steps=args.save_every,
        save_total_limit=2,
        logging_steps=5,
        report_to="none",
        remove_unused_columns=False,
        dataloader_num_workers=args.num_workers,
        bf16=torch.cuda.is_available(),
    )
    run = {
        "items": items,
        "window_s": window_s,
        "batch_size": args.batch_size,
        "seed": recipe.seed,
        "corpora": clips.corpora,
        "clips": len(clips),
        "seconds": round(float(clips.duration_s.sum()), 3),
    }
    _check_same_run(args.output_dir / "run.json", run)
    started = time.perf_counter()
    final = args.output_dir / "final"
    if not (final / "model.safetensors").exists():
        trainer = Trainer(model=model, args=arguments, train_dataset=StockClips(clips, extractor, recipe.seed))
        checkpoints = args.output_dir / "checkpoints"
        last = get_last_checkpoint(str(checkpoints)) if checkpoints.is_dir() else None
        trainer.train(resume_from_checkpoint=last)
        trainer.save_model(str(final))
        print(f"trained on {items} clips in {time.perf_counter() - started:.0f} s")
    trained: Any = WhisperForAudioClassification.from_pretrained(final)
    trained.to("cuda" if torch.cuda.is_available() else "cpu")
    scores = StockScores(trained, extractor, args.output_dir, args.batch_size)
    described = {
        "name": "WhisperForAudioClassification, stock recipe",
        "encoder": Path(recipe.model.encoder).name,
        "num_layers": trained.config.encoder_layers,
        "num_parameters": sum(parameter.numel() for parameter in trained.parameters()),
        "items": items,
        "window_s": window_s,
        "device": torch.cuda.get_device_name() if torch.cuda.is_available() else "CPU",
        "learning_rate": LEARNING_RATE,
        "seed": recipe.seed,
    }
    measure_baseline(args, recipe, scores, class_shares(clips), described)


def _check_same_run(path: Path, run: dict[str, Any]) -> None:
    """Refuses to go on in the folder of another run."""
    text = json.dumps(run)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise SystemExit(
            f"{path.parent} holds another run ({path.read_text(encoding='utf-8')}): choose another --output-dir"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
