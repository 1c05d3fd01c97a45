"""A generator of 2D images of the DCGAN kind: upsampling, and convolutions of 3 x 3 pixels.

Source: A. Radford et al., "Unsupervised representation learning with deep convolutional generative
adversarial networks", arXiv 1511.06434. Upsampling before convolutions of 3 x 3 keeps the patterns
of transposed ones out (A. Odena et al., "Deconvolution and checkerboard artifacts", Distill 2016).
"""

from itertools import pairwise
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from matvir.models.images import NEGATIVE_SLOPE, CodedImageModel
from matvir.models.upsampling import doubled_convolution, draw_normal
from matvir.settings.models import Gan2dNetworkConfig
from matvir.storage.image_types import PHASES, ImageType


class ImageGenerator(CodedImageModel):
    """Maps a latent code to an image.

    A linear layer makes the smallest map, which each later layer doubles before it convolves it;
    batch or instance normalisation and leaky ReLU follow every layer but the last.
    """

    family = "gan2d"
    config: Gan2dNetworkConfig
    # torch's default for the small number beside a variance. A published implementation passed 0.8
    # where its authors meant a momentum.
    normalisations_by_name: ClassVar = {"batch": nn.BatchNorm2d, "instance": nn.InstanceNorm2d}

    def __init__(self, config: Gan2dNetworkConfig, n_phases: int, kind: ImageType = PHASES) -> None:
        super().__init__(config, kind)
        channels = config.channels
        edge = config.image_size // 2 ** (len(channels) - 1)
        self.smallest = (channels[0], edge, edge)
        self.linear = nn.Linear(config.latent_length, channels[0] * edge**2)
        widths = (*channels, n_phases)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(n_in, n_out, 3, padding=1) for n_in, n_out in pairwise(widths)
        )
        normalisation = self.normalisations_by_name[config.normalisation]
        self.normalisations = nn.ModuleList(normalisation(n, affine=True) for n in channels)

    def logits(self, latents: Tensor) -> Tensor:
        """Return the output of the last layer, (B, n_phases, H, W), for codes (B, length)."""
        hidden = self.linear(latents).reshape(-1, *self.smallest)
        hidden = hidden.contiguous(memory_format=torch.channels_last)
        for index, convolution in enumerate(self.convolutions):
            assert isinstance(convolution, nn.Conv2d)
            hidden = functional.leaky_relu(self.normalisations[index](hidden), NEGATIVE_SLOPE)
            if index < len(self.convolutions) - 1:
                hidden = doubled_convolution(hidden, convolution)
            else:
                hidden = convolution(hidden)
        return hidden

    @torch.no_grad()
    def initialise(self, random: torch.Generator) -> None:
        """Draw weights from N(0, 0.02^2), as DCGAN; biases are zero."""
        for layer in (self.linear, *self.convolutions):
            assert isinstance(layer, nn.Linear | nn.Conv2d)
            draw_normal(layer, random)
