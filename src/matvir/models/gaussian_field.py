"""Gaussian random fields that are cut at thresholds: the classical model of a microstructure.

Sources: J. W. Cahn, J. Chem. Phys. 42, 93 (1965), and N. F. Berk, Phys. Rev. Lett. 58, 2718 (1987),
of one cut; A. P. Roberts and M. Teubner, Phys. Rev. E 51, 4141 (1995), of its correlations; M.
Armstrong et al., "Plurigaussian Simulations in Geosciences" (2011), of several fields.
"""

import math
from collections.abc import Sequence
from copy import deepcopy
from typing import Self

import numpy as np
import torch
from scipy.fft import next_fast_len
from scipy.special import ndtri
from torch import Tensor, nn
from torch.fft import irfft2, irfftn, rfft2, rfftn

from matvir.errors import ConfigError
from matvir.models.network import Network, Streams
from matvir.settings.models import GaussianFieldNetworkConfig, NetworkConfig, TrainingConfig
from matvir.storage.image_types import PHASES, ImageType

# Width of the first kernels as a share of their radius.
FIRST_WIDTH = 0.25
# Kernels take memory by their volume, at most a gigabyte of it; stretches are by a factor of 150.
MOST_RADIUS, MOST_KERNEL_VOXELS, MOST_LOG_STRETCH = 64, 2**28, 5.0
# Fractions and correlations this close to 0 or 1 count as if they were as close as this.
TINY = 1e-7
# Gauss-Legendre rule for `pair_probability`: six digits for thresholds up to 3.
NODES, WEIGHTS = np.polynomial.legendre.leggauss(24)


class GaussianField(Network):
    """One field per phase but the last; where none is above its threshold there is the last phase.

    The first phase in ``order`` is where the first field is above its threshold, the second one
    where the second field is, and the first one is not, and so on. Each field is white noise
    convolved with a kernel of its own, a function of the distance. Along each axis it may be
    stretched.


    Attributes
    ----------
    profiles : Tensor of shape (n_phases - 1, radius)
        Values of each kernel at the distances 0, 1, ... voxels, linear between them, 0 from the
        radius on. Their scale does not matter.
    log_stretches : Tensor of shape (n_phases - 1, 3)
        Natural logarithm of the factor by which each kernel is stretched along each axis.
    thresholds : Tensor of shape (n_phases - 1,)
        In standard deviations of the field.
    order : Tensor of shape (n_phases,)
        Phases as they are cut.

    Raises
    ------
    ConfigError
        If the kind is another one.
    """

    family = "gaussian-field"
    thresholds: Tensor
    order: Tensor

    def __init__(
        self, config: GaussianFieldNetworkConfig, n_phases: int, kind: ImageType = PHASES
    ) -> None:
        super().__init__(config, kind)
        if not kind.labelled:
            raise ConfigError(
                f"gaussian-field: expected a material with phases, got one of the kind "
                f"{kind.text!r}. Segment it, or leave the model out of 'run.models'."
            )
        self.radius = config.radius
        n_fields = n_phases - 1
        self.profiles = nn.Parameter(torch.zeros(n_fields, config.radius))
        self.log_stretches = nn.Parameter(torch.zeros(n_fields, 3))
        self.register_buffer("thresholds", torch.zeros(n_fields))
        self.register_buffer("order", torch.arange(n_phases))

    @torch.no_grad()
    def initialise(self, random: torch.Generator) -> None:
        """Begin with bells; nothing is drawn from ``random``."""
        distances = torch.arange(self.radius, dtype=torch.float32)
        self.profiles.copy_(torch.exp(-((distances / (FIRST_WIDTH * self.radius)) ** 2)))
        self.log_stretches.zero_()

    @torch.no_grad()
    def cut_at(self, fractions: Sequence[float], order: Sequence[int]) -> None:
        """Cut phases in an order, so that volumes have these fractions on average.

        Parameters
        ----------
        fractions : sequence of float
            One per phase, with the sum 1.
        order : sequence of int
            All phases.
        """
        self.order.copy_(torch.tensor(order))
        rest = 1.0
        for index, phase in enumerate(order[:-1]):
            share = fractions[phase] / max(rest, TINY)
            self.thresholds[index] = -ndtri(min(max(share, TINY), 1 - TINY))
            rest -= fractions[phase]

    def kernels(self) -> Tensor:
        """Return the kernels, shape (n_phases - 1, n, n, n) with n = 2 * radius + 1.

        The sum of the squares of each is 1, so the fields have variance 1.
        """
        lags = torch.arange(self.radius + 1, device=self.profiles.device)
        squares = lags**2 / torch.exp(2 * self.log_stretches)[..., None]
        depth, height, width = squares.unbind(1)
        distances = depth[:, :, None, None] + height[:, None, :, None] + width[:, None, None, :]
        # The root has no gradient at 0.
        distances = distances.clamp_min(TINY**2).sqrt()
        # As a sum over hats around the knots and not by looking up the nearest two: the gradient of
        # that is summed in no fixed order on a GPU.
        knots = torch.arange(self.radius, device=lags.device)
        hats = (1 - (distances[..., None] - knots).abs()).clamp_min(0)
        kernels = torch.einsum("fdhwk,fk->fdhw", hats, self.profiles)
        for axis in (1, 2, 3):
            mirrored = kernels.narrow(axis, 1, self.radius).flip(axis)
            kernels = torch.cat([mirrored, kernels], dim=axis)
        return kernels / kernels.square().sum(dim=(1, 2, 3), keepdim=True).sqrt()

    def covariances(self, kernels: Tensor, axis: int, reach: int) -> Tensor:
        """Return the covariances of the fields at lags in the plane perpendicular to an axis.

        Parameters
        ----------
        kernels : Tensor
            What `kernels` returns.
        axis : int
            The axis.
        reach : int
            Largest lag along the other two in voxels.

        Returns
        -------
        Tensor of shape (n_phases - 1, 2 * reach + 1, 2 * reach + 1)
            Lags run from ``-reach`` to ``reach``.
        """
        slices = kernels.movedim(1 + axis, 1)
        # Kernels are mirror images of themselves, so half of the slices tell all.
        slices = slices[:, self.radius :]
        weights = torch.full((slices.shape[1], 1, 1), 2.0, device=slices.device)
        weights[0] = 1
        # Room for the lags, so that no slice meets itself at the other side.
        padded = (next_fast_len(slices.shape[-1] + reach, real=True),) * 2
        spectra = (weights * rfft2(slices, s=padded).abs().square()).sum(dim=1)
        lags = torch.arange(-reach, reach + 1, device=slices.device) % padded[0]
        return irfft2(spectra, s=padded)[:, lags[:, None], lags]

    def autocorrelations(self, kernels: Tensor, axis: int, reach: int) -> Tensor:
        """Return the two-point autocorrelations of all phases, as `covariances` those of fields.

        Returns
        -------
        Tensor of shape (n_phases, 2 * reach + 1, 2 * reach + 1)
            Probability that two points at a lag are both of a phase.
        """
        rest = torch.ones((), device=kernels.device)
        found = []
        covariances = self.covariances(kernels, axis, reach)
        for covariance, threshold in zip(covariances, self.thresholds, strict=True):
            both = pair_probability(covariance, threshold)
            found.append(rest * both)
            # What neither point is of is left to the phases to come.
            rest = rest * (1 - 2 * above(threshold) + both)
        found.append(rest)
        return torch.stack([found[i] for i in torch.argsort(self.order).tolist()])

    def labels(self, fields: Tensor) -> Tensor:
        """Return the phases that fields, (n_phases - 1, ...), are cut into, shape (...), uint8."""
        *cut, last = self.order.tolist()
        labels = torch.full_like(fields[0], last, dtype=torch.uint8)
        # The first cut is made last, so that it takes what the others have.
        for index, phase in reversed(list(enumerate(cut))):
            labels.masked_fill_(fields[index] > self.thresholds[index], phase)
        return labels

    def output_size(self, latent_size: int) -> int:
        """Return the edge of a periodic cube with room for a kernel, whatever the latent size."""
        return int(next_fast_len(2 * self.radius + 1, real=True))

    @torch.no_grad()
    def sample(self, n: int, latent_size: int, random: torch.Generator) -> Tensor:
        """Return ``n`` periodic cubes, one-hot, (n, n_phases, D, H, W), float32."""
        kernels, size = self.kernels(), (self.output_size(latent_size),) * 3
        phases = torch.arange(len(self.order), device=kernels.device)[:, None, None, None]
        made = []
        for _ in range(n):
            noise = torch.randn((len(kernels), *size), generator=random, device=random.device)
            spectra = rfftn(noise, s=size) * rfftn(kernels, s=size)
            made.append((self.labels(irfftn(spectra, s=size)) == phases).float())
        return torch.stack(made)

    def decode(self, logits: Tensor) -> Tensor:
        """Return what is one-hot already."""
        return logits

    def finished(
        self,
        training: TrainingConfig,
        aims: Sequence[float],
        streams: Streams,
        *,
        quick: bool = False,
    ) -> Self:
        """Return a copy; there is nothing to adjust."""
        return deepcopy(self).eval()

    @classmethod
    def check_description(cls, config: NetworkConfig, n_phases: int) -> None:
        """Check how large kernels are, which files hold by their radius alone."""
        assert isinstance(config, GaussianFieldNetworkConfig)
        n_voxels = (n_phases - 1) * (2 * config.radius + 1) ** 3
        if not (1 <= config.radius <= MOST_RADIUS and 0 < n_voxels <= MOST_KERNEL_VOXELS):
            raise ValueError(f"kernels of a radius of {config.radius} voxels for {n_phases} phases")

    def check_weights(self) -> None:
        """Check what would make fields that cannot be computed, or cut into phases."""
        if sorted(self.order.tolist()) != list(range(len(self.order))):
            raise ValueError("phases that are not cut once each")
        if self.log_stretches.abs().max() > MOST_LOG_STRETCH:
            raise ValueError("kernels stretched beyond measure")
        if not self.profiles.any(dim=1).all():
            raise ValueError("kernels of zeros")


def above(threshold: Tensor) -> Tensor:
    """Return the probability that a standard normal number is above a threshold."""
    return torch.special.ndtr(-threshold)


def pair_probability(correlation: Tensor, threshold: Tensor) -> Tensor:
    r"""Return the probability that two correlated standard normal numbers are above a threshold.

    It is :math:`p^2 + \frac{1}{2\pi} \int_0^{\arcsin \rho} \exp(-t^2 / (1 + \sin u))\, du` with the
    probability p of one number. Source: R. L. Plackett,
    Biometrika 41, 351 (1954), for two equal bounds.

    Parameters
    ----------
    correlation : Tensor
        Correlations in -1 .. 1, of any shape.
    threshold : Tensor
        A number.

    Returns
    -------
    Tensor
        Of the shape of ``correlation``.
    """
    angle = torch.asin(correlation.clamp(-1 + TINY, 1 - TINY))
    total = torch.zeros_like(angle)
    for node, weight in zip((NODES + 1) / 2, WEIGHTS / 2, strict=True):
        total = total + weight * torch.exp(
            -(threshold**2) / (1 + torch.sin(node * angle)).clamp_min(TINY)
        )
    return above(threshold) ** 2 + angle * total / (2 * math.pi)
