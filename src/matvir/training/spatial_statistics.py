"""Two-point statistics of images that gradients pass through.

Source: S. Hashemi, M. Guerzhoy and N. H. Paulson, "Toward learning latent-variable representations
of microstructures by optimizing in spatial statistics space", arXiv 2402.11103.
"""

import torch
from torch import Tensor


def soft_indicators(images: Tensor, width: float) -> Tensor:
    """Return how much each pixel belongs to each phase: 1 where a channel is 1, about 0 where 0.

    Parameters
    ----------
    images : Tensor of shape (B, n_phases, H, W)
        Probabilities of phases, in 0 .. 1.
    width : float
        Standard deviation of the bell around 1; the source takes 0.25.
    """
    return torch.exp(-((images - 1) ** 2) / (2 * width**2))


def soft_correlations(images: Tensor, width: float) -> Tensor:
    """Return all two-point correlations of periodic images between soft indicators.

    Parameters
    ----------
    images : Tensor of shape (B, n_phases, H, W)
        Probabilities of phases, in 0 .. 1.
    width : float
        Of the indicators.

    Returns
    -------
    Tensor of shape (B, n_pairs, H, W)
        For each pair of phases (first <= second, in the order of `torch.triu_indices`) and lag
        (row, column) the probability that a pixel is of the first phase and the one at this lag of
        the second. Of one-hot images they are exact but for what the bell leaves at 0.
    """
    n_phases, (rows, columns) = images.shape[1], images.shape[2:]
    spectra = torch.fft.rfft2(soft_indicators(images, width))
    first, second = torch.triu_indices(n_phases, n_phases, device=images.device)
    products = spectra[:, first].conj() * spectra[:, second]
    return torch.fft.irfft2(products, s=(rows, columns)) / (rows * columns)
