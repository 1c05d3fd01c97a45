"""Control of volume fractions: what a training aims at, and how far its volumes are from it.

A generator can be trained for fixed fractions, by a penalty on the difference between the target
and what is computed, or for a range of them, which it is then given with each volume.
"""

from collections.abc import Callable, Mapping, Sequence

import torch
from torch import Tensor

from matvir.errors import ConfigError
from matvir.micrograph.encoding import TrainingData
from matvir.models.conditioning import draw_fractions
from matvir.settings.build import did_you_mean
from matvir.settings.models import DensityControlConfig
from matvir.training.objective import Terms

# Sums of fractions that are equal to 1 but for rounding.
ROUNDING = 1e-6
# Crops to choose from for each that is to have a given fraction.
CANDIDATES = 8


def complete_fractions(
    wanted: Mapping[str, float], phases: Sequence[str], own: Sequence[float]
) -> list[float]:
    """Return the fraction of every phase, when those of some are wanted.

    Parameters
    ----------
    wanted : mapping of str to float
        Fractions by phase.
    phases : sequence of str
        Names of all phases.
    own : sequence of float
        Their fractions in the material. Phases that are not named share what is left in the same
        proportions.

    Raises
    ------
    ConfigError
        If a phase does not exist, a fraction is outside 0 .. 1, or their sum is not possible.
    """
    for phase, fraction in wanted.items():
        if phase not in phases:
            raise ConfigError(
                f"volume fractions: there is no phase {phase!r}; the phases are "
                f"{', '.join(phases)}{did_you_mean(phase, phases)}."
            )
        if not 0 <= fraction <= 1:
            raise ConfigError(
                f"volume fractions: expected numbers within 0 .. 1, got {phase}={fraction:g}."
            )
    total = sum(wanted.values())
    left = 1 - total
    free = sum(share for phase, share in zip(phases, own, strict=True) if phase not in wanted)
    all_named = len(wanted) == len(phases)
    if left < -ROUNDING or (all_named and left > ROUNDING):
        raise ConfigError(
            f"volume fractions: expected {'a sum of 1' if all_named else 'a sum of at most 1'}, "
            f"got {' + '.join(f'{f:g}' for f in wanted.values())} = {total:g}."
        )
    if not all_named and free == 0 and left > ROUNDING:
        rest = [phase for phase in phases if phase not in wanted]
        raise ConfigError(
            f"volume fractions: {left:g} is left for {', '.join(rest)}, of which the material has "
            "none. Name their fractions too."
        )
    return [
        wanted[phase] if phase in wanted else max(left, 0.0) * share / max(free, ROUNDING)
        for phase, share in zip(phases, own, strict=True)
    ]


def aimed_fractions(config: DensityControlConfig | None, data: TrainingData) -> list[float]:
    """Return the fractions that a training aims at: its targets, or those of the material.

    Raises
    ------
    ConfigError
        If the material has no phases, or cannot have the targets.
    """
    own = data.volume_fractions()
    if config is None:
        return own
    if not data.kind.labelled:
        raise ConfigError(
            "training.density_control: expected a material with phases, got one that keeps its "
            f"{data.kind} values. Set it to null, or 'segmentation.method' to 'otsu'."
        )
    return complete_fractions(config.volume_fractions or {}, data.phases, own)


def density_differences(found: Tensor, targets: Tensor) -> Tensor:
    """Return how far volumes are from their target, per phase.

    Source: the loss of density-controlled SliceGAN, |target - computed| for each phase.

    Parameters
    ----------
    found : Tensor of shape (B, n_phases)
        Volume fractions of generated volumes.
    targets : Tensor of shape (n_phases,) or (B, n_phases)
        One target for their mean, or one for each.

    Returns
    -------
    Tensor of shape (n_phases,)
        Absolute differences; mean over volumes that have targets of their own.
    """
    if targets.ndim == 1:
        return (found.mean(dim=0) - targets).abs()
    return (found - targets).abs().mean(dim=0)


class DensityControl:
    """What a training adds to its loss for the volume fractions.

    Parameters
    ----------
    config : DensityControlConfig or None
        Targets and weight; with None nothing is added.
    data : TrainingData
        Sections of the material.
    device : torch.device
        Where fractions are compared.

    Attributes
    ----------
    fractions : Tensor of shape (n_phases,)
        What all volumes aim at, or the middle of the range of a conditional generator.
    """

    def __init__(
        self, config: DensityControlConfig | None, data: TrainingData, device: torch.device
    ) -> None:
        self.config, self.phases = config, data.phases
        self.fractions = torch.tensor(aimed_fractions(config, data), device=device)

    def draw(self, n_volumes: int, random: torch.Generator) -> Tensor | None:
        """Return targets of volumes, shape (n_volumes, n_phases); None if all have the same."""
        if self.config is None or self.config.range is None:
            return None
        return draw_fractions(self.fractions, self.config.range, n_volumes, random)

    def terms(self, found: Tensor, targets: Tensor | None = None) -> Terms:
        """Return the difference between target and computed fraction of each phase.

        Parameters
        ----------
        found : Tensor of shape (B, n_phases)
            Volume fractions of generated volumes.
        targets : Tensor of shape (B, n_phases), optional
            What `draw` returned.
        """
        if self.config is None:
            return {}
        differences = density_differences(found, self.fractions if targets is None else targets)
        return {
            f"density_difference_{phase}": (self.config.weight, difference)
            for phase, difference in zip(self.phases, differences, strict=True)
        }


def crops_with_fractions(
    draw: Callable[[int], Tensor], targets: Tensor, of_volumes: Tensor, random: torch.Generator
) -> Tensor:
    """Return real crops that could be slices of volumes with given fractions.

    Slices of one volume differ in their fractions. So a crop for a target is the one of several
    that comes closest to the target and a deviation, drawn from those of crops and scaled to the
    variance that slices have within a volume. (With all of their variance crops were further from
    their targets, and volumes had twice the surface after as many steps.)

    Parameters
    ----------
    draw : callable
        Returns so many random crops, shape (n, n_phases, H, W), one-hot.
    targets : Tensor of shape (n, n_phases)
        Fractions of the volume that each crop is to be of.
    of_volumes : Tensor of shape (n_phases,)
        Variance of the fractions of volumes in the material.
    random : torch.Generator
        Source of the deviations.

    Returns
    -------
    Tensor of shape (n, n_phases, H, W)
        The crops.
    """
    crops = draw(CANDIDATES * len(targets))
    found = crops.mean(dim=(2, 3))
    deviations = found - found.mean(dim=0)
    within = 1 - of_volumes / found.var(dim=0).clamp_min(1e-12)
    chosen = torch.randint(len(found), (len(targets),), generator=random, device=random.device).to(
        found.device
    )
    wanted = targets + deviations[chosen] * within.clamp_min(0).sqrt()
    return crops[torch.cdist(wanted, found).argmin(dim=1)]
