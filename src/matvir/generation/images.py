"""Images from a trained model of 2D images and seeds."""

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from matvir.models.images import ImageModel
from matvir.training.seeding import seeded

# Images made at a time.
BATCH = 64


@torch.no_grad()
def sample_images(
    network: ImageModel, edge: int, seeds: Sequence[int], device: torch.device
) -> Iterator[tuple[NDArray[np.uint8], float]]:
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
    tuple of (ndarray of shape (edge, edge), or (edge, edge, 3) for colours, uint8; float)
        The labels or values, and how sure the network was of the labels: its largest probability,
        mean over pixels, which is 1 for an image that is one-hot already (and for values).
    """
    network = network.to(device).eval()
    start = (network.image_size - edge) // 2
    window = slice(start, start + edge)
    for first in range(0, len(seeds), BATCH):
        # Drawn on the CPU, so that a seed gives the same code everywhere.
        codes = [network.draw(1, seeded(seed)) for seed in seeds[first : first + BATCH]]
        for made in network(torch.cat(codes).to(device))[:, :, window, window].cpu():
            if network.kind == "phases":
                certainty, labels = made.max(dim=0)
                yield labels.to(torch.uint8).numpy(), float(certainty.mean())
                continue
            values = (255 * made).round().to(torch.uint8).numpy()
            yield values[0] if network.kind == "grey" else np.moveaxis(values, 0, -1), 1.0
