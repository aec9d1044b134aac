"""Speed on a short clip: ours (as long as the clip) against stock transformers (padded to 30 s), same encoder weights.

Two comparisons, batch 1: log-mel features and encoder alone, and the whole pipeline from array to scores.

Usage: python -m benchmarks.encoder_speed [--seconds 3] [--runs 15] [--threads N] [--model MODEL] [--json FILE]
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
import transformers
from transformers import WhisperFeatureExtractor, WhisperForAudioClassification

from audio_emotion import AudioEmotionPipeline, EmotionWhisperFeatureExtractor, EmotionWhisperForAudioClassification
from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from benchmarks.measure import Spread, alternate, argument_parser, report

WHISPER_BASE = {"d_model": 512, "encoder_layers": 6, "encoder_attention_heads": 8, "encoder_ffn_dim": 2048}


def load(model: str | None) -> tuple[EmotionWhisperForAudioClassification, EmotionWhisperFeatureExtractor]:
    """The named model, or one of Whisper-base's size with random weights: speed does not depend on their values."""
    if model is None:
        ours = EmotionWhisperForAudioClassification(EmotionWhisperConfig(encoder_config=WHISPER_BASE))
        return ours.eval(), EmotionWhisperFeatureExtractor.from_model_config(ours.config)
    ours = EmotionWhisperForAudioClassification.from_pretrained(model, dtype=torch.float32)
    return ours.eval(), EmotionWhisperFeatureExtractor.from_pretrained(model)


def stock_twin(ours: EmotionWhisperForAudioClassification) -> WhisperForAudioClassification:
    """Transformers' own classifier around the same encoder weights."""
    labels = {"id2label": ours.config.id2label, "label2id": ours.config.label2id}
    config = transformers.WhisperConfig(**{**ours.config.encoder_config.to_dict(), **labels})
    stock = WhisperForAudioClassification(config)
    stock.encoder.load_state_dict(ours.model.encoder.state_dict())
    stock.eval()
    return stock


def comparisons(model: str | None, clip_s: float) -> tuple[dict[str, Any], dict[str, dict[str, Callable[[], object]]]]:
    """What was loaded, and the two sides of each comparison, ready to run on one clip of `clip_s` seconds."""
    ours, our_features = load(model)
    stock, stock_features = stock_twin(ours), WhisperFeatureExtractor(feature_size=our_features.feature_size)
    our_pipeline = AudioEmotionPipeline(model=ours, feature_extractor=our_features)
    stock_pipeline = transformers.pipeline("audio-classification", model=stock, feature_extractor=stock_features)
    rate = our_features.sampling_rate
    clip = (0.1 * np.random.default_rng(0).standard_normal(round(clip_s * rate))).astype(np.float32)  # (num_samples,)

    def encode_ours() -> Any:
        features = our_features(clip, sampling_rate=rate, return_tensors="pt")
        return ours.model(features["input_features"], features["attention_mask"]).last_hidden_state

    def encode_stock() -> Any:
        features = stock_features(clip, sampling_rate=rate, return_tensors="pt")
        return stock.encoder(features["input_features"]).last_hidden_state

    encoder = {"encoder_layers": ours.config.encoder_config.encoder_layers, "d_model": ours.config.d_model}
    return encoder, {
        "features + encoder": {"ours": encode_ours, "stock": encode_stock},
        "whole pipeline": {
            "ours": lambda: our_pipeline({"raw": clip, "sampling_rate": rate}),
            "stock": lambda: stock_pipeline({"raw": clip, "sampling_rate": rate}),
        },
    }


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--seconds", type=float, default=3.0, help="length of the clip")
    parser.add_argument("--runs", type=int, default=15, help="measured runs of each side, in turns")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads(), help="CPU threads of torch")
    parser.add_argument("--model", help="folder or Hub id; by default random weights of Whisper-base's size")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)

    encoder, pairs = comparisons(args.model, args.seconds)
    setting = {"clip_s": args.seconds, "threads": args.threads, "runs": args.runs, **encoder}
    print("batch 1, float32, median [quartiles]:", ", ".join(f"{name} {value:g}" for name, value in setting.items()))
    numbers = {}
    for name, candidates in pairs.items():
        with torch.inference_mode():
            times = alternate(candidates, args.runs)
        row = {f"{side}_ms": Spread.of([1000 * second for second in seconds]) for side, seconds in times.items()}
        row["ratio"] = Spread.of([stock / ours for ours, stock in zip(times["ours"], times["stock"], strict=True)])
        print(f"{name:18}  stock {row['stock_ms']} ms, ours {row['ours_ms']} ms: {row['ratio']} times faster")
        numbers[name] = row
    report({"benchmark": "encoder_speed", **setting, "comparisons": numbers}, args.json)


if __name__ == "__main__":
    main()
