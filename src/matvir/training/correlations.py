"""Two-point correlations of images, with a gradient.

Source: S. Torquato, "Random Heterogeneous Materials" (2002), section 2.2; by the Wiener-Khinchin
theorem they are inverse Fourier transforms of products of transforms.
"""

import torch
from torch import Tensor
from torch.fft import irfft2, rfft2


def two_point_correlations(images: Tensor, reach: int, material: Tensor | None = None) -> Tensor:
    """Return auto- and cross-correlations of phases, averaged over all images.

    Parameters
    ----------
    images : Tensor of shape (B, n_phases, H, W)
        One-hot or probabilities; all 0 outside the material.
    reach : int
        Largest lag along rows and columns in pixels, below H and W.
    material : Tensor of shape (B, H, W), optional
        1 within the material, 0 outside; by default it is everywhere.

    Returns
    -------
    Tensor of shape (n_pairs, 2 * reach + 1, 2 * reach + 1)
        For each pair of phases i <= j, in the order (0, 0), (0, 1), ..., the probability that a
        point is of phase i and the point at a lag from it of phase j, both being material. Lags run
        from ``-reach`` to ``reach``; the middle is lag 0.
    """
    height, width = images.shape[-2:]
    # Room for the lags, so that no image meets itself at the other side.
    padded = (height + reach, width + reach)
    first, second = torch.triu_indices(images.shape[1], images.shape[1]).unbind()
    products, points = [], []
    for index, image in enumerate(images):  # one by one: sections can be large
        spectra = rfft2(image.float(), s=padded)
        products.append(spectra[first].conj() * spectra[second])
        mask = torch.ones_like(image[0]) if material is None else material[index]
        points.append(rfft2(mask.float(), s=padded).abs() ** 2)
    found = irfft2(sum(products), s=padded)
    n_pairs_of_points = irfft2(sum(points), s=padded)
    lags = torch.arange(-reach, reach + 1, device=images.device)
    centred = (..., (lags % padded[0])[:, None], lags % padded[1])
    return found[centred] / n_pairs_of_points[centred].clamp_min(0.5)


def symmetrised(correlations: Tensor, *, mirror: bool, quarter_turns: bool) -> Tensor:
    """Return the mean of correlations over the symmetries of a material.

    Parameters
    ----------
    correlations : Tensor of shape (..., n, n)
        Rows and columns are lags from ``-reach`` to ``reach``.
    mirror, quarter_turns : bool
        The symmetries.
    """
    if quarter_turns:
        turned = [torch.rot90(correlations, k, (-2, -1)) for k in range(4)]
        correlations = torch.stack(turned).mean(dim=0)
    if mirror:
        both = (correlations + correlations.flip(-1)) / 2
        correlations = (both + both.flip(-2)) / 2
    return correlations
