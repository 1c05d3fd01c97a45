"""Which state of a training is kept: the one whose volumes are closest to the micrograph.

Critics tell how good a generator is against them, never how good it is. So volumes of the averaged
generator are measured now and then, always those of the same random numbers, which serve for
nothing else: neither training nor any later evaluation sees them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from matvir.micrograph.crops import source_axes
from matvir.micrograph.encoding import TrainingData
from matvir.models.network import Network
from matvir.settings.models import SelectionConfig
from matvir.training.correlations import symmetrised, two_point_correlations
from matvir.training.slices import all_slices

# Slices looked at in each volume: every fourth one, neighbours being alike.
SPACING = 4
# Phases below this fraction count as if they had it.
LEAST_FRACTION = 0.01
# Interfaces rarer than this share of neighbouring pixels count as if they had it.
LEAST_CONTACT = 1e-3


@dataclass(frozen=True)
class Errors:
    """How far generated volumes are from the micrograph.

    Attributes
    ----------
    correlation : float
        Largest error of the two-point correlation of a phase over its fraction, of all phases; of
        grey values or colours over their variance, of all channels.
    area : float
        Largest relative error of the interfacial area between two phases, of all pairs; of grey
        values or colours that of their squared gradient.
    score : float
        Mean of these errors over phases and pairs: the smaller the better.
    """

    correlation: float
    area: float
    score: float


class Validation:
    """Measures generators against a micrograph.

    The micrograph is all of it, what trains and what is held out: a held-out quarter by itself can
    be further from the material than a good generator is.

    Parameters
    ----------
    config : SelectionConfig
        How many volumes are measured, and up to which lag.
    parts : sequence of TrainingData
        The micrograph.
    size : int
        Edge of the volumes in voxels.
    device : torch.device
        Where they are.
    """

    def __init__(
        self,
        config: SelectionConfig,
        parts: Sequence[TrainingData],
        size: int,
        device: torch.device,
    ) -> None:
        edges = [e for part in parts for one in part.sections.values() for e in one.shape[2:]]
        self.reach = min(config.reach, size // 2, *(edge // 2 for edge in edges))
        self.data = parts[0]
        sources = source_axes(self.data, size)
        made = {axis: self._target(parts, axis, device) for axis in set(sources.values())}
        self.targets = {axis: made[source][0] for axis, source in sources.items()}
        self.means = {axis: made[source][1] for axis, source in sources.items()}

    def _target(
        self, parts: Sequence[TrainingData], axis: int, device: torch.device
    ) -> tuple[Tensor, Tensor]:
        """Return the correlations of all sections, each part by its share of the pixels.

        Those of values are of the deviations from their mean, which is returned too; of phases it
        is 0.
        """
        sections = [torch.from_numpy(part.sections_for_axis(axis)).to(device) for part in parts]
        mean = torch.zeros(self.data.n_phases, device=device)
        if self.data.kind.labelled:
            materials = [one.sum(dim=1) for one in sections]
        else:
            sections = [one.float() / 255 for one in sections]
            materials = [torch.ones_like(one[:, 0]) for one in sections]
            pixels = torch.cat([one.transpose(0, 1).flatten(1) for one in sections], dim=1)
            mean = pixels.mean(dim=1)
            sections = [one - mean[:, None, None] for one in sections]
        counts = [int(material.sum()) for material in materials]
        found = [self._correlations(*pair) for pair in zip(sections, materials, strict=True)]
        total = torch.stack([n * one for n, one in zip(counts, found, strict=True)]).sum(dim=0)
        return total / sum(counts), mean

    def _correlations(self, images: Tensor, material: Tensor | None = None) -> Tensor:
        found = two_point_correlations(images, self.reach, material)
        data = self.data
        return symmetrised(found, mirror=data.mirror, quarter_turns=data.quarter_turns)

    @torch.no_grad()
    def __call__(self, network: Network, logits: Tensor) -> Errors:
        """Return the errors of volumes that a finished generator made, (B, n_phases, D, H, W)."""
        labelled = self.data.kind.labelled
        volumes = logits.argmax(dim=1, keepdim=True) if labelled else network.decode(logits)
        phases = torch.arange(self.data.n_phases, device=logits.device).view(1, -1, 1, 1)
        by_axis = []
        for axis, target in self.targets.items():
            slices = all_slices(volumes, axis)[::SPACING]
            if labelled:
                found = self._correlations((slices == phases).to(torch.uint8))
                parts = relative_errors(found, target, self.data.n_phases)
            else:
                centred = slices - self.means[axis][:, None, None]
                parts = value_errors(self._correlations(centred), target, self.data.n_phases)
            by_axis.append(torch.cat(parts))
        errors = torch.stack(by_axis).mean(dim=0)
        correlation, area = errors.split([self.data.n_phases, len(errors) - self.data.n_phases])
        return Errors(correlation.max().item(), area.max().item(), errors.mean().item())


def relative_errors(found: Tensor, target: Tensor, n_phases: int) -> tuple[Tensor, Tensor]:
    """Return the errors of correlations and of interfacial areas.

    Parameters
    ----------
    found, target : Tensor of shape (n_pairs, 2 * reach + 1, 2 * reach + 1)
        As `two_point_correlations` returns them.
    n_phases : int
        Number of phases.

    Returns
    -------
    correlations : Tensor of shape (n_phases,)
        Largest difference of a phase's autocorrelations within the reach, over its fraction.
    areas : Tensor of shape (n_pairs of different phases,)
        Relative difference of the share of neighbouring pixels that are of both phases.
    """
    first, second = torch.triu_indices(n_phases, n_phases, device=found.device).unbind()
    reach = found.shape[-1] // 2
    lags = torch.arange(-reach, reach + 1, device=found.device)
    distance = (lags[:, None] ** 2 + lags**2).sqrt()
    same = first == second
    difference = (found - target).abs()[same] * (distance <= reach)
    fractions = target[same][:, reach, reach]
    ours, theirs = (contacts(one, n_phases) for one in (found, target))
    areas = (ours - theirs).abs() / theirs.clamp_min(LEAST_CONTACT)
    return difference.amax(dim=(1, 2)) / fractions.clamp_min(LEAST_FRACTION), areas


def value_errors(found: Tensor, target: Tensor, n_channels: int) -> tuple[Tensor, Tensor]:
    """Return the errors of autocovariances and of gradients, of grey values or colours.

    Parameters
    ----------
    found, target : Tensor of shape (n_pairs, 2 * reach + 1, 2 * reach + 1)
        As `two_point_correlations` returns them for deviations from the material's mean.
    n_channels : int
        Number of channels.

    Returns
    -------
    covariances : Tensor of shape (n_channels,)
        Largest difference of a channel's autocovariances within the reach, over its variance.
    gradients : Tensor of shape (n_channels,)
        Relative difference of the mean squared step from a pixel to the next one.
    """
    reach = found.shape[-1] // 2
    first, second = torch.triu_indices(n_channels, n_channels, device=found.device).unbind()
    ours, theirs = (one[first == second] for one in (found, target))
    lags = torch.arange(-reach, reach + 1, device=found.device)
    distance = (lags[:, None] ** 2 + lags**2).sqrt()
    variances = theirs[:, reach, reach].clamp_min(LEAST_FRACTION**2)
    covariances = ((ours - theirs).abs() * (distance <= reach)).amax(dim=(1, 2)) / variances

    def steps(one: Tensor) -> Tensor:
        sides = one[:, reach, reach + 1] + one[:, reach + 1, reach]
        return 2 * one[:, reach, reach] - sides

    gradients = (steps(ours) - steps(theirs)).abs() / steps(theirs).clamp_min(LEAST_CONTACT**2)
    return covariances, gradients


def contacts(correlations: Tensor, n_phases: int) -> Tensor:
    """Return how often neighbouring pixels are of two phases, for each two different phases.

    It is the interfacial area up to a factor that two structures of one material share.

    Parameters
    ----------
    correlations : Tensor of shape (n_pairs, 2 * reach + 1, 2 * reach + 1)
        As `two_point_correlations` returns them.
    n_phases : int
        Number of phases.

    Returns
    -------
    Tensor of shape (n_pairs of different phases,)
        Their correlations at a lag of one pixel, averaged over the four directions.
    """
    first, second = torch.triu_indices(n_phases, n_phases, device=correlations.device).unbind()
    middle = correlations.shape[-1] // 2
    near = correlations[first != second, middle - 1 : middle + 2, middle - 1 : middle + 2]
    return (near[:, 0, 1] + near[:, 2, 1] + near[:, 1, 0] + near[:, 1, 2]) / 4
