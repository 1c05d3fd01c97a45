"""The last adjustments of a trained generator: batch normalisations, and fractions of the phases.

Both look at volumes that the finished network makes of random numbers of their own.
"""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from matvir.storage.image_types import COLOUR

# Passes over the phases in search of their offsets; each is cheap and halves the error or better.
PASSES = 30
# Values beyond this many times the tanh's width are black or white.
LARGEST_SHIFT = 8.0


@torch.no_grad()
def recalibrate(network: nn.Module, run: Callable[[], object]) -> None:
    """Give every batch normalisation the statistics of its input in one pass over a batch.

    So each layer's statistics are those that it sees in evaluation mode. Statistics collected in
    training are of other weights, and of volumes normalised one by one.

    Parameters
    ----------
    network : Module
        Changed in place and left in evaluation mode.
    run : callable
        Passes a batch through the network that is large enough to stand for all.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.reset_running_stats()
            module.momentum = 1.0  # the statistics of this batch alone
    network.train()
    run()
    network.eval()


def offsets_for_fractions(logits: Tensor, fractions: Sequence[float]) -> Tensor:
    """Return what to add to the logits so that each phase is largest at its share of the voxels.

    One phase after the other takes the offset that gives it its share while the others keep theirs.
    That climbs the concave dual of the optimal transport of voxels to phases (F. Aurenhammer et
    al., "Minkowski-type theorems and least-squares clustering", Algorithmica 20, 61 (1998)).

    Parameters
    ----------
    logits : Tensor of shape (n_voxels, n_phases)
        Up to a constant of each voxel.
    fractions : sequence of float
        Share of each phase; their sum is 1.

    Returns
    -------
    Tensor of shape (n_phases,)
        The offsets; their sum is 0.
    """
    n_voxels = len(logits)
    shifted = logits.clone()
    for _ in range(PASSES):
        for phase, share in enumerate(fractions):
            others = torch.cat([shifted[:, :phase], shifted[:, phase + 1 :]], dim=1).amax(dim=1)
            # The phase is largest where its offset exceeds this.
            needed = others - shifted[:, phase]
            rank = min(max(round(share * n_voxels), 1), n_voxels)
            shifted[:, phase] += needed.kthvalue(rank).values
    offsets = shifted[0] - logits[0]
    return offsets - offsets.mean()


def offsets_for_means(logits: Tensor, means: Sequence[float]) -> Tensor:
    """Return what to add to the logits so that each channel's values have their mean.

    Parameters
    ----------
    logits : Tensor of shape (n_voxels, n_channels)
        Of grey values or colours.
    means : sequence of float
        Of each channel, in 0 .. 1.

    Returns
    -------
    Tensor of shape (n_channels,)
        The offsets.
    """
    channels = logits.T
    wanted = torch.as_tensor(means, device=logits.device)
    low, high = torch.full_like(wanted, -LARGEST_SHIFT), torch.full_like(wanted, LARGEST_SHIFT)
    for _ in range(PASSES):  # the mean grows with the shift
        middle = (low + high) / 2
        too_low = COLOUR.decode(channels + middle[:, None]).mean(dim=1) < wanted
        low, high = torch.where(too_low, middle, low), torch.where(too_low, high, middle)
    return (low + high) / 2
