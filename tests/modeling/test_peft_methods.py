"""PEFT's methods on our model as on any other: trained, saved, loaded and merged."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import IA3Config, LoHaConfig, LoraConfig, OFTConfig, PeftConfig, PeftModel, get_peft_model

from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification

ATTENTION = ["q_proj", "v_proj"]
METHODS = {
    "LoRA on every linear layer": LoraConfig(target_modules="all-linear"),
    "LoRA on the convolutions": LoraConfig(target_modules=["conv1", "conv2"]),
    "LoRA with a new head": LoraConfig(target_modules=ATTENTION, modules_to_save=["head"]),
    "DoRA": LoraConfig(target_modules=ATTENTION, use_dora=True),
    "LoHa": LoHaConfig(target_modules=ATTENTION),
    "IA3": IA3Config(target_modules=["k_proj", "v_proj", "fc2"], feedforward_modules=["fc2"]),
    "OFT": OFTConfig(target_modules=ATTENTION, oft_block_size=4, r=0),
}


@pytest.mark.parametrize("config", METHODS.values(), ids=METHODS.keys())
def test_trained_saved_loaded_and_merged(
    config: PeftConfig, make_model: Callable[..., EmotionWhisperForAudioClassification], tmp_path: Path
) -> None:
    inputs: dict[str, Any] = {"input_features": torch.randn(2, 80, 60), "attention_mask": torch.ones(2, 60)}
    inputs["attention_mask"][1, 31:] = 0
    before = make_model()(**inputs).logits
    model = get_peft_model(make_model(), config)
    optimizer = torch.optim.SGD([weight for weight in model.parameters() if weight.requires_grad], lr=0.5)
    for _ in range(2):
        model(**inputs, labels=torch.tensor([0, 3])).loss.backward()
        optimizer.step()
    model.eval()
    expected = model(**inputs).logits
    assert not torch.allclose(expected, before, atol=1e-3)

    model.save_pretrained(tmp_path)
    loaded = PeftModel.from_pretrained(make_model(), tmp_path).eval()
    torch.testing.assert_close(loaded(**inputs).logits, expected)
    torch.testing.assert_close(model.merge_and_unload()(**inputs).logits, expected, atol=1e-4, rtol=1e-4)
