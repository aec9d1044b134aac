"""The moving average of trained weights follows its definition, in short runs as well."""

import pytest
import torch
from torch import nn

from audio_emotion.pipeline.errors_audio_emotion import AudioEmotionError
from audio_emotion.training.moving_average import MovingAverage, put_weights, trained_weights, whole_weights


def run(decay: float, num_steps: int) -> tuple[float, list[float]]:
    """The average after steps whose weight is the step's number, and what the definition makes of it."""
    module = nn.Linear(1, 1, bias=False)
    average = MovingAverage(module, decay)
    expected = [0.0]
    for step in range(num_steps):
        with torch.no_grad():
            module.weight.fill_(float(step))
        average.update(module, step)
        kept = min(decay, (1 + step) / (10 + step)) if step else 0.0
        expected.append(kept * expected[-1] + (1 - kept) * step)
    return average.weights["weight"].item(), expected


@pytest.mark.parametrize("decay", [0.5, 0.99])
@pytest.mark.parametrize("num_steps", [1, 2, 60])
def test_the_average_is_its_definition(decay: float, num_steps: int) -> None:
    found, expected = run(decay, num_steps)
    assert found == pytest.approx(expected[-1], rel=1e-5)


def test_a_short_run_is_averaged_over_its_end() -> None:
    assert run(0.99, 60)[0] > 50
    assert 880 < run(0.99, 1000)[0] < 920  # a hundred steps behind: the decay has reached its value


def test_frozen_weights_are_no_part_of_it() -> None:
    module = nn.Linear(2, 2)
    module.bias.requires_grad_(False)
    average = MovingAverage(module, 0.9)
    assert set(average.weights) == set(trained_weights(module)) == {"weight"}
    assert not average.weights["weight"].requires_grad


def test_weights_are_put_where_they_belong() -> None:
    source, target = nn.Linear(2, 2), nn.Linear(2, 2)
    put_weights(dict(whole_weights(trained_weights(source))), trained_weights(target))
    assert torch.equal(source.weight, target.weight)
    assert torch.equal(source.bias, target.bias)
    with pytest.raises(AudioEmotionError, match=r"lacks \['bias'\] \(1 weights in all\).*recipe.yaml"):
        put_weights({"weight": source.weight}, trained_weights(target))
