"""The model: shapes, batches, pooling, losses on clips and frames, and numeric types."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers.models.whisper.modeling_whisper import sinusoids

from audio_emotion.modeling.feature_extraction_emotion_whisper import EmotionWhisperFeatureExtractor
from audio_emotion.modeling.losses_emotion_whisper import intensity_loss, soft_cross_entropy
from audio_emotion.modeling.modeling_emotion_whisper import EmotionWhisperForAudioClassification

MakeModel = Callable[..., EmotionWhisperForAudioClassification]
MakeClip = Callable[..., np.ndarray]
VARIANTS = [
    {},
    {"pooling": "attention"},
    {"layer_mix": True},
    {"layer_mix": True, "pooling": "attention"},
    {"pad_to_window": True},
]


@pytest.fixture(params=VARIANTS, ids=lambda fields: "+".join(fields) or "plain")
def model(request: pytest.FixtureRequest, make_model: MakeModel) -> EmotionWhisperForAudioClassification:
    return make_model(**request.param)


@pytest.fixture
def make_inputs(make_clip: MakeClip) -> Callable[..., dict[str, torch.Tensor]]:
    """Makes a model's inputs from clips of given lengths in samples."""

    def make(model: EmotionWhisperForAudioClassification, *lengths: int) -> dict[str, torch.Tensor]:
        extractor = EmotionWhisperFeatureExtractor.from_model_config(model.config)
        clips = [make_clip(num_samples, seed) for seed, num_samples in enumerate(lengths)]
        return dict(extractor(clips, return_tensors="pt"))

    return make


@torch.no_grad()
def test_shapes(model: EmotionWhisperForAudioClassification, make_inputs: Any) -> None:
    outputs = model(**make_inputs(model, 16160, 8000), output_hidden_states=True)
    num_frames = 1500 if model.config.pad_to_window else 51
    assert outputs.logits.shape == (2, 8)
    assert outputs.frame_logits.shape == (2, num_frames, 8)
    assert outputs.frame_log_weights.shape == outputs.frame_mask.shape == (2, num_frames)
    assert outputs.embeddings.shape == (2, 32)
    assert outputs.frame_vectors.shape == (2, num_frames, 32)
    assert outputs.frame_mask.dtype == torch.bool
    assert outputs.frame_mask.sum(dim=1).tolist() == [model.config.num_frames(n) for n in (16160, 8000)]
    assert outputs.loss is None
    assert len(outputs.hidden_states) == 3
    torch.testing.assert_close(outputs.hidden_states[-1], outputs.frame_vectors)


@torch.no_grad()
def test_a_batch_gives_what_its_clips_give_alone(model: EmotionWhisperForAudioClassification, make_inputs: Any) -> None:
    lengths = (16160, 400, 9999, 16000)
    inputs = make_inputs(model, *lengths)
    batch = model(**inputs)
    for row, num_samples in enumerate(lengths):
        num_mel_frames = 3000 if model.config.pad_to_window else num_samples // 160
        alone = model(
            inputs["input_features"][row : row + 1, :, :num_mel_frames],
            inputs["attention_mask"][row : row + 1, :num_mel_frames],
        )
        num_frames = model.config.num_frames(num_samples)
        torch.testing.assert_close(batch.logits[row], alone.logits[0], atol=1e-5, rtol=0)
        torch.testing.assert_close(
            batch.frame_logits[row, :num_frames], alone.frame_logits[0, :num_frames], atol=1e-5, rtol=0
        )


@torch.no_grad()
def test_padding_is_never_read(make_model: MakeModel, make_inputs: Any) -> None:
    for fields in VARIANTS[:-1]:  # in the padded mode the silence is a part of the input
        model = make_model(**fields)
        inputs = make_inputs(model, 16000, 4000)
        expected = model(**inputs)
        padded = inputs["attention_mask"][:, None] == 0
        inputs["input_features"] = inputs["input_features"].masked_fill(padded, float("nan"))
        answer = model(**inputs)
        assert torch.equal(answer.logits, expected.logits)
        assert torch.equal(answer.frame_logits, expected.frame_logits)


@torch.no_grad()
def test_logits_are_pooled_from_frame_logits(model: EmotionWhisperForAudioClassification, make_inputs: Any) -> None:
    outputs = model(**make_inputs(model, 16160, 8000))
    weights = outputs.frame_log_weights.softmax(dim=-1)
    assert torch.equal(weights > 0, outputs.frame_mask)
    pooled = (weights[..., None] * outputs.frame_logits).sum(dim=1)
    torch.testing.assert_close(outputs.logits, pooled, atol=1e-5, rtol=0)
    if model.config.pooling == "mean":
        mean = outputs.frame_logits[1][outputs.frame_mask[1]].mean(dim=0)
        torch.testing.assert_close(outputs.logits[1], mean, atol=1e-5, rtol=0)
    else:
        assert weights[0].std() > 0


def test_a_new_model_weighs_layers_and_frames_alike(make_model: MakeModel) -> None:
    fresh = EmotionWhisperForAudioClassification(make_model(pooling="attention", layer_mix=True).config)
    assert not fresh.pooling.score.weight.any()
    assert not fresh.model.layer_mix.layer_logits.any()
    assert torch.equal(fresh.model.encoder.embed_positions.weight, sinusoids(1500, 32))


@torch.no_grad()
def test_any_nesting_width_answers(make_model: MakeModel, make_inputs: Any) -> None:
    model = make_model()
    inputs = make_inputs(model, 8000)
    full = model(**inputs)
    for width in model.config.nesting_dims:
        outputs = model(**inputs, width=width)
        assert torch.equal(outputs.embeddings, full.embeddings[:, :width])
        torch.testing.assert_close(outputs.logits, model.head(full.embeddings, width))
        torch.testing.assert_close(outputs.frame_logits, model.head(full.frame_vectors, width))
    with pytest.raises(ValueError, match="width must be one of"):
        model(**inputs, width=5)


def test_every_width_trains(make_model: MakeModel, make_inputs: Any) -> None:
    for fields in VARIANTS[:-1]:
        model = make_model(**fields).train()
        model(**make_inputs(model, 8000, 4000), labels=torch.tensor([1, 2])).loss.backward()
        idle = [
            name for name, p in model.named_parameters() if p.requires_grad and (p.grad is None or not p.grad.any())
        ]
        assert not idle, f"{fields}: no gradient reaches {idle}"


def test_the_loss_is_the_mean_over_widths(make_model: MakeModel, make_inputs: Any) -> None:
    model = make_model()
    inputs = make_inputs(model, 8000, 4000)
    soft, mask = torch.rand(2, 8).softmax(dim=-1), torch.tensor([[1] * 8, [1, 1, 0, 0, 0, 1, 0, 1]])
    outputs = model(**inputs, labels=soft, label_mask=mask)
    losses = [soft_cross_entropy(logits, soft, mask) for logits in model.head.all_widths(outputs.embeddings)]
    torch.testing.assert_close(outputs.loss, torch.stack(losses).mean())


def test_class_indices_are_one_hot_labels(make_model: MakeModel, make_inputs: Any) -> None:
    model = make_model()
    inputs = make_inputs(model, 8000, 4000, 6000)
    one_hot = torch.eye(8)[[3, 7, 0]]
    for dtype in (torch.long, torch.int32, torch.uint8):
        torch.testing.assert_close(
            model(**inputs, labels=torch.tensor([3, 7, 0], dtype=dtype)).loss, model(**inputs, labels=one_hot).loss
        )
    one_hot[1] = 0
    torch.testing.assert_close(
        model(**inputs, labels=torch.tensor([3, -100, 0])).loss, model(**inputs, labels=one_hot).loss
    )


def test_frame_labels(make_model: MakeModel, make_inputs: Any) -> None:
    model = make_model()
    inputs = make_inputs(model, 8000, 4000)
    frame_labels = torch.rand(2, 25, 8).softmax(dim=-1)
    frame_labels[0, 20:] = 0  # no target for the end of the first clip
    mask = torch.tensor([[1] * 8, [1, 1, 0, 0, 0, 1, 0, 1]])
    outputs = model(**inputs, frame_labels=frame_labels, label_mask=mask)
    kept = torch.cat([outputs.frame_vectors[0, :20], outputs.frame_vectors[1, :13]])
    targets = torch.cat([frame_labels[0, :20], frame_labels[1, :13]])
    kept_mask = torch.cat([mask[:1].expand(20, 8), mask[1:].expand(13, 8)])
    losses = [soft_cross_entropy(logits, targets, kept_mask) for logits in model.head.all_widths(kept)]
    torch.testing.assert_close(outputs.loss, torch.stack(losses).mean())

    per_frame = mask[:, None].expand(2, 25, 8)
    again = model(**inputs, frame_labels=frame_labels, frame_label_mask=per_frame)
    torch.testing.assert_close(again.loss, outputs.loss)
    clip = model(**inputs, labels=torch.tensor([1, 5]), label_mask=mask)
    both = model(**inputs, labels=torch.tensor([1, 5]), label_mask=mask, frame_labels=frame_labels)
    torch.testing.assert_close(both.loss, clip.loss + outputs.loss)


def test_intensities(make_model: MakeModel, make_inputs: Any) -> None:
    model = make_model(problem="intensity", num_labels=5)
    inputs = make_inputs(model, 8000, 4000)
    targets, mask = torch.rand(2, 5), torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    outputs = model(**inputs, labels=targets, label_mask=mask)
    losses = [intensity_loss(logits, targets, mask) for logits in model.head.all_widths(outputs.embeddings)]
    torch.testing.assert_close(outputs.loss, torch.stack(losses).mean())
    silent = model(**inputs, frame_labels=torch.zeros(2, 25, 5), frame_label_mask=torch.ones(2, 25, 5)).loss
    assert silent > 0  # frames without any intensity are targets too, where the mask knows them


@pytest.mark.parametrize(
    ("fields", "labels", "message"),
    [
        ({}, {"labels": torch.zeros(2, 5)}, r"floats of shape \(batch, 8\) or class indices"),
        ({}, {"labels": torch.zeros(2, 8, dtype=torch.long)}, "labels must be"),
        ({"problem": "intensity"}, {"labels": torch.tensor([1, 2])}, r"floats of shape \(batch, 8\), got"),
        ({}, {"frame_labels": torch.zeros(2, 24, 8)}, r"\(2, 25, 8\)"),
        ({}, {"frame_labels": torch.zeros(2, 25, 8, dtype=torch.long)}, "frame_labels must be floats"),
    ],
)
def test_refuses(make_model: MakeModel, make_inputs: Any, fields: Any, labels: Any, message: str) -> None:
    model = make_model(**fields)
    with pytest.raises(ValueError, match=message):
        model(**make_inputs(model, 8000, 4000), **labels)


@torch.no_grad()
def test_eager_and_sdpa_agree(make_model: MakeModel, make_inputs: Any) -> None:
    model = make_model()
    inputs = make_inputs(model, 8000, 4000)
    sdpa = model(**inputs)
    model.set_attn_implementation("eager")
    eager = model(**inputs, output_attentions=True)
    torch.testing.assert_close(eager.logits, sdpa.logits, atol=1e-5, rtol=0)
    assert [attention.shape for attention in eager.attentions] == [(2, 4, 25, 25)] * 2
    assert not eager.attentions[0][1, :, :, 13:].any()


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_weights(make_model: MakeModel, make_inputs: Any, dtype: torch.dtype) -> None:
    for fields in VARIANTS[:-1]:
        model = make_model(**fields)
        inputs = make_inputs(model, 8000, 4000)
        expected = model(**inputs, labels=torch.tensor([1, 2]))
        inputs["input_features"] = inputs["input_features"].to(dtype)
        outputs = model.to(dtype)(**inputs, labels=torch.tensor([1, 2]))
        assert outputs.logits.dtype == dtype
        torch.testing.assert_close(outputs.logits.float(), expected.logits, atol=0.1, rtol=0)
        outputs.loss.backward()
        assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)


@pytest.mark.parametrize("use_reentrant", [False, True])
def test_gradient_checkpointing_changes_no_gradient(
    make_model: MakeModel, make_inputs: Any, use_reentrant: bool
) -> None:
    for fields in ({}, {"layer_mix": True}):
        model = make_model(**fields).train()
        inputs = make_inputs(model, 8000, 4000)
        model(**inputs, labels=torch.tensor([1, 2])).loss.backward()
        expected = {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}
        model.zero_grad()
        word = "activation" if hasattr(model, "activation_checkpointing_enable") else "gradient"  # up to 5.22
        getattr(model, f"{word}_checkpointing_enable")({"use_reentrant": use_reentrant})
        assert getattr(model, f"is_{word}_checkpointing")
        model(**inputs, labels=torch.tensor([1, 2])).loss.backward()
        gradients = {name: p.grad for name, p in model.named_parameters() if p.grad is not None}
        assert gradients.keys() == expected.keys()
        for name, gradient in gradients.items():
            torch.testing.assert_close(gradient, expected[name], atol=1e-6, rtol=1e-4)


def test_dropout_only_in_training(make_model: MakeModel, make_inputs: Any) -> None:
    model = make_model(final_dropout=0.5)
    inputs = make_inputs(model, 8000)
    assert torch.equal(model(**inputs).logits, model(**inputs).logits)
    model.train()
    assert not torch.equal(model(**inputs).logits, model(**inputs).logits)


def test_no_raw_parameter_lies_on_a_model(make_model: MakeModel) -> None:
    model = make_model(layer_mix=True, pooling="attention")
    for module in (model, model.model):
        assert not list(module.named_parameters(recurse=False))  # PEFT's modules_to_save would pass them over


def test_return_tuple(make_model: MakeModel, make_inputs: Any) -> None:
    model = make_model()
    inputs = make_inputs(model, 8000)
    logits = model(**inputs).logits
    asked = model(**inputs, return_dict=False)
    model.config.return_dict = False
    for answer in (asked, model(**inputs)):
        assert isinstance(answer, tuple)
        assert torch.equal(answer[0], logits)


@torch.no_grad()
def test_the_config_asks_for_hidden_states_and_attentions(make_model: MakeModel, make_inputs: Any) -> None:
    model = make_model()
    model.set_attn_implementation("eager")
    inputs = make_inputs(model, 8000)
    model.config.output_hidden_states = model.config.output_attentions = True
    outputs = model(**inputs)
    assert [states.shape for states in outputs.hidden_states] == 3 * [(1, 25, 32)]
    assert [weights.shape for weights in outputs.attentions] == 2 * [(1, 4, 25, 25)]
    assert model(**inputs, output_hidden_states=False).hidden_states is None


@torch.no_grad()
def test_weights_may_lie_on_disk(make_model: MakeModel, make_inputs: Any, tmp_path: Path) -> None:
    model = make_model(pooling="attention", layer_mix=True)
    inputs = make_inputs(model, 8000)
    expected = model(**inputs).logits
    model.save_pretrained(tmp_path)
    model = type(model).from_pretrained(
        tmp_path, device_map="auto", max_memory={"cpu": "230kB"}, offload_folder=tmp_path / "offloaded"
    )
    assert set(model.hf_device_map.values()) == {"cpu", "disk"}
    torch.testing.assert_close(model(**inputs).logits, expected)


def test_the_first_layer_is_found(make_model: MakeModel) -> None:
    model = make_model()
    assert model.get_input_embeddings() is model.model.get_input_embeddings() is model.model.encoder.conv1
