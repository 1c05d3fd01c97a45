"""Volumes of any size in bounded memory: block by block from one field of random numbers.

A generator of transposed convolutions is local: a voxel depends on the few latents around it. So a
block can be computed from the parts of the latent field, and of the noise of the later layers, that
it sees, and equals the same part of the volume made in one go.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from matvir.generation.noise import NormalField
from matvir.generation.rounding import round_kernels
from matvir.metrics.interfacial_area import face_area_density
from matvir.models.conditioning import with_conditions
from matvir.models.slicegan import Generator
from matvir.models.upsampling import subpixel_convolution, subpixel_kernels
from matvir.settings.sizes import require_multiples
from matvir.storage.windows import Range, Window

# Edge of a block in voxels. Larger ones repeat less at their rims and need more memory. Not a
# setting: the rounding of a block may depend on its size, and a seed is to mean the same bits.
BLOCK = 128
# In bfloat16 the layers whose outputs are further apart than this many voxels stay in float32: they
# make few numbers, which many voxels depend on.
FINE = 4
# Edge of the volume that rounded layers are judged on, and its seed.
SAMPLE_EDGE, SAMPLE_SEED = 64, 0


@dataclass(frozen=True)
class Layer:
    """One transposed convolution, with the batch normalisation after it folded in.

    Attributes
    ----------
    kernels, bias : Tensor
        As :func:`matvir.models.upsampling.subpixel_convolution` takes them.
    edge, stride, padding : int
        Geometry of the transposed convolution.
    """

    kernels: Tensor
    bias: Tensor
    edge: int
    stride: int
    padding: int

    def output_size(self, n_inputs: int) -> int:
        """Return the number of outputs along an axis."""
        return (n_inputs - 1) * self.stride + self.edge - 2 * self.padding

    def inputs_of(self, outputs: Range) -> Range:
        """Return which inputs the outputs ``start .. stop - 1`` depend on; some may not exist."""
        start, stop = outputs
        last = (stop - 1 + self.padding) // self.stride
        return (start + self.padding) // self.stride - self.kernels.shape[-1] + 1, last + 1

    def rounded(self, dtype: torch.dtype, inputs: Tensor) -> "Layer":
        """Return the layer in another precision, given examples, (1, n_in, ...), of its inputs."""
        kernels, bias = round_kernels(self.kernels, self.bias, inputs, dtype)
        return replace(self, kernels=kernels, bias=bias)

    def apply(self, hidden: Tensor, inputs: Window, outputs: Window) -> Tensor:
        """Return the outputs in one window from those of its inputs that exist.

        Parameters
        ----------
        hidden : Tensor of shape (1, n_in, d, h, w)
            Inputs.
        inputs : Window
            Their place.
        outputs : Window
            Place of the outputs.
        """
        reached = [self.inputs_of(bounds) for bounds in outputs]
        around = [
            (first - start, stop - last)
            for (start, stop), (first, last) in zip(reached, inputs, strict=True)
        ]
        # Where the grid ends there are zeros. Padding starts with the last axis, and costs a copy.
        if any(map(any, around)):
            hidden = functional.pad(hidden, [n for sides in reversed(around) for n in sides])
        made = subpixel_convolution(hidden, self.kernels, self.bias, self.stride)
        for axis, (start, stop) in enumerate(outputs):
            made = made.narrow(2 + axis, (start + self.padding) % self.stride, stop - start)
        return made


class BlockwiseGenerator:
    """A trained generator prepared for making volumes part by part.

    Parameters
    ----------
    network : Generator
        In evaluation mode.
    device : torch.device
        Where to compute.
    dtype : torch.dtype
        ``float32``, or ``bfloat16`` for more speed: of the layers that make most numbers, rounded
        as `matvir.generation.rounding` describes.
    """

    def __init__(
        self, network: Generator, device: torch.device, dtype: torch.dtype = torch.float32
    ) -> None:
        self.network, self.device, self.precision = network, device, dtype
        # What a conditional generator is given, the same in all of its volumes.
        # On the CPU, where random numbers are drawn.
        conditional = network.conditional
        self.condition = network.conditions(network.aims)[None].cpu() if conditional else None
        self.kind, self.reference = network.kind, 0
        self.layers = self._layers()
        if dtype != torch.float32:
            self._round(dtype)

    def _layers(self) -> list[Layer]:
        """Return the layers of the network; of phases the last one makes `phase_differences`."""
        layers, made = self.network.folded(), []
        if self.kind.labelled:
            layers[-1] = phase_differences(*layers[-1], self.reference)
        for (kernels, bias), (edge, stride, padding) in zip(
            layers, self.network.geometry, strict=True
        ):
            parts = subpixel_kernels(kernels, stride).detach().to(self.device)
            made.append(Layer(parts, bias.to(self.device), edge, stride, padding))
        return made

    def _round(self, dtype: torch.dtype) -> None:
        """Put the layers of fine grids in another precision."""
        # Networks that make volumes of single latents were trained with those alone.
        alone = self.network.output_size(1)
        edge = alone if alone > 1 else SAMPLE_EDGE
        sample = self.volume(SAMPLE_SEED, (edge,) * 3)
        inputs = sample.inputs()
        if self.kind.labelled:
            # Two phases that are compared by way of a third are rounded twice, so take as the third
            # the one that most interfaces are with; without any, the only one.
            labels = sample.voxels(_window((0, n) for n in sample.size))
            faces = face_area_density(labels, len(self.layers[-1].bias) + 1).sum(axis=1)
            self.reference = int(faces.argmax() if faces.any() else labels.flat[0])
        spacing, layers = self.network.stride, []
        for layer, seen in zip(self._layers(), inputs, strict=True):
            spacing //= layer.stride
            layers.append(layer if spacing > FINE else layer.rounded(dtype, seen))
        self.layers = layers

    def workers(self, threads: int, size: Sequence[int], n_volumes: int) -> int:
        """Return two at most: not everything that makes a block runs on all cores."""
        return min(threads, 2)

    def volume(
        self, seed: int, size: Sequence[int], periodic: Sequence[int] = ()
    ) -> "SeededVolume":
        """Return the volume of ``seed``, none of it computed yet; see `SeededVolume`."""
        return SeededVolume(self, seed, size, periodic)


class SeededVolume:
    """The volume that a generator makes of a seed; computed where it is asked for.

    Volumes of one seed share their first corner whatever their size, along axes that are not
    periodic.

    Parameters
    ----------
    generator : BlockwiseGenerator
        Makes it.
    seed : int
        Determines it.
    size : sequence of three int
        Edges (D, H, W) in voxels: the first corner of the smallest volume of the network that
        covers them.
    periodic : sequence of int
        Axes along which the volume is periodic: its last plane is followed by its first.
        All random numbers repeat after the volume's edge, and so does every layer's output.

    Raises
    ------
    ConfigError
        If the edge along a periodic axis is no multiple of the network's stride: random numbers
        cannot repeat after a part of a latent.
    """

    def __init__(
        self,
        generator: BlockwiseGenerator,
        seed: int,
        size: Sequence[int],
        periodic: Sequence[int] = (),
    ) -> None:
        self.generator, self.size = generator, tuple(size)
        network, layers = generator.network, generator.layers
        require_multiples(size, periodic, network.stride)
        # Edges of the latent field, then of each layer's output.
        self.grids = [
            tuple(
                edge // network.stride if axis in periodic else network.latent_size_for(edge)
                for axis, edge in enumerate(size)
            )
        ]
        for layer in layers:
            self.grids.append(
                tuple(
                    n * layer.stride if axis in periodic else layer.output_size(n)
                    for axis, n in enumerate(self.grids[-1])
                )
            )
        self.periods = [
            [n if axis in periodic else None for axis, n in enumerate(grid)] for grid in self.grids
        ]
        channels = [network.latent_channels]
        if network.noise_channels:
            channels += [network.noise_channels] * (len(layers) - 1)
        self.fields = [NormalField(seed, level, n) for level, n in enumerate(channels)]

    def voxels(self, window: Window) -> NDArray[np.uint8]:
        """Return the voxels of a window.

        Returns
        -------
        ndarray of shape (d, h, w), uint8
            The most probable phase of each, or its grey value in 0 .. 255; with a last axis of
            three if they are colours.
        """
        found, kind = self._last(window), self.generator.kind
        if kind.labelled:
            return np.asarray(largest_phases(found, self.generator.reference)[0].cpu().numpy())
        return np.ascontiguousarray(kind.voxels(kind.decode(found.float()))[0])

    def probabilities(self, window: Window) -> Tensor:
        """Return the phase probabilities in a window, shape (n_phases, d, h, w), float32."""
        logits = list(self._last(window).float()[0])
        logits.insert(self.generator.reference, torch.zeros_like(logits[0]))
        return torch.stack(logits).softmax(dim=0)

    def inputs(self) -> list[Tensor]:
        """Return what each layer is given in the volume, each of shape (1, n_in, d, h, w)."""
        inputs: list[Tensor] = []
        self._last(_window((0, edge) for edge in self.size), inputs.append)
        return inputs

    @torch.inference_mode()
    def _last(self, window: Window, watch: Callable[[Tensor], None] | None = None) -> Tensor:
        """Return what the last layer makes of a window; of phases that of `phase_differences`.

        Each layer's input is shown to ``watch``.
        """
        layers = self.generator.layers
        windows = [window]
        for level in reversed(range(len(layers))):
            reached = (layers[level].inputs_of(outputs) for outputs in windows[0])
            of_axes = zip(reached, self.grids[level], self.periods[level], strict=True)
            windows.insert(0, _window(_clip(one, n) if p is None else one for one, n, p in of_axes))
        hidden = self._random(0, windows[0])
        for level, layer in enumerate(layers):
            if level > 0:
                hidden = hidden.relu_().to(layer.kernels.dtype)
                if len(self.fields) > 1:
                    hidden = torch.cat([hidden, self._random(level, windows[level])], dim=1)
            if watch is not None:
                watch(hidden)
            hidden = layer.apply(hidden, windows[level], windows[level + 1])
        return hidden

    def _random(self, level: int, window: Window) -> Tensor:
        numbers = torch.from_numpy(self.fields[level].window(window, self.periods[level]))[None]
        generator = self.generator
        if level == 0 and generator.condition is not None:
            numbers = with_conditions(numbers, generator.condition)
        dtype = generator.layers[level].kernels.dtype
        return numbers.to(generator.device, dtype, memory_format=torch.channels_last_3d)


def phase_differences(kernels: Tensor, bias: Tensor, reference: int) -> tuple[Tensor, Tensor]:
    """Return a last layer that makes the logits of all phases less that of one of them.

    Differences decide which phase is largest, and small ones are what rounding could turn. A number
    is rounded relative to itself, so they are computed as such, not from rounded logits.

    Parameters
    ----------
    kernels : Tensor of shape (n_in, n_phases, k, k, k)
        Of the layer that makes the logits.
    bias : Tensor of shape (n_phases,)
        Of that layer.
    reference : int
        The phase that the others are compared with.

    Returns
    -------
    kernels : Tensor of shape (n_in, n_phases - 1, k, k, k)
        For the other phases.
    bias : Tensor of shape (n_phases - 1,)
        Likewise.
    """
    others = [phase for phase in range(len(bias)) if phase != reference]
    return kernels[:, others] - kernels[:, [reference]], bias[others] - bias[reference]


def largest_phases(differences: Tensor, reference: int) -> Tensor:
    """Return which phase has the largest logit, the first of equal ones.

    Parameters
    ----------
    differences : Tensor of shape (B, n_phases - 1, ...)
        What a layer of `phase_differences` makes.
    reference : int
        The phase that the others are compared with.

    Returns
    -------
    Tensor of shape (B, ...), uint8
        The phases.
    """
    logits = list(differences.unbind(dim=1))
    logits.insert(reference, logits[0].new_zeros(()))
    largest, labels = logits[0], logits[0].new_zeros((), dtype=torch.uint8)
    for phase, logit in enumerate(logits[1:], start=1):
        # Phases grow, so the last one that is larger has the highest number.
        labels = torch.maximum(labels, (logit > largest).to(torch.uint8) * phase)
        largest = torch.maximum(largest, logit)
    return labels


def blocks_of(size: Sequence[int], edge: int = BLOCK) -> Iterator[Window]:
    """Yield windows that tile a volume of ``size``; those at its ends are smaller."""
    for corner in product(*(range(0, length, edge) for length in size)):
        pairs = zip(corner, size, strict=True)
        yield _window((start, min(start + edge, length)) for start, length in pairs)


def _clip(bounds: Range, n: int) -> Range:
    """Return the part of a range that lies in 0 .. n."""
    return max(bounds[0], 0), min(bounds[1], n)


def _window(bounds: Iterable[Range]) -> Window:
    first, second, third = bounds
    return first, second, third
