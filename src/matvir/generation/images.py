"""Images from a trained model of 2D images and seeds."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from matvir.metrics.gradient_energy import gradient_energy
from matvir.models.images import ImageModel, images_at_once
from matvir.training.seeding import seeded

# Images made at a time, of large ones fewer.
BATCH = 64


@dataclass(frozen=True, eq=False)
class SampledImage:
    """A generated image, and what is lost when it becomes labels.

    Attributes
    ----------
    voxels : ndarray of shape (edge, edge), or (edge, edge, 3) for colours, uint8
        Labels or values.
    certainty : float or None
        Largest probability of a pixel, mean over pixels: 1 where the network's output was one-hot
        already. None of values.
    gradient_energy : float
        Of the network's output (`matvir.metrics.gradient_energy`): low if it is blurry.
    """

    voxels: NDArray[np.uint8]
    certainty: float | None
    gradient_energy: float


@torch.no_grad()
def sample_images(
    network: ImageModel, edge: int, seeds: Sequence[int], device: torch.device
) -> Iterator[SampledImage]:
    """Generate one image after the other.

    Parameters
    ----------
    network : ImageModel
        In evaluation mode.
    edge : int
        Of an image in pixels; a smaller one than the network's is its middle.
    seeds : sequence of int
        One per image; determines it.
    device : torch.device
        Where to compute.

    Yields
    ------
    SampledImage
        In the order of the seeds.
    """
    network = network.to(device).eval()
    start = (network.image_size - edge) // 2
    window = slice(start, start + edge)
    batch = images_at_once(network.image_size, BATCH)
    for first in range(0, len(seeds), batch):
        # Drawn on the CPU, so that a seed gives the same code everywhere.
        codes = [network.draw(1, seeded(seed)) for seed in seeds[first : first + batch]]
        for made in network(torch.cat(codes).to(device))[:, :, window, window].cpu():
            yield SampledImage(
                voxels=network.kind.voxels(made[None])[0],
                certainty=float(made.amax(dim=0).mean()) if network.kind.labelled else None,
                gradient_energy=gradient_energy(made.numpy()),
            )
