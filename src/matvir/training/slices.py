"""Cutting volumes into the slices that are compared with micrographs."""

from collections.abc import Sequence

import torch
from torch import Tensor


def all_slices(volumes: Tensor, axis: int) -> Tensor:
    """Return every slice of ``volumes`` perpendicular to ``axis``.

    Parameters
    ----------
    volumes : Tensor of shape (B, C, D, H, W)
        Volumes.
    axis : int
        0, 1 or 2 for planes perpendicular to D, H or W.

    Returns
    -------
    Tensor of shape (B * size of the axis, C, rows, columns)
        The slices; rows and columns keep the order of the two axes that are left.
    """
    return volumes.movedim(2 + axis, 1).flatten(0, 1)


def random_slices(volumes: Tensor, axis: int, n: int, random: torch.Generator) -> Tensor:
    """Return ``n`` slices perpendicular to ``axis`` at distinct random positions of each volume.

    Returns
    -------
    Tensor of shape (B * n, C, rows, columns)
        The slices; all of them if ``n`` is not below the size of the axis.
    """
    size = volumes.shape[2 + axis]
    chosen = torch.randperm(size, generator=random, device=random.device)[:n]
    return volumes.index_select(2 + axis, chosen).movedim(2 + axis, 1).flatten(0, 1)


def plane_groups(isotropic: bool) -> Sequence[tuple[int, ...]]:
    """Return which axes share one set of micrographs: all of an isotropic material do."""
    return [(0, 1, 2)] if isotropic else [(0,), (1,), (2,)]
