"""Folders made by someone who means harm: no code of theirs runs, no pickle is opened, nothing fills the memory."""

import json
import resource
import shutil
import struct
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from safetensors.torch import load_file, save_file
from transformers import AutoConfig, AutoModelForAudioClassification, pipeline

from audio_emotion import AudioEmotionError, AudioEmotionPipeline, EmotionWhisperForAudioClassification

EVIL = "open({trace!r}, 'w').close()\nclass Evil: pass\n"


@pytest.fixture
def trace(tmp_path: Path) -> Iterator[Path]:
    """A file that code of the folder would make; at the end it is not there."""
    path = tmp_path / "code-has-run"
    yield path
    assert not path.exists()


@pytest.fixture
def folder(tiny_model_dir: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiny_model_dir, tmp_path / "model"))


@pytest.fixture
def adapter(tiny_model_dir: Path, tmp_path: Path) -> Path:
    model = EmotionWhisperForAudioClassification.from_pretrained(tiny_model_dir)
    adapted: Any = get_peft_model(model, LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["head"]))
    adapted.peft_config["default"].base_model_name_or_path = str(tiny_model_dir)
    adapted.save_pretrained(tmp_path / "adapter")
    shutil.copy(tiny_model_dir / "preprocessor_config.json", tmp_path / "adapter")
    return tmp_path / "adapter"


def write(folder: Path, name: str, **fields: Any) -> None:
    """Change fields of a JSON file; a dot in a name goes one level down."""
    content = json.loads((folder / name).read_text())
    for field, value in fields.items():
        *sections, last = field.split("__")
        place = content
        for section in sections:
            place = place[section]
        place[last] = value
    (folder / name).write_text(json.dumps(content))


def fails(folder: Path, match: str, within_s: float = 60.0) -> None:
    began = time.monotonic()
    with pytest.raises(AudioEmotionError, match=match):
        AudioEmotionPipeline.from_pretrained(folder, device="cpu")
    assert time.monotonic() - began < within_s


def same_scores(answer: Any, expected: Any) -> None:
    """Equal as far as the memory's alignment, which chooses the order of sums, allows."""
    assert [entry["label"] for entry in answer] == [entry["label"] for entry in expected]
    assert [entry["score"] for entry in answer] == pytest.approx([entry["score"] for entry in expected], abs=1e-6)


class Bomb:
    """A pickle of this runs code where it is opened."""

    def __init__(self, trace: Path) -> None:
        self.trace = trace

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[str, str]]:
        return open, (str(self.trace), "w")


class TestCode:
    @pytest.mark.parametrize("where", ["evil.Evil", "someone/else--evil.Evil", "../evil.Evil", "/tmp/evil.Evil"])
    def test_code_that_a_config_names_is_not_run(self, folder: Path, trace: Path, where: str) -> None:
        for place in (folder, folder.parent):
            (place / "evil.py").write_text(EVIL.format(trace=str(trace)))
        autos = ("AutoConfig", "AutoModel", "AutoModelForAudioClassification", "AutoFeatureExtractor")
        write(folder, "config.json", auto_map=dict.fromkeys(autos, where))
        write(folder, "preprocessor_config.json", auto_map={"AutoFeatureExtractor": where})
        assert AudioEmotionPipeline.from_pretrained(folder, device="cpu").model.config.num_labels == 8
        task = {"audio-emotion": {"impl": where, "pt": ["AutoModelForAudioClassification"]}}
        write(folder, "config.json", custom_pipelines=task)
        AudioEmotionPipeline.from_pretrained(folder, device="cpu")
        with pytest.raises(ValueError, match="trust_remote_code"):
            pipeline("audio-emotion", model=str(folder))
        write(folder, "config.json", model_type="unheard_of")
        fails(folder, "cannot be loaded")

    @pytest.mark.parametrize(
        "field", ["attn_implementation", "_attn_implementation", "encoder_config__attn_implementation"]
    )
    def test_a_kernel_of_some_repository_is_not_fetched(self, folder: Path, field: str) -> None:
        write(folder, "config.json", **{field: "someone/kernel"})
        fails(folder, "names a repository, 'someone/kernel', whose code would run")
        with pytest.raises(ValueError, match="whose code would run"):
            AutoConfig.from_pretrained(folder)

    def test_modules_that_an_adapter_names_are_not_imported(
        self, adapter: Path, trace: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        (adapter / "evil.py").write_text(EVIL.format(trace=str(trace)))
        monkeypatch.syspath_prepend(str(adapter))
        mapping = {"base_model_class": "Evil", "parent_library": "evil"}
        write(adapter, "adapter_config.json", auto_mapping=mapping)
        AudioEmotionPipeline.from_pretrained(adapter, device="cpu")
        write(adapter, "adapter_config.json", megatron_config={"a": 1}, megatron_core="evil")
        fails(adapter, "cannot be loaded")
        assert "evil" not in sys.modules


class TestPickles:
    @pytest.mark.parametrize(
        "name", ["pytorch_model.bin", "model.pt", "weights.ckpt", "model.pkl", "adapter_model.bin"]
    )
    def test_a_pickle_alone_is_refused(self, folder: Path, adapter: Path, trace: Path, name: str) -> None:
        place, weights = (adapter, "adapter_model") if name.startswith("adapter") else (folder, "model")
        (place / f"{weights}.safetensors").unlink()
        torch.save({"head.bias": Bomb(trace)}, place / name)
        fails(place, f"as a pickle \\({name}\\)")

    @pytest.mark.parametrize("name", ["pytorch_model.bin", "training_args.bin", "optimizer.pt", "rng_state.pth"])
    def test_a_pickle_beside_the_weights_is_left_alone(self, folder: Path, trace: Path, name: str) -> None:
        torch.save({"head.bias": Bomb(trace)}, folder / name)
        AudioEmotionPipeline.from_pretrained(folder, device="cpu")

    @pytest.mark.parametrize("shard", ["shard.bin", "../shard.safetensors", "/etc/passwd", 7])
    def test_an_index_that_names_something_else(self, folder: Path, trace: Path, shard: Any) -> None:
        (folder / "model.safetensors").rename(folder / "other.safetensors")
        torch.save({"head.bias": Bomb(trace)}, folder / "shard.bin")
        index = {"metadata": {}, "weight_map": {"head.nesting_classifier_0.weight": shard}}
        (folder / "model.safetensors.index.json").write_text(json.dumps(index))
        fails(folder, "weight_map must name .safetensors files of its own folder")
        with pytest.raises(ValueError, match="weight_map"):
            AutoModelForAudioClassification.from_pretrained(folder)

    def test_shards_are_loaded(self, folder: Path, speech: Any) -> None:
        whole = AudioEmotionPipeline.from_pretrained(folder, device="cpu")
        whole.model.save_pretrained(folder, max_shard_size="50KB")
        (folder / "model.safetensors").unlink(missing_ok=True)
        assert len(list(folder.glob("*.safetensors"))) > 1
        same_scores(AudioEmotionPipeline.from_pretrained(folder, device="cpu")(speech(1.0)), whole(speech(1.0)))


class TestWeights:
    """Headers of safetensors that lie, and values that spoil every score."""

    def header(self, folder: Path) -> tuple[dict[str, Any], bytes]:
        content = (folder / "model.safetensors").read_bytes()
        (size,) = struct.unpack("<Q", content[:8])
        return json.loads(content[8 : 8 + size]), content[8 + size :]

    def put(self, folder: Path, header: dict[str, Any], data: bytes) -> None:
        text = json.dumps(header).encode()
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + data)

    @pytest.mark.parametrize("size", [0, 1, 2**31, 2**63, 2**64 - 1])
    def test_a_header_of_a_wrong_size(self, folder: Path, size: int) -> None:
        content = (folder / "model.safetensors").read_bytes()
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", size) + content[8:])
        fails(folder, "cannot be loaded")

    @pytest.mark.parametrize(
        "lie",
        [
            {"data_offsets": [0, 2**60]},
            {"data_offsets": [-4, 0]},
            {"data_offsets": [8, 4]},
            {"shape": [2**40, 2**40]},
            {"shape": [10**6, 10**6]},
            {"dtype": "F64"},
            {"dtype": "OBJECT"},
        ],
    )
    def test_a_tensor_that_is_not_as_declared(self, folder: Path, lie: dict[str, Any]) -> None:
        header, data = self.header(folder)
        name = next(name for name in header if name != "__metadata__")
        header[name] |= lie
        self.put(folder, header, data)
        fails(folder, "cannot be loaded")

    @pytest.mark.parametrize("value", [float("nan"), float("inf")])
    def test_weights_that_are_no_numbers(self, folder: Path, value: float) -> None:
        weights = load_file(folder / "model.safetensors")
        weights["head.nesting_classifier_0.bias"][3] = value
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        fails(folder, r"NaN or infinite: head\.nesting_classifier_0\.bias")

    def test_a_tensor_too_many_changes_nothing(self, folder: Path, speech: Any) -> None:
        expected = AudioEmotionPipeline.from_pretrained(folder, device="cpu")(speech(1.0))
        weights = load_file(folder / "model.safetensors") | {"os.system": torch.zeros(3)}
        save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
        same_scores(AudioEmotionPipeline.from_pretrained(folder, device="cpu")(speech(1.0)), expected)


class TestSizes:
    @pytest.mark.parametrize(
        ("field", "value"),
        [
            *((f"encoder_config__{name}", 10**6) for name in ("d_model", "encoder_layers", "encoder_ffn_dim")),
            *((f"encoder_config__{name}", 10**6) for name in ("num_mel_bins", "max_source_positions")),
            ("encoder_config__encoder_attention_heads", 0),
            ("encoder_config__encoder_layers", -1),
            ("attention_pooling_dim", 10**6),
            ("nesting_dims", [10**6, 10**6 + 1]),
            ("id2label", {str(index): f"label {index}" for index in range(10**4)}),
        ],
    )
    def test_sizes_that_only_fill_the_memory(self, folder: Path, field: str, value: Any) -> None:
        write(folder, "config.json", **{field: value})
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        fails(folder, "cannot be loaded", within_s=20)
        assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024 < 2**29

    def test_a_pattern_without_end(self, adapter: Path) -> None:
        for pattern in ("((.*)*)*x", ".*.*.*.*.*x"):
            write(adapter, "adapter_config.json", target_modules=pattern)
            fails(adapter, "Name the modules in a list", within_s=20)

    @pytest.mark.parametrize(
        ("name", "fields", "match"),
        [
            ("preprocessor_config.json", {"hop_length": 320}, "hop_length=320, and config.json asks for 160"),
            ("preprocessor_config.json", {"feature_size": 128}, "feature_size=128"),
            ("preprocessor_config.json", {"chunk_length": 5}, "max_samples=80000"),
            ("preprocessor_config.json", {"n_fft": 10**9}, "n_fft must be a whole number"),
            ("preprocessor_config.json", {"padding_value": "0"}, "padding_value must be a number"),
            ("config.json", {"hop_length": 7}, "hop_length=160, and config.json asks for 7"),
            ("config.json", {"id2label": {"0": "anger", "2": "fear"}}, "cannot be loaded"),
            ("config.json", {"id2label": {str(index): "anger" for index in range(8)}}, "names a label twice"),
            ("config.json", {"id2label": {str(index): f"\x1b[2J{index}" for index in range(8)}}, "control characters"),
        ],
    )
    def test_parts_that_do_not_fit(self, folder: Path, name: str, fields: dict[str, Any], match: str) -> None:
        write(folder, name, **fields)
        fails(folder, match)


@pytest.mark.parametrize("content", ["[" * 100_000, '{"a":' * 100_000, "null", "[]", "7", '"text"', "\ufeff{}", "\0"])
@pytest.mark.parametrize("name", ["config.json", "preprocessor_config.json", "model.safetensors.index.json"])
def test_json_that_is_no_settings(folder: Path, name: str, content: str) -> None:
    if name.endswith("index.json"):
        (folder / "model.safetensors").rename(folder / "other.safetensors")
    (folder / name).write_text(content)
    fails(folder, "cannot be loaded")


def test_saving_writes_into_its_folder_alone(folder: Path, tmp_path: Path) -> None:
    names = {str(index): f"../../{index}" for index in range(8)}
    write(folder, "config.json", id2label=names, corpora=["../x"], _name_or_path="../../elsewhere")
    pipe = AudioEmotionPipeline.from_pretrained(folder, device="cpu")
    before = set(tmp_path.rglob("*"))
    pipe.save_pretrained(tmp_path / "saved")
    made = set(tmp_path.rglob("*")) - before
    assert made and all(path.is_relative_to(tmp_path / "saved") for path in made)
