"""From audio files to scores, beside what pads every clip to 30 s: the same encoder weights, in one run.

    ours         this pipeline: as long as the clip, like lengths batched together
    onnx         this pipeline on the exported graph (where onnxruntime is installed)
    stock        transformers' pipeline("audio-classification") with WhisperForAudioClassification
    reference    the published way: padded to 30 s, head on every frame, mean over the clip's frames
    ctranslate2  faster-whisper's engine: 30 s of features through the encoder, and no head (where it is installed)

The clips are cut from the example recording; `mix` has the lengths of the prepared corpora (`clip_lengths.json`), or is
drawn from corpora with --data. Ratios compare runs that lie next to each other in time. Stock decodes files with the
ffmpeg program; here it gets arrays that soundfile read, which is faster. Cases already in FILE are kept, so they can be
measured one by one.

Usage: python -m benchmarks.peers [--lengths 1 3 10 30 mix] [--batches 1 16] [--threads 2] [--device cuda] [--json FILE]
"""

import functools
import importlib.util
import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile as sf
import torch
import transformers
from transformers import WhisperConfig, WhisperFeatureExtractor, WhisperForConditionalGeneration

from audio_emotion import AudioEmotionPipeline, EmotionWhisperFeatureExtractor, EmotionWhisperForAudioClassification
from audio_emotion.pipeline.decoding_audio_emotion import decode_audio
from audio_emotion.registration import bundled_checkpoint
from audio_emotion.training.evaluation_run import read_corpora
from audio_emotion.training.onnx_export import export_onnx
from benchmarks.clip_lengths import FloatArray, cut_example, mix_lengths, write_clips
from benchmarks.encoder_speed import load, stock_twin
from benchmarks.measure import Spread, alternate, argument_parser, report

Peer = Callable[[Sequence[str], int], object]
"""Takes files and a batch size to scores."""
BARS = {"mix": 8.0, "3": 10.0}
"""How many times the clips per second of stock are wanted; for 3 s at batch 1."""


def make_peers(
    model: str,
    folder: Path,
    names: Sequence[str] | None = None,
    device: str = "cpu",
    dtype: torch.dtype = torch.float32,
) -> dict[str, Peer]:
    """The peers that are installed, or those of them that are named; `folder` takes converted models.

    `device` and `dtype` are for those in PyTorch: only they are made for another device than the CPU.
    """
    ours: Any
    ours, features = load(model)
    ours.to(dtype)
    padded_model = EmotionWhisperForAudioClassification.from_pretrained(model, dtype=dtype, pad_to_window=True).eval()
    padded = EmotionWhisperFeatureExtractor.from_pretrained(model, pad_to_window=True)
    makers: dict[str, Callable[[], Peer]] = {
        "ours": lambda: _our_peer(AudioEmotionPipeline(model=ours, feature_extractor=features, device=device)),
        "stock": lambda: _stock_peer(ours, device),
        "reference": lambda: _our_peer(
            AudioEmotionPipeline(model=padded_model, feature_extractor=padded, device=device)
        ),
    }
    if device != "cpu":
        return _chosen(makers, names)
    if importlib.util.find_spec("onnxruntime") and importlib.util.find_spec("onnxscript"):
        makers["onnx"] = lambda: _our_peer(
            AudioEmotionPipeline.from_pretrained(export_onnx(model, folder / "onnx").folder)
        )
    if importlib.util.find_spec("ctranslate2"):
        makers["ctranslate2"] = lambda: _ctranslate2_peer(ours, folder / "ctranslate2")
    return _chosen(makers, names)


def _chosen(makers: dict[str, Callable[[], Peer]], names: Sequence[str] | None) -> dict[str, Peer]:
    return {name: make() for name, make in makers.items() if names is None or name in ("ours", *names)}


def _our_peer(pipe: AudioEmotionPipeline) -> Peer:
    return lambda files, batch_size: pipe(list(files), batch_size=batch_size)


def _stock_peer(ours: EmotionWhisperForAudioClassification, device: str) -> Peer:
    features = WhisperFeatureExtractor(feature_size=ours.config.encoder_config.num_mel_bins)
    twin: Any = stock_twin(ours)
    twin.to(ours.dtype)
    pipe = transformers.pipeline("audio-classification", model=twin, feature_extractor=features, device=device)

    def score(files: Sequence[str], batch_size: int) -> object:
        recordings: Any = [
            dict(zip(("raw", "sampling_rate"), sf.read(file, dtype="float32"), strict=True)) for file in files
        ]
        return pipe(recordings, batch_size=batch_size)

    return score


def _ctranslate2_peer(ours: EmotionWhisperForAudioClassification, folder: Path) -> Peer:
    import ctranslate2

    write_ctranslate2(ours, folder)
    threads = torch.get_num_threads()
    engine = ctranslate2.models.Whisper(
        str(folder), device="cpu", intra_threads=threads, inter_threads=1, compute_type="float32"
    )
    features = WhisperFeatureExtractor(feature_size=ours.config.encoder_config.num_mel_bins)

    def encode(files: Sequence[str], batch_size: int) -> list[Any]:
        outputs = []
        for start in range(0, len(files), batch_size):
            clips = [sf.read(file, dtype="float32")[0] for file in files[start : start + batch_size]]
            inputs = features(clips, sampling_rate=16_000, return_tensors="np")["input_features"]
            outputs.append(np.array(engine.encode(ctranslate2.StorageView.from_array(np.ascontiguousarray(inputs)))))
        return outputs

    return encode


def write_ctranslate2(ours: EmotionWhisperForAudioClassification, folder: Path) -> None:
    """Converts the encoder for CTranslate2, which wants a whole Whisper: its decoder is small, random and never run."""
    from ctranslate2.converters.transformers import WhisperLoader

    tokens = 64
    heads = ours.config.encoder_config.encoder_attention_heads
    decoder = {"decoder_layers": 1, "decoder_attention_heads": heads, "decoder_ffn_dim": 8, "vocab_size": tokens}
    ids = dict.fromkeys(("pad_token_id", "bos_token_id", "eos_token_id", "decoder_start_token_id"), 0)
    encoder = {
        **ours.config.encoder_config.to_dict(),
        "suppress_tokens": None,
        "begin_suppress_tokens": None,
        "dtype": None,
    }
    whisper = WhisperForConditionalGeneration(WhisperConfig(**{**encoder, **decoder, **ids}))
    whisper.model.encoder.load_state_dict(ours.model.encoder.state_dict())
    loader = WhisperLoader()
    with torch.no_grad():
        spec = loader.get_model_spec(whisper.eval())
        spec.register_vocabulary([f"<{token}>" for token in range(tokens)])
        loader.set_config(spec.config, whisper, None)
        spec.validate()
        spec.optimize(quantization="float32")
    folder.mkdir(parents=True)
    spec.save(str(folder))


def mix_clips(data: Path | None, num_clips: int) -> list[FloatArray]:
    """The realistic mix: cut from the example, or clips of prepared corpora spread evenly over their lengths."""
    if data is None:
        return cut_example(mix_lengths(num_clips))
    corpora, _ = read_corpora([str(data)], (), "all")
    places = sorted(
        (duration, name, index)
        for name, rows in corpora.items()
        for index, duration in enumerate(rows.select_columns(["duration_s"])["duration_s"])
    )
    chosen = [places[int((number + 0.5) * len(places) / num_clips)] for number in range(num_clips)]
    clips = [decode_audio(corpora[name][index]["audio"], 16_000) for _, name, index in chosen]
    return [clips[index] for index in np.random.default_rng(0).permutation(num_clips)]


def measure(peers: dict[str, Peer], files: Sequence[str], batch_size: int, runs: int, warmup: int) -> dict[str, Any]:
    """One case: clips per second of every peer, and how many times its time ours takes to be done."""
    candidates = {name: functools.partial(peer, files, batch_size) for name, peer in peers.items()}
    times = alternate(candidates, runs, warmup)
    return {
        "batch_size": batch_size,
        "num_clips": len(files),
        "seconds_of_audio": sum(sf.info(file).duration for file in files),
        "runs": runs,
        "seconds": {name: Spread.of(values) for name, values in times.items()},
        "clips_per_second": {name: Spread.of([len(files) / s for s in values]) for name, values in times.items()},
        "ours_is_faster": {
            name: Spread.of([other / own for own, other in zip(times["ours"], values, strict=True)])
            for name, values in times.items()
            if name != "ours"
        },
    }


def main() -> None:
    """Runs the benchmark as a command."""
    parser = argument_parser(__doc__)
    parser.add_argument("--lengths", nargs="+", default=["1", "3", "10", "30", "mix"], help="seconds of a clip, or mix")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16], help="clips in one forward pass")
    parser.add_argument("--mix-clips", type=int, default=32, help="clips of the mix")
    parser.add_argument("--data", type=Path, help="prepared corpora for the mix")
    parser.add_argument("--runs", type=int, default=9, help="measured runs of each peer on a single clip, in turns")
    parser.add_argument("--long-runs", type=int, default=3, help="the same for many clips; at least 2")
    parser.add_argument("--peers", nargs="+", help="which of them beside ours; by default all that are installed")
    parser.add_argument("--threads", type=int, default=2, help="CPU threads of every peer")
    parser.add_argument("--device", default="cpu", help="where the peers in PyTorch run, such as cuda")
    parser.add_argument(
        "--dtype", default="float32", choices=["float32", "bfloat16", "float16"], help="of their weights"
    )
    parser.add_argument("--model", default=str(bundled_checkpoint()), help="folder or Hub id; by default the bundled")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    cases: dict[str, Any] = {}
    if args.json is not None and args.json.exists():
        cases = json.loads(args.json.read_text(encoding="utf-8"))["cases"]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        peers = make_peers(args.model, folder, args.peers, args.device, getattr(torch, args.dtype))
        for peer in peers.values():  # the first call of each is slow
            peer(write_clips(folder / f"first-{id(peer)}", cut_example([3.0])), 1)
        for length in args.lengths:
            for batch_size in args.batches:
                is_mix = length == "mix"
                clips = mix_clips(args.data, args.mix_clips) if is_mix else cut_example([float(length)] * batch_size)
                files = write_clips(folder / f"{length}-{batch_size}", clips)
                runs, warmup = (args.runs, 2) if len(files) == 1 else (args.long_runs, 0)
                case = measure(peers, files, batch_size, runs, warmup)
                print(f"{length if is_mix else length + ' s'}, batch {batch_size}, {len(files)} clips:", flush=True)
                print(f"    {'ours':12} {case['clips_per_second']['ours']} clips/s")
                for peer_name, ratio in case["ours_is_faster"].items():
                    print(
                        f"    {peer_name:12} {case['clips_per_second'][peer_name]} clips/s: ours {ratio} times faster"
                    )
                if (bar := BARS.get(length)) is not None and "stock" in peers and (is_mix or batch_size == 1):
                    case["bar"] = {"over": "stock", "at_least": bar}
                    print(f"    wanted: at least {bar:g} times stock")
                cases[f"{length}, batch {batch_size}"] = case
    measured = {"threads": args.threads, "device": args.device, "dtype": args.dtype, "model": Path(args.model).name}
    if args.device.startswith("cuda"):
        measured["accelerator"] = torch.cuda.get_device_name()
    report({"benchmark": "peers", **measured, "cases": cases}, args.json)


if __name__ == "__main__":
    main()
