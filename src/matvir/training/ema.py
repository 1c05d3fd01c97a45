"""Exponential moving average of a network's weights."""

from copy import deepcopy
from typing import TypeVar

import torch
from torch import nn

Copied = TypeVar("Copied", bound=nn.Module)


def averaged_copy(network: Copied) -> Copied:
    """Return a copy of ``network`` that takes no gradients, as the start of its average."""
    return deepcopy(network).requires_grad_(False)


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, decay: float, step: int) -> None:
    """Move ``average`` towards ``network``: ``average = d * average + (1 - d) * network``.

    Parameters
    ----------
    average, network : Module
        Two networks of the same architecture; the first is changed in place.
    decay : float
        Upper limit of d, in 0 .. 1. Early in training d is ``(1 + step) / (10 + step)``, so that
        the random start is forgotten.
    step : int
        Number of steps done so far.
    """
    weight = 1.0 - min(decay, (1 + step) / (10 + step))
    for mean, current in zip(average.parameters(), network.parameters(), strict=True):
        mean.lerp_(current, weight)
    for kept, newest in zip(average.buffers(), network.buffers(), strict=True):
        kept.copy_(newest)
