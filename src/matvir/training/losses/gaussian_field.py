"""Two-point correlations of cut Gaussian fields beside those of a material's sections.

The correlations of a cut field follow from its covariance, so nothing has to be generated for a
step, see `matvir.models.gaussian_field`.
"""

from collections.abc import Sequence
from itertools import permutations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from matvir.errors import InputError
from matvir.micrograph.encoding import TrainingData
from matvir.models.gaussian_field import GaussianField
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import GaussianFieldConfig
from matvir.storage.images import distinct_planes
from matvir.training.correlations import symmetrised, two_point_correlations
from matvir.training.objective import Moment, Objective

# Phases below this fraction count as if they had it.
LEAST_FRACTION = 1e-4
# Phases whose orders are all tried, 720 of them.
MOST_ORDERED = 6


class GaussianFieldFit(Objective):
    """One update of the kernels."""

    config: GaussianFieldConfig

    def __init__(
        self,
        model: ModelConfig,
        generator: GaussianField,
        data: TrainingData,
        device: torch.device,
        *_: object,
    ) -> None:
        super().__init__(model, generator)
        # By axis, of slices perpendicular to it.
        self.targets = targets(data, 2 * generator.radius, device)
        generator.cut_at(data.volume_fractions(), best_order(list(self.targets.values())))
        # An isotropic material looks alike along all axes.
        generator.log_stretches.requires_grad_(not data.isotropic)
        parameters = [one for one in generator.parameters() if one.requires_grad]
        self.optimise("generator", parameters)

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one update of the kernels; ``loss`` is the mean of `correlation_loss` over axes."""
        kernels = self.generator.kernels()
        losses = []
        for axis, target in self.targets.items():
            found = self.generator.autocorrelations(kernels, axis, target.shape[-1] // 2)
            losses.append(correlation_loss(found, target))
        loss = torch.stack(losses).mean()
        self.minimise("generator", loss)
        return {"loss": loss.detach()}, self.generator.sample(1, 1, moment.random)


def targets(data: TrainingData, reach: int, device: torch.device) -> dict[int, Tensor]:
    """Return the autocorrelations of all phases in the sections perpendicular to each axis.

    Returns
    -------
    dict of int to Tensor of shape (n_phases, n, n)
        Lags run up to ``reach`` voxels, or half an edge of the material in the sections if that is
        less. Of an isotropic material there is one entry, of all sections that show as many lags,
        by their pixels.

    Raises
    ------
    InputError
        If sections are too narrow for any lag.
    """
    planes = distinct_planes(data.sections)
    reaches = [min(reach, _extent(sections) // 2) for _, sections in planes]
    if data.isotropic:
        # What is too small for as many lags as others show, as the sides of a thin stack, is left.
        chosen = [index for index, one in enumerate(reaches) if one == max(reaches)]
        planes, reaches = [planes[i] for i in chosen], [reaches[i] for i in chosen]
    if min(reaches) < 1:
        raise InputError(
            "expected sections of at least 2 pixels along rows and columns, got "
            f"{[sections.shape[2:] for _, sections in planes]}. Give a larger image, or hold out "
            "less of it."
        )
    found, counts = {}, []
    for (axes, sections), reached in zip(planes, reaches, strict=True):
        images = torch.from_numpy(sections).to(device)
        material = images.sum(dim=1)
        pairs = two_point_correlations(images, reached, material)
        pairs = symmetrised(pairs, mirror=data.mirror, quarter_turns=data.quarter_turns)
        first, second = torch.triu_indices(data.n_phases, data.n_phases).unbind()
        found[axes] = pairs[first == second]
        counts.append(int(material.sum()))
    if data.isotropic:
        shares = zip(counts, found.values(), strict=True)
        return {0: torch.stack([n * one for n, one in shares]).sum(dim=0) / sum(counts)}
    return {axis: one for axes, one in found.items() for axis in axes}


def _extent(sections: NDArray[np.uint8]) -> int:
    """Return the shorter edge of the smallest box that the material in sections lies in."""
    material = sections.max(axis=(0, 1))
    edges = np.flatnonzero(material.any(axis=0)), np.flatnonzero(material.any(axis=1))
    return min(int(edge[-1] - edge[0]) + 1 for edge in edges)


def best_order(targets: Sequence[Tensor]) -> tuple[int, ...]:
    """Return the order of cutting that suits a material best.

    Fields can have nearly any correlations of all phases but the last, whose own then follow: what
    is not cut at any of the fields. The phase that fits this best comes last. Of more than
    `MOST_ORDERED` phases there are too many orders to try; those come by their fractions.

    Parameters
    ----------
    targets : sequence of Tensor of shape (n_phases, n, n)
        Autocorrelations of the phases in planes, lag 0 in the middle.
    """
    along, at_zero = [], []
    for target in (one.double().cpu().numpy() for one in targets):
        middle = target.shape[-1] // 2
        along += [target[:, middle, middle + 1 :], target[:, middle + 1 :, middle]]
        at_zero.append(target[:, middle, middle])
    cuts, fractions = np.concatenate(along, axis=1), np.mean(at_zero, axis=0)
    if len(fractions) > MOST_ORDERED:
        return tuple(int(phase) for phase in np.argsort(-fractions, kind="stable"))

    def misfit(order: Sequence[int]) -> float:
        rest, uncut = np.ones_like(cuts[0]), 1.0
        for phase in order[:-1]:
            share = fractions[phase] / max(uncut, LEAST_FRACTION)
            rest = (1 - 2 * share) * rest + cuts[phase]
            uncut -= fractions[phase]
        error = np.abs(rest - cuts[order[-1]]).mean()
        return float(error / max(uncut * (1 - uncut), LEAST_FRACTION))

    return min(permutations(range(len(fractions))), key=misfit)


def spread(fractions: Tensor) -> Tensor:
    """Return by how much the autocorrelations of phases fall from lag 0 to far lags."""
    return (fractions * (1 - fractions)).clamp_min(LEAST_FRACTION)


def correlation_loss(found: Tensor, target: Tensor) -> Tensor:
    """Return the mean squared error of autocorrelations over their range.

    Each octave of distances counts as much as any other: the nearest lags tell the surface, the
    others the size of particles.

    Parameters
    ----------
    found, target : Tensor of shape (n_phases, 2 * reach + 1, 2 * reach + 1)
        Autocorrelations of phases in a plane.
    """
    reach = target.shape[-1] // 2
    lags = torch.arange(-reach, reach + 1, device=target.device)
    squares = lags[:, None] ** 2 + lags**2
    weights = torch.where(squares <= reach**2, 1 / squares.clamp_min(1), 0)
    # At lag 0 they are fractions, which the thresholds see to.
    weights[reach, reach] = 0
    fractions = target[:, reach, reach]
    errors = ((found - target) / spread(fractions)[:, None, None]).square()
    return (weights * errors).sum(dim=(1, 2)).mean() / weights.sum()
