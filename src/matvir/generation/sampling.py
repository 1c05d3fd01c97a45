"""Volumes from a trained generator and seeds."""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from matvir.generation.blocks import (
    BLOCK,
    BlockwiseGenerator,
    Window,
    blocks_of,
    slices_of,
)
from matvir.training.seeding import derived_seed


def sample_seeds(seed: int, n: int) -> list[int]:
    """Return the seeds of ``n`` volumes for a training seed.

    They come from a stream of their own, so no volume that is evaluated was ever used in training.
    """
    return [derived_seed(seed, "generation", index) for index in range(n)]


def sample_blocks(
    generator: BlockwiseGenerator,
    size: Sequence[int],
    seeds: Sequence[int],
    *,
    block: int = BLOCK,
) -> Iterator[tuple[int, Window, NDArray[np.uint8]]]:
    """Generate volumes of labels block by block.

    Parameters
    ----------
    generator : BlockwiseGenerator
        The generator.
    size : sequence of three int
        Edges (D, H, W) of each volume in voxels; need not be equal.
    seeds : sequence of int
        One per volume; determines it.
    block : int
        Edge of a block in voxels. The labels do not depend on it, ties up to rounding apart.

    Yields
    ------
    tuple of (int, Window, ndarray of uint8)
        Number of the volume, place of the block in it, and the most probable phase of its voxels.
    """
    for index, seed in enumerate(seeds):
        volume = generator.volume(seed, size)
        for window in blocks_of(size, block):
            yield index, window, volume.labels(window)


def sample_labels(
    generator: BlockwiseGenerator, size: Sequence[int], seed: int, *, block: int = BLOCK
) -> NDArray[np.uint8]:
    """Generate one volume of labels in memory, shape (D, H, W); see :func:`sample_blocks`."""
    labels = np.empty(tuple(size), dtype=np.uint8)
    for _, window, part in sample_blocks(generator, size, [seed], block=block):
        labels[slices_of(window)] = part
    return labels
