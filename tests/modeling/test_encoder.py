"""The encoder: Whisper's own on a full window, and the same vectors with and without padding on any other."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from transformers import WhisperConfig
from transformers.models.whisper.modeling_whisper import WhisperEncoder

from audio_emotion.modeling.encoder_emotion_whisper import EmotionWhisperEncoder

MakeConfig = Callable[..., WhisperConfig]


@pytest.fixture
def make_pair(
    whisper_config: MakeConfig, shuffle_weights: Callable[[nn.Module], None]
) -> Callable[..., tuple[EmotionWhisperEncoder, WhisperEncoder]]:
    """Makes our encoder and transformers' with the same weights."""

    def make(**fields: Any) -> tuple[EmotionWhisperEncoder, WhisperEncoder]:
        ours = EmotionWhisperEncoder(whisper_config(**fields)).eval()
        shuffle_weights(ours)
        theirs = WhisperEncoder(whisper_config(**fields)).eval()
        theirs.load_state_dict(ours.state_dict())
        return ours, theirs

    return make


@pytest.fixture
def encoder(make_pair: Callable[..., tuple[EmotionWhisperEncoder, WhisperEncoder]]) -> EmotionWhisperEncoder:
    return make_pair()[0]


def mask_of(*lengths: int) -> torch.Tensor:
    return (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()


@pytest.mark.parametrize("num_mel_bins", [80, 128])
@torch.no_grad()
def test_a_full_window_is_whispers(make_pair: Any, num_mel_bins: int) -> None:
    ours, theirs = make_pair(num_mel_bins=num_mel_bins)
    features = torch.randn(1, num_mel_bins, 3000)
    expected = theirs(features, output_hidden_states=True)
    answer = ours(features, torch.ones(1, 3000), output_hidden_states=True)
    torch.testing.assert_close(answer.last_hidden_state, expected.last_hidden_state, atol=1e-5, rtol=0)
    assert len(answer.hidden_states) == len(expected.hidden_states) == 3
    for state, expected_state in zip(answer.hidden_states, expected.hidden_states, strict=True):
        torch.testing.assert_close(state, expected_state, atol=1e-5, rtol=0)


@torch.no_grad()
def test_a_full_window_is_whispers_with_real_weights(shared_dir: Path) -> None:
    folder = shared_dir / "encoders" / "whisper-base"
    theirs = WhisperEncoder.from_pretrained(folder, dtype=torch.float32)
    ours = EmotionWhisperEncoder.from_whisper(folder, WhisperConfig.from_pretrained(folder))
    features = torch.randn(1, 80, 3000, generator=torch.Generator().manual_seed(0))
    difference = ours(features).last_hidden_state - theirs(features).last_hidden_state
    assert difference.abs().max() <= 1e-5


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
@torch.no_grad()
def test_a_batch_gives_what_its_clips_give_alone(encoder: EmotionWhisperEncoder, attention: str) -> None:
    encoder.set_attn_implementation(attention)
    lengths = (101, 2, 1, 64, 37)
    features = torch.randn(len(lengths), 80, max(lengths))
    batch = encoder(features, mask_of(*lengths)).last_hidden_state
    for row, length, vectors in zip(features, lengths, batch, strict=True):
        alone = encoder(row[None, :, :length]).last_hidden_state[0]
        assert len(alone) == (length + 1) // 2
        torch.testing.assert_close(vectors[: len(alone)], alone, atol=1e-5, rtol=0)


@pytest.mark.parametrize("garbage", [float("nan"), float("inf"), -1e30, 7.0])
@torch.no_grad()
def test_what_lies_in_the_padding_is_never_read(encoder: EmotionWhisperEncoder, garbage: float) -> None:
    features = torch.randn(2, 80, 50)
    mask = mask_of(50, 21)
    expected = encoder(features, mask).last_hidden_state
    answer = encoder(features.masked_fill(mask[:, None] == 0, garbage), mask).last_hidden_state
    torch.testing.assert_close(answer, expected, atol=0, rtol=0)


@torch.no_grad()
def test_attention_runs_without_a_mask_where_nothing_is_padded(
    encoder: EmotionWhisperEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    attend = nn.functional.scaled_dot_product_attention

    def spy(*args: Any, attn_mask: torch.Tensor | None = None, **kwargs: Any) -> torch.Tensor:
        seen.append(attn_mask)
        return attend(*args, attn_mask=attn_mask, **kwargs)

    monkeypatch.setattr(nn.functional, "scaled_dot_product_attention", spy)
    encoder(torch.randn(2, 80, 50), mask_of(50, 50))
    encoder(torch.randn(2, 80, 50))
    assert seen == [None] * 4
    encoder(torch.randn(2, 80, 50), mask_of(50, 49))  # the last mel frame of a pair: no frame is lost
    assert seen[4:] == [None] * 2
    encoder(torch.randn(2, 80, 50), mask_of(50, 48))
    assert [mask is None for mask in seen[6:]] == [False] * 2


@pytest.mark.slow
@torch.no_grad()
def test_exports_with_any_batch_and_length(encoder: EmotionWhisperEncoder) -> None:
    features = torch.randn(2, 80, 50)
    mask = mask_of(50, 31)
    dynamic = {0: torch.export.Dim.AUTO, 1: torch.export.Dim.AUTO}
    program = torch.export.export(
        encoder, (features, mask), dynamic_shapes=({0: dynamic[0], 2: torch.export.Dim.AUTO}, dynamic), strict=False
    )
    features, mask = torch.randn(3, 80, 66), mask_of(66, 40, 7)
    exported = program.module()(features, mask).last_hidden_state
    torch.testing.assert_close(exported, encoder(features, mask).last_hidden_state, atol=1e-5, rtol=0)


def test_layer_drop_skips_layers_in_training(make_pair: Any) -> None:
    encoder, _ = make_pair(encoder_layerdrop=1.0)
    features = torch.randn(1, 80, 20)
    full = encoder(features).last_hidden_state
    assert not torch.allclose(encoder.train()(features).last_hidden_state, full)


@pytest.mark.parametrize(
    ("features", "mask", "message"),
    [
        ((1, 40, 100), None, "num_mel_frames"),
        ((80, 100), None, "num_mel_frames"),
        ((1, 80, 3001), None, "1 to 3000 mel frames, got 3001"),
        ((1, 80, 0), None, "1 to 3000 mel frames, got 0"),
        ((2, 80, 10), torch.ones(2, 9), r"\(2, 10\), got \(2, 9\)"),
        ((1, 80, 4), torch.tensor([[0, 1, 1, 1]]), "first frames"),
        ((1, 80, 4), torch.tensor([[1, 0, 1, 0]]), "first frames"),
        ((2, 80, 4), torch.tensor([[1, 1, 1, 1], [0, 0, 0, 0]]), "at least one"),
    ],
)
def test_refuses(
    encoder: EmotionWhisperEncoder, features: tuple[int, ...], mask: torch.Tensor | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        encoder(torch.zeros(features), mask)
