"""The losses: what they equal, what they leave out, and that no extreme label makes them NaN."""

import pytest
import torch
from torch import nn

from audio_emotion.modeling.losses_emotion_whisper import intensity_loss, masked_log_softmax, soft_cross_entropy

DTYPES = [torch.float32, torch.float16, torch.bfloat16]


def test_equals_torch_on_one_hot_and_soft_labels() -> None:
    logits, target = torch.randn(6, 8), torch.rand(6, 8).softmax(dim=-1)
    torch.testing.assert_close(soft_cross_entropy(logits, target), nn.functional.cross_entropy(logits, target))
    classes = torch.randint(8, (6,))
    one_hot = nn.functional.one_hot(classes, 8).float()
    torch.testing.assert_close(soft_cross_entropy(logits, one_hot), nn.functional.cross_entropy(logits, classes))


def test_masked_classes_leave_the_softmax() -> None:
    logits = torch.randn(4, 8)
    mask = torch.tensor([1, 1, 0, 0, 1, 1, 0, 1])
    probabilities = masked_log_softmax(logits, mask).exp()
    torch.testing.assert_close(probabilities[:, mask == 1], logits[:, mask == 1].softmax(dim=-1))
    assert not probabilities[:, mask == 0].any()


def test_a_masked_class_has_no_say_in_the_loss() -> None:
    mask = torch.tensor([[1, 1, 0, 1]])
    target = torch.tensor([[0.5, 0.25, 0.9, 0.25]])
    logits = torch.randn(1, 4, requires_grad=True)
    loss = soft_cross_entropy(logits, target, mask)
    loss.backward()
    assert logits.grad is not None and logits.grad[0, 2] == 0 and logits.grad[0, [0, 1, 3]].all()
    shouting = logits.detach().clone()
    shouting[0, 2] = 1e4
    torch.testing.assert_close(soft_cross_entropy(shouting, target, mask), loss.detach())
    torch.testing.assert_close(
        loss.detach(), nn.functional.cross_entropy(logits[:, [0, 1, 3]], torch.tensor([[0.5, 0.25, 0.25]])).detach()
    )


def test_rows_are_scaled_to_distributions() -> None:
    logits, votes = torch.randn(3, 4), torch.tensor([[3.0, 1, 0, 0], [0, 0, 5, 5], [1, 1, 1, 1]])
    shares = votes / votes.sum(dim=-1, keepdim=True)
    torch.testing.assert_close(soft_cross_entropy(logits, votes), soft_cross_entropy(logits, shares))


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("scale", [1.0, 6e4])
def test_extreme_labels_give_finite_losses_and_gradients(dtype: torch.dtype, scale: float) -> None:
    target = torch.tensor([[1, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0, 1, 0, 0], [0, 1, 0, 0], [0, 0, 0, 0]])
    mask = torch.tensor([[1, 1, 1, 1], [1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0], [1, 1, 1, 1]])
    logits = (scale * torch.tensor([1.0, -1.0, 0.5, 0.0]).expand(5, 4)).to(dtype).requires_grad_()
    for loss_function in (soft_cross_entropy, intensity_loss):
        logits.grad = None
        loss = loss_function(logits, target.to(dtype), mask)
        assert loss.dtype == torch.float32 and loss.isfinite()
        loss.backward()
        assert logits.grad is not None and logits.grad.isfinite().all()
        assert not logits.grad[3].any()  # all classes masked: nothing to learn


def test_a_single_allowed_class_costs_nothing() -> None:
    mask = torch.tensor([[0, 1, 0]])
    assert soft_cross_entropy(torch.randn(1, 3), torch.tensor([[0.0, 1.0, 0.0]]), mask) == 0


@pytest.mark.parametrize("loss_function", [soft_cross_entropy, intensity_loss])
def test_rows_with_nothing_to_say_do_not_thin_the_mean(loss_function: nn.Module) -> None:
    logits, target = torch.randn(3, 4), torch.rand(3, 4)
    mask = torch.tensor([[1, 1, 1, 1], [0, 0, 0, 0], [1, 1, 1, 1]])
    torch.testing.assert_close(loss_function(logits, target, mask), loss_function(logits[[0, 2]], target[[0, 2]]))
    assert loss_function(logits, target, torch.zeros(3, 4)) == 0


@pytest.mark.parametrize("loss_function", [soft_cross_entropy, intensity_loss])
def test_row_weights(loss_function: nn.Module) -> None:
    logits, target = torch.randn(2, 3, 4), torch.rand(2, 3, 4)
    weights = torch.tensor([[1.0, 0, 3], [0, 0, 0]])
    expected = (loss_function(logits[0, 0], target[0, 0]) + 3 * loss_function(logits[0, 2], target[0, 2])) / 4
    torch.testing.assert_close(loss_function(logits, target, weights=weights), expected)


def test_unknown_targets_may_hold_anything() -> None:
    logits, mask = torch.randn(2, 3), torch.tensor([[1, 1, 0], [1, 1, 0]])
    clean, unknown = torch.tensor([[0.5, 0.5, 0.0]] * 2), torch.tensor([[0.5, 0.5, float("nan")]] * 2)
    for loss_function in (soft_cross_entropy, intensity_loss):
        assert loss_function(logits, unknown, mask) == loss_function(logits, clean, mask)


def test_intensity_loss_is_smallest_at_the_target() -> None:
    targets = torch.tensor([[0.0, 0.3, 1.0]])
    logits = torch.tensor([[-20.0, torch.logit(torch.tensor(0.3)), 20.0]], requires_grad=True)
    intensity_loss(logits, targets).backward()
    assert logits.grad is not None and logits.grad.abs().max() < 1e-6
