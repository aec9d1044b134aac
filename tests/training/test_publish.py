"""A pushed model folder is complete: it runs by repository id where this package was never installed."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hub_client import ALICE, ALICE_READ_ONLY, HubServer
from hub_repository import check_card
from huggingface_hub import ModelCard
from model_folders import write_adapter

from audio_emotion.dataset_scripts.hub import Target
from audio_emotion.dataset_scripts.reader import get_reader
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.pipeline.pipeline_audio_emotion import AudioEmotionPipeline
from audio_emotion.training.hub_card import weights_license
from audio_emotion.training.model_card import update_cards
from audio_emotion.training.publish import push_model, write_model_folder

ROOT = Path(__file__).parents[2]
MODEL = {"config.json", "model.safetensors", "preprocessor_config.json", "README.md", "handler.py", "requirements.txt"}
RECORDS = {"recipe.yaml", "calibration.json", "results.json"}

pytestmark = pytest.mark.timeout(600)  # fresh processes import torch and transformers, minutes on a busy machine

# What every fresh process hears: a rising tone of 1.5 s, a function of nothing but these lines.
SOUND = """
import numpy as np
time_s = np.arange(24000) / 16000
sound = {"raw": (0.1 * np.sin(2 * np.pi * (200 + 150 * time_s) * time_s)).astype(np.float32), "sampling_rate": 16000}
"""


def flat_code() -> set[str]:
    """The files that the model, the feature extractor and the pipeline import, these included, by name."""
    paths = {path.stem: path for folder in ("modeling", "pipeline") for path in (ROOT / folder).glob("*.py")}
    names, todo = set(), ["modeling_emotion_whisper", "feature_extraction_emotion_whisper", "pipeline_audio_emotion"]
    while todo:
        names.add(name := todo.pop())
        todo += set(re.findall(r"^\s*from \.(\w+) import", paths[name].read_text(), re.MULTILINE)) - names
    return {f"{name}.py" for name in names}


def sound() -> dict[str, Any]:
    names: dict[str, Any] = {}
    exec(SOUND, names)
    value: dict[str, Any] = names["sound"]
    return value


@pytest.fixture(scope="module")
def scores(checkpoint: Path) -> dict[str, float]:
    """What the checkpoint answers here."""
    answer = AudioEmotionPipeline.from_pretrained(checkpoint, device="cpu")(sound())
    return {entry["label"]: entry["score"] for entry in answer}


@pytest.fixture(scope="module")
def published(hub: HubServer, checkpoint: Path) -> str:
    """The checkpoint on the Hub, tagged."""
    with hub.in_this_process():
        push_model(checkpoint, Target("alice/tiny", "model", tag="v1"))
    return "alice/tiny"


def assert_same(answer: list[dict[str, Any]], scores: dict[str, float]) -> None:
    assert {entry["label"] for entry in answer} == set(scores)
    np.testing.assert_allclose([e["score"] for e in answer], [scores[e["label"]] for e in answer], atol=1e-5)


def test_nothing_but_the_model_is_pushed(online: HubServer, published: str, checkpoint: Path, tmp_path: Path) -> None:
    api = online.api()
    assert [commit.title for commit in api.list_repo_commits(published)] == ["Add model", "initial commit"]
    pictures = {"pictures/alpha_confusion.png", "pictures/alpha_reliability.png"}
    assert set(api.list_repo_files(published)) == MODEL | RECORDS | flat_code() | pictures | {".gitattributes"}
    folder = Path(api.snapshot_download(published, local_dir=tmp_path))
    texts = "".join(path.read_text() for path in folder.iterdir() if path.suffix in (".json", ".md", ".yaml"))
    assert str(checkpoint) not in texts and f"{Path.home()}/" not in texts and ALICE not in texts
    assert (folder / "model.safetensors").read_bytes() == (checkpoint / "model.safetensors").read_bytes()


def test_the_card_says_what_the_folder_says(online: HubServer, published: str, tmp_path: Path) -> None:
    card_path, results_path = (
        Path(online.api().hf_hub_download(published, name, local_dir=tmp_path))
        for name in ("README.md", "results.json")
    )
    card = ModelCard.load(card_path)
    assert card.data.license == "cc-by-nc-sa-4.0" and card.data.language == ["de", "en"]
    assert card.data.base_model == "openai/whisper-base" and card.data.datasets == ["emodb", "mine", "ravdess"]
    assert (card.data.library_name, card.data.pipeline_tag) == ("transformers", "audio-classification")
    assert {result.dataset_type for result in card.data.eval_results} == {"alpha"}
    assert (
        f'model="{published}"' in card.text and "$" not in card.text and "pictures/alpha_reliability.png" in card.text
    )
    text = card_path.read_text()
    assert update_cards(results_path, [card_path], check=True) == []
    results = json.loads(results_path.read_text())
    results["corpora"]["alpha"]["class_sets"]["all"]["priors"]["train"]["uar"]["value"] += 0.01
    results_path.write_text(json.dumps(results))
    assert update_cards(results_path, [card_path], check=True) == [card_path]
    assert card_path.read_text() == text


def test_the_card_of_the_bundled_checkpoint_is_one_the_hub_takes() -> None:
    text = (ROOT / "model_card.md").read_text()
    data = ModelCard(text).data
    assert check_card(text, "model") == []
    infos = {name: get_reader(name).info for name in data.datasets}
    assert data.license == weights_license(infos)
    assert data.language == sorted({tag.partition("-")[0] for info in infos.values() for tag in info.languages})
    assert (data.library_name, data.pipeline_tag) == ("transformers", "audio-classification")
    assert data.base_model == "openai/whisper-base" and data.metrics


def test_weights_in_shards_go_along_whole(bare: Path, tmp_path: Path) -> None:
    folder, out = tmp_path / "sharded", tmp_path / "out"
    shutil.copytree(bare, folder)
    (folder / "model.safetensors").unlink()
    EmotionWhisperForAudioClassification.from_pretrained(bare).save_pretrained(folder, max_shard_size="100KB")
    write_model_folder(folder, out, "alice/sharded")
    shards = {path.name for path in out.glob("*.safetensors")}
    assert len(shards) > 1 and (out / "model.safetensors.index.json").is_file()
    assert shards == {path.name for path in folder.glob("*.safetensors")}


@pytest.mark.parametrize(
    ("licenses", "weights"),
    [
        ({"a": "cc-by-4.0", "b": "cc0-1.0"}, "cc-by-4.0"),
        ({"a": "cc-by-4.0", "b": "cc-by-nc-sa-4.0"}, "cc-by-nc-sa-4.0"),
        ({"a": "cc-by-4.0", "b": None}, "cc-by-nc-sa-4.0"),
        ({}, "cc-by-nc-sa-4.0"),
    ],
)
def test_the_weights_are_licensed_as_their_data_demands(licenses: dict[str, str | None], weights: str) -> None:
    info = get_reader("ravdess").info
    corpora = {name: license_id and replace(info, license=license_id) for name, license_id in licenses.items()}
    assert weights_license(corpora) == weights


@pytest.fixture(scope="module")
def fresh(hub: HubServer, published: str) -> dict[str, Any]:
    """What one fresh process without this package gets from the repository, in every way that there is."""
    code = f"""{SOUND}
import base64, importlib.util, io, json, torch
import soundfile
from huggingface_hub import snapshot_download
from transformers import AutoFeatureExtractor, AutoModel, AutoModelForAudioClassification, pipeline

repo, trust = {published!r}, {{"trust_remote_code": True}}
model = AutoModelForAudioClassification.from_pretrained(repo, **trust).float()
extractor = AutoFeatureExtractor.from_pretrained(repo, **trust)
features = extractor(sound["raw"], sampling_rate=16000, return_tensors="pt")
with torch.no_grad():
    logits = model(**features).logits[0]

def labelled(logits):
    return [{{"label": model.config.id2label[i], "score": p}} for i, p in enumerate(logits.softmax(-1).tolist())]

named = pipeline("audio-emotion", model=repo, revision="v1", **trust)
inferred = pipeline(model=repo, **trust)
stock = pipeline("audio-classification", model=repo, dtype=torch.float32, **trust)
answer = {{
    "model": labelled(logits / model.config.temperature),
    "untempered": labelled(logits),
    "named": named(sound),
    "inferred": inferred(sound),
    "stock": stock(dict(sound), top_k=8),
    "chunks": named(sound, return_timestamps=True)["chunks"],
    "classes": [type(thing).__name__ for thing in (model, extractor, named, inferred, stock)],
    "encoder": type(AutoModel.from_pretrained(repo, **trust)).__name__,
}}
try:
    pipeline("audio-emotion", model=repo)
except Exception as error:
    answer["without trust"] = type(error).__name__ + str(error)

# As the endpoint's toolkit does: handler.py on its own, the folder as its argument, a request's body as a dict.
folder = snapshot_download(repo)
spec = importlib.util.spec_from_file_location("handler", folder + "/handler.py")
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
handler = module.EndpointHandler(folder)
file = io.BytesIO()
soundfile.write(file, sound["raw"], 16000, format="WAV", subtype="FLOAT")
encoded = base64.b64encode(file.getvalue()).decode()

def refused(request):
    try:
        handler(request)
    except ValueError as error:
        return str(error)

answer["handler"] = {{
    "bytes": handler({{"inputs": file.getvalue()}}),
    "base64": handler({{"inputs": encoded}}),
    "array": handler({{"inputs": {{"array": sound["raw"].tolist(), "sampling_rate": 16000}}}}),
    "list": handler({{"inputs": [encoded, encoded], "parameters": {{"top_k": 2}}}}),
    "frames": handler({{"inputs": encoded, "parameters": {{"return_timestamps": "frame"}}}}),
    "refused": [
        refused(request)
        for request in (
            {{}}, {{"inputs": folder + "/config.json"}}, {{"inputs": 7}}, {{"inputs": encoded[:400]}},
            {{"inputs": encoded, "parameters": 3}}, {{"inputs": encoded, "parameters": {{"labels": ["joy"]}}}},
            {{"inputs": encoded, "parameters": {{"segments": ["/etc/passwd"]}}}},
            {{"inputs": {{"array": [0, 300] * 800, "sampling_rate": 16000}}}},
        )
    ],
}}
print()  # ends the line of transformers' question
print(json.dumps(answer))
"""
    answer: dict[str, Any] = hub.python(code, home="fresh", token=None)
    return answer


def test_it_loads_in_a_process_without_the_package(fresh: dict[str, Any], scores: dict[str, float]) -> None:
    for way in ("model", "named", "inferred"):
        assert_same(fresh[way], scores)
    assert_same(fresh["stock"], {entry["label"]: entry["score"] for entry in fresh["untempered"]})
    assert fresh["chunks"][0]["timestamp"][0] == 0.0 and fresh["chunks"][-1]["timestamp"][1] == 1.5
    assert fresh["classes"] == [
        *("EmotionWhisperForAudioClassification", "EmotionWhisperFeatureExtractor"),
        *("AudioEmotionPipeline", "AudioEmotionPipeline", "AudioClassificationPipeline"),
    ]
    assert fresh["encoder"] == "EmotionWhisperModel"
    assert fresh["without trust"].startswith("ValueError") and "trust_remote_code=True" in fresh["without trust"]


def test_the_handler_serves_an_endpoint(fresh: dict[str, Any], scores: dict[str, float]) -> None:
    answer = fresh["handler"]
    for way in ("bytes", "base64", "array"):
        assert_same(answer[way], scores)
    assert answer["list"] == [answer["base64"][:2]] * 2
    assert np.shape(answer["frames"]["frames"]) == (75, 8) and answer["frames"]["frame_period_s"] == 0.02
    nothing, path, number, cut, parameters, label, turns, integers = answer["refused"]
    assert 'no "inputs"' in nothing and "not the base64" in path and "type int" in number
    assert cut.startswith("the audio given as bytes") and "must be an object" in parameters and "joy" in label
    assert "no file is read" in turns and "holds integers" in integers


@pytest.mark.slow
def test_it_loads_from_the_cache_without_a_server(tmp_path: Path, bare: Path, scores: dict[str, float]) -> None:
    code = f"""{SOUND}
import json
from transformers import pipeline
print(json.dumps(pipeline("audio-emotion", model="alice/cached", trust_remote_code=True)(sound)))
"""
    with HubServer(tmp_path) as server:
        with server.in_this_process():
            push_model(bare, Target("alice/cached", "model"))
        assert_same(server.python(code, home="cache", token=None), scores)
        assert_same(server.python(code, home="cache", token=None, HF_HUB_OFFLINE="1"), scores)
        server.stop()
        assert_same(server.python(code, home="cache", token=None), scores)


@pytest.mark.slow
def test_where_the_package_is_installed_its_own_code_runs(
    hub: HubServer, published: str, scores: dict[str, float]
) -> None:
    code = f"""{SOUND}
import json, sys
from audio_emotion import AudioEmotionPipeline
pipe = AudioEmotionPipeline.from_pretrained({published!r}, revision="v1")
assert not any(name.startswith("transformers_modules") for name in sys.modules)
print(json.dumps(pipe(sound)))
"""
    assert_same(hub.python(code, installed=True, home="installed", token=None), scores)


@pytest.mark.slow
def test_an_adapter_finds_its_base_on_the_hub(hub: HubServer, published: str, bare: Path, tmp_path: Path) -> None:
    folder = tmp_path / "adapter"
    shutil.copytree(bare, folder)
    write_adapter(folder, base=published)
    with hub.in_this_process():
        push_model(folder, Target("alice/adapter", "model"))
        paths = set(hub.api().list_repo_files("alice/adapter"))
    assert paths == RECORDS | {
        *("adapter_config.json", "adapter_model.safetensors", "label_config.json", "preprocessor_config.json"),
        *("README.md", ".gitattributes", "feature_extraction_emotion_whisper.py"),
    }
    code = f"""{SOUND}
import json
from audio_emotion import AudioEmotionPipeline
print(json.dumps(AudioEmotionPipeline.from_pretrained("alice/adapter")(sound)))
"""
    answer = hub.python(code, installed=True, home="adapter", token=None)
    assert {entry["label"] for entry in answer} == {"calm", "tense", "none"}


@pytest.mark.slow
def test_a_pinned_revision_stays_as_it_was(
    hub: HubServer, published: str, bare: Path, scores: dict[str, float], tmp_path: Path
) -> None:
    other = tmp_path / "other"
    shutil.copytree(bare, other)
    model = EmotionWhisperForAudioClassification.from_pretrained(other)
    torch.nn.init.normal_(model.head.nesting_classifier_2.bias)
    model.save_pretrained(other)
    with hub.in_this_process():
        push_model(other, Target(published, "model", revision="next"))
        first = hub.api().repo_info(published, revision="v1").sha
    code = f"""{SOUND}
import json
from transformers import pipeline
answers = [
    pipeline("audio-emotion", model={published!r}, revision=revision, trust_remote_code=True)(sound)
    for revision in ("main", "v1", {first!r}, "next")
]
print(json.dumps(answers))
"""
    *same, changed = hub.python(code, home="pinned", token=None)
    for answer in same:
        assert_same(answer, scores)
    with pytest.raises(AssertionError):
        assert_same(changed, scores)


@pytest.mark.slow
def test_loads_that_cannot_work_say_so(hub: HubServer, published: str, bare: Path) -> None:
    finished = hub.cli("push", str(bare), "alice/secret", "--private")
    assert finished.returncode == 0, finished.stderr
    code = f"""
import json
from transformers import AutoModelForAudioClassification
errors = []
for options in {{}}, {{"revision": "v9"}}, {{"token": False}}:
    repo = {published!r} if "revision" in options else "alice/secret" if "token" in options else "alice/nowhere"
    try:
        AutoModelForAudioClassification.from_pretrained(repo, trust_remote_code=True, **options)
    except OSError as error:
        errors.append(str(error))
model = AutoModelForAudioClassification.from_pretrained("alice/secret", trust_remote_code=True)
print(json.dumps([errors, type(model).__name__]))
"""
    errors, name = hub.python(code, home="failing", token=ALICE_READ_ONLY)
    assert len(errors) == 3 and "v9" in errors[1] and name == "EmotionWhisperForAudioClassification"
