"""Diffusion models: a denoiser of slices makes images, and volumes plane by plane.

How a volume comes from a denoiser of its slices is said in `matvir.generation.diffusion`.
"""

from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from typing import ClassVar, NamedTuple, Self

import torch
from torch import Tensor

from matvir.models.denoiser import N_AXES, Denoiser, signal_and_noise
from matvir.models.images import ImageModel
from matvir.models.network import Network, Streams
from matvir.settings.models import (
    DiffusionImageNetworkConfig,
    DiffusionNetworkConfig,
    NetworkConfig,
    TrainingConfig,
)
from matvir.storage.image_types import PHASES, ImageType
from matvir.storage.images import in_plane_axes

# A denoiser of a file that someone else wrote must not be larger than this.
MOST_CHANNELS, MOST_HALVINGS, MOST_LATTICES = 4096, 8, 5
# Edge of the images that are made to look at a model of volumes while it trains.
EDGE = 64
# Channels of the network that is shown lines: at the first resolution, and more at each other one.
# They have less to tell than planes.
LINE_CHANNELS, MORE_LINE_CHANNELS = 16, 8
# Where the layout of a volume is settled, and the share of the levels that lead there.
SETTLED, SHARE_ABOVE = 0.6, 0.8
# Level of noise from which a volume that was made on every second voxel goes on with all of them,
# and from which those on coarser lattices go on.
START, COARSE_START = 0.55, 0.75
# Steps towards the variances of fractions, and what keeps divisors from 0.
CORRECTIONS, TINY, LEAST_SHARE = 30, 1e-30, 0.05


class Step(NamedTuple):
    """One step from noise to a volume: from a level to the following one, and how.

    The layout is settled or not, which decides what counts, see `matvir.generation.diffusion`.
    """

    level: float
    following: float
    settled: bool


class Diffusion(Network):
    """Volumes from a denoiser of their slices.

    Attributes
    ----------
    denoiser : Denoiser
        Of slices.
    lines : Denoiser or None
        Of their rows and columns, each by itself; only phases have one.
    kinds : Tensor of shape (3,), int64
        Of which kind the slices perpendicular to each axis are; -1 where no section shows them.
        Slices that look alike are of one kind.
    lattices : Tensor of shape (), int64
        On how many lattices volumes are made: that of all voxels, of every second one, of every
        fourth one, and so on, as far as the sections are large enough to learn from.
    fractions : Tensor of shape (n_phases,)
        What volumes are to have on average: fractions of phases, or mean values in 0 .. 1.
    variances : Tensor of shape (n_phases,)
        Of the fractions in cubes of `EDGE` voxels; 0 where the sections do not tell.
    """

    family = "diffusion"
    memory_format: ClassVar[torch.memory_format] = torch.preserve_format
    output_layer = "denoiser.end."
    config: DiffusionNetworkConfig
    kinds: Tensor
    lattices: Tensor
    fractions: Tensor
    variances: Tensor

    def __init__(
        self, config: DiffusionNetworkConfig, n_phases: int, kind: ImageType = PHASES
    ) -> None:
        super().__init__(config, kind)
        self.n_channels, self.levels = n_phases, config.levels
        n_kinds = N_AXES * config.lattices
        self.denoiser = _built(config.channels, n_phases, n_kinds)
        widths = [LINE_CHANNELS + MORE_LINE_CHANNELS * n for n in range(len(config.channels))]
        self.lines = _built(widths, n_phases, n_kinds, lines=True) if kind.labelled else None
        self.register_buffer("kinds", torch.zeros(N_AXES, dtype=torch.long))
        self.register_buffer("lattices", torch.tensor(1))
        self.register_buffer("fractions", torch.full((n_phases,), 1 / n_phases))
        self.register_buffer("variances", torch.zeros(n_phases))

    @classmethod
    def check_description(cls, config: NetworkConfig, n_phases: int) -> None:
        """Check the size: shapes of weights do not show how much memory they ask for."""
        assert isinstance(config, DiffusionNetworkConfig | DiffusionImageNetworkConfig)
        if max(config.channels) > MOST_CHANNELS or len(config.channels) > MOST_HALVINGS:
            raise ValueError(f"a denoiser of {list(config.channels)} channels")
        if config.lattices > MOST_LATTICES:
            raise ValueError(f"{config.lattices} lattices")

    def check_weights(self) -> None:
        """Raise `ValueError` if loaded weights are of the right shapes and yet of no use."""
        if not ((self.kinds >= -1) & (self.kinds < N_AXES)).all() or (self.kinds < 0).all():
            raise ValueError(f"kinds of slices {self.kinds.tolist()}")
        _check_lattices(self)
        if not (torch.isfinite(self.fractions).all() and (self.fractions >= 0).all()):
            raise ValueError(f"fractions {self.fractions.tolist()}")
        if not (torch.isfinite(self.variances).all() and (self.variances >= 0).all()):
            raise ValueError(f"variances of fractions {self.variances.tolist()}")

    def initialise(self, random: torch.Generator) -> None:
        """Draw the first weights of all layers."""
        self.denoiser.initialise(random)
        if self.lines is not None:
            self.lines.initialise(random)

    def output_size(self, latent_size: int) -> int:
        """Return the edge of what `sample` makes, whatever the latent size."""
        return max(EDGE, self.denoiser.multiple * 2 ** (int(self.lattices) - 1))

    def sample(self, n: int, latent_size: int, random: torch.Generator) -> Tensor:
        """Return the logits of ``n`` random slices, (n, n_phases, H, W)."""
        edge = self.output_size(latent_size)
        shape = (n, n_draws(self), self.n_channels, edge, edge)
        return images_of(self, torch.randn(shape, generator=random, device=random.device))

    def finished(
        self,
        training: TrainingConfig,
        aims: Sequence[float],
        streams: Streams,
        *,
        quick: bool = False,
    ) -> Self:
        """Return a copy in evaluation mode that knows the fractions of its volumes."""
        finished = deepcopy(self).eval()
        finished.fractions.copy_(torch.as_tensor(aims))
        return finished


class ImageDiffusion(ImageModel):
    """2D images from a denoiser; their latent code is the noise of all levels.

    Attributes
    ----------
    denoiser : Denoiser
        Of images.
    lattices : Tensor of shape (), int64
        On how many lattices images are made, see `Diffusion`.
    """

    family = "diffusion2d"
    memory_format: ClassVar[torch.memory_format] = torch.preserve_format
    output_layer = "denoiser.end."
    config: DiffusionImageNetworkConfig
    lattices: Tensor

    def __init__(
        self, config: DiffusionImageNetworkConfig, n_phases: int, kind: ImageType = PHASES
    ) -> None:
        super().__init__(config, kind)
        self.n_channels, self.levels = n_phases, config.levels
        self.denoiser = _built(config.channels, n_phases, N_AXES * config.lattices)
        self.register_buffer("lattices", torch.tensor(1))

    check_description = Diffusion.check_description

    def check_weights(self) -> None:
        """Raise `ValueError` if loaded weights are of the right shapes and yet of no use."""
        _check_lattices(self)

    def initialise(self, random: torch.Generator) -> None:
        """Draw the first weights of all layers."""
        self.denoiser.initialise(random)

    def draw(self, n_images: int, random: torch.Generator) -> Tensor:
        """Draw the noise of images, (n_images, n_draws, n_phases, H, W)."""
        shape = (n_images, n_draws(self), self.n_channels, self.image_size, self.image_size)
        return torch.randn(shape, generator=random, device=random.device)

    def logits(self, latents: Tensor) -> Tensor:
        """Return the logits of the images, (B, n_phases, H, W), that noise becomes."""
        return images_of(self, latents)


def _built(
    channels: Sequence[int], n_channels: int, n_kinds: int, *, lines: bool = False
) -> Denoiser:
    denoiser = Denoiser(channels, n_channels, n_kinds=n_kinds, lines=lines)
    return denoiser.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def _check_lattices(network: Diffusion | ImageDiffusion) -> None:
    if not 1 <= network.lattices <= network.config.lattices:
        raise ValueError(f"{network.lattices} lattices")


def levels_of_images(n_levels: int, n_lattices: int) -> list[Tensor]:
    """Return the levels that noise is taken down through on each lattice, the coarsest one first.

    Each begins at its `first_level` and ends at 0; steps are about as wide on all lattices.
    """
    found = []
    for lattice in reversed(range(n_lattices)):
        first = first_level(lattice, n_lattices)
        found.append(first * torch.linspace(1, 0, max(2, round(first * n_levels)) + 1))
    return found


def n_draws(network: Diffusion | ImageDiffusion) -> int:
    """Return how many random numbers make each channel of a pixel of an image.

    One for each step on each lattice, and one to draw phases where a lattice follows another.
    """
    n_lattices = int(network.lattices)
    levels = levels_of_images(network.levels, n_lattices)
    return sum(len(one) - 1 for one in levels) + n_lattices - 1


def kinds_before(lattice: int) -> int:
    """Return how much a denoiser is told is added to the kinds of slices, or lines, of a lattice.

    Parameters
    ----------
    lattice : int
        0 if all voxels are seen, 1 if every second one is, 2 if every fourth one is, and so on.
    """
    return N_AXES * lattice


def first_level(lattice: int, n_lattices: int) -> float:
    """Return the level of noise that a volume begins with on a lattice."""
    if lattice == n_lattices - 1:
        return 1.0
    return START if lattice == 0 else COARSE_START


def kinds_of_lines(kinds: Sequence[int]) -> list[int]:
    """Return of which kind the lines along each axis are: those that look alike share one.

    Parameters
    ----------
    kinds : sequence of three int
        Of the slices perpendicular to each axis; -1 where no section shows them.
    """
    found = list(range(N_AXES))
    for kind in set(kinds) - {-1}:
        for position in range(2):
            # Rows, or columns, of one kind of slice look alike, along whichever axis they run.
            alike = {
                found[in_plane_axes(axis)[position]]
                for axis in range(N_AXES)
                if kinds[axis] == kind
            }
            found = [min(alike) if one in alike else one for one in found]
    return found


def steps_of_volume(n_levels: int, first: float = 1.0) -> list[Step]:
    """Return the steps that lead from a level of noise to a volume.

    Parameters
    ----------
    n_levels : int
        How many there are from pure noise on, at least two.
    first : float
        The level; from one below 1 there are as many as there would be on the rest of the way.
    """
    n_above = max(1, min(round(SHARE_ABOVE * n_levels), n_levels - 1))
    share_above = max(0.0, first - SETTLED) / (1 - SETTLED)
    above = torch.linspace(first, SETTLED, round(n_above * share_above) + 1).tolist()
    below = torch.linspace(min(first, SETTLED), 0, n_levels - n_above + 1).tolist()
    return [
        Step(level, following, settled)
        for levels, settled in ((above, False), (below, True))
        for level, following in pairwise(levels)
    ]


def fractions_of_volume(
    fractions: Tensor, variances: Tensor, n_voxels: int, random: torch.Generator
) -> Tensor:
    """Draw the fractions of one volume around those of the material.

    Fractions of a finite volume vary. Deviations are normal numbers less their common sum, which is
    shared out so that each has its variance; it falls with the number of voxels.

    Parameters
    ----------
    fractions, variances : Tensor of shape (n_phases,)
        Mean fractions, and their variances in cubes of `EDGE` voxels.
    n_voxels : int
        Of the volume.
    random : torch.Generator
        Source of the numbers.

    Returns
    -------
    Tensor of shape (n_phases,)
        At least 0, with the sum 1.
    """
    wanted = variances.double() * (EDGE**3 / n_voxels)
    free = wanted.clone()
    for _ in range(CORRECTIONS):  # the variance left of one is free (1 - free / sum)
        free = wanted / (1 - free / free.sum().clamp_min(TINY)).clamp_min(LEAST_SHARE)
    drawn = torch.randn(len(free), generator=random, dtype=torch.float64) * free.sqrt()
    shares = free / free.sum().clamp_min(TINY)
    made = (fractions.double() + drawn - shares * drawn.sum()).clamp_min(0)
    return (made / made.sum()).float()


def drawn_phases(probabilities: Tensor, uniform: Tensor) -> Tensor:
    """Return phases that are drawn from their probabilities, one-hot, (n_phases, ...).

    Parameters
    ----------
    probabilities : Tensor of shape (n_phases, ...)
        With the sum 1.
    uniform : Tensor of shape (...)
        Random numbers in 0 .. 1.
    """
    drawn = (uniform > probabilities.cumsum(dim=0)[:-1]).sum(dim=0)
    return torch.stack([(drawn == phase).float() for phase in range(len(probabilities))])


def between_pixels(images: Tensor) -> Tensor:
    """Return images of twice the edges: pixels of their own, and means of them between.

    Parameters
    ----------
    images : Tensor of shape (B, n_channels, H, W)
        On every second row and column.
    """
    for axis in (2, 3):
        following = torch.cat(
            [images.narrow(axis, 1, images.shape[axis] - 1), images.narrow(axis, -1, 1)], dim=axis
        )
        images = torch.stack([images, (images + following) / 2], dim=axis + 1).flatten(
            axis, axis + 1
        )
    return images


@torch.no_grad()
def images_of(network: Diffusion | ImageDiffusion, noise: Tensor) -> Tensor:
    """Return the logits of images, (B, n_channels, H, W), made on one lattice after the other.

    Parameters
    ----------
    network : Diffusion or ImageDiffusion
        The denoiser, what its channels are, and how many lattices it knows.
    noise : Tensor of shape (B, n_draws, n_channels, H, W)
        Standard normal numbers; coarse lattices take those of their own pixels.
    """
    n_lattices = int(network.lattices)
    draws, logits = iter(noise.unbind(dim=1)), None
    for index, levels in enumerate(levels_of_images(network.levels, n_lattices)):
        lattice = n_lattices - 1 - index
        spacing = 2**lattice
        drawn = None if logits is None else next(draws)
        fresh = [next(draws)[..., ::spacing, ::spacing] for _ in range(len(levels) - 1)]
        if logits is not None:
            assert drawn is not None
            signal, spread = signal_and_noise(levels[0])
            clean = between_pixels(network.decode(logits))
            if network.kind.labelled:
                uniform = torch.special.ndtr(drawn[:, 0, ::spacing, ::spacing])
                clean = drawn_phases(clean.movedim(1, 0), uniform).movedim(0, 1)
            fresh[0] = signal * (2 * clean - 1) + spread * fresh[0]
        logits = denoised_images(network, torch.stack(fresh), levels.to(noise.device), lattice)
    assert logits is not None
    return logits


def denoised_images(
    network: Diffusion | ImageDiffusion, noise: Tensor, levels: Tensor, lattice: int = 0
) -> Tensor:
    """Return the logits of images that noise becomes.

    Parameters
    ----------
    network : Diffusion or ImageDiffusion
        The denoiser, and what its channels are.
    noise : Tensor of shape (n, B, n_channels, H, W)
        Noisy images of the first level, and standard normal numbers of each other one.
    levels : Tensor of shape (n + 1,)
        That they pass through; the last one is 0.
    lattice : int
        Of their pixels, see `kinds_before`.
    """
    kind = torch.full((noise.shape[1],), kinds_before(lattice), device=noise.device)
    images, logits = noise[0], noise[0]
    for index, (level, following) in enumerate(pairwise(levels)):
        logits = network.denoiser(images, level.expand(len(kind)), kind)
        if index + 1 < len(noise):
            clean = 2 * network.decode(logits) - 1
            images = less_noisy(images, clean, level, following, noise[index + 1])
    return logits


def less_noisy(
    images: Tensor, clean: Tensor, level: Tensor, following: Tensor, noise: Tensor
) -> Tensor:
    """Return images at the following level, given what is expected to be behind their noise.

    Parameters
    ----------
    images, clean : Tensor
        At a level, and without noise, in -1 .. 1.
    level, following : scalar Tensor
        The second one is lower and above 0.
    noise : Tensor of the shape of ``images``
        Standard normal numbers.

    Source: J. Ho et al., arXiv 2006.11239, eq. 6 and 7.
    """
    signal, spread = signal_and_noise(level)
    later_signal, later_spread = signal_and_noise(following)
    ratio = signal / later_signal
    added = spread**2 - (ratio * later_spread) ** 2
    of_images = ratio * (later_spread / spread) ** 2
    of_clean = later_signal * added / spread**2
    deviation = later_spread * added.sqrt() / spread
    return of_images * images + of_clean * clean + deviation * noise
