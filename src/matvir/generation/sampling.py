"""Volumes from a trained generator and seeds."""

from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from matvir.families import FAMILIES, load
from matvir.generation.blocks import BLOCK, blocks_of
from matvir.models.network import Network
from matvir.storage.image_types import ImageType
from matvir.storage.windows import Window, slices_of
from matvir.training.seeding import derived_seed

Block = tuple[int, Window, NDArray[np.uint8]]


class Volume(Protocol):
    """A volume that is computed where it is asked for."""

    def voxels(self, window: Window) -> NDArray[np.uint8]:
        """Return a window of it, (d, h, w), labels or values, of colours with a last axis."""


class VolumeGenerator(Protocol):
    """A trained network prepared for making volumes part by part."""

    kind: ImageType
    precision: torch.dtype

    def workers(self, threads: int, size: Sequence[int], n_volumes: int) -> int:
        """Return how many blocks are best made side by side, see `sample_blocks`."""

    def volume(self, seed: int, size: Sequence[int], periodic: Sequence[int] = ()) -> Volume:
        """Return the volume of a seed, none of it computed yet."""


def prepared(
    network: Network, device: torch.device, dtype: torch.dtype = torch.float32
) -> VolumeGenerator:
    """Return what makes volumes of a trained network.

    Parameters
    ----------
    network : Network
        Of a family that makes volumes.
    device : torch.device
        Where to compute.
    dtype : torch.dtype
        Numbers to compute with, if the family can compute with others than float32.
    """
    generator: VolumeGenerator = load(FAMILIES[network.family].sampler)(network, device, dtype)
    return generator


def sample_seeds(seed: int, n: int) -> list[int]:
    """Return the seeds of ``n`` volumes for a training seed.

    They come from a stream of their own, so no volume that is evaluated was ever used in training.
    """
    return [derived_seed(seed, "generation", index) for index in range(n)]


def sample_blocks(
    generator: VolumeGenerator,
    size: Sequence[int],
    seeds: Sequence[int],
    *,
    periodic: Sequence[int] = (),
    block: int = BLOCK,
    n_workers: int = 1,
) -> Iterator[Block]:
    """Generate volumes block by block.

    Parameters
    ----------
    generator : VolumeGenerator
        What `prepared` returned.
    size : sequence of three int
        Edges (D, H, W) of each volume in voxels; need not be equal.
    seeds : sequence of int
        One per volume; determines it.
    periodic : sequence of int
        Axes along which the volumes are periodic, see `matvir.generation.blocks.SeededVolume`.
    block : int
        Edge of a block in voxels. The labels do not depend on it, ties up to rounding apart.
    n_workers : int
        Number of threads that make blocks while the caller uses those before. Not everything that
        makes a block runs on all cores, so two threads with half of torch's threads each are faster
        than one with all; each holds a block of its own in memory.

    Yields
    ------
    tuple of (int, Window, ndarray of uint8)
        Number of the volume, place of the block in it, and its voxels, see
        `matvir.generation.blocks.SeededVolume.voxels`.
    """
    ahead: deque[Future[Block]] = deque()
    with ThreadPoolExecutor(n_workers) as workers:
        for index, seed in enumerate(seeds):
            volume = generator.volume(seed, size, periodic)
            for window in blocks_of(size, block):
                ahead.append(workers.submit(_block, index, volume, window))
                if len(ahead) > n_workers:
                    yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def _block(index: int, volume: Volume, window: Window) -> Block:
    return index, window, volume.voxels(window)


def sample_labels(
    generator: VolumeGenerator,
    size: Sequence[int],
    seed: int,
    *,
    periodic: Sequence[int] = (),
    block: int = BLOCK,
) -> NDArray[np.uint8]:
    """Generate one volume in memory, shape (D, H, W) or with colours; see :func:`sample_blocks`."""
    shape = (*size, *generator.kind.colour_shape)
    labels = np.empty(shape, dtype=np.uint8)
    blocks = sample_blocks(generator, size, [seed], periodic=periodic, block=block)
    for _, window, part in blocks:
        labels[slices_of(window)] = part
    return labels
