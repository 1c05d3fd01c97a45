"""A variational autoencoder of 2D images: strided convolutions one way, upsampling the other.

Source: D. P. Kingma and M. Welling, "Auto-encoding variational Bayes", arXiv 1312.6114.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn

from matvir.models.images import CodedImageModel
from matvir.models.upsampling import doubled_convolution, draw_normal
from matvir.settings.models import TrainingConfig, VaeNetworkConfig
from matvir.storage.image_types import PHASES, ImageType

# First weights of the decoder's last layer over usual ones, and smallest share of a phase, so that
# its logarithm is finite.
FIRST_CONTRAST, SMALLEST_MEAN = 0.3, 1e-3
# First one of codes: noise of standard deviation 1 would hide what the encoder says.
FIRST_LOG_VARIANCE = -4.0


class Vae(CodedImageModel):
    """Encodes images as normal distributions of latent codes, and decodes codes.

    Each convolution of the encoder halves the image, each of the decoder doubles it by nearest
    neighbours before it convolves it (`matvir.models.gan2d`); linear layers lie between the
    smallest maps and the codes. There is no normalisation, so an image does not depend on others.
    """

    family = "vae"
    config: VaeNetworkConfig

    def __init__(self, config: VaeNetworkConfig, n_phases: int, kind: ImageType = PHASES) -> None:
        super().__init__(config, kind)
        channels = config.channels
        edge = config.image_size // 2 ** len(channels)
        self.smallest = (channels[-1], edge, edge)
        n_smallest = channels[-1] * edge**2
        widths = (n_phases, *channels)
        pairs = list(pairwise(widths))
        self.encoder = nn.ModuleList(nn.Conv2d(n, m, 4, stride=2, padding=1) for n, m in pairs)
        self.to_code = nn.Linear(n_smallest, 2 * config.latent_length)
        self.from_code = nn.Linear(config.latent_length, n_smallest)
        self.decoder = nn.ModuleList(nn.Conv2d(m, n, 3, padding=1) for n, m in reversed(pairs))

    def encode(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the distributions of codes of images.

        Parameters
        ----------
        images : Tensor of shape (B, n_phases, H, W)
            One-hot, or values in 0 .. 1.

        Returns
        -------
        mean, log_variance : Tensor of shape (B, latent_length)
            Of normal distributions, independent along the code.
        """
        hidden = images
        for convolution in self.encoder:
            hidden = torch.relu(convolution(hidden))
        mean, log_variance = self.to_code(hidden.flatten(1)).chunk(2, dim=1)
        return mean, log_variance

    def logits(self, latents: Tensor) -> Tensor:
        """Return the output of the last layer, (B, n_phases, H, W), for codes (B, length)."""
        hidden = torch.relu(self.from_code(latents)).reshape(-1, *self.smallest)
        hidden = hidden.contiguous(memory_format=torch.channels_last)
        for index, convolution in enumerate(self.decoder):
            assert isinstance(convolution, nn.Conv2d)
            hidden = doubled_convolution(torch.relu(hidden) if index else hidden, convolution)
        return hidden

    def encoding_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the encoder."""
        return [*self.encoder.parameters(), *self.to_code.parameters()]

    def decoding_parameters(self) -> list[nn.Parameter]:
        """Return the parameters of the decoder."""
        return [*self.from_code.parameters(), *self.decoder.parameters()]

    @torch.no_grad()
    def initialise(self, random: torch.Generator) -> None:
        """Draw weights that keep the variance of what they see; most biases are zero.

        Source: K. He et al., arXiv 1502.01852, eq. 10.
        """
        for layer in (*self.encoder, self.to_code, self.from_code, *self.decoder):
            assert isinstance(layer, nn.Conv2d | nn.Linear)
            draw_normal(layer, random, math.sqrt(2 / layer.weight[0].numel()))
        self.to_code.bias[self.latent_length :] = FIRST_LOG_VARIANCE

    def prepare(
        self, training: TrainingConfig, own: Sequence[float], aims: Sequence[float]
    ) -> None:
        """Begin with nearly uniform images of the material's fractions, see `begin_at`."""
        self.begin_at(torch.tensor(aims))

    @torch.no_grad()
    def begin_at(self, means: Tensor) -> None:
        """Let the first images be nearly a uniform one.

        A rare phase would else be gone after few steps, and softmax has no gradient there. To be
        called once, after `initialise`: it scales the weights that are there.

        Parameters
        ----------
        means : Tensor of shape (n_phases,)
            Volume fractions, or mean values in 0 .. 1.
        """
        last = self.decoder[-1]
        assert isinstance(last, nn.Conv2d)
        means = means.clamp(SMALLEST_MEAN, 1 - SMALLEST_MEAN)
        last.weight.mul_(FIRST_CONTRAST)
        assert last.bias is not None
        last.bias.copy_(self.kind.logits(means))


def draw_codes(mean: Tensor, log_variance: Tensor, random: torch.Generator) -> Tensor:
    """Draw a code from each distribution that `Vae.encode` returned (reparameterised)."""
    noise = torch.randn(mean.shape, generator=random, device=mean.device)
    return mean + noise * (log_variance / 2).exp()


def kl_divergence(mean: Tensor, log_variance: Tensor) -> Tensor:
    """Return the Kullback-Leibler divergence from the standard normal distribution, shape (B,).

    Source: arXiv 1312.6114, appendix B.
    """
    return (mean**2 + log_variance.exp() - log_variance - 1).sum(dim=1) / 2
