"""The labels follow the adapter that answers: when it is deleted, switched off, saved or pushed."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from hub_client import HubServer
from peft import LoraConfig, get_peft_model

from audio_emotion.modeling.adapters_emotion_whisper import LABEL_CONFIG_NAME
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification

THREE = ["calm", "upset", "bored"]
EIGHT = list("abcdefgh")
SOUND = torch.linspace(-1, 1, 80 * 60).reshape(1, 80, 60)
ModelMaker = Callable[..., EmotionWhisperForAudioClassification]

# PEFT says that there will be several adapters, and which one answers next.
pytestmark = pytest.mark.filterwarnings("ignore:Already found a `peft_config`", "ignore:Adapter eight was active")


def labels_of(model: EmotionWhisperForAudioClassification) -> list[str]:
    return list(model.config.id2label.values())


@pytest.fixture
def adapters(make_model: ModelMaker, tmp_path: Path) -> dict[str, Path]:
    """Two adapters with heads of their own, as PEFT saves them."""
    for name, labels in {"three": THREE, "eight": EIGHT}.items():
        model = make_model()
        model.head.resize(len(labels))
        tuned = get_peft_model(model, LoraConfig(target_modules=["q_proj", "v_proj"], modules_to_save=["head"]))
        tuned.save_pretrained(tmp_path / name)
        own = {"problem": "distribution", "id2label": dict(enumerate(labels))}
        (tmp_path / name / LABEL_CONFIG_NAME).write_text(json.dumps(own))
    return {name: tmp_path / name for name in ("three", "eight")}


@pytest.fixture
def both(make_model: ModelMaker, adapters: dict[str, Path]) -> EmotionWhisperForAudioClassification:
    """The base model with both adapters, of which `eight` answers."""
    model = make_model()
    for name, folder in adapters.items():
        model.load_adapter(str(folder), name)
    assert labels_of(model) == EIGHT
    return model


def test_when_the_active_adapter_is_deleted_the_next_answers(both: EmotionWhisperForAudioClassification) -> None:
    both.delete_adapter("eight")
    assert labels_of(both) == THREE
    assert both(SOUND).logits.shape == (1, 3)


def test_when_another_adapter_is_deleted_nothing_changes(both: EmotionWhisperForAudioClassification) -> None:
    expected = both(SOUND).logits
    both.delete_adapter("three")
    assert labels_of(both) == EIGHT
    torch.testing.assert_close(both(SOUND).logits, expected)


def test_when_all_are_deleted_the_base_model_answers(
    both: EmotionWhisperForAudioClassification, make_model: ModelMaker
) -> None:
    both.delete_adapter(["three", "eight"])
    assert labels_of(both) == labels_of(make_model())
    torch.testing.assert_close(both(SOUND).logits, make_model()(SOUND).logits)


def test_an_adapter_that_is_switched_off_is_saved_with_its_own_labels(
    both: EmotionWhisperForAudioClassification, make_model: ModelMaker, tmp_path: Path
) -> None:
    expected = both(SOUND).logits
    both.disable_adapters()
    both.save_pretrained(tmp_path / "saved")
    assert labels_of(both) == labels_of(make_model())
    loaded = make_model()
    loaded.load_adapter(str(tmp_path / "saved"))
    assert labels_of(loaded) == EIGHT
    torch.testing.assert_close(loaded(SOUND).logits, expected)


@pytest.mark.parametrize("by_saving", [True, False])
def test_what_is_pushed_has_its_labels(
    by_saving: bool, online: HubServer, both: EmotionWhisperForAudioClassification, tmp_path: Path
) -> None:
    repo = f"alice/labels-{by_saving}"
    if by_saving:
        both.save_pretrained(tmp_path / "saved", push_to_hub=True, repo_id=repo, commit_message="Push an adapter")
    else:
        both.push_to_hub(repo)
    path = online.api().hf_hub_download(repo, LABEL_CONFIG_NAME)
    assert list(json.loads(Path(path).read_text())["id2label"].values()) == EIGHT
