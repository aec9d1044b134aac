"""Masks and soft labels at their extremes: one-hot, uniform, a single allowed class, half precision, huge logits."""

import numpy as np
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from audio_emotion.modeling.losses_emotion_whisper import masked_log_softmax, soft_cross_entropy

EXAMPLES = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
NUM_LABELS = 8
LOGITS = st.lists(st.floats(-6e4, 6e4, width=16), min_size=NUM_LABELS, max_size=NUM_LABELS).map(torch.tensor)
MASKS = st.lists(st.booleans(), min_size=NUM_LABELS, max_size=NUM_LABELS).filter(any).map(torch.tensor)
SINGLE = st.integers(0, NUM_LABELS - 1).map(lambda index: torch.arange(NUM_LABELS) == index)
ONE_HOT = SINGLE.map(torch.Tensor.float)
SHARES = st.lists(st.integers(0, 9), min_size=NUM_LABELS, max_size=NUM_LABELS).filter(any)
LABELS = st.one_of(ONE_HOT, st.just(torch.full((NUM_LABELS,), 1 / NUM_LABELS)), SHARES.map(torch.tensor))
DTYPES = st.sampled_from([torch.float16, torch.bfloat16, torch.float32, torch.float64])


@EXAMPLES
@given(LOGITS, st.one_of(MASKS, SINGLE), DTYPES)
def test_the_allowed_classes_share_all_probability(logits, mask, dtype):
    log_probabilities = masked_log_softmax(logits.to(dtype), mask)
    assert log_probabilities.dtype == torch.float32
    assert log_probabilities[mask].isfinite().all()
    assert (log_probabilities[~mask] == -torch.inf).all()
    assert abs(float(log_probabilities.double().exp().sum()) - 1) < 1e-5
    torch.testing.assert_close(log_probabilities[mask], logits.to(dtype).float()[mask].log_softmax(-1))


@EXAMPLES
@given(LOGITS, LABELS, st.one_of(MASKS, SINGLE))
def test_the_loss_is_finite_and_its_gradient_is_the_difference_of_distributions(logits, label, mask):
    logits.requires_grad_()
    loss = soft_cross_entropy(logits[None], label[None], mask[None])
    loss.backward()
    target = label.double() * mask
    expected = torch.zeros(NUM_LABELS)
    if target.sum() > 0:
        target /= target.sum()
        probabilities = masked_log_softmax(logits.detach(), mask).double().exp()
        expected = (probabilities - target).float()
        entropy = -(target[target > 0] * target[target > 0].log()).sum()
        assert loss.item() >= entropy.item() - 1e-5
    assert loss.isfinite()
    torch.testing.assert_close(logits.grad, expected, atol=1e-5, rtol=1e-4)


@EXAMPLES
@given(LABELS, st.one_of(MASKS, SINGLE))
def test_the_loss_of_the_label_itself_is_its_entropy(label, mask):
    target = label.double() * mask
    if target.sum() == 0:
        return
    target /= target.sum()
    logits = target.clamp_min(1e-30).log().float()
    entropy = -(target[target > 0] * target[target > 0].log()).sum()
    torch.testing.assert_close(soft_cross_entropy(logits, label, mask).double(), entropy, atol=1e-5, rtol=1e-5)


@EXAMPLES
@given(LOGITS, SINGLE, LABELS)
def test_a_single_allowed_class_teaches_nothing(logits, mask, label):
    logits.requires_grad_()
    loss = soft_cross_entropy(logits[None], label[None], mask[None])
    loss.backward()
    assert loss == 0
    assert not logits.grad.any()


@EXAMPLES
@given(st.lists(st.tuples(LOGITS, LABELS, MASKS), min_size=1, max_size=3))
def test_a_batch_is_the_mean_of_its_rows_that_have_a_label(rows):
    logits, labels, masks = (torch.stack([column.float() for column in columns]) for columns in zip(*rows, strict=True))
    counted = ((labels * masks).sum(-1) > 0).tolist()
    single = [float(soft_cross_entropy(*row)) for row, counts in zip(rows, counted, strict=True) if counts]
    together = float(soft_cross_entropy(logits, labels, masks))
    assert np.isclose(together, np.mean(single) if single else 0.0, rtol=1e-5, atol=1e-5)


@EXAMPLES
@given(LOGITS, LABELS, st.permutations(range(NUM_LABELS)))
def test_the_order_of_the_classes_does_not_matter(logits, label, order):
    loss, shuffled = soft_cross_entropy(logits, label), soft_cross_entropy(logits[order], label[order])
    torch.testing.assert_close(loss, shuffled, atol=1e-5, rtol=1e-5)
