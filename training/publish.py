"""From a trained checkpoint to a complete model folder, and from there to the Hub in one commit."""

from __future__ import annotations

import hashlib
import json
import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path, PurePosixPath, PureWindowsPath
from typing import Any

import numpy as np
import yaml
from huggingface_hub import HfApi
from transformers.dynamic_module_utils import custom_object_save

from audio_emotion.dataset_scripts.hub import Target, push_files
from audio_emotion.modeling.adapters_emotion_whisper import LABEL_CONFIG_NAME
from audio_emotion.modeling.configuration_emotion_whisper import EmotionWhisperConfig
from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification, EmotionWhisperModel
from audio_emotion.pipeline import handler_audio_emotion
from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
from audio_emotion.training.evaluation_plots import plot_results
from audio_emotion.training.evaluation_run import read_results
from audio_emotion.training.hub_card import render_card
from audio_emotion.training.model_card import BEGIN, filled_card

RECIPE, RESULTS, CARD = "recipe.yaml", "results.json", "README.md"
RECORDS = (RECIPE, "calibration.json", RESULTS)
ADAPTER_CONFIG = "adapter_config.json"
ADAPTER_FILES = (ADAPTER_CONFIG, "adapter_model.safetensors", CARD)
PICTURES_FOLDER = "pictures"
HANDLER_REQUIREMENTS = ("soundfile", "soxr")
"""What an endpoint installs for the handler beside what its image has: the pipeline's decoder and resampler."""

_OWN_FILES = re.compile(
    r"((adapter_)?model.*\.safetensors(\.index\.json)?|\w+_(emotion_whisper|audio_emotion)\.py|results/.*\.json)"
)
_REPO_ID = re.compile(r"[\w.-]+/[\w.-]+")
_DRIVE = re.compile(r"[A-Za-z]:[\\/]")
_TOKEN = re.compile(r"hf_[A-Za-z0-9]{20,}")


def push_model(folder: Path, target: Target, api: HfApi | None = None) -> str:
    """Push a trained model to the Hub, complete and in one commit.

    Args:
        folder: A checkpoint, as for `write_model_folder`.
        target: The model's repository.
        api: The client; by default one for `HF_ENDPOINT` with the token of `HF_TOKEN` or `hf auth login`.

    Returns:
        The web address of the commit.

    Raises:
        AudioEmotionError: If the folder is no complete model, or holds what must not be published.
        HubError: If token, repository or connection do not allow the push; the repository is then as it was.
    """
    with tempfile.TemporaryDirectory() as staging:
        out = Path(staging)
        write_model_folder(folder, out, target.repo_id)
        return push_files(list_files(out), target, "Add model", lambda path: bool(_OWN_FILES.fullmatch(path)), api)


def list_files(folder: Path) -> dict[str, Path]:
    """The files of a folder by their path in it, with forward slashes."""
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def write_model_folder(folder: Path, out: Path, repo_id: str) -> None:
    """Write the folder that goes to the Hub: what it takes to run the model there, its card, and how it was made.

    The weights' bytes are those of the checkpoint. Nothing else is taken along: no optimiser state and no pickle; paths
    in the recipe and the results are cut to their last part.

    Args:
        folder: A checkpoint: `config.json`, `model.safetensors`, `preprocessor_config.json`. If it has them,
            `recipe.yaml`, `calibration.json` and `results.json` (of `audio-emotion evaluate`) go along and fill the
            card. A `README.md` of its own takes the card's place, with the results between its markers, if it has any.
            Or an adapter that `audio-emotion finetune` wrote, whose base is on the Hub already.
        out: The folder to write; made if need be, empty otherwise.
        repo_id: Where it will be, for the card's examples.

    Raises:
        AudioEmotionError: If the folder is no complete model, its results were measured on other weights, or a text in
            it names a folder of this machine or holds a Hub token.
    """
    if not folder.is_dir():
        raise AudioEmotionError(f"{folder} is not a folder: give the one that training wrote")
    out.mkdir(parents=True, exist_ok=True)
    _copy_records(folder, out)
    if (folder / ADAPTER_CONFIG).is_file():
        _write_adapter(folder, out)
    else:
        _write_model(folder, out, repo_id)
    _check_texts(out)


def _write_model(folder: Path, out: Path, repo_id: str) -> None:
    """Weights, configs, code, handler and card of a whole model."""
    _check_checkpoint(folder)
    config = EmotionWhisperConfig.from_pretrained(folder)
    config.auto_map = {
        "AutoConfig": _in_repository(EmotionWhisperConfig),
        "AutoModel": _in_repository(EmotionWhisperModel),
        "AutoModelForAudioClassification": _in_repository(EmotionWhisperForAudioClassification),
    }
    config.custom_pipelines = {
        task: {**info, "impl": _in_repository(info["impl"]), "pt": [model.__name__ for model in info["pt"]]}
        for task, info in vars(AudioEmotionPipeline)["_registered_impl"].items()
    }
    config.save_pretrained(out)
    _write_feature_extractor(folder, out)
    for weights in _weight_files(folder):
        shutil.copyfile(weights, out / weights.name)
    for code in (EmotionWhisperForAudioClassification, AudioEmotionPipeline):
        custom_object_save(code, out)
    shutil.copyfile(Path(handler_audio_emotion.__file__), out / "handler.py")
    (out / "requirements.txt").write_text("".join(f"{name}\n" for name in HANDLER_REQUIREMENTS), encoding="utf-8")
    _write_card(folder, out, config, repo_id)


def _write_adapter(folder: Path, out: Path) -> None:
    """Weights, configs and card of an adapter; the code that runs it is its base's."""
    if absent := [name for name in ADAPTER_FILES if not (folder / name).is_file()]:
        raise AudioEmotionError(f"{folder} is no complete adapter: it lacks {', '.join(absent)}")
    for name in (*ADAPTER_FILES, LABEL_CONFIG_NAME):
        if (folder / name).is_file():
            shutil.copyfile(folder / name, out / name)
    base = json.loads((folder / ADAPTER_CONFIG).read_text(encoding="utf-8"))["base_model_name_or_path"]
    if Path(base).exists() or not _REPO_ID.fullmatch(base):
        raise AudioEmotionError(
            f"{ADAPTER_CONFIG} says that the base model is {base}, which is nowhere on the Hub. Push the base first, "
            "and name its repository: base_name in the recipe, or base_model_name_or_path in that file"
        )
    _write_feature_extractor(folder, out)


def _write_feature_extractor(folder: Path, out: Path) -> None:
    feature_extractor: Any = EmotionWhisperFeatureExtractor.from_pretrained(folder)
    feature_extractor.auto_map = {"AutoFeatureExtractor": _in_repository(EmotionWhisperFeatureExtractor)}
    feature_extractor.save_pretrained(out)
    custom_object_save(EmotionWhisperFeatureExtractor, out)


def _in_repository(cls: Any) -> str:
    """How a repository's config names a class: the flat file, a dot, the class."""
    return f"{cls.__module__.rpartition('.')[2]}.{cls.__name__}"


def _check_checkpoint(folder: Path) -> None:
    """Load the checkpoint as a user would, and hear a tone with it."""
    pipe = AudioEmotionPipeline.from_pretrained(folder, device="cpu")
    tone = np.sin(2 * np.pi * 220 * np.arange(16000) / 16000).astype(np.float32)
    if not all(np.isfinite(entry["score"]) for entry in pipe({"array": tone, "sampling_rate": 16000})):
        raise AudioEmotionError(
            f"{folder} answers a plain tone with scores that are not finite: its weights are broken"
        )


def _weight_files(folder: Path) -> list[Path]:
    """The weights in one file, or the index and its shards."""
    if (single := folder / "model.safetensors").is_file():
        return [single]
    index = folder / "model.safetensors.index.json"
    shards = set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    return [index, *(folder / shard for shard in sorted(shards))]


def _copy_records(folder: Path, out: Path) -> None:
    """The training config and the measured numbers, without the folders of this machine."""
    for name in RECORDS:
        if not (folder / name).is_file():
            continue
        text = (folder / name).read_text(encoding="utf-8")
        if name == RECIPE:
            text = yaml.safe_dump(_without_folders(yaml.safe_load(text)), sort_keys=False, allow_unicode=True)
        else:
            text = json.dumps(_without_folders(json.loads(text)), indent=1, ensure_ascii=False) + "\n"
        (out / name).write_text(text, encoding="utf-8")


def _without_folders(value: Any) -> Any:
    """A copy in which every path that leads out of the working folder is cut to its last part.

    >>> _without_folders({"encoder": "/home/ann/whisper-base", "data": [{"path": "prepared"}]})
    {'encoder': 'whisper-base', 'data': [{'path': 'prepared'}]}
    """
    if isinstance(value, dict):
        return {key: _without_folders(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_without_folders(item) for item in value]
    if isinstance(value, str):
        return " ".join(map(_last_part, value.split(" ")))
    return value


def _last_part(word: str) -> str:
    path = PureWindowsPath(word) if _DRIVE.match(word) else PurePosixPath(word)
    return path.name if path.name and (path.is_absolute() or path.parts[0] in ("~", "..")) else word


def _write_card(folder: Path, out: Path, config: EmotionWhisperConfig, repo_id: str) -> None:
    """The card from what was copied to `out`, or the checkpoint's own with the results in it."""
    recipe = yaml.safe_load((out / RECIPE).read_text(encoding="utf-8")) if (out / RECIPE).is_file() else None
    results = _evaluation(out / RESULTS)
    if results is not None:
        _check_measured(results, out)
    if (folder / CARD).is_file():
        card = (folder / CARD).read_text(encoding="utf-8")
        if results is not None and BEGIN in card:
            card = filled_card(card, results, CARD)
    else:
        plots = [] if results is None else plot_results(results, out / PICTURES_FOLDER)
        pictures = [f"{PICTURES_FOLDER}/{path.name}" for path in plots]
        card = render_card(config, repo_id, recipe, results, pictures)
    (out / CARD).write_text(card, encoding="utf-8")


def _evaluation(path: Path) -> dict[str, Any] | None:
    """What `audio-emotion evaluate` wrote; None without such a file, or where fine-tuning wrote it and the card."""
    if not path.is_file() or "format" not in json.loads(path.read_text(encoding="utf-8")):
        return None
    return read_results(path)


def _check_measured(results: dict[str, Any], out: Path) -> None:
    """Refuse results that were measured on other weights than those that go along."""
    measured = results["model"]["weights_sha256"]
    for name, digest in measured.items():
        if not (out / name).is_file() or hashlib.sha256((out / name).read_bytes()).hexdigest() != digest:
            raise AudioEmotionError(
                f"{RESULTS} was measured on another {name}: run `audio-emotion evaluate` on this folder, or remove it"
            )


def _check_texts(out: Path) -> None:
    """Refuse a text that names a folder of this machine or holds a Hub token."""
    for where, line in _lines(out):
        if _TOKEN.search(line):
            raise AudioEmotionError(
                f"{where} holds a Hub token: remove it there, and revoke it, before anything is pushed"
            )
        if found := next((place for place in _places() if place in line), None):
            raise AudioEmotionError(f"{where} names {found}, a folder of this machine: remove it before this is pushed")


def _places() -> list[str]:
    """The folders of this machine that no published text may name."""
    return [f"{place}/" for place in {Path.home().as_posix(), Path.cwd().as_posix()} if place != "/"]


def _lines(out: Path) -> Iterator[tuple[str, str]]:
    """Every line of every text, with the place to point at."""
    for name, path in list_files(out).items():
        if path.suffix in (".json", ".yaml", ".md", ".txt"):
            for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
                yield f"{name}, line {number},", line
