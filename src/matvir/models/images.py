"""What generators of 2D images have in common, and the discriminator that some are trained with."""

from abc import abstractmethod
from collections.abc import Sequence
from copy import deepcopy
from itertools import pairwise
from typing import ClassVar, Self

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.utils import parametrizations

from matvir.models.calibration import recalibrate
from matvir.models.network import Network, Streams
from matvir.settings.models import (
    CodedImageNetworkConfig,
    DiscriminatorConfig,
    ImageNetworkConfig,
    TrainingConfig,
)
from matvir.storage.image_types import ImageType

NEGATIVE_SLOPE = 0.2
# Where torch keeps the weights of a layer that is normalised.
NORMALISED = "parametrizations.weight"
# As many as torch begins with.
POWER_ITERATIONS = 15


# Images that the batch normalisations of a finished generator are recalibrated with.
CALIBRATION_IMAGES = 256
# Pixels of images that are made at a time: the widest maps of so many take about a gigabyte.
MOST_PIXELS = 2**21


def images_at_once(image_size: int, wanted: int) -> int:
    """Return how many of the images that are wanted to make at a time, at least 16."""
    return min(wanted, max(MOST_PIXELS // image_size**2, 16))


class ImageModel(Network):
    """Maps a latent code to an image."""

    memory_format: ClassVar[torch.memory_format] = torch.channels_last

    def __init__(self, config: ImageNetworkConfig, kind: ImageType) -> None:
        super().__init__(config, kind)
        self.image_size = config.image_size

    @abstractmethod
    def logits(self, latents: Tensor) -> Tensor:
        """Return the output of the last layer, (B, n_phases, H, W), for codes (B, ...)."""

    def forward(self, latents: Tensor) -> Tensor:
        """Return phase probabilities or values, (B, n_phases, H, W), in 0 .. 1."""
        return self.decode(self.logits(latents))

    @abstractmethod
    def draw(self, n_images: int, random: torch.Generator) -> Tensor:
        """Draw the standard normal codes of images, shape (n_images, ...)."""

    def output_size(self, latent_size: int) -> int:
        """Return the edge of an image in pixels, whatever the latent size."""
        return self.image_size

    def sample(self, n: int, latent_size: int, random: torch.Generator) -> Tensor:
        """Return the logits of ``n`` random images, (n, n_phases, H, W)."""
        return self.logits(self.draw(n, random))

    def finished(
        self,
        training: TrainingConfig,
        aims: Sequence[float],
        streams: Streams,
        *,
        quick: bool = False,
    ) -> Self:
        """Return a copy in evaluation mode whose batch normalisations, if any, are recalibrated."""
        finished = deepcopy(self).eval()
        if any(isinstance(module, nn.BatchNorm2d) for module in finished.modules()):
            n_images = images_at_once(self.image_size, CALIBRATION_IMAGES)
            codes = finished.draw(n_images, streams("normalisation"))
            recalibrate(finished, lambda: finished.logits(codes))
        return finished


class CodedImageModel(ImageModel):
    """Maps a short latent code to an image."""

    def __init__(self, config: CodedImageNetworkConfig, kind: ImageType) -> None:
        super().__init__(config, kind)
        self.latent_length = config.latent_length

    def draw(self, n_images: int, random: torch.Generator) -> Tensor:
        """Draw the standard normal codes of images, shape (n_images, latent_length)."""
        shape = (n_images, self.latent_length)
        return torch.randn(shape, generator=random, device=random.device)


class ImageDiscriminator(nn.Module):
    """Scores images: strided convolutions with leaky ReLU and dropout, and a linear layer.

    There is no batch normalisation. With ``spectral_norm`` the largest singular value of every
    layer's weights is 1, estimated by one power iteration with each batch in training.
    Source: T. Miyato et al., arXiv 1802.05957, Algorithm 1.

    Parameters
    ----------
    config : DiscriminatorConfig
        Channels of the convolutions, each of which halves the image.
    image_size : int
        Edge of the images in pixels.
    n_channels : int
        Their channels.
    """

    def __init__(self, config: DiscriminatorConfig, image_size: int, n_channels: int) -> None:
        super().__init__()
        n_layers = len(config.channels)
        widths = (n_channels, *config.channels)
        layers: list[nn.Module] = [
            nn.Conv2d(n_in, n_out, 4, stride=2, padding=1) for n_in, n_out in pairwise(widths)
        ]
        layers.append(nn.Linear(widths[-1] * (image_size // 2**n_layers) ** 2, 1))
        if config.spectral_norm:
            layers = [parametrizations.spectral_norm(layer) for layer in layers]
        self.convolutions, self.last = nn.ModuleList(layers[:-1]), layers[-1]
        self.dropout = config.dropout

    def forward(self, images: Tensor, keep: Tensor | None = None) -> Tensor:
        """Return one logit per image, shape (B,).

        Parameters
        ----------
        images : Tensor of shape (B, n_channels, H, W)
            In 0 .. 1.
        keep : Tensor of shape (n_layers, B, max(channels)), optional
            What `drawn_dropout` returned; without it nothing is dropped.
        """
        return self.score(self.features(images, len(self.convolutions), keep))

    def score(self, features: Tensor) -> Tensor:
        """Return the logits, shape (B,), for the output of the last convolution."""
        logits: Tensor = self.last(features.flatten(1))
        return logits[:, 0]

    def features(self, images: Tensor, layer: int, keep: Tensor | None = None) -> Tensor:
        """Return the output of convolution ``layer``, counted from 1, behind its leaky ReLU."""
        hidden = images
        for index in range(layer):
            convolution = self.convolutions[index]
            hidden = functional.leaky_relu(convolution(hidden), NEGATIVE_SLOPE)
            if keep is not None:
                hidden = hidden * keep[index, :, : hidden.shape[1], None, None]
        return hidden

    def draw_dropout(self, n_images: int, random: torch.Generator) -> Tensor | None:
        """Draw which channels of which image are dropped in each layer; None if none are.

        Whole channels: neighbouring pixels would make up for single ones (J. Tompson et al., arXiv
        1411.4280, section 3.2).

        Returns
        -------
        Tensor of shape (n_layers, n_images, max(channels)) or None
            Factors of the outputs, of mean 1.
        """
        if not self.dropout:
            return None
        widest = max(c.out_channels for c in self.convolutions if isinstance(c, nn.Conv2d))
        shape = (len(self.convolutions), n_images, widest)
        drawn = torch.rand(shape, generator=random, device=random.device)
        return (drawn >= self.dropout).float() / (1 - self.dropout)

    @torch.no_grad()
    def initialise(self, random: torch.Generator) -> None:
        """Draw weights from N(0, 0.02^2), as DCGAN (arXiv 1511.06434); biases are zero.

        With spectral normalisation their scale is of no matter; the vector that the power
        iteration begins with is drawn too.
        """
        for layer in (*self.convolutions, self.last):
            assert isinstance(layer, nn.Conv2d | nn.Linear)
            named = dict(layer.named_parameters()) | dict(layer.named_buffers())
            weight = named.get("weight", named.get(f"{NORMALISED}.original"))
            assert weight is not None
            weight.copy_(0.02 * torch.randn(weight.shape, generator=random))
            named["bias"].zero_()
            if f"{NORMALISED}.original" in named:
                left, right = _singular_vectors(weight.flatten(1), random)
                named[f"{NORMALISED}.0._u"].copy_(left)
                named[f"{NORMALISED}.0._v"].copy_(right)


def build_discriminator(
    config: DiscriminatorConfig,
    image_size: int,
    n_channels: int,
    weights: torch.Generator,
    device: torch.device,
) -> ImageDiscriminator:
    """Return a discriminator with first weights from ``weights``, see `ImageDiscriminator`."""
    discriminator = ImageDiscriminator(config, image_size, n_channels)
    discriminator.initialise(weights)
    return discriminator.to(device)


def _singular_vectors(matrix: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return what a spectral normalisation begins with, which torch draws without a seed."""
    left = functional.normalize(torch.randn(len(matrix), generator=random), dim=0)
    for _ in range(POWER_ITERATIONS):
        right = functional.normalize(matrix.T @ left, dim=0)
        left = functional.normalize(matrix @ right, dim=0)
    return left, right
