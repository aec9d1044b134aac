"""The heads: prefixes, layer mix and attention pooling."""

import pytest
import torch
from torch import nn

from audio_emotion.modeling.heads_emotion_whisper import AttentionPooling, LayerMix, MatryoshkaHead


def test_each_width_reads_its_prefix_alone() -> None:
    head = MatryoshkaHead([4, 8, 16], num_labels=3)
    assert {name for name, _ in head.named_parameters()} == {
        f"nesting_classifier_{index}.{part}" for index in range(3) for part in ("weight", "bias")
    }
    vectors = torch.randn(2, 5, 16)
    for index, (width, logits) in enumerate(zip((4, 8, 16), head.all_widths(vectors), strict=True)):
        classifier = head.get_submodule(f"nesting_classifier_{index}")
        torch.testing.assert_close(logits, classifier(vectors[..., :width]))
        torch.testing.assert_close(logits, head(vectors, width))
        torch.testing.assert_close(logits, head(vectors[..., :width], width))
    torch.testing.assert_close(head(vectors), head(vectors, 16))


def test_an_unknown_width_is_refused() -> None:
    with pytest.raises(ValueError, match=r"one of \[4, 8\], got 5"):
        MatryoshkaHead([4, 8], num_labels=3)(torch.zeros(1, 8), 5)


def test_layer_mix_starts_uniform_and_ignores_scale() -> None:
    outputs = [torch.randn(2, 5, 16) for _ in range(3)]
    mix = LayerMix(3)
    expected = torch.stack([nn.functional.layer_norm(output, (16,)) for output in outputs]).mean(dim=0)
    torch.testing.assert_close(mix(outputs), expected)
    torch.testing.assert_close(mix([outputs[0], 100 * outputs[1] + 7, outputs[2]]), expected, atol=1e-4, rtol=0)


def test_layer_mix_follows_its_weights() -> None:
    outputs = [torch.randn(1, 2, 16) for _ in range(2)]
    mix = LayerMix(2)
    with torch.no_grad():
        mix.layer_logits.copy_(torch.tensor([0.0, 50.0]))
    torch.testing.assert_close(mix(outputs), nn.functional.layer_norm(outputs[1], (16,)))


def test_attention_pooling_scores_each_frame_on_its_own() -> None:
    pooling = AttentionPooling(16, hidden_dim=4)
    vectors = torch.randn(2, 5, 16)
    scores = pooling(vectors)
    assert scores.shape == (2, 5)
    torch.testing.assert_close(pooling(vectors.flip(1)), scores.flip(1))


def test_layer_mix_is_the_weighted_mean_of_normed_layers() -> None:
    torch.manual_seed(0)
    mix = LayerMix(3)
    nn.init.normal_(mix.layer_logits)
    outputs = [torch.randn(2, 5, 16) for _ in range(3)]
    normed = torch.stack([nn.functional.layer_norm(output, (16,)) for output in outputs])
    expected = (mix.layer_logits.softmax(0)[:, None, None, None] * normed).sum(0)
    torch.testing.assert_close(mix(outputs), expected, rtol=0, atol=1e-6)
    (own,) = torch.autograd.grad(mix(outputs).square().sum(), mix.layer_logits)
    (wanted,) = torch.autograd.grad(expected.square().sum(), mix.layer_logits)
    torch.testing.assert_close(own, wanted)
