"""Cut Gaussian fields of any size in bounded memory, block by block.

A field is white noise convolved with a kernel, so a block needs no more than the noise within one
radius around it. The noise is addressed by position (`matvir.generation.noise`).
"""

from collections.abc import Sequence
from copy import deepcopy
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor
from torch.fft import irfftn, rfftn
from torch.nn import functional

from matvir.generation.noise import NormalField
from matvir.models.gaussian_field import GaussianField
from matvir.storage.windows import Range


class FieldGenerator:
    """Fitted fields prepared for making volumes part by part, in float32.

    Parameters
    ----------
    network : GaussianField
        The fields.
    device : torch.device
        Where to compute.
    dtype : torch.dtype
        Not used: Fourier transforms want float32.
    """

    def __init__(
        self, network: GaussianField, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        self.network = deepcopy(network).to(device)
        self.kind, self.precision = network.kind, torch.float32
        with torch.inference_mode():
            self.kernels = self.network.kernels()
        # Most blocks are of one size.
        self.spectra = lru_cache(maxsize=1)(self._spectra)

    def _spectra(self, size: tuple[int, ...]) -> Tensor:
        """Return the Fourier transforms of the kernels on a grid of a size."""
        return rfftn(self.kernels, s=size)

    def workers(self, threads: int, size: Sequence[int], n_volumes: int) -> int:
        """Return two at most: not everything that makes a block runs on all cores."""
        return min(threads, 2)

    def volume(self, seed: int, size: Sequence[int], periodic: Sequence[int] = ()) -> "FieldVolume":
        """Return the volume of ``seed``, none of it computed yet; see `FieldVolume`."""
        return FieldVolume(self, seed, size, periodic)


class FieldVolume:
    """The volume that cut fields make of a seed; computed where it is asked for.

    Volumes of one seed share their first corner whatever their size, along axes that are not
    periodic.

    Parameters
    ----------
    generator : FieldGenerator
        Makes it.
    seed : int
        Determines it.
    size : sequence of three int
        Edges (D, H, W) in voxels.
    periodic : sequence of int
        Axes along which the noise repeats after the volume's edge, and the volume with it.
    """

    def __init__(
        self,
        generator: FieldGenerator,
        seed: int,
        size: Sequence[int],
        periodic: Sequence[int] = (),
    ) -> None:
        self.generator = generator
        self.periods = [edge if axis in periodic else None for axis, edge in enumerate(size)]
        self.noise = NormalField(seed, 0, len(generator.kernels))
        # Where a kernel is longer than a period it meets noise twice, which changes the variance.
        squares = folded(generator.kernels, self.periods).square()
        self.deviations = squares.sum(dim=(1, 2, 3), keepdim=True).sqrt()

    def voxels(self, window: Sequence[Range]) -> NDArray[np.uint8]:
        """Return the labels of a window, shape (d, h, w)."""
        with torch.inference_mode():
            labels = self.generator.network.labels(self.fields(window))
        return np.asarray(labels.cpu().numpy())

    def fields(self, window: Sequence[Range]) -> Tensor:
        """Return the fields in a window, before they are cut, shape (n_fields, d, h, w)."""
        kernels, radius = self.generator.kernels, self.generator.network.radius
        # Noise begins at position 0 where it does not repeat; that of the first voxel reaches from
        # there to twice the radius.
        shifts = [radius if period is None else 0 for period in self.periods]
        reached = [
            (start + shift - radius, stop + shift + radius)
            for (start, stop), shift in zip(window, shifts, strict=True)
        ]
        noise = torch.from_numpy(np.ascontiguousarray(self.noise.window(reached, self.periods)))
        size = tuple(next_fast_len(stop - start, real=True) for start, stop in reached)
        spectra = rfftn(noise.to(kernels.device), s=size) * self.generator.spectra(size)
        made = irfftn(spectra, s=size)
        # Before twice the radius what is at the end of the noise comes in again.
        for axis, (start, stop) in enumerate(window):
            made = made.narrow(1 + axis, 2 * radius, stop - start)
        return made / self.deviations


def folded(kernels: Tensor, periods: Sequence[int | None]) -> Tensor:
    """Return kernels, (n_fields, n, n, n), whose values a period apart are added up."""
    for axis, period in enumerate(periods, start=1):
        if period is not None and period < kernels.shape[axis]:
            short = -kernels.shape[axis] % period
            padding = [0, 0] * (kernels.ndim - 1 - axis) + [0, short]
            kernels = functional.pad(kernels, padding).unflatten(axis, (-1, period)).sum(dim=axis)
    return kernels
