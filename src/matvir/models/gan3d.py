"""The discriminator of volumes of a 3D DCGAN, the comparator of SliceGAN's Fig. 4.

Source: A. Gayon-Lombardo, L. Mosser, N. P. Brandon and S. J. Cooper, "Pores for thought: generative
adversarial networks for stochastic reconstruction of 3D multi-phase electrode microstructures with
periodic boundaries", npj Computational Materials 6, 82 (2020). Its generator is that of
`matvir.models.slicegan` with other layers.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from matvir.models.geometry import geometry_of
from matvir.settings.models import CriticConfig


class Discriminator(nn.Module):
    """Scores volumes; strided 3D convolutions with batch normalisation and leaky ReLU between them.

    As in DCGAN (arXiv 1511.06434) the first layer is not normalised.

    Parameters
    ----------
    config : CriticConfig
        Channels of the hidden layers, geometry of all layers, and the slope below zero.
    n_phases : int
        Number of input channels.
    """

    def __init__(self, config: CriticConfig, n_phases: int) -> None:
        super().__init__()
        self.negative_slope = config.negative_slope
        self.geometry = geometry_of("critic", config)
        widths = (n_phases, *config.channels, 1)
        self.convolutions = nn.ModuleList(
            nn.Conv3d(n_in, n_out, kernel, stride, padding)
            for n_in, n_out, (kernel, stride, padding) in zip(
                widths[:-1], widths[1:], self.geometry, strict=True
            )
        )
        self.normalisations = nn.ModuleList(nn.BatchNorm3d(n) for n in config.channels[1:])

    def forward(self, volumes: Tensor) -> Tensor:
        """Return one logit per volume, shape (B,), for volumes (B, n_phases, D, H, W)."""
        hidden = self.convolutions[0](volumes)
        for level, convolution in enumerate(self.convolutions[1:]):
            if level > 0:
                hidden = self.normalisations[level - 1](hidden)
            hidden = convolution(functional.leaky_relu(hidden, self.negative_slope))
        return hidden.flatten(1).mean(dim=1)

    @torch.no_grad()
    def initialise(self, random: torch.Generator) -> None:
        """Draw weights from N(0, 0.02^2); biases are zero (DCGAN)."""
        for convolution in self.convolutions:
            assert isinstance(convolution, nn.Conv3d)
            convolution.weight.copy_(0.02 * torch.randn(convolution.weight.shape, generator=random))
            assert convolution.bias is not None
            convolution.bias.zero_()

    def output_size(self, size: int) -> int:
        """Return the edge of the map of logits for volumes of edge ``size``; below 1: none."""
        for kernel, stride, padding in self.geometry:
            size = (size + 2 * padding - kernel) // stride + 1
        return size
