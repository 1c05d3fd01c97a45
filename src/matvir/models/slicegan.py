"""SliceGAN: a generator of volumes, trained by critics of their slices.

Source: S. Kench and S. J. Cooper, "Generating three-dimensional structures from a two-dimensional
slice with generative adversarial network-based dimensionality expansion", Nature Machine
Intelligence 3, 299 (2021), arXiv 2102.07708; networks as in its Table 1.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from copy import deepcopy
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from matvir.models.calibration import offsets_for_fractions, offsets_for_means, recalibrate
from matvir.models.conditioning import draw_fractions, with_conditions
from matvir.models.geometry import geometry_of
from matvir.models.network import Network, Streams
from matvir.models.upsampling import (
    FreeConvolution,
    InterpolatingConvolution,
    TransposedConvolution,
)
from matvir.settings.models import NetworkConfig, SliceganNetworkConfig, TrainingConfig
from matvir.storage.image_types import PHASES, ImageType

# Volumes that a validated generator is calibrated with, and the finished one. Their fractions vary,
# and so does the calibration; large ones vary less and take more memory.
FEWEST_VOLUMES, MOST_VOLUMES = 16, 64
MOST_VOXELS = MOST_VOLUMES * 72**3
# Voxels whose phases are counted along each axis: every third one, neighbours being alike.
SPACING = 3


@dataclass(frozen=True)
class Latents:
    """The random input of a generator.

    Attributes
    ----------
    field : Tensor of shape (B, latent_channels, d, h, w)
        Standard normal numbers; the input of the first layer. Of a conditional generator there
        follow as many channels as phases, each of them constant: the condition.
    noises : tuple of Tensor
        Standard normal numbers of shape (B, noise_channels, ...) that join the input of each
        later layer; empty if the network has no noise channels.
    """

    field: Tensor
    noises: tuple[Tensor, ...]

    def __iter__(self) -> Iterator["Latents"]:
        """Yield the random input of one volume after the other."""
        for index in range(len(self.field)):
            part = slice(index, index + 1)
            yield Latents(self.field[part], tuple(noise[part] for noise in self.noises))

    def map(self, part: Callable[[Tensor], Tensor]) -> "Latents":
        """Return what a function makes of the field and of each noise."""
        return Latents(part(self.field), tuple(map(part, self.noises)))

    def to(self, dtype: torch.dtype) -> "Latents":
        """Return the same numbers in the precision of ``dtype``."""
        return self.map(lambda numbers: numbers.to(dtype))


class Generator(Network):
    """Maps a latent field to phase probabilities of a volume.

    Transposed convolutions with batch normalisation and ReLU between them and softmax over the
    phases at the end (Table 1). With ``noise_channels`` above zero each layer but the first also
    sees fresh noise at its own resolution.

    Images that keep their grey values or colours are made with 0.5 (tanh + 1) in place of the
    softmax (supplement of the paper).

    A ``conditional`` one is also given the volume fractions that each volume is to have. By default
    they are those that it `aims` at, first of all those of its material.
    """

    family = "slicegan"
    config: SliceganNetworkConfig
    own_fractions: Tensor
    fraction_range: Tensor
    aims: Tensor

    def __init__(
        self, config: SliceganNetworkConfig, n_phases: int, kind: ImageType = PHASES
    ) -> None:
        super().__init__(config, kind)
        layers = config.generator
        self.latent_channels = config.latent_channels
        self.noise_channels = config.noise_channels
        self.geometry = geometry_of("generator", layers)
        self.output_layer = f"convolutions.{len(layers.channels)}."
        self.conditional = config.conditional
        if self.conditional:
            equal = torch.full((n_phases,), 1 / n_phases)
            for name in ("own_fractions", "aims"):
                self.register_buffer(name, equal.clone())
            self.register_buffer("fraction_range", torch.ones(()))
        n_conditions = n_phases if self.conditional else 0
        widths = (config.latent_channels + n_conditions, *layers.channels, n_phases)
        inputs = [widths[0], *(width + config.noise_channels for width in widths[1:-1])]
        layer = InterpolatingConvolution if config.kernels == "interpolating" else FreeConvolution
        self.convolutions = nn.ModuleList(
            layer(n_in, n_out, kernel, stride, padding)
            for n_in, n_out, (kernel, stride, padding) in zip(
                inputs, widths[1:], self.geometry, strict=True
            )
        )
        self.normalisations = nn.ModuleList(nn.BatchNorm3d(width) for width in widths[1:-1])

    def forward(self, latents: Latents) -> Tensor:
        """Return phase probabilities or values, (B, n_phases, D, H, W), float32, in 0 .. 1."""
        return self.decode(self.logits(latents))

    def logits(self, latents: Latents) -> Tensor:
        """Return the output of the last layer, (B, n_phases, D, H, W), float32.

        The layers compute in the precision of ``latents``.
        """
        logits: Tensor = self.convolutions[-1](self.hidden(latents))
        return logits.float()

    def hidden(self, latents: Latents) -> Tensor:
        """Return the input of the last layer, all normalisations behind it."""
        hidden = latents.field
        for level, normalisation in enumerate(self.normalisations):
            hidden = torch.relu(normalisation(self.convolutions[level](hidden)))
            if latents.noises:
                hidden = torch.cat([hidden, latents.noises[level]], dim=1)
        return hidden

    @torch.no_grad()
    def folded(self) -> list[tuple[Tensor, Tensor]]:
        """Return each layer's kernels and biases, with the normalisation after it folded in.

        Returns
        -------
        list of (Tensor of shape (n_in, n_out, k, k, k), Tensor of shape (n_out,))
            Weights of plain transposed convolutions that do what the layers and the normalisations
            do in evaluation mode, ReLU and softmax apart.
        """
        folded: list[tuple[Tensor, Tensor]] = []
        for level, convolution in enumerate(self.convolutions):
            assert isinstance(convolution, TransposedConvolution)
            weight: Tensor
            bias: Tensor
            weight, bias = convolution.kernels(), convolution.bias
            if level < len(self.normalisations):
                normalisation = self.normalisations[level]
                assert isinstance(normalisation, nn.BatchNorm3d)
                scale, shift = _affine(normalisation)
                weight, bias = weight * scale[:, None, None, None], bias * scale + shift
            folded.append((weight, bias))
        return folded

    def initialise(self, random: torch.Generator) -> None:
        """Draw the first weights of all layers."""
        for convolution in self.convolutions:
            assert isinstance(convolution, TransposedConvolution)
            convolution.initialise(random)

    @classmethod
    def check_description(cls, config: NetworkConfig, n_phases: int) -> None:
        """Check strides: shapes of weights do not show how much memory they ask for."""
        assert isinstance(config, SliceganNetworkConfig)
        for kernel, stride, padding in geometry_of("generator", config.generator):
            if not (1 <= stride <= kernel and 0 <= padding < kernel):
                raise ValueError(f"kernels of {kernel} with stride {stride} and padding {padding}")

    def prepare(
        self, training: TrainingConfig, own: Sequence[float], aims: Sequence[float]
    ) -> None:
        """Tell a conditional generator the material's fractions, and the range to train for."""
        control = training.density_control
        if control is not None and control.range is not None:
            self.set_range(own, control.range)

    def sample(self, n: int, latent_size: int, random: torch.Generator) -> Tensor:
        """Return the logits of ``n`` random volumes, (n, n_phases, D, H, W)."""
        return self.logits(self.draw(n, (latent_size,) * 3, random))

    def finished(
        self,
        training: TrainingConfig,
        aims: Sequence[float],
        streams: Streams,
        *,
        quick: bool = False,
    ) -> Self:
        """Return a copy that is recalibrated and, if the training asks for it, matched."""
        finished, sizes = deepcopy(self), (training.latent_size,) * 3
        n_voxels = self.output_size(training.latent_size) ** 3
        most = min(max(MOST_VOXELS // n_voxels, FEWEST_VOLUMES), MOST_VOLUMES)
        n_volumes = FEWEST_VOLUMES if quick else most
        random, given = streams("normalisation"), None
        if self.conditional:  # as in training
            spread = float(self.fraction_range)
            given = draw_fractions(self.own_fractions, spread, n_volumes, random)
        latents = self.draw(n_volumes, sizes, random, given)
        recalibrate(finished, lambda: finished.hidden(latents))
        if training.match_fractions:
            finished.match(self.draw(n_volumes, sizes, streams("fractions")), aims)
        return finished

    @torch.no_grad()
    def match(self, latents: Latents, aims: Sequence[float]) -> None:
        """Shift the biases of the last layer until volumes have their fractions or mean values.

        Parameters
        ----------
        latents : Latents
            Of the volumes that are counted.
        aims : sequence of float
            Volume fraction of each phase, or mean value of each channel in 0 .. 1.
        """
        # One by one: a volume has far more voxels than are counted.
        coarse = [self.logits(one)[0, :, ::SPACING, ::SPACING, ::SPACING] for one in latents]
        logits = torch.cat([one.flatten(1) for one in coarse], dim=1).T
        offsets = offsets_for_fractions if self.kind.labelled else offsets_for_means
        bias = self.convolutions[-1].bias
        assert isinstance(bias, Tensor)
        bias += offsets(logits, aims)

    @property
    def stride(self) -> int:
        """Voxels from one latent to the next."""
        return math.prod(stride for _, stride, _ in self.geometry)

    def level_sizes(self, latent_size: int) -> tuple[int, ...]:
        """Return the edge of each layer's output for a latent field of edge ``latent_size``."""
        sizes, size = [], latent_size
        for kernel, stride, padding in self.geometry:
            size = (size - 1) * stride + kernel - 2 * padding
            sizes.append(size)
        return tuple(sizes)

    def output_size(self, latent_size: int) -> int:
        """Return the edge of the volume made from a latent field of edge ``latent_size``."""
        return self.level_sizes(latent_size)[-1]

    def latent_size_for(self, size: int) -> int:
        """Return the smallest latent edge that every layer can use for an output of ``size``."""
        latent_size = 1
        while min(self.level_sizes(latent_size)) < 1 or self.output_size(latent_size) < size:
            latent_size += 1
        return latent_size

    def set_range(self, own: Sequence[float], spread: float) -> None:
        """Say what a conditional generator is trained for.

        Parameters
        ----------
        own : sequence of float
            Volume fractions of the material, which it then aims at.
        spread : float
            Largest difference from them.
        """
        self.own_fractions.copy_(torch.as_tensor(own))
        self.fraction_range.fill_(spread)
        self.aim(own)

    def aim(self, fractions: Sequence[float]) -> None:
        """Choose the volume fractions that a conditional generator is given by default."""
        self.aims.copy_(torch.as_tensor(fractions))

    def conditions(self, fractions: Tensor) -> Tensor:
        """Return volume fractions, (..., n_phases), as networks are given them: about -1 .. 1."""
        return (fractions - self.own_fractions) / self.fraction_range

    def draw(
        self,
        n_volumes: int,
        latent_sizes: Sequence[int],
        random: torch.Generator,
        fractions: Tensor | None = None,
    ) -> Latents:
        """Draw the random input for ``n_volumes`` volumes.

        Parameters
        ----------
        n_volumes : int
            Batch size B.
        latent_sizes : sequence of three int
            Edges (d, h, w) of the latent field.
        random : torch.Generator
            Source of the numbers; its device is where they are made.
        fractions : Tensor of shape (n_volumes, n_phases), optional
            Volume fractions that a conditional generator is given; by default what it `aims` at.
        """

        def normal(channels: int, sizes: Sequence[int]) -> Tensor:
            shape = (n_volumes, channels, *sizes)
            return torch.randn(shape, generator=random, device=random.device)

        field = normal(self.latent_channels, latent_sizes)
        if self.conditional:
            given = self.aims.expand(n_volumes, -1) if fractions is None else fractions
            field = with_conditions(field, self.conditions(given))
        if not self.noise_channels:
            return Latents(field, ())
        levels = zip(*(self.level_sizes(size) for size in latent_sizes), strict=True)
        inner = list(levels)[:-1]
        return Latents(field, tuple(normal(self.noise_channels, sizes) for sizes in inner))


def _affine(normalisation: nn.BatchNorm3d) -> tuple[Tensor, Tensor]:
    """Return the factor and the shift of each channel in evaluation mode."""
    assert normalisation.running_mean is not None
    assert normalisation.running_var is not None
    scale = normalisation.weight / torch.sqrt(normalisation.running_var + normalisation.eps)
    return scale, normalisation.bias - normalisation.running_mean * scale
