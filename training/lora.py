"""Low-rank updates of the encoder while a run trains, and the plain model that they become."""

from __future__ import annotations

import copy

from peft import LoraConfig, inject_adapter_in_model
from peft.tuners.tuners_utils import BaseTunerLayer

from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification
from audio_emotion.training.recipe import LoraRecipe


def add_lora(model: EmotionWhisperForAudioClassification, recipe: LoraRecipe) -> None:
    """Put untrained updates on the encoder, whose own weights no longer learn; all else is trained as ever."""
    config = LoraConfig(
        r=recipe.rank,
        lora_alpha=recipe.alpha,  # type: ignore[arg-type] # PEFT divides it by the rank, whole or not
        lora_dropout=recipe.dropout,
        target_modules=list(recipe.target_modules),
    )
    inject_adapter_in_model(config, model.model.encoder)


def merge_lora(model: EmotionWhisperForAudioClassification) -> EmotionWhisperForAudioClassification:
    """The model with the updates of `add_lora` added to its weights: a copy where there are any, else itself."""
    if not any(isinstance(module, BaseTunerLayer) for module in model.model.encoder.modules()):
        return model
    if model._hf_peft_config_loaded:  # an adapter, which is saved as such
        return model
    merged = copy.deepcopy(model)
    for name, module in list(merged.model.encoder.named_modules()):
        if isinstance(module, BaseTunerLayer):
            module.merge(safe_merge=True)
            merged.model.encoder.set_submodule(name, module.get_base_layer())
    if hasattr(merged.model.encoder, "peft_config"):
        del merged.model.encoder.peft_config
    return merged
