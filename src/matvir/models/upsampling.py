"""The layers of generators: transposed convolutions, computed the way that costs least.

Those of 2D as such. Those of 3D as sub-pixel convolutions: a transposed convolution of stride s
writes each voxel from a few inputs only, and voxels of one place between two inputs all use the
same part of the kernel. So it is an ordinary convolution with s^3 times the channels and kernels of
1 / s of the edge, whose channels are then laid out as voxels (W. Shi et al., "Is the deconvolution
layer the same as a convolutional layer?", arXiv 1609.07009). The numbers are the same; processors
have faster routines for it, and far faster ones in bfloat16.
"""

import math
from abc import ABC, abstractmethod

import torch
from torch import Tensor, nn
from torch.nn import functional

from matvir.errors import ConfigError


def subpixel_kernels(kernels: Tensor, stride: int) -> Tensor:
    """Return the kernels of the sub-pixel convolution that equals a transposed convolution.

    Parameters
    ----------
    kernels : Tensor of shape (n_in, n_out, k, k, k)
        Of the transposed convolution.
    stride : int
        Its stride s.

    Returns
    -------
    Tensor of shape (s^3 * n_out, n_in, K, K, K), channels last
        K is k / s, rounded up. Output channels are ordered by place along D, H and W, then by
        channel.
    """
    n_in, n_out, edge = kernels.shape[:3]
    taps = -(-edge // stride)
    missing = taps * stride - edge
    if missing:
        kernels = functional.pad(kernels, (0, missing) * 3)
    parts = kernels.reshape(n_in, n_out, *(taps, stride) * 3).permute(3, 5, 7, 1, 0, 2, 4, 6)
    parts = parts.flip(5, 6, 7).reshape(stride**3 * n_out, n_in, taps, taps, taps)
    return parts.contiguous(memory_format=torch.channels_last_3d)


def subpixel_convolution(hidden: Tensor, kernels: Tensor, bias: Tensor, stride: int) -> Tensor:
    """Return the part of a transposed convolution that all taps of the kernels reach.

    Parameters
    ----------
    hidden : Tensor of shape (B, n_in, d, h, w)
        Input.
    kernels : Tensor of shape (s^3 * n_out, n_in, K, K, K)
        From :func:`subpixel_kernels`.
    bias : Tensor of shape (n_out,)
        Added to the output.
    stride : int
        The stride s.

    Returns
    -------
    Tensor of shape (B, n_out, (d - K + 1) * s, (h - K + 1) * s, (w - K + 1) * s), channels last
        The transposed convolution less the first and the last (K - 1) * s voxels of each axis.
    """
    parts = functional.conv3d(hidden, kernels, bias.repeat(stride**3))
    n_batch, _, *sizes = parts.shape
    parts = parts.permute(0, 2, 3, 4, 1).reshape(n_batch, *sizes, *(stride,) * 3, bias.numel())
    voxels = parts.permute(0, 1, 4, 2, 5, 3, 6, 7)
    return voxels.reshape(n_batch, *(size * stride for size in sizes), -1).permute(0, 4, 1, 2, 3)


def transposed_convolution(
    hidden: Tensor, kernels: Tensor, bias: Tensor, stride: int, padding: int
) -> Tensor:
    """Return ``torch.nn.functional.conv_transpose3d`` of the same arguments, up to rounding."""
    edge = kernels.shape[-1]
    sizes = [(size - 1) * stride + edge - 2 * padding for size in hidden.shape[2:]]
    # The first output that is asked for, counted from the first that all taps reach.
    first = padding - (-(-edge // stride) - 1) * stride
    margin = max(-(first // stride), 0)
    if margin:
        hidden = functional.pad(hidden, (margin,) * 6)
    made = subpixel_convolution(hidden, subpixel_kernels(kernels, stride), bias, stride)
    for axis, size in enumerate(sizes, start=2):
        made = made.narrow(axis, first + margin * stride, size)
    return made


def doubled_convolution(hidden: Tensor, convolution: nn.Conv2d) -> Tensor:
    """Return a convolution of maps that nearest neighbours have doubled, in one step.

    Four neighbours are equal, so one transposed convolution with sums of weights gives the same
    numbers, up to rounding, for four ninths of the arithmetic.

    Parameters
    ----------
    hidden : Tensor of shape (B, n_in, h, w)
        Maps before they are doubled.
    convolution : Conv2d
        Of kernels of 3 x 3, stride 1 and a padding of one zero.

    Returns
    -------
    Tensor of shape (B, n_out, 2 h, 2 w)
    """
    assert (convolution.kernel_size, convolution.padding) == ((3, 3), (1, 1))
    kernels = convolution.weight
    rows = functional.pad(kernels, (0, 0, 1, 0)) + functional.pad(kernels, (0, 0, 0, 1))
    sums = functional.pad(rows, (1, 0)) + functional.pad(rows, (0, 1))
    # A transposed convolution scatters: its kernels are mirrored and their channels swapped.
    scattering = sums.flip(2, 3).transpose(0, 1).contiguous()
    return functional.conv_transpose2d(hidden, scattering, convolution.bias, stride=2, padding=1)


class TransposedConvolution(nn.Module, ABC):
    """A transposed convolution whose kernels are a function of its weights.

    Parameters
    ----------
    n_in, n_out : int
        Channels.
    free : int
        Edge of the weights.
    stride, padding : int
        Geometry.
    """

    def __init__(self, n_in: int, n_out: int, free: int, stride: int, padding: int) -> None:
        super().__init__()
        self.stride, self.padding = stride, padding
        self.weight = nn.Parameter(torch.zeros(n_in, n_out, free, free, free))
        self.bias = nn.Parameter(torch.zeros(n_out))

    def forward(self, hidden: Tensor) -> Tensor:
        """Return (B, n_out, ...) of ``hidden``, (B, n_in, D, H, W), computed in its precision."""
        kernels, bias = self.kernels().to(hidden.dtype), self.bias.to(hidden.dtype)
        return transposed_convolution(hidden, kernels, bias, self.stride, self.padding)

    @abstractmethod
    def kernels(self) -> Tensor:
        """Return the kernels, (n_in, n_out, k, k, k)."""

    @abstractmethod
    def initialise(self, random: torch.Generator) -> None:
        """Draw the first weights."""


class FreeConvolution(TransposedConvolution):
    """A transposed convolution whose kernels are its weights, as in the SliceGAN paper."""

    def kernels(self) -> Tensor:
        """Return the weights."""
        return self.weight

    def initialise(self, random: torch.Generator) -> None:
        """Draw weights from N(0, 0.02^2); the bias is zero."""
        draw_normal(self, random)


class InterpolatingConvolution(TransposedConvolution):
    """Linear upsampling and then a convolution, in one transposed convolution.

    A transposed convolution with free weights treats voxels differently by their place between
    two input voxels. A critic sees the lattice this can leave; a distance of local patches hardly
    does. Here the kernel is a free one smoothed by the tent of linear interpolation, so all places
    are alike. With stride 1 there is nothing between voxels: it is a plain convolution.

    Parameters
    ----------
    n_in, n_out, stride, padding : int
        As in `TransposedConvolution`.
    kernel : int
        Edge of the kernel. The tent takes ``2 * stride`` voxels of it, one less where the stride is
        odd.
    """

    tent: Tensor

    def __init__(self, n_in: int, n_out: int, kernel: int, stride: int, padding: int) -> None:
        # Voxels of an even stride lie beside the input voxels, those of an odd one on them too.
        width = 2 * stride - stride % 2
        free = kernel - width + 1
        if free < 1:
            raise ConfigError(
                f"network.generator.kernel_sizes: expected at least {width} for "
                f"interpolating kernels of stride {stride}, got {kernel}."
            )
        super().__init__(n_in, n_out, free, stride, padding)
        place = torch.arange(kernel)[:, None] - torch.arange(free) - (width - 1) / 2
        # From a free weight to the kernel, along one axis: (kernel, free).
        self.register_buffer("tent", (1 - place.abs() / stride).clamp(min=0), persistent=False)

    def forward(self, hidden: Tensor) -> Tensor:
        """Return (B, n_out, ...) of ``hidden``, (B, n_in, D, H, W), computed in its precision."""
        margin = (len(self.tent) - self.stride) // 2
        # On a GPU the gradient of an interpolation is summed in no fixed order: bits would differ.
        if self.weight.shape[-1] > 1 or self.padding < 2 * margin or hidden.is_cuda:
            return super().forward(hidden)
        # A convolution of single voxels may as well come before the upsampling, at less voxels.
        weight = self.weight.transpose(0, 1).to(hidden.dtype)
        mixed = functional.conv3d(hidden, weight, self.bias.to(hidden.dtype))
        made = functional.interpolate(mixed, scale_factor=self.stride, mode="trilinear")
        for axis in (2, 3, 4):
            crop = self.padding - margin
            made = made.narrow(axis, crop, made.shape[axis] - 2 * crop)
        return made

    def kernels(self) -> Tensor:
        """Return the smoothed kernels, (n_in, n_out, k, k, k)."""
        smooth = self.weight
        for _ in range(3):  # each time the next axis, which becomes the last one
            smooth = torch.tensordot(smooth, self.tent, dims=([2], [1]))
        return smooth

    def initialise(self, random: torch.Generator) -> None:
        """Draw weights that keep the variance of their input; the bias is zero."""
        draw_normal(self, random, 1 / math.sqrt(self.weight[:, 0].numel()))


@torch.no_grad()
def draw_normal(
    layer: nn.Conv2d | nn.ConvTranspose2d | nn.Linear | TransposedConvolution,
    random: torch.Generator,
    deviation: float = 0.02,
) -> None:
    """Draw weights from N(0, deviation^2) and zero the biases; the default is that of DCGAN.

    Source: arXiv 1511.06434.
    """
    layer.weight.copy_(deviation * torch.randn(layer.weight.shape, generator=random))
    if layer.bias is not None:
        layer.bias.zero_()
