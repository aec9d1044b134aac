"""Every way to load an adapter that the documentation names, each in a process that knows nothing of the training."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from hub_client import HubServer
from hume_standin import hiss, hisses, make_recipe

from audio_emotion.dataset_scripts.corpora.humeprosody import TARGETS
from audio_emotion.training.finetune import finetune
from benchmarks.hume_corpus import RATE, write_corpus

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3600)]

START = """
import json, sys
import torch
import audio_emotion
from transformers import AutoModelForAudioClassification, pipeline

def scores(model):
    features = torch.linspace(-1, 1, 80 * 60).reshape(1, 80, 60)
    with torch.inference_mode():
        return model(input_features=features).logits.sigmoid()[0].tolist()

def labels(model):
    return [model.config.id2label[index] for index in range(model.config.num_labels)]
"""
THROUGH_THE_AUTO_CLASS = """
model = AutoModelForAudioClassification.from_pretrained(sys.argv[1])
print(json.dumps({"labels": labels(model), "problem": model.config.problem, "scores": scores(model)}))
"""
THROUGH_THE_PIPELINE = """
pipe = pipeline("audio-emotion", model=sys.argv[1])
print(json.dumps({"plain": pipe(sys.argv[2]), "timed": pipe(sys.argv[2], return_timestamps=True)}))
"""
THROUGH_PEFT = """
from peft import PeftModel
base = AutoModelForAudioClassification.from_pretrained(sys.argv[1])
before = scores(base)
model = PeftModel.from_pretrained(base, sys.argv[2]).eval()
print(json.dumps({"before": before, "scores": scores(model), "merged": scores(model.merge_and_unload())}))
"""
SWITCHING = """
model = AutoModelForAudioClassification.from_pretrained(sys.argv[1])
steps = [(labels(model), scores(model))]
for folder, name in zip(sys.argv[2:], ("nine", "two")):
    model.load_adapter(folder, name)
    steps.append((labels(model), scores(model)))
model.set_adapter("nine")
steps.append((labels(model), scores(model)))
model.disable_adapters()
steps.append((labels(model), scores(model)))
print(json.dumps(steps))
"""


def fresh(code: str, *arguments: Any) -> Any:
    command = [sys.executable, "-W", "ignore", "-c", START + code, *map(str, arguments)]
    finished = subprocess.run(command, capture_output=True, text=True, timeout=800, check=False)
    assert finished.returncode == 0, finished.stderr
    return json.loads(finished.stdout.splitlines()[-1])


@pytest.fixture(scope="module")
def adapters(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """An adapter with the nine intensities, and one with two of them."""
    folder = tmp_path_factory.mktemp("adapters")
    write_corpus(folder / "corpus", {"train": hisses(16, 0), "devel": hisses(8, 1), "test": hisses(4, 2)})
    source = str(folder / "corpus")
    nine = finetune(make_recipe(tiny_base, folder / "nine", source=source))
    two = finetune(make_recipe(tiny_base, folder / "two", source=source, target={"labels": ["Sadness", "Anger"]}))
    return nine, two


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "call.wav"
    soundfile.write(path, hiss(0.7, np.random.default_rng(0), 1.3), RATE)
    return path


def check_answers(answer: dict[str, Any], recording: Path) -> None:
    """Nine independent scores, for the clip and for each stretch of it."""
    for scores in (answer["plain"], answer["timed"]["scores"]):
        assert {entry["label"] for entry in scores} == set(TARGETS)
        assert all(0 < entry["score"] < 1 for entry in scores)
        assert abs(sum(entry["score"] for entry in scores) - 1) > 0.2
    chunks = answer["timed"]["chunks"]
    assert chunks[0]["timestamp"][0] == 0
    assert chunks[-1]["timestamp"][1] == pytest.approx(soundfile.info(recording).duration)
    assert all(set(chunk["scores"]) == set(TARGETS) for chunk in chunks)


def test_the_pipeline(adapters: tuple[Path, Path], recording: Path) -> None:
    check_answers(fresh(THROUGH_THE_PIPELINE, adapters[0], recording), recording)


def test_the_auto_class_and_peft_give_the_same_scores(adapters: tuple[Path, Path], tiny_base: Path) -> None:
    loaded = fresh(THROUGH_THE_AUTO_CLASS, adapters[0])
    assert (loaded["labels"], loaded["problem"]) == (list(TARGETS), "intensity")
    peft = fresh(THROUGH_PEFT, tiny_base, adapters[0])
    assert peft["scores"] == pytest.approx(loaded["scores"], abs=1e-6)
    assert peft["merged"] == pytest.approx(loaded["scores"], abs=1e-5)
    assert len(peft["before"]) == 8


def test_two_adapters_switch_on_one_base(adapters: tuple[Path, Path], tiny_base: Path) -> None:
    base, nine, two, again, off = fresh(SWITCHING, tiny_base, *adapters)
    alone = [fresh(THROUGH_THE_AUTO_CLASS, adapter) for adapter in adapters]
    assert nine == again
    assert off == base
    for (labels, scores), expected in zip((nine, two), alone, strict=True):
        assert labels == expected["labels"]
        assert scores == pytest.approx(expected["scores"], abs=1e-6)


def test_from_the_hub_where_the_adapter_names_its_base_by_repository(
    hub: HubServer, tiny_base: Path, recording: Path, tmp_path: Path
) -> None:
    """Nothing of the training is left on the machine that loads: base and adapter come from the Hub."""
    write_corpus(tmp_path / "corpus", {"train": hisses(16, 0), "devel": hisses(8, 1), "test": hisses(4, 2)})
    recipe = make_recipe(tiny_base, tmp_path / "run", source=str(tmp_path / "corpus"), base_name="alice/hears")
    final = finetune(recipe)
    with hub.in_this_process():
        api = hub.api()
        for repository, folder in (("alice/hears", tiny_base), ("alice/hears-nine", final)):
            api.create_repo(repository)
            api.upload_folder(repo_id=repository, folder_path=folder)
    (tmp_path / "run").rename(tmp_path / "elsewhere")

    def ask(code: str, *arguments: str) -> Any:
        command = (sys.executable, "-W", "ignore", "-c", START + code, *arguments)
        finished = hub.run(*command, home="adapter_home", timeout_s=800)
        assert finished.returncode == 0, finished.stderr
        return json.loads(finished.stdout.splitlines()[-1])

    loaded = ask(THROUGH_THE_AUTO_CLASS, "alice/hears-nine")
    assert loaded["labels"] == list(TARGETS)
    peft = ask(THROUGH_PEFT, "alice/hears", "alice/hears-nine")
    assert peft["scores"] == pytest.approx(loaded["scores"], abs=1e-6)
    check_answers(ask(THROUGH_THE_PIPELINE, "alice/hears-nine", str(recording)), recording)
