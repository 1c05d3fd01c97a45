"""How much volume fractions vary from volume to volume, as a loss.

Source of the variance from the covariance: B. Lu and S. Torquato, "Local volume fraction
fluctuations in heterogeneous media", J. Chem. Phys. 93, 3452 (1990), eq. 2.14.
"""

import torch
from torch import Tensor

from matvir.training.correlations import two_point_correlations

# Variances below that of a deviation of 0.3 % count as if they were that.
LEAST_VARIANCE = 1e-5
# Keeps the loss from falling without end where volumes happen to be alike.
SOFTENING = 0.1


def variances_in_cubes(sections: Tensor, size: int) -> Tensor:
    """Return the variance of the volume fractions of cubes, as sections of the material imply it.

    It is the integral of the covariance over all pairs of points in a cube, that of an isotropic
    material, which sections show. From the lag on at which the covariance first falls to zero it
    counts as zero: further out, that of one micrograph is mostly chance.

    Parameters
    ----------
    sections : Tensor of shape (n_sections, n_phases, H, W), uint8
        One-hot; all 0 outside the material.
    size : int
        Edge of the cubes in voxels.

    Returns
    -------
    Tensor of shape (n_phases,)
        At least `LEAST_VARIANCE`.
    """
    # Longer lags have few pairs of points in the sections, and hardly any in the cube.
    reach = min(size, *(edge // 2 for edge in sections.shape[2:]))
    material = sections.sum(dim=1)
    fractions = sections.sum(dim=(0, 2, 3)) / material.sum()
    centred = sections - fractions[:, None, None] * material[:, None]
    pairs = two_point_correlations(centred, reach, material)
    first, second = torch.triu_indices(len(fractions), len(fractions), device=pairs.device).unbind()
    covariance = _radial(pairs[first == second])
    covariance = covariance * (torch.cumsum(covariance <= 0, dim=1) == 0)
    lags = torch.arange(-reach, reach + 1, device=pairs.device)
    share = (1 - lags.abs() / size).clamp_min(0) / size  # of the pairs of points at each lag
    weight = share[:, None, None] * share[:, None] * share
    distance = _distance(lags, 3)
    within = distance <= reach
    variances = (covariance[:, distance[within]] * weight[within]).sum(dim=1)
    return variances.clamp_min(LEAST_VARIANCE)


def _distance(lags: Tensor, n_axes: int) -> Tensor:
    """Return the rounded length of every lag vector, shape (n_lags,) * n_axes."""
    grids = torch.meshgrid(*[lags] * n_axes, indexing="ij")
    return torch.stack(grids).float().norm(dim=0).round().long()


def _radial(maps: Tensor) -> Tensor:
    """Return the means of maps of lags, shape (n, 2 r + 1, 2 r + 1), over lags of 0, 1 .. r."""
    reach = maps.shape[-1] // 2
    distance = _distance(torch.arange(-reach, reach + 1, device=maps.device), 2)
    rings = [maps[:, distance == length].mean(dim=1) for length in range(reach + 1)]
    return torch.stack(rings, dim=1)


def fluctuation_loss(found: Tensor, targets: Tensor, variances: Tensor) -> Tensor:
    """Return a loss that is least where fractions of volumes vary as they should, around the right.

    It is the negative log-likelihood of the sample variance, so that its mean over batches is least
    at the right variance however few volumes a batch has. The error of the mean over all volumes
    adds to the variance; by itself that mean hardly varies, as they are normalised together.

    Parameters
    ----------
    found : Tensor of shape (B, n_phases)
        Fractions of B >= 2 volumes.
    targets : Tensor of shape (n_phases,) or (B, n_phases)
        What their mean should be, or each of them but for its fluctuation.
    variances : Tensor of shape (n_phases,)
        What their variance should be.
    """
    deviations = found - targets
    ratio = (deviations.var(dim=0) + deviations.mean(dim=0) ** 2) / variances
    return (ratio - torch.log(ratio + SOFTENING)).mean()
