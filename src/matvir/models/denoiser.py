"""A network that takes noise from images, and how much noise there is at each level.

Source of the process: J. Ho et al., "Denoising diffusion probabilistic models", arXiv 2006.11239;
of its cosine schedule and of levels in 0 .. 1: D. Kingma et al., "Variational diffusion models",
arXiv 2107.00630. Of the network: O. Ronneberger et al., "U-Net", arXiv 1505.04597; of the layers
that tell it the level: E. Perez et al., "FiLM", arXiv 1709.07871. The first layer takes 2 x 2
pixels as one, which is three times faster on a processor than a first resolution of single pixels.
"""

import math
from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

from matvir.settings.model_rules import GROUPS

# Edge in pixels of what the first layer takes as one.
PATCH = 2
# Numbers that describe a level, and the largest of its frequencies.
N_FREQUENCIES, MOST_FREQUENCY = 16, 200.0
WIDTH = 64
N_AXES = 3


def signal_and_noise(level: Tensor) -> tuple[Tensor, Tensor]:
    """Return how much of the image and how much noise there is at a level in 0 .. 1.

    At level 0 there is no noise, at level 1 nothing else. Of images with variance 1 the variance
    is 1 at all levels.
    """
    angle = level * (math.pi / 2)
    return torch.cos(angle), torch.sin(angle)


class Block(nn.Module):
    """Two convolutions beside a shortcut; the level sets scale and shift between them."""

    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, padding=1)
        self.second = nn.Conv2d(n_out, n_out, 3, padding=1)
        self.shortcut = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()
        self.normalisations = nn.ModuleList(nn.GroupNorm(GROUPS, n_out) for _ in range(2))
        self.modulation = nn.Linear(WIDTH, 2 * n_out)

    def forward(self, hidden: Tensor, about: Tensor) -> Tensor:
        """Return (B, n_out, H, W) of ``hidden``, (B, n_in, H, W), and what is known, (B, WIDTH)."""
        scale, shift = self.modulation(about)[:, :, None, None].chunk(2, dim=1)
        inner = self.normalisations[0](self.first(hidden)) * (1 + scale) + shift
        inner = self.normalisations[1](self.second(functional.silu(inner)))
        return functional.silu(inner + self.shortcut(hidden))


class Denoiser(nn.Module):
    """Tells what images are behind noise.

    Parameters
    ----------
    channels : sequence of int
        Of each resolution; the first is half that of the images, each other one half of the one
        before. Multiples of `GROUPS`.
    n_channels : int
        Of the images: phases or colours.
    """

    frequencies: Tensor

    def __init__(self, channels: Sequence[int], n_channels: int) -> None:
        super().__init__()
        self.halvings = len(channels)
        frequencies = torch.exp(torch.linspace(0, math.log(MOST_FREQUENCY), N_FREQUENCIES))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.about = nn.Sequential(
            nn.Linear(2 * N_FREQUENCIES + 1 + N_AXES, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.SiLU(),
        )
        widths = list(pairwise(channels))
        self.begin = nn.Conv2d(n_channels * PATCH**2, channels[0], 3, padding=1)
        self.down = nn.ModuleList(Block(n, n) for n in channels)
        self.halve = nn.ModuleList(
            nn.Conv2d(fine, coarse, 3, stride=2, padding=1) for fine, coarse in widths
        )
        self.middle = Block(channels[-1], channels[-1])
        self.widen = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in widths)
        self.up = nn.ModuleList(Block(2 * fine, fine) for fine, _ in widths)
        self.end = nn.Conv2d(channels[0], n_channels * PATCH**2, 3, padding=1)

    @property
    def multiple(self) -> int:
        """What the edges of images have to be multiples of."""
        return PATCH * 2 ** (self.halvings - 1)

    def forward(self, images: Tensor, level: Tensor, kind: Tensor) -> Tensor:
        """Return logits of what is behind noise.

        Parameters
        ----------
        images : Tensor of shape (B, n_channels, H, W)
            Images in -1 .. 1 times the signal, plus standard normal noise times the noise of
            `signal_and_noise`. Edges are multiples of `multiple`.
        level : Tensor of shape (B,)
            In 0 .. 1.
        kind : Tensor of shape (B,), int64
            Which of the kinds of slices each is, in 0 .. 2; those that look alike are of one kind.

        Returns
        -------
        Tensor of shape (B, n_channels, H, W), float32
        """
        angles = level[:, None] * self.frequencies
        known = [level[:, None], angles.sin(), angles.cos(), functional.one_hot(kind, N_AXES)]
        about = self.about(torch.cat(known, dim=1))
        hidden = functional.pixel_unshuffle(images, PATCH)
        hidden = self.begin(hidden.contiguous(memory_format=torch.channels_last))
        passed = []
        for index, block in enumerate(self.down):
            hidden = block(hidden, about)
            if index < len(self.halve):
                passed.append(hidden)
                hidden = self.halve[index](hidden)
        hidden = self.middle(hidden, about)
        for index in reversed(range(len(self.up))):
            coarse = functional.interpolate(self.widen[index](hidden), scale_factor=2.0)
            hidden = self.up[index](torch.cat([passed[index], coarse], dim=1), about)
        return functional.pixel_shuffle(self.end(hidden), PATCH).float()

    @torch.no_grad()
    def initialise(self, random: torch.Generator) -> None:
        """Draw weights that keep the variance of their input; levels begin without effect."""
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="linear", generator=random)
                if module.bias is not None:
                    module.bias.zero_()
            if isinstance(module, Block):
                module.modulation.weight.zero_()
