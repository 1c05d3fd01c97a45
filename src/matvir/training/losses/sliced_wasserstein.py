"""Sliced Wasserstein distance between patches of generated slices and of real micrographs.

No critic: at each level of an image pyramid, patches of both sides are projected on random
directions, and the sorted projections are compared. Source of the distance: J. Rabin et al.,
"Wasserstein Barycenter and Its Application to Texture Mixing", SSVM 2011, eq. 8; of its use on
patches of slices of a solid texture: arXiv 2511.14268.
"""

from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from matvir.device import pick_precision
from matvir.errors import ConfigError
from matvir.micrograph.encoding import TrainingData
from matvir.models.critic import check_sizes
from matvir.models.slicegan import Generator
from matvir.settings.models import ModelConfig
from matvir.settings.objectives import PatchesConfig, SlicedWassersteinConfig
from matvir.training.density import DensityControl
from matvir.training.objective import Moment, Objective, values_of, weighted_sum
from matvir.training.views import View, build_views


def random_patches(images: Tensor, size: int, n: int, random: torch.Generator) -> Tensor:
    """Return ``n`` square patches at random positions of random images.

    Parameters
    ----------
    images : Tensor of shape (B, C, H, W)
        Images at least ``size`` pixels high and wide.
    size : int
        Edge of a patch.
    n : int
        Number of patches, drawn with replacement.
    random : torch.Generator
        Source of the positions.

    Returns
    -------
    Tensor of shape (n, size * size * C)
        The patches' pixels.
    """
    n_images, channels, height, width = images.shape

    def draw(high: int) -> Tensor:
        return torch.randint(high, (n,), generator=random, device=images.device)

    corner = (draw(n_images) * height + draw(height - size + 1)) * width + draw(width - size + 1)
    steps = torch.arange(size, device=images.device)
    inside = (steps[:, None] * width + steps).flatten()
    pixels = images.permute(0, 2, 3, 1).reshape(-1, channels)
    index = (corner[:, None] + inside).flatten()
    return pixels.index_select(0, index).reshape(n, -1)


def sliced_wasserstein(first: Tensor, second: Tensor, directions: Tensor) -> Tensor:
    """Return the squared sliced Wasserstein-2 distance of two sets of equally many points.

    Parameters
    ----------
    first, second : Tensor of shape (n, d)
        Points.
    directions : Tensor of shape (d, n_directions)
        Unit vectors in columns.

    Returns
    -------
    scalar Tensor
        Mean over directions and ranks of the squared difference of the sorted projections.
    """
    ours, theirs = ((directions.T @ points.T) for points in (first, second))
    return ((_sorted_rows(ours) - _sorted_rows(theirs)) ** 2).mean()


def _sorted_rows(values: Tensor) -> Tensor:
    """Return each row in ascending order; gradients go back to where a value came from."""
    if values.device.type != "cpu":
        return values.sort(dim=1).values
    # Sorting takes much of a step; numpy's vectorised sorts take a third of torch's time.
    if not values.requires_grad:
        return torch.from_numpy(np.sort(values.numpy(), axis=1))
    order = torch.from_numpy(np.argsort(values.detach().numpy(), axis=1))
    return values.gather(1, order)


def random_directions(dimension: int, n: int, random: torch.Generator) -> Tensor:
    """Return ``n`` directions uniform on the sphere, as columns of shape (dimension, n)."""
    normal = torch.randn((dimension, n), generator=random, device=random.device)
    return functional.normalize(normal, dim=0)


def pyramid(images: Tensor, levels: int) -> list[Tensor]:
    """Return the images and ``levels - 1`` versions, each the 2 x 2 means of the one before."""
    images_by_level = [images]
    for _ in range(levels - 1):
        images_by_level.append(functional.avg_pool2d(images_by_level[-1], 2))
    return images_by_level


def patch_distances(
    fake: Tensor, real: Tensor, config: PatchesConfig, random: torch.Generator
) -> Tensor:
    """Return the distance of two sets of images at each level of their pyramids.

    Parameters
    ----------
    fake, real : Tensor of shape (B, n_phases, H, W)
        Images; the two sets may differ in number and size.
    config : PatchesConfig
        Patches, levels and directions.
    random : torch.Generator
        Source of patches and directions.

    Returns
    -------
    Tensor of shape (levels,)
        Finest level first.
    """
    dimension = fake.shape[1] * config.size**2
    directions = random_directions(dimension, config.directions, random)
    scales = zip(pyramid(fake, config.levels), pyramid(real, config.levels), strict=True)
    distances = []
    for level, images in enumerate(scales):
        # Coarser images have fewer places for a patch.
        n = max(config.number >> level, 1)
        ours, theirs = (random_patches(one, config.size, n, random) for one in images)
        distances.append(sliced_wasserstein(ours, theirs, directions))
    return torch.stack(distances)


def levels_fit(config: PatchesConfig, edge: int) -> bool:
    """Return whether images of this edge have room for a patch at the coarsest level."""
    return edge // 2 ** (config.levels - 1) >= config.size


def require_levels(config: PatchesConfig, what: str, edge: int) -> None:
    """Raise `ConfigError` if images of this edge are smaller than a patch at the coarsest level."""
    if not levels_fit(config, edge):
        raise ConfigError(
            f"training.objective: {what} of {edge} pixels are {edge // 2 ** (config.levels - 1)} "
            f"pixels at level {config.levels}, below the patch size {config.size}; use fewer "
            "levels, smaller patches, a larger latent_size or a larger image."
        )


class SlicedWasserstein(Objective):
    """Trains a generator on the sliced Wasserstein distance alone."""

    config: SlicedWassersteinConfig

    def __init__(
        self,
        model: ModelConfig,
        generator: Generator,
        data: TrainingData,
        device: torch.device,
        *_: object,
    ) -> None:
        super().__init__(model, generator)
        self.density = DensityControl(model.training.density_control, data, device)
        self.latent_size = model.training.latent_size
        self.precision = pick_precision(model.training.precision, device)
        volume_edge = check_sizes(generator.config, self.latent_size)
        require_levels(self.config.patches, "slices of the training volume", volume_edge)
        self.views = self._views(data, volume_edge, device)
        self.optimise("generator", generator.parameters())

    def _views(self, data: TrainingData, volume_edge: int, device: torch.device) -> list[View]:
        """Return all views, their crops as large as all sections and ``real_crop_size`` allow.

        Sections smaller than the slices of a training volume do not count if those of axis 0 can
        stand for them. Where only part of the sections is material, crops are as small as those
        slices, so that they have room.
        """
        edges = [min(data.sections_for_axis(axis).shape[-2:]) for axis in data.axes]
        replaceable = data.isotropic and min(edges) < volume_edge
        size = min(self.config.real_crop_size, edges[0] if replaceable else min(edges))
        if data.masked:
            size = min(size, volume_edge)
        require_levels(self.config.patches, "real crops", size)
        fits = partial(levels_fit, self.config.patches)
        groups = build_views(data, volume_edge, device, crop_size=size, fits=fits)
        return [view for group in groups for view in group]

    def step(self, moment: Moment) -> tuple[dict[str, Tensor], Tensor]:
        """Make one generator step; ``loss`` has the parts ``loss_level_0`` (finest) and so on."""
        config, random = self.config, moment.random
        latents = self.generator.draw(config.volumes, (self.latent_size,) * 3, random)
        volumes = self.generator(latents.to(self.precision))
        # Each axis by itself: pooled slices would let layered volumes pass as isotropic ones.
        parts = []
        for view in self.views:
            fake = view.slices(volumes, config.slices_per_axis, random)
            real = view.real(config.real_crops, random)
            parts.append(patch_distances(fake, real, config.patches, random))
        levels = torch.stack(parts).mean(dim=0)
        loss = levels.sum()
        found = volumes.flatten(2).mean(dim=2)
        terms = {"loss": (1.0, loss), **self.density.terms(found)}
        self.minimise("generator", weighted_sum(terms))
        named = values_of(terms)
        named |= {f"loss_level_{k}": value for k, value in enumerate(levels.detach())}
        return named, volumes.detach()
