"""Volumes from a trained generator and a seed."""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from matvir.models.slicegan import Generator
from matvir.training.seeding import derived_seed, seeded


def sample_seeds(seed: int, n: int) -> list[int]:
    """Return the seeds of ``n`` volumes for a training seed.

    They come from a stream of their own, so no volume that is evaluated was ever used in training.
    """
    return [derived_seed(seed, "generation", index) for index in range(n)]


def sample_labels(
    generator: Generator, size: Sequence[int], seed: int, device: torch.device
) -> NDArray[np.uint8]:
    """Generate one volume of labels.

    Parameters
    ----------
    generator : Generator
        In evaluation mode, on ``device``.
    size : sequence of three int
        Edges (D, H, W) in voxels; need not be equal.
    seed : int
        Determines the volume.
    device : torch.device
        Where to compute. The random numbers are drawn on the CPU, so a seed means the same volume
        on every device up to rounding.

    Returns
    -------
    ndarray of shape (D, H, W), uint8
        The most probable phase of each voxel.
    """
    latent_sizes = [generator.latent_size_for(edge) for edge in size]
    latents = generator.draw(1, latent_sizes, seeded(seed)).to(device)
    with torch.inference_mode():
        probabilities = generator(latents)
    # The smallest volume that covers the request is cut from its first corner.
    cut = probabilities[0, :, : size[0], : size[1], : size[2]]
    labels: NDArray[np.uint8] = cut.argmax(dim=0).to(torch.uint8).cpu().numpy()
    return labels
