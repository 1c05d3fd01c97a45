"""The last adjustments of a trained generator: normalisations, and fractions of the phases.

Both look at volumes that the finished network makes of random numbers of their own.
"""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from matvir.micrograph.encoding import TrainingData
from matvir.models.images import ImageModel
from matvir.models.slicegan import Generator, Latents, as_values
from matvir.storage.images import distinct_planes

# Passes over the phases in search of their offsets; each is cheap and halves the error or better.
PASSES = 30
# Voxels looked at along each axis: every third one, neighbours being alike.
SPACING = 3
# Values beyond this many times the tanh's width are black or white.
LARGEST_SHIFT = 8.0


@torch.no_grad()
def settle_normalisations(network: Generator | ImageModel, latents: Latents | Tensor) -> None:
    """Give every batch normalisation the statistics of its input over all of ``latents``.

    All volumes are one batch, so that each layer's statistics are those it sees in evaluation mode.
    Statistics collected in training are of other weights, and of volumes normalised one by one.

    Parameters
    ----------
    network : Generator or ImageModel
        Changed in place and left in evaluation mode.
    latents : Latents, or Tensor of an image model
        Of enough volumes to stand for all.
    """
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d | nn.BatchNorm3d):
            module.reset_running_stats()
            module.momentum = 1.0  # the statistics of this batch alone
    network.train()
    if isinstance(network, Generator):
        assert isinstance(latents, Latents)
        network.hidden(latents)
    else:
        assert isinstance(latents, Tensor)
        network.logits(latents)
    network.eval()


@torch.no_grad()
def match_fractions(network: Generator, latents: Latents, fractions: Sequence[float]) -> None:
    """Shift the biases of the last layer until each phase has its share of the labels.

    Parameters
    ----------
    network : Generator
        In evaluation mode; changed in place.
    latents : Latents
        Of the volumes that are counted.
    fractions : sequence of float
        Volume fraction of each phase.
    """
    # One by one: a volume has far more voxels than are counted.
    coarse = [network.logits(one)[0, :, ::SPACING, ::SPACING, ::SPACING] for one in latents]
    logits = torch.cat([one.flatten(1) for one in coarse], dim=1).T
    bias = network.convolutions[-1].bias
    assert isinstance(bias, Tensor)
    bias += offsets_for_fractions(logits, fractions)


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


@torch.no_grad()
def match_means(network: Generator, latents: Latents, means: Sequence[float]) -> None:
    """Shift the biases of the last layer until each channel's values have their mean.

    Parameters
    ----------
    network : Generator
        Of grey values or colours, in evaluation mode; changed in place.
    latents : Latents
        Of the volumes that are measured.
    means : sequence of float
        Of each channel, in 0 .. 1.
    """
    coarse = [network.logits(one)[0, :, ::SPACING, ::SPACING, ::SPACING] for one in latents]
    logits = torch.cat([one.flatten(1) for one in coarse], dim=1)
    bias = network.convolutions[-1].bias
    assert isinstance(bias, Tensor)
    wanted = torch.as_tensor(means, device=logits.device)
    low, high = torch.full_like(wanted, -LARGEST_SHIFT), torch.full_like(wanted, LARGEST_SHIFT)
    for _ in range(PASSES):  # the mean grows with the shift
        middle = (low + high) / 2
        too_low = as_values(logits + middle[:, None]).mean(dim=1) < wanted
        low, high = torch.where(too_low, middle, low), torch.where(too_low, high, middle)
    bias += (low + high) / 2


def fractions_of(data: TrainingData) -> list[float]:
    """Return the fraction of each phase in all sections that train, what is masked left out.

    Of images that keep their values it is the mean of each channel, in 0 .. 1.
    """
    if data.kind != "phases":
        arrays = [sections for _, sections in distinct_planes(data.sections)]
        pixels = [one.swapaxes(0, 1).reshape(data.n_phases, -1) for one in arrays]
        return [float(x) for x in np.concatenate(pixels, axis=1).mean(axis=1) / 255]
    distinct = [sections for _, sections in distinct_planes(data.sections)]
    counts = np.sum([s.sum(axis=(0, 2, 3), dtype=np.int64) for s in distinct], axis=0)
    return [float(share) for share in counts / counts.sum()]
