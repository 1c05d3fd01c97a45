"""Volume fractions as an input of conditional networks."""

import torch
from torch import Tensor

# Smallest share of a phase's own fraction that a training for a range asks for.
LEAST_SHARE = 0.25


def with_conditions(images: Tensor, conditions: Tensor) -> Tensor:
    """Return images or fields with constant channels.

    Parameters
    ----------
    images : Tensor of shape (B, C, ...)
        Two or three spatial axes.
    conditions : Tensor of shape (B, n)
        Value of each of the n channels that are added.
    """
    shape = images.shape[2:]
    channels = conditions.reshape(*conditions.shape, *[1] * len(shape)).expand(-1, -1, *shape)
    return torch.cat([images, channels], dim=1)


def draw_fractions(own: Tensor, spread: float, n: int, random: torch.Generator) -> Tensor:
    """Draw fractions around those of the material.

    They come in pairs that lie opposite to each other, so that their mean is that of the material:
    batch normalisation hides from a network what all volumes of a batch have in common.

    Parameters
    ----------
    own : Tensor of shape (n_phases,)
        Fractions of the material.
    spread : float
        Largest difference from them. It is less in directions in which a phase would vanish.
    n : int
        How many; of an odd number one is ``own``.
    random : torch.Generator
        Source of the numbers; its device is that of ``own``.

    Returns
    -------
    Tensor of shape (n, n_phases)
        Each adds up to 1.
    """
    n_pairs = n // 2
    steps = torch.randn((n_pairs, len(own)), generator=random, device=own.device)
    steps = steps - steps.mean(dim=1, keepdim=True)
    steps = spread * steps / steps.abs().amax(dim=1, keepdim=True)
    room = ((1 - LEAST_SHARE) * own / steps.abs()).amin(dim=1, keepdim=True).clamp(max=1)
    steps = steps * room * torch.rand((n_pairs, 1), generator=random, device=own.device)
    rest = own.new_zeros((n - 2 * n_pairs, len(own)))
    return own + torch.cat([steps, -steps, rest])
