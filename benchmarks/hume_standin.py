"""LoRA against ridge regression on frozen, mean-pooled features of the same model, on a stand-in for Hume-Prosody.

The stand-in is made of RAVDESS and ASED in Hume-Prosody's layout (benchmarks/hume_corpus.py says by which rule). The
model is fine-tuned and asked for predictions by the commands that its users have; the labels of the test speakers are
masked and read by nothing but the last line. Ridge regression gets, label by label, the strength that serves it best on
`devel`. An interrupted run goes on where it was.

Usage: python -m benchmarks.hume_standin --ravdess FOLDER --ased FOLDER [--base MODEL | --encoder WHISPER]
    [--plain WHISPER] [--out DIR] [--json FILE]
"""

import csv
import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import Ridge
from sklearn.preprocessing import StandardScaler

from audio_emotion import EmotionWhisperFeatureExtractor, EmotionWhisperForAudioClassification, decode_audio
from audio_emotion.dataset_scripts.corpora.humeprosody import TARGETS
from audio_emotion.registration import bundled_checkpoint
from audio_emotion.training.metrics.regression import spearman
from benchmarks.hume_corpus import HELD_OUT, rated_clips, write_corpus
from benchmarks.measure import argument_parser, report

STRENGTHS = np.logspace(0, 6, 13)
BATCH_SIZE = 16
NUM_LAYERS = 3  # of --encoder, as many as the bundled checkpoint has

SETTINGS = {
    "note": '"The numbers are on a stand-in made of RAVDESS and ASED, not on Hume-Prosody."',
    "augmentation.speed": 0,  # it would change the pitch that the rule measured
    "augmentation.reverb": 0,
    "augmentation.noise": 0.2,
    "augmentation.band_limit": 0.1,
    "augmentation.equalizer": 0.3,
    "augmentation.frequency_masks": 1,
    "loop.epochs": 4,
    "loop.validate_every": 70,
    "loop.checkpoint_every": 35,
    "loop.frames_per_batch": 900,
    "loop.ema_decay": 0.98,
}


def prepare(sources: Mapping[str, Path], corpus: Path) -> tuple[dict[str, np.ndarray], float]:
    """Write the stand-in unless it is there.

    Returns:
        Its true intensities by split, `(num_clips, 9)`, and the ceiling: the mean rho that an ideal listener's answers
        reach on the test speakers, whose intensities hold the noise of the others.
    """
    file = corpus.with_name("truth.npz")
    if not file.exists():
        shutil.rmtree(corpus, ignore_errors=True)
        clips, ideal = rated_clips(sources)
        arrays: Any = write_corpus(corpus, clips)
        np.savez(file, **arrays, ideal=ideal["test"])
    with np.load(file) as stored:
        truth = dict(stored)
    ideal_test = truth.pop("ideal")
    return truth, float(spearman(truth["test"], ideal_test).mean())


def from_encoder(encoder: str, folder: Path) -> None:
    """A model that has learned no emotion yet: a Whisper's lower layers, with a head that is thrown away."""
    torch.manual_seed(0)
    model = EmotionWhisperForAudioClassification.from_whisper(
        encoder, num_layers=NUM_LAYERS, layer_mix=True, pooling="attention"
    )
    model.save_pretrained(folder)
    EmotionWhisperFeatureExtractor.from_model_config(model.config, level_normalization=True).save_pretrained(folder)


def frozen_features(base: str, paths: list[Path]) -> np.ndarray:
    """Mean-pooled frame vectors of the base, `(num_clips, d_model)`."""
    model = EmotionWhisperForAudioClassification.from_pretrained(base).eval()
    extractor = EmotionWhisperFeatureExtractor.from_pretrained(base)
    pooled = []
    for start in range(0, len(paths), BATCH_SIZE):
        waveforms = [decode_audio(path) for path in paths[start : start + BATCH_SIZE]]
        with torch.inference_mode():
            outputs = model(**extractor(waveforms, sampling_rate=extractor.sampling_rate, return_tensors="pt"))
        real = outputs.frame_mask[..., None]
        pooled.append((outputs.frame_vectors * real).sum(1) / real.sum(1))
    return torch.cat(pooled).numpy()


def ridge_rho(base: str, corpus: Path, truth: dict[str, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Test rho of ridge regression, and the strengths that were best on `devel`, `(9,)` both."""
    paths = sorted((corpus / "wav").glob("[0-8]*.wav"))
    ends = np.cumsum([len(labels) for labels in truth.values()])
    features = dict(zip(truth, np.split(frozen_features(base, paths[: ends[-1]]), ends[:-1]), strict=True))
    scaler = StandardScaler().fit(features["train"])
    scaled = {split: scaler.transform(vectors) for split, vectors in features.items()}
    rho: dict[str, Any] = {"devel": [], "test": []}
    for strength in STRENGTHS:
        regression = Ridge(strength).fit(scaled["train"], truth["train"])
        for split, rows in rho.items():
            rows.append(spearman(truth[split], regression.predict(scaled[split])))
    best = np.argmax(rho["devel"], axis=0)
    return np.array(rho["test"])[best, np.arange(len(TARGETS))], STRENGTHS[best]


def run_command(*arguments: str) -> None:
    """One command of the package, in a process of its own."""
    subprocess.run([sys.executable, "-c", "from audio_emotion.cli import app; app()", *arguments], check=True)


def lora_rho(base: str, corpus: Path, out: Path, truth: np.ndarray, overrides: list[str]) -> np.ndarray:
    """Fine-tune, predict the masked test clips, and compare with their true intensities, `(9,)`."""
    run = out / "run"
    if not (run / "final" / "results.json").exists():
        settings = [f"--set={key}={value}" for key, value in {"base": base, "output_dir": run, **SETTINGS}.items()]
        settings += [f"--set={value}" for value in overrides]
        recipe = ["--config", "recipes/hume_prosody.yaml", "--source", str(corpus)]
        run_command("finetune", *recipe, *settings, "--resume")
    predictions = out / "predictions.csv"
    run_command("predict", "--model", str(run / "final"), "--source", str(corpus), "--out", str(predictions))
    with predictions.open(newline="") as file:
        scores = [[float(row[name]) for name in TARGETS] for row in csv.DictReader(file)]
    return spearman(truth, np.array(scores))


def compare(
    sources: Mapping[str, Path], base: str, plain: str | None, out: Path, overrides: list[str]
) -> dict[str, Any]:
    """The whole comparison.

    Args:
        sources: folders of the corpora that the stand-in is made of, by name.
        base: folder of the model that both start from.
        plain: folder of a Whisper that has learned no emotion, whose features get a ridge regression too; or None.
        out: working folder, from which an interrupted comparison goes on.
        overrides: further `section.key=value` of the recipe.
    """
    truth, ceiling = prepare(sources, out / "corpus")
    print(f"an ideal listener: mean rho {ceiling:.3f} on the test speakers", flush=True)
    ridge, strengths = ridge_rho(base, out / "corpus", truth)
    print(f"ridge regression on frozen features: mean rho {ridge.mean():.3f} on the test speakers", flush=True)
    plain_ridge = ridge_rho(plain, out / "corpus", truth)[0].mean() if plain else None
    lora = lora_rho(base, out / "corpus", out, truth["test"], overrides)
    weights = Path(base, "model.safetensors")
    adapter = out / "run" / "final" / "adapter_model.safetensors"
    measured = json.loads((out / "run" / "final" / "results.json").read_text())
    return {
        "benchmark": "hume_standin",
        "corpus": "a stand-in made of RAVDESS and ASED, not Hume-Prosody",
        "num_clips": {split: len(labels) for split, labels in truth.items()},
        "base_weights_sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "settings": {**SETTINGS, **dict(value.split("=", 1) for value in overrides)},
        "spearman": {
            name: {"lora": lora[index], "ridge": ridge[index], "ridge_strength": strengths[index]}
            for index, name in enumerate(TARGETS)
        },
        "mean_spearman": {
            "lora": lora.mean(),
            "ridge": ridge.mean(),
            "margin": lora.mean() - ridge.mean(),
            "ridge_on_plain_whisper": plain_ridge,
            "ideal_listener": ceiling,
        },
        "devel_mean_spearman": measured["splits"]["validation"]["spearman"]["mean"],
        "trainable_share": measured["trainable_share"],
        "adapter_share_of_base": adapter.stat().st_size / weights.stat().st_size,
    }


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    for name in HELD_OUT:
        parser.add_argument(f"--{name}", type=Path, required=True, help="the corpus's folder as its owner ships it")
    start = parser.add_mutually_exclusive_group()
    start.add_argument("--base", default=str(bundled_checkpoint()), help="model folder; the bundled one by default")
    start.add_argument("--encoder", help="a plain Whisper instead, whose lower layers have learned no emotion yet")
    parser.add_argument("--plain", metavar="WHISPER", help="ridge regression on the frozen features of this one too")
    parser.add_argument("--out", type=Path, default=Path("runs/hume_standin"), help="working folder")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="override the recipe's value")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    base = args.base
    if args.encoder:
        base = str(args.out / "base")
        from_encoder(args.encoder, args.out / "base")
    plain = str(args.out / "plain") if args.plain else None
    if args.plain:
        from_encoder(args.plain, args.out / "plain")
    sources = {name: getattr(args, name) for name in HELD_OUT}
    numbers = compare(sources, base, plain, args.out, args.set)
    numbers["base"] = f"the lower {NUM_LAYERS} layers of {Path(args.encoder).name}" if args.encoder else Path(base).name
    for name, row in numbers["spearman"].items():
        print(f"{name:14} LoRA {row['lora']:.3f}  ridge {row['ridge']:.3f}")
    mean = numbers["mean_spearman"]
    print(
        f"{'mean':14} LoRA {mean['lora']:.3f}  ridge {mean['ridge']:.3f}; {numbers['trainable_share']:.2%} of the "
        f"parameters trained, the adapter has {numbers['adapter_share_of_base']:.2%} of the base's size"
    )
    report(numbers, args.json)


if __name__ == "__main__":
    main()
