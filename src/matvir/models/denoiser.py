"""A network that takes noise from images, and how much noise there is at each level.

Source of the process: J. Ho et al., "Denoising diffusion probabilistic models", arXiv 2006.11239;
of its cosine schedule and of levels in 0 .. 1: D. Kingma et al., "Variational diffusion models",
arXiv 2107.00630. Of the network: O. Ronneberger et al., "U-Net", arXiv 1505.04597; of the layers
that tell it the level: E. Perez et al., "FiLM", arXiv 1709.07871. The first layer takes 2 x 2
pixels as one, which is three times faster on a processor than a first resolution of single pixels.

The same network can see each row of an image by itself: `matvir.generation.diffusion` needs what a
line tells of its voxels.
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


def _convolution(n_in: int, n_out: int, *, lines: bool, stride: int = 1) -> nn.Conv2d:
    """Return a convolution over 3 x 3 pixels, or over 3 pixels of a row."""
    if lines:
        return nn.Conv2d(n_in, n_out, (1, 3), stride=(1, stride), padding=(0, 1))
    return nn.Conv2d(n_in, n_out, 3, stride=stride, padding=1)


class Block(nn.Module):
    """Two convolutions beside a shortcut; the level sets scale and shift between them."""

    def __init__(self, n_in: int, n_out: int, *, lines: bool) -> None:
        super().__init__()
        self.first = _convolution(n_in, n_out, lines=lines)
        self.second = _convolution(n_out, n_out, lines=lines)
        self.shortcut = nn.Conv2d(n_in, n_out, 1) if n_in != n_out else nn.Identity()
        # Means over an image would tell a row of the others.
        self.normalisations = nn.ModuleList(
            nn.Identity() if lines else nn.GroupNorm(GROUPS, n_out) for _ in range(2)
        )
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
    n_kinds : int
        How many kinds of images, or of lines, it tells apart.
    lines : bool
        Whether it sees each row of the images by itself, and halves the resolution along rows
        alone.
    """

    frequencies: Tensor

    def __init__(
        self,
        channels: Sequence[int],
        n_channels: int,
        *,
        n_kinds: int = N_AXES,
        lines: bool = False,
    ) -> None:
        super().__init__()
        self.n_kinds = n_kinds
        self.patch = (1 if lines else PATCH, PATCH)
        self.finer = (1.0 if lines else 2.0, 2.0)
        self.halvings = len(channels)
        frequencies = torch.exp(torch.linspace(0, math.log(MOST_FREQUENCY), N_FREQUENCIES))
        self.register_buffer("frequencies", frequencies, persistent=False)
        self.about = nn.Sequential(
            nn.Linear(2 * N_FREQUENCIES + 1 + n_kinds, WIDTH),
            nn.SiLU(),
            nn.Linear(WIDTH, WIDTH),
            nn.SiLU(),
        )
        widths = list(pairwise(channels))
        n_gathered = n_channels * math.prod(self.patch)
        self.begin = _convolution(n_gathered, channels[0], lines=lines)
        self.down = nn.ModuleList(Block(n, n, lines=lines) for n in channels)
        self.halve = nn.ModuleList(
            _convolution(fine, coarse, lines=lines, stride=2) for fine, coarse in widths
        )
        self.middle = Block(channels[-1], channels[-1], lines=lines)
        self.widen = nn.ModuleList(nn.Conv2d(coarse, fine, 1) for fine, coarse in widths)
        self.up = nn.ModuleList(Block(2 * fine, fine, lines=lines) for fine, _ in widths)
        self.end = _convolution(channels[0], n_gathered, lines=lines)

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
            `signal_and_noise`. Edges are multiples of `multiple`; of lines, that of rows.
        level : Tensor of shape (B,)
            In 0 .. 1.
        kind : Tensor of shape (B,), int64
            Which of the kinds of slices, or of lines, each is, below `n_kinds`; those that look
            alike are of one kind.

        Returns
        -------
        Tensor of shape (B, n_channels, H, W), float32
        """
        angles = level[:, None] * self.frequencies
        of_kind = functional.one_hot(kind, self.n_kinds)
        known = [level[:, None], angles.sin(), angles.cos(), of_kind]
        about = self.about(torch.cat(known, dim=1))
        hidden = self._gathered(images)
        hidden = self.begin(hidden.contiguous(memory_format=torch.channels_last))
        passed = []
        for index, block in enumerate(self.down):
            hidden = block(hidden, about)
            if index < len(self.halve):
                passed.append(hidden)
                hidden = self.halve[index](hidden)
        hidden = self.middle(hidden, about)
        for index in reversed(range(len(self.up))):
            coarse = functional.interpolate(self.widen[index](hidden), scale_factor=self.finer)
            hidden = self.up[index](torch.cat([passed[index], coarse], dim=1), about)
        return self._spread(self.end(hidden)).float()

    def _gathered(self, images: Tensor) -> Tensor:
        """Return images whose channels are those of all pixels of a patch."""
        batch, n_channels, height, width = images.shape
        high, wide = self.patch
        parts = images.reshape(batch, n_channels, height // high, high, width // wide, wide)
        return parts.permute(0, 1, 3, 5, 2, 4).flatten(1, 3)

    def _spread(self, hidden: Tensor) -> Tensor:
        """Return the images that `_gathered` gives ``hidden`` of."""
        batch, n_gathered, height, width = hidden.shape
        high, wide = self.patch
        parts = hidden.reshape(batch, n_gathered // (high * wide), high, wide, height, width)
        return parts.permute(0, 1, 4, 2, 5, 3).reshape(batch, -1, height * high, width * wide)

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
