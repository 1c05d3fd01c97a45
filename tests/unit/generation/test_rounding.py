import numpy as np
import pytest
import torch
from torch.nn import functional

from matvir.generation.rounding import round_kernels, round_weights
from matvir.training.seeding import seeded

HALF = torch.bfloat16


def smooth(random, n_channels=3, sizes=(14, 12, 16)):
    """Draw inputs that are alike at neighbours and not zero on the mean, as in a network."""
    drawn = torch.randn((1, n_channels, *(size + 4 for size in sizes)), generator=random)
    return functional.avg_pool3d(drawn, 5, stride=1).mul(10).add(1).relu()


def test_one_weight_takes_over_what_another_lost():
    """Equal inputs: the sum of both weights is all that matters."""
    weights = torch.tensor([[1.001, 0.01]])
    rounded = round_weights(weights, torch.ones((2, 2), dtype=torch.float64), HALF)
    plain = weights.to(HALF).double().sum() - weights.double().sum()
    assert rounded[0, 0] == 1
    assert abs(rounded.sum() - weights.double().sum()) < 0.05 * abs(plain)


def test_inputs_that_have_nothing_in_common_leave_rounding_to_the_nearest():
    weights = torch.randn((4, 9), generator=seeded(0))
    moments = torch.diag(torch.arange(1.0, 10.0, dtype=torch.float64))
    rounded = round_weights(weights, moments, HALF)
    np.testing.assert_array_equal(rounded, weights.to(HALF).double())


@pytest.mark.parametrize(("edge", "n_out", "n_biases"), [(2, 16, 2), (3, 4, 4)])
def test_outputs_of_rounded_kernels_are_closer_than_those_of_the_nearest(edge, n_out, n_biases):
    random = seeded(1)
    inputs, others = smooth(random), smooth(random)
    kernels = torch.randn((n_out, 3, edge, edge, edge), generator=random)
    bias = 3 * torch.randn(n_biases, generator=random)

    def error(ours, our_bias):
        repeated = our_bias.float().repeat(n_out // n_biases)
        exact = functional.conv3d(others, kernels, bias.repeat(n_out // n_biases))
        return (functional.conv3d(others, ours.float(), repeated) - exact).square().mean().sqrt()

    ours, our_bias = round_kernels(kernels, bias, inputs, HALF)
    assert ours.dtype == our_bias.dtype == HALF
    assert ours.shape == kernels.shape
    assert our_bias.shape == bias.shape
    assert error(ours, our_bias) < 0.5 * error(kernels.to(HALF), bias.to(HALF))


def test_an_input_that_is_always_zero_changes_nothing_else():
    random = seeded(2)
    inputs = smooth(random)
    kernels = torch.randn((4, 3, 2, 2, 2), generator=random)
    bias = torch.randn(4, generator=random)
    inputs[:, 1] = 0
    ours, _ = round_kernels(kernels, bias, inputs, HALF)
    assert torch.isfinite(ours).all()
    np.testing.assert_array_equal(ours[:, 1].float(), kernels[:, 1].to(HALF).float())


def test_many_weights_are_rounded_as_one_by_one(monkeypatch):
    random = seeded(3)
    weights = torch.randn((3, 150), generator=random)
    seen = torch.randn((400, 150), generator=random, dtype=torch.float64).cumsum(dim=1)
    moments = seen.T @ seen / len(seen)
    expected = round_weights(weights, moments, HALF)
    monkeypatch.setattr("matvir.generation.rounding.N_AT_ONCE", 1)
    np.testing.assert_array_equal(round_weights(weights, moments, HALF), expected)
    assert (expected != weights.to(HALF).double()).any()


def test_what_the_sample_hardly_shows_does_not_take_over():
    """An input of a three-hundredth of the other's size would have to change by a third of it."""
    strong = torch.randn(1000, generator=seeded(4), dtype=torch.float64)
    seen = torch.stack([strong, 0.003 * strong], dim=1)
    rounded = round_weights(torch.tensor([[1.001, 1.0]]), seen.T @ seen / len(seen), HALF)
    assert abs(rounded[0, 1] - 1) < 0.01
