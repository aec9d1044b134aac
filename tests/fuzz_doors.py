"""The doors through which others' bytes come in: whole input to break, and how to knock with what became of it.

A knock may raise what the door's documentation allows. Anything else that comes out is a fault of ours.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from conftest import speech_like

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError

LABEL_SAMPLES = Path(__file__).parent / "dataset_scripts" / "label_samples"
FORMATS = {
    "wav": ("WAV", "PCM_16"),
    "wav-adpcm": ("WAV", "IMA_ADPCM"),
    "wav-float": ("WAV", "FLOAT"),
    "flac": ("FLAC", "PCM_16"),
    "mp3": ("MP3", "MPEG_LAYER_III"),
    "ogg": ("OGG", "VORBIS"),
    "opus": ("OGG", "OPUS"),
    "aiff": ("AIFF", "PCM_16"),
    "au": ("AU", "ULAW"),
    "caf": ("CAF", "ALAC_16"),
    "w64": ("W64", "PCM_16"),
}
VIDEO_FORMATS = {"m4a": ("ipod", "aac"), "webm": ("webm", "libopus")}
RTTM = b""";; made by hand
SPEAKER call 1 0.000 1.250 <NA> <NA> agent <NA> <NA>
SPEAKER call 1 1.250 0.750 <NA> <NA> caller <NA> <NA>
"""
SEGMENTS = b'[{"start": 0.0, "end": 1.5, "speaker": "A"}, {"start": 1.0, "end": 2, "speaker": null}]'
LISTS = {
    ".txt": b"a.wav\nb/c.flac\n",
    ".csv": b'path,text\na.wav,"one, two"\nb.flac,three\n',
    ".tsv": b"audio\ttext\na.wav\tone\nb.flac\ttwo\n",
    ".jsonl": b'{"path": "a.wav"}\n{"audio": "b.flac", "x": [1]}\n',
}


@dataclass(frozen=True)
class Door:
    """A door.

    Attributes:
        seeds: Makes whole input, in a scratch folder that stays.
        knock: Hands input over; raises what may come out, and nothing else.
        allowed: What may come out besides `AudioEmotionError`.
        weight: Share of the cases: a cheap door gets more.
    """

    seeds: Callable[[Path], list[bytes]]
    knock: Callable[[bytes, Path], object]
    allowed: tuple[type[Exception], ...] = ()
    weight: int = 1

    def try_knock(self, content: bytes, folder: Path) -> None:
        """Knock; an exception that is not allowed passes through."""
        with contextlib.suppress(AudioEmotionError, *self.allowed):
            self.knock(content, folder)


# ---------------------------------------------------------------------------------------------------------------- sound


def _sound(name: str) -> Callable[[Path], list[bytes]]:
    def seeds(_: Path) -> list[bytes]:
        kind, subtype = FORMATS[name]
        files = []
        for sampling_rate, num_channels in ((16000, 1), (48000, 2)):
            buffer = io.BytesIO()
            samples = np.stack([speech_like(0.3, sampling_rate)] * num_channels, axis=1)
            soundfile.write(buffer, samples, sampling_rate, format=kind, subtype=subtype)
            files.append(buffer.getvalue())
        return files

    return seeds


def _film(name: str) -> Callable[[Path], list[bytes]]:
    def seeds(_: Path) -> list[bytes]:
        import av

        container_format, codec = VIDEO_FORMATS[name]
        buffer = io.BytesIO()
        with av.open(buffer, "w", format=container_format) as container:
            stream: Any = container.add_stream(codec, rate=48000, layout="mono")
            samples = speech_like(0.3, 48000)[None]
            for start in range(0, samples.shape[1] - 960, 960):
                frame = av.AudioFrame.from_ndarray(
                    np.ascontiguousarray(samples[:, start : start + 960]), format="fltp", layout="mono"
                )
                frame.sample_rate = 48000
                frame = next(iter(av.AudioResampler(format=stream.format.name).resample(frame)))
                container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
        return [buffer.getvalue()]

    return seeds


def _decode(content: bytes, _: Path) -> None:
    from audio_emotion.pipeline.decoding_audio_emotion import iter_audio_blocks

    for block in iter_audio_blocks(content):
        assert block.dtype == np.float32 and block.ndim == 1 and np.isfinite(block).all()


# ---------------------------------------------------------------------------------------------------- turns and corpora


def _check_rttm(content: bytes, folder: Path) -> None:
    from audio_emotion.pipeline.segments_audio_emotion import spans_from_segments
    from audio_emotion.pipeline.speakers_audio_emotion import check_segments

    path = folder / "turns.rttm"
    path.write_bytes(content)
    for turns in dict(check_segments(path)).values():  # type: ignore[call-overload]
        spans_from_segments(turns, 32000, 320, 16000, "call.wav")


def _check_segments(content: bytes, _: Path) -> None:
    from audio_emotion.pipeline.segments_audio_emotion import spans_from_segments
    from audio_emotion.pipeline.speakers_audio_emotion import check_all_segments

    try:
        segments = json.loads(content)
    except (ValueError, RecursionError):
        return  # the caller's own JSON
    for turns in check_all_segments(segments):
        if isinstance(turns, list):
            spans_from_segments(turns, 32000, 320, 16000, "call.wav")


def _corpus(name: str) -> Door:
    """All label files of a corpus in one input, which is cut at its marks again."""
    files = sorted(path for path in (LABEL_SAMPLES / name).rglob("*") if path.is_file())
    names = [path.relative_to(LABEL_SAMPLES / name).as_posix() for path in files]
    mark = b"\n\x01\x02\x03\n"

    def read(content: bytes, folder: Path) -> None:
        from audio_emotion.dataset_scripts.reader import get_reader
        from audio_emotion.dataset_scripts.rows import make_row
        from audio_emotion.dataset_scripts.schema import validate_row

        source = folder / name
        shutil.rmtree(source, ignore_errors=True)
        source.mkdir(parents=True)
        for path, part in zip(names, content.split(mark), strict=False):
            if path == "audio_files.txt":
                for audio in part.decode(errors="replace").splitlines():
                    if audio and ".." not in audio and not audio.startswith("/") and "\0" not in audio:
                        with contextlib.suppress(OSError):
                            (source / audio).parent.mkdir(parents=True, exist_ok=True)
                            (source / audio).touch()
                continue
            (source / path).parent.mkdir(parents=True, exist_ok=True)
            (source / path).write_bytes(part)
        reader = get_reader(name)(source)
        for clip in reader.clips():
            validate_row(make_row(reader.info, clip, _one_second()))

    return Door(lambda _: [mark.join(path.read_bytes() for path in files)], read)


@cache
def _one_second() -> Any:
    from audio_emotion.dataset_scripts.encoding import encode_samples

    return encode_samples(np.zeros(16000, dtype=np.float32))


def _load_manifest(content: bytes, folder: Path) -> None:
    from audio_emotion.dataset_scripts.card import render_card
    from audio_emotion.dataset_scripts.manifest import MANIFEST_NAME, Manifest

    (folder / MANIFEST_NAME).write_bytes(content)
    manifest = Manifest.load(folder)
    if manifest is not None and manifest.shards:
        render_card([manifest])


def _manifest(folder: Path) -> list[bytes]:
    from audio_emotion.dataset_scripts.manifest import MANIFEST_NAME, Manifest, Summary
    from audio_emotion.dataset_scripts.reader import get_reader

    info = get_reader("ravdess").info
    summary = Summary(1, 1, 1.0, 100, {"01"}, languages=__import__("collections").Counter({"en": 1}))
    Manifest(folder, "0" * 64, info, {}, ["anger"], {"train-00000-of-00001.parquet": summary}, True).save()
    return [(folder / MANIFEST_NAME).read_bytes()]


def _streamed_corpus(_: Path) -> list[bytes]:
    import pyarrow.parquet as pq
    from datasets import Dataset

    from audio_emotion.dataset_scripts.schema import COLUMNS, EMOTIONS, corpus_features

    mask = [emotion in ("anger", "neutral") for emotion in EMOTIONS]
    row = dict.fromkeys(COLUMNS) | {
        "audio": {"bytes": _one_second().flac, "path": "01.flac"},
        "speaker": "s1",
        "language": "en",
        "distribution": [0.5 * inside for inside in mask],
        "label_mask": mask,
        "duration_s": 1.0,
    }
    buffer = io.BytesIO()
    pq.write_table(Dataset.from_list([row, row], features=corpus_features()).data.table, buffer, row_group_size=1)
    return [buffer.getvalue()]


def _stream_corpus(content: bytes, folder: Path) -> None:
    from audio_emotion.training.data import find_clips
    from audio_emotion.training.recipe import CorpusRecipe

    (folder / "README.md").write_text(
        "---\nconfigs:\n- config_name: voices\n  data_files:\n  - {split: train, path: train.parquet}\n---\n"
    )
    (folder / "train.parquet").write_bytes(content)
    clips = find_clips([CorpusRecipe(path=str(folder), name="voices", streamed_groups=1)], "train")
    for index in range(min(len(clips or ()), 4)):
        assert clips is not None
        clips.waveform(index)


# ------------------------------------------------------------------------------------------------- recipes and settings


def _recipe_seeds(*names: str) -> Callable[[Path], list[bytes]]:
    from audio_emotion.training.recipe import SHIPPED

    return lambda _: [(SHIPPED / name).read_bytes() for name in names]


def _read_recipe(kind: str) -> Callable[[bytes, Path], None]:
    def read(content: bytes, folder: Path) -> None:
        from audio_emotion.training.finetune_recipe import FinetuneRecipe
        from audio_emotion.training.recipe import Recipe, read_recipe, save_recipe

        path = folder / "recipe.yaml"
        path.write_bytes(content)
        recipe: Any = read_recipe(Recipe if kind == "train" else FinetuneRecipe, path)
        save_recipe(recipe, folder / "saved.yaml")
        assert read_recipe(type(recipe), folder / "saved.yaml") == recipe

    return read


def _override_recipe(content: bytes, _: Path) -> None:
    from audio_emotion.training.recipe import SHIPPED, load_recipe

    load_recipe(SHIPPED / "base.yaml", content.decode(errors="surrogateescape").split("\n"))


OVERRIDES = b"loop.epochs=2\nmodel.nesting_dims=[8, 16]\naugmentation.noise_snr_db=[1, 2]\nseed=3\ndata.0.name=y"


# --------------------------------------------------------------------------------------------------------------- models


@cache
def _tiny_model(folder: Path) -> Path:
    """A tiny model folder, and an adapter of it."""
    import torch
    from peft import LoraConfig, get_peft_model

    from audio_emotion import (
        EmotionWhisperConfig,
        EmotionWhisperFeatureExtractor,
        EmotionWhisperForAudioClassification,
    )

    sizes = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 16}
    config = EmotionWhisperConfig(encoder_config=sizes | {"max_source_positions": 150}, class_prior=[1 / 8] * 8)
    model = EmotionWhisperForAudioClassification(config)
    whole = folder / "whole"
    model.save_pretrained(whole)
    extractor = EmotionWhisperFeatureExtractor.from_model_config(config)
    extractor.save_pretrained(whole)
    adapted: Any = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["head"]))
    adapter = folder / "adapter"
    adapted.peft_config["default"].base_model_name_or_path = str(whole)
    adapted.save_pretrained(adapter)
    extractor.save_pretrained(adapter)
    fields = {"problem": "distribution", "id2label": {str(index): name for index, name in enumerate("abcdefgh")}}
    (adapter / "label_config.json").write_text(json.dumps(fields))
    torch.set_num_threads(1)
    return folder


def _model_file(part: str, name: str, weight: int = 1) -> Door:
    """One file of a model's or an adapter's folder, the others whole."""

    def seeds(folder: Path) -> list[bytes]:
        return [(_tiny_model(folder) / part / name).read_bytes()]

    def load(content: bytes, folder: Path) -> None:
        from audio_emotion import AudioEmotionPipeline

        broken = folder / "broken"
        shutil.rmtree(broken, ignore_errors=True)
        shutil.copytree(_tiny_model(folder) / part, broken)
        (broken / name).write_bytes(content)
        pipe = AudioEmotionPipeline.from_pretrained(broken, device="cpu")
        for sound in (speech_like(0.5), speech_like(4.0)):
            answer = pipe(sound, return_timestamps=True)
            assert answer["chunks"], "an answer without chunks"

    return Door(seeds, load, weight=weight)


def _load_config(content: bytes, folder: Path) -> None:
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig, AutoFeatureExtractor

    for name, auto in (("config.json", AutoConfig), ("preprocessor_config.json", AutoFeatureExtractor)):
        broken = folder / "config"
        shutil.rmtree(broken, ignore_errors=True)
        broken.mkdir()
        (broken / name).write_bytes(content)
        with contextlib.suppress(ValueError, OSError, StrictDataclassError):  # as every config of transformers
            auto.from_pretrained(broken)


def _checkpoint_seeds(folder: Path) -> list[bytes]:
    import torch

    weights = {
        "encoder.conv1.weight": torch.zeros(16, 80, 3),
        "encoder.layers.0.fc1.weight": torch.zeros(16, 16),
        "encoder.embed_positions.weight": torch.zeros(15, 16),
        "head.weight": torch.zeros(8, 16),
        "logit_scaling": torch.full((8,), 1 / 8),
    }
    buffer = io.BytesIO()
    torch.save(weights, buffer)
    return [buffer.getvalue()]


def _convert(content: bytes, folder: Path) -> None:
    from audio_emotion.modeling.convert_emotion_whisper import convert

    (folder / "checkpoint.pt").write_bytes(content)
    convert(folder / "checkpoint.pt", folder / "converted")


# -------------------------------------------------------------------------------------------------- scoring and results


def _find_sources(suffix: str) -> Callable[[bytes, Path], None]:
    def find(content: bytes, folder: Path) -> None:
        from audio_emotion.scoring.plan import make_plan
        from audio_emotion.scoring.reading import iter_clips
        from audio_emotion.scoring.sources import find_sources

        path = folder / f"list{suffix}"
        path.write_bytes(content)
        for block in make_plan(find_sources([str(path)])).blocks:
            for clip in iter_clips(block):
                assert clip.id

    return find


def _parquet(_: Path) -> list[bytes]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = []
    for column in ([{"bytes": b"RIFF", "path": "a.wav"}] * 3, [b"RIFF"] * 3, ["a.wav", "b.wav", "c.wav"]):
        buffer = io.BytesIO()
        pq.write_table(pa.table({"audio": column, "id": ["x", "y", None]}), buffer)
        files.append(buffer.getvalue())
    return files


STORE_FILES = {
    "run.json": b'{"format": 1, "sources": "00", "options": {"labels": null}, "model_sha256": "00", "version": "0"}',
    "_manifest/part-0000000.json": b'{"name": "part-0000000", "num_clips": 1, "num_errors": 0, "duration_s": 1.0, '
    b'"first_error": "", "files": {"clips/part-0000000.parquet": 10}}',
}


def _resume_run(content: bytes, folder: Path) -> None:
    from audio_emotion.scoring.store import Store

    for name in STORE_FILES:
        out = folder / "run"
        shutil.rmtree(out, ignore_errors=True)
        for other, whole in STORE_FILES.items():
            (out / other).parent.mkdir(parents=True, exist_ok=True)
            (out / other).write_bytes(content if other == name else whole)
        store = Store(str(out))
        with contextlib.suppress(AudioEmotionError):
            store.read_json("run.json")
        with contextlib.suppress(AudioEmotionError):
            finished = store.finished("part-0000000")
            assert finished is None or sum(finished.files.values()) >= 0
        with contextlib.suppress(AudioEmotionError):
            store.all_finished()


def _results(kind: str) -> Callable[[Path], list[bytes]]:
    def seeds(_: Path) -> list[bytes]:
        from audio_emotion.pipeline.export_audio_emotion import WRITERS

        scores = {"anger": 0.75, "neutral": 0.25}
        chunk = {"timestamp": (0.0, 1.5), "label": "anger", "score": 0.75, "speaker": "A", "scores": scores}
        results = {f"{name}.wav": {"scores": [], "chunks": [chunk, chunk]} for name in "ab"}
        return [WRITERS[kind](results).encode()]

    return seeds


def _resume_results(kind: str) -> Callable[[bytes, Path], None]:
    def resume(content: bytes, folder: Path) -> None:
        from audio_emotion.cli.record_file import RecordFile

        path = folder / f"results.{kind}"
        path.write_bytes(content)
        RecordFile(kind, path).read_finished()

    return resume


def _handle_request(content: bytes, folder: Path) -> None:
    """A request to an Inference Endpoint, whose toolkit answers 400 to any ValueError."""
    from audio_emotion.pipeline.handler_audio_emotion import EndpointHandler

    try:
        data = json.loads(content)
    except (ValueError, RecursionError):
        return  # the toolkit's own
    if not isinstance(data, dict):
        return
    handler = EndpointHandler.__new__(EndpointHandler)
    handler.pipeline = _whole_pipeline(folder)
    json.dumps(handler(data), allow_nan=False)


@cache
def _whole_pipeline(folder: Path) -> Any:
    from audio_emotion import AudioEmotionPipeline

    return AudioEmotionPipeline.from_pretrained(_tiny_model(folder) / "whole", device="cpu")


REQUESTS = [
    b'{"inputs": {"array": [0.0, 0.1, -0.1, 0.2], "sampling_rate": 8000}, "parameters": {"top_k": 2}}',
    b'{"inputs": "UklGRiQAAABXQVZF", "parameters": {"return_timestamps": true, "labels": ["anger", "fear"]}}',
    json.dumps(
        {
            "inputs": {"array": [0.1, -0.2] * 400, "sampling_rate": 16000},
            "parameters": {"return_timestamps": 0.5, "prior": {"anger": 1.0}, "segments": [{"start": 0, "end": 0.04}]},
        }
    ).encode(),
]


# --------------------------------------------------------------------------------------------------------- command line

COMMANDS = [
    ["analyze", "call.wav", "--window", "0.5", "--labels", "anger,fear", "--top-k", "2", "--format", "json"],
    ["analyze", "call.wav", "--prior", "anger=0.5,neutral=0.5", "--switch-cost", "0.1", "--min-chunk", "1", "-q"],
    ["analyze", "*.wav", "--segments", "turns.rttm", "--batch-size", "2", "--json", "--format", "jsonl"],
    ["score", "call.wav", "--out", "out", "--chunks", "--window", "1", "--max-errors", "1", "--block-size", "3"],
    ["corpora", "check", "ravdess", "--source", "."],
    ["corpora", "prepare", "emodb", "--source", ".", "--out", "out"],
    ["train", "--config", "recipe.yaml", "--set", "loop.epochs=1"],
    ["finetune", "--config", "recipe.yaml", "--set", "target.loss=ccc", "--max-bad", "3"],
    ["convert", "call.wav", "--out", "out"],
    ["export", "--model", "call.wav", "--out", "out"],
    ["predict", "--model", "absent", "--source", ".", "--split", "test", "--out", "out.csv"],
    ["evaluate", "--model", "absent", "--data", "prepared", "--out", "out.json"],
    ["push", "absent", "me/model", "--dry-run"],
]


def _call_command(content: bytes, folder: Path) -> None:
    """A command line, its arguments by line; exit codes are allowed, tracebacks are not. It runs in the folder."""
    from typer.testing import CliRunner

    from audio_emotion.cli import app

    arguments = content.decode(errors="surrogateescape").replace("\0", "").replace("/", "").split("\n")
    if any(argument.startswith("~") or ".." in argument for argument in arguments):
        return
    place = folder / "place"
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir()
    soundfile.write(place / "call.wav", speech_like(0.5), 16000)
    (place / "turns.rttm").write_bytes(RTTM)
    if arguments[0] in ("analyze", "score"):
        arguments += ["--model", str(_tiny_model(folder) / "whole")]
    if arguments[0] == "demo":
        return  # it would serve
    with _inside(place):
        result = CliRunner().invoke(app, arguments)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (0, 1, 2), result.exit_code


@contextlib.contextmanager
def _inside(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def _all_doors() -> dict[str, Door]:
    try:
        import av  # noqa: F401
    except ImportError:
        films: dict[str, Door] = {}
    else:
        films = {f"sound-{name}": Door(_film(name), _decode, weight=2) for name in VIDEO_FORMATS}
    return {
        **{f"sound-{name}": Door(_sound(name), _decode, weight=3) for name in FORMATS},
        **films,
        "turns-rttm": Door(lambda _: [RTTM], _check_rttm, weight=3),
        "turns-json": Door(lambda _: [SEGMENTS], _check_segments, weight=3),
        **{f"corpus-{folder.name}": _corpus(folder.name) for folder in sorted(LABEL_SAMPLES.iterdir())},
        "corpus-manifest": Door(_manifest, _load_manifest),
        "corpus-streamed": Door(_streamed_corpus, _stream_corpus),
        "recipe-train": Door(_recipe_seeds("base.yaml", "continued.yaml"), _read_recipe("train"), weight=2),
        "recipe-finetune": Door(_recipe_seeds("hume_prosody.yaml"), _read_recipe("finetune"), weight=2),
        "recipe-set": Door(lambda _: [OVERRIDES], _override_recipe, weight=2),
        "model-config": _model_file("whole", "config.json", weight=2),
        "model-preprocessor": _model_file("whole", "preprocessor_config.json", weight=2),
        "model-weights": _model_file("whole", "model.safetensors", weight=2),
        "adapter-config": _model_file("adapter", "adapter_config.json"),
        "adapter-labels": _model_file("adapter", "label_config.json"),
        "adapter-weights": _model_file("adapter", "adapter_model.safetensors"),
        "auto-config": Door(
            lambda folder: [
                (_tiny_model(folder) / "whole" / name).read_bytes()
                for name in ("config.json", "preprocessor_config.json")
            ],
            _load_config,
            weight=2,
        ),
        "checkpoint": Door(_checkpoint_seeds, _convert, allowed=(ValueError,)),
        **{f"score{suffix}": Door(lambda _, s=suffix: [LISTS[s]], _find_sources(suffix)) for suffix in LISTS},
        "score.parquet": Door(_parquet, _find_sources(".parquet"), weight=2),
        "score-resume": Door(lambda _: list(STORE_FILES.values()), _resume_run),
        **{
            f"analyze-resume-{kind}": Door(_results(kind), _resume_results(kind))
            for kind in ("json", "jsonl", "csv", "rttm")
        },
        "endpoint": Door(lambda _: REQUESTS, _handle_request, allowed=(ValueError,)),
        "command-line": Door(lambda _: ["\n".join(command).encode() for command in COMMANDS], _call_command, weight=4),
    }


DOORS = _all_doors()
