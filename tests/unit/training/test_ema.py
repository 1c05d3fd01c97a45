import torch
from torch import nn

from matvir.training.ema import averaged_copy, update_average


def test_average_follows_its_recursion_with_the_early_warm_up():
    network = nn.Linear(1, 1, bias=False)
    nn.init.constant_(network.weight, 0.0)
    average, expected = averaged_copy(network), 0.0
    for step in range(200):
        nn.init.constant_(network.weight, float(step))
        update_average(average, network, 0.9, step)
        decay = min(0.9, (1 + step) / (10 + step))
        expected = decay * expected + (1 - decay) * step
    assert abs(average.weight.item() - expected) < 1e-3
    assert not average.weight.requires_grad
    # In the steady state a ramp is followed with the lag d / (1 - d) = 9.
    assert abs(average.weight.item() - (199 - 9)) < 0.1


def test_buffers_are_copied():
    network = nn.BatchNorm1d(2)
    average = averaged_copy(network)
    network.running_mean.fill_(3.0)
    update_average(average, network, 0.9, 0)
    assert torch.equal(average.running_mean, torch.tensor([3.0, 3.0]))
