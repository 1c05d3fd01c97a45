"""Generators that are given the volume fractions they are to make."""

import logging
from collections.abc import Mapping, Sequence
from copy import deepcopy

from matvir.errors import ConfigError
from matvir.models.conditioning import LEAST_SHARE
from matvir.models.slicegan import Generator
from matvir.training.density import complete_fractions
from matvir.training.seeding import derived_seed, seeded

logger = logging.getLogger(__name__)

# Volumes whose fractions are counted, and their edge in voxels: the mean of so many hardly varies.
N_VOLUMES, EDGE = 64, 96


def aim(
    network: Generator,
    phases: Sequence[str],
    wanted: Mapping[str, float],
    *,
    seed: int,
    extrapolate: bool = False,
) -> Generator:
    """Return a copy of a conditional generator that makes volumes of given fractions.

    The fractions are its input; what it misses them by is then made up for by the biases of its
    last layer, so that labels have them on the mean of many volumes.

    Parameters
    ----------
    network : Generator
        Trained with ``network.conditional``.
    phases : sequence of str
        Names of its phases.
    wanted : mapping of str to float
        Fractions by phase, see `complete_fractions`.
    seed : int
        Determines the volumes that are counted.
    extrapolate : bool
        Whether fractions outside the range that it was trained for are allowed.

    Raises
    ------
    ConfigError
        If the generator is not conditional, or the fractions are not possible or out of range.
    """
    if not network.conditional:
        raise ConfigError(
            "volume fractions: this generator makes those of its material only. Train one with "
            "'network.conditional: true', such as slicegan-conditional."
        )
    own = network.own_fractions.tolist()
    spread = float(network.fraction_range)
    fractions = complete_fractions(wanted, phases, own)
    for phase, fraction, middle in zip(phases, fractions, own, strict=True):
        reach = min(spread, (1 - LEAST_SHARE) * middle)  # as `draw_fractions` in training
        low, high = middle - reach, middle + reach
        if not extrapolate and not low - 1e-6 <= fraction <= high + 1e-6:
            raise ConfigError(
                f"volume fractions: {phase}={fraction:.3g} is outside {low:.3g} .. {high:.3g}, the "
                "range that the generator was trained for. Train with a larger "
                "'density_control.range', or use --extrapolate to try it all the same."
            )
    logger.info("matching the volume fractions on %d volumes that are not written", N_VOLUMES)
    aimed = deepcopy(network).cpu()
    aimed.aim(fractions)
    random = seeded(derived_seed(seed, "fractions"))
    latent_size = aimed.latent_size_for(EDGE)
    latents = aimed.draw(N_VOLUMES, (latent_size,) * 3, random)
    aimed.match(latents, fractions)
    return aimed


def as_fractions(pairs: Sequence[str]) -> dict[str, float]:
    """Return what ``PHASE=FRACTION`` says.

    Raises
    ------
    ConfigError
        If a part is not of this form, or a phase is named twice.
    """
    wanted: dict[str, float] = {}
    for pair in pairs:
        phase, _, number = pair.partition("=")
        try:
            fraction = float(number)
        except ValueError:
            raise ConfigError(
                f"volume fractions: expected PHASE=FRACTION such as pore=0.35, got {pair!r}."
            ) from None
        if phase in wanted:
            raise ConfigError(f"volume fractions: {phase!r} is given twice.")
        wanted[phase] = fraction
    return wanted
