"""Two-point correlations of slices as a loss: matched to those of the micrograph.

Source of the correlations: S. Torquato, "Random Heterogeneous Materials" (2002), section 2.2; by
the Wiener-Khinchin theorem they are inverse Fourier transforms of products of transforms.
"""

import torch
from torch import Tensor
from torch.fft import irfft2, rfft2

from matvir.micrograph.crops import source_axes
from matvir.micrograph.encoding import TrainingData

# Phases below this fraction count as if they had it.
LEAST_FRACTION = 0.01
# Interfaces rarer than this share of neighbouring pixels count as if they had it.
LEAST_CONTACT = 1e-3


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


class CorrelationLoss:
    """Squared errors of the correlations of slices, without the bias of few slices.

    The square of a mean over few slices is too large by the variance of that mean, and a generator
    could make it smaller by making all slices alike. The product of the errors of two halves of
    the slices has no such part, apart from what slices of one volume share.

    Parameters
    ----------
    sections : Tensor of shape (n_sections, n_phases, H, W), uint8
        The material, one-hot; all 0 outside it.
    reach : int
        Largest lag in pixels.
    mirror, quarter_turns : bool
        Symmetries of the material.
    """

    def __init__(self, sections: Tensor, reach: int, *, mirror: bool, quarter_turns: bool) -> None:
        self.reach, self.mirror, self.quarter_turns = reach, mirror, quarter_turns
        self.target = self._of(sections, sections.sum(dim=1))
        n_phases = sections.shape[1]
        first, second = torch.triu_indices(n_phases, n_phases).unbind()
        fractions = sections.sum(dim=(0, 2, 3)) / sections.sum()
        # Errors relative to the fraction, which is the correlation of a phase at lag 0. The few
        # pixels of a rarer phase would drown those of all others.
        scale = (fractions[first] * fractions[second]).sqrt().clamp_min(LEAST_FRACTION)
        self.scale = scale[:, None, None]
        lags = torch.arange(-reach, reach + 1, device=sections.device)
        distance = (lags[:, None] ** 2 + lags**2).sqrt()
        # There are about 2 pi r lags of length r: each length is to count alike.
        weight = (distance <= reach) / (distance + 1)
        self.weight = weight / (weight.sum() * len(self.target))
        self.n_phases = n_phases
        self.contacts = contacts(self.target, n_phases)

    def _of(self, images: Tensor, material: Tensor | None) -> Tensor:
        found = two_point_correlations(images, self.reach, material)
        return symmetrised(found, mirror=self.mirror, quarter_turns=self.quarter_turns)

    def __call__(self, slices: Tensor) -> tuple[Tensor, Tensor]:
        """Return the losses of slices.

        Parameters
        ----------
        slices : Tensor of shape (n, n_phases, rows, columns)
            At least two.

        Returns
        -------
        correlation : scalar Tensor
            Of all correlations within the reach, relative to the fractions.
        area : scalar Tensor
            Of the interfacial areas, each relative to itself. They are correlations at one of a
            thousand lags, too few to count in the other loss.
        """
        found = [self._of(half, None) for half in (slices[::2], slices[1::2])]
        first, second = ((one - self.target) / self.scale for one in found)
        least = self.contacts.clamp_min(LEAST_CONTACT)
        nearby = [(contacts(one, self.n_phases) - self.contacts) / least for one in found]
        return (first * second * self.weight).sum(), (nearby[0] * nearby[1]).mean()


def correlation_losses(
    data: TrainingData, size: int, reach: int, device: torch.device
) -> list[CorrelationLoss]:
    """Return the loss of the slices perpendicular to each of the three axes.

    Parameters
    ----------
    data : TrainingData
        The material.
    size : int
        Edge of the slices in pixels.
    reach : int
        Largest lag in pixels; less if slices or sections are less than twice that.
    device : torch.device
        Where the slices are.
    """
    sources = source_axes(data, size)
    made = {}
    for axis in set(sources):
        sections = torch.from_numpy(data.sections_for_axis(axis)).to(device)
        made[axis] = CorrelationLoss(
            sections,
            min(reach, size // 2, *(edge // 2 for edge in sections.shape[2:])),
            mirror=data.mirror,
            quarter_turns=data.quarter_turns,
        )
    return [made[axis] for axis in sources]
