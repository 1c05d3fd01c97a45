"""Cut Gaussian fields of any size in bounded memory, block by block.

A field is white noise convolved with a kernel, so a block needs no more than the noise within one
radius around it. The noise is addressed by position (`matvir.generation.noise`).
"""

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.fft import next_fast_len
from torch import Tensor
from torch.fft import irfftn, rfftn

from matvir.generation.noise import NormalField, Range
from matvir.models.gaussian_field import GaussianField


class FieldGenerator:
    """Fitted fields prepared for making volumes part by part.

    Parameters
    ----------
    network : GaussianField
        The fields.
    device : torch.device
        Where to compute, in float32.
    """

    def __init__(self, network: GaussianField, device: torch.device) -> None:
        self.network, self.device = network.to(device), device
        self.kind = network.kind
        with torch.inference_mode():
            self.kernels = self.network.kernels()

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
        size = [next_fast_len(stop - start, real=True) for start, stop in reached]
        spectra = rfftn(noise.to(kernels.device), s=size) * rfftn(kernels, s=size)
        made = irfftn(spectra, s=size)
        # Before twice the radius what is at the end of the noise comes in again.
        for axis, (start, stop) in enumerate(window):
            made = made.narrow(1 + axis, 2 * radius, stop - start)
        return made
