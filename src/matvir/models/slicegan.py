"""SliceGAN: a generator of volumes and a critic of their slices.

Source: S. Kench and S. J. Cooper, "Generating three-dimensional structures from a two-dimensional
slice with generative adversarial network-based dimensionality expansion", Nature Machine
Intelligence 3, 299 (2021), arXiv 2102.07708; networks as in its Table 1.
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from matvir.errors import ConfigError
from matvir.models.upsampling import (
    FreeConvolution,
    InterpolatingConvolution,
    TransposedConvolution,
    draw_normal,
)
from matvir.settings.information_density import require_even_density
from matvir.settings.records import (
    ConvolutionsConfig,
    CriticConfig,
    ModelConfig,
    SliceganNetworkConfig,
)
from matvir.storage.images import Kind


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


class Generator(nn.Module):
    """Maps a latent field to phase probabilities of a volume.

    Transposed convolutions with batch normalisation and ReLU between them and softmax over the
    phases at the end (Table 1). With ``noise_channels`` above zero each layer but the first also
    sees fresh noise at its own resolution.

    Images that keep their grey values or colours are made with 0.5 (tanh + 1) in place of the
    softmax (supplement of the paper).

    A ``conditional`` one is also given the volume fractions that each volume is to have. By default
    they are those that it `aims` at, first of all those of its material.

    Parameters
    ----------
    config : SliceganNetworkConfig
        Channels, kernel sizes, strides and paddings.
    n_phases : int
        Number of output channels.
    kind : {"phases", "grey", "rgb"}
        What these channels are.
    """

    own_fractions: Tensor
    fraction_range: Tensor
    aims: Tensor

    def __init__(self, config: SliceganNetworkConfig, n_phases: int, kind: Kind = "phases") -> None:
        super().__init__()
        self.kind = kind
        layers = config.generator
        check_lengths("generator", layers)
        self.latent_channels = config.latent_channels
        self.noise_channels = config.noise_channels
        self.geometry = tuple(
            zip(layers.kernel_sizes, layers.strides, layers.paddings, strict=True)
        )
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

    def decode(self, logits: Tensor) -> Tensor:
        """Return what logits, (B, n_phases, ...), stand for: probabilities, or values in 0 .. 1."""
        return logits.softmax(dim=1) if self.kind == "phases" else as_values(logits)

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


def as_values(logits: Tensor) -> Tensor:
    """Return grey values or colours in 0 .. 1, 0.5 (tanh + 1) of the last layer's output."""
    return (torch.tanh(logits) + 1) / 2


def with_conditions(images: Tensor, conditions: Tensor) -> Tensor:
    """Return images or fields with constant channels.

    Parameters
    ----------
    images : Tensor of shape (B, C, ...)
        Two or three spatial axes.
    conditions : Tensor of shape (B, n)
        Value of each of the n channels that are added.
    """
    shape = images.shape[2:]
    channels = conditions.reshape(*conditions.shape, *[1] * len(shape)).expand(-1, -1, *shape)
    return torch.cat([images, channels], dim=1)


class Critic(nn.Module):
    """Scores 2D slices; strided convolutions with (leaky) ReLU between them (Table 1).

    Parameters
    ----------
    config : CriticConfig
        Channels of the hidden layers, geometry of all layers, and the slope below zero.
    n_channels : int
        Number of input channels: the phases, and what a conditional critic is given besides.
    """

    def __init__(self, config: CriticConfig, n_channels: int) -> None:
        super().__init__()
        check_lengths("critic", config)
        self.negative_slope = config.negative_slope
        self.geometry = tuple(
            zip(config.kernel_sizes, config.strides, config.paddings, strict=True)
        )
        widths = (n_channels, *config.channels, 1)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(n_in, n_out, kernel, stride, padding)
            for n_in, n_out, (kernel, stride, padding) in zip(
                widths[:-1], widths[1:], self.geometry, strict=True
            )
        )

    def forward(self, slices: Tensor) -> Tensor:
        """Return one score per slice, shape (B,), for slices of shape (B, n_channels, H, W)."""
        hidden = self.convolutions[0](slices)
        for convolution in self.convolutions[1:]:
            hidden = convolution(functional.leaky_relu(hidden, self.negative_slope))
        return hidden.flatten(1).mean(dim=1)

    def gradient(self, slices: Tensor) -> Tensor:
        """Return the gradient of each slice's score in its pixels, shape (B, n_channels, H, W).

        Between kinks a critic is linear: its gradient is what the transposed layers make of one,
        times the slopes between them. It can be differentiated in the weights, as a gradient
        penalty needs, for a third less arithmetic than a backward pass that is differentiated
        again, and on a GPU in less than half of the time. In the slices it is constant.
        """
        slopes = []
        with torch.no_grad():
            hidden = self.convolutions[0](slices)
            for convolution in self.convolutions[1:]:
                slopes.append(torch.where(hidden > 0, 1.0, self.negative_slope).to(hidden.dtype))
                hidden = convolution(functional.leaky_relu(hidden, self.negative_slope))
        gradient = torch.full_like(hidden, 1 / hidden[0].numel())
        for convolution, slope in zip(self.convolutions[:0:-1], reversed(slopes), strict=True):
            gradient = _transposed(convolution, gradient, slope.shape) * slope
        return _transposed(self.convolutions[0], gradient, slices.shape)

    def initialise(self, random: torch.Generator, *, scaled: bool = False) -> None:
        """Draw the first weights of all layers.

        Parameters
        ----------
        random : torch.Generator
            Source of the numbers.
        scaled : bool
            By default weights are from N(0, 0.02^2), as published. Scaled ones keep the variance
            of their input, so that a critic of few channels learns from the first step on.
            Source: K. He et al., arXiv 1502.01852, eq. 15.
        """
        gain = math.sqrt(2 / (1 + self.negative_slope**2))
        for convolution in self.convolutions:
            assert isinstance(convolution, nn.Conv2d)
            deviation = gain / math.sqrt(convolution.weight[0].numel()) if scaled else 0.02
            draw_normal(convolution, random, deviation)

    def output_size(self, slice_size: int) -> int:
        """Return the edge of the map of scores for slices of edge ``slice_size``; below 1: none."""
        size = slice_size
        for kernel, stride, padding in self.geometry:
            size = math.floor((size + 2 * padding - kernel) / stride) + 1
        return size


def _transposed(convolution: nn.Module, outputs: Tensor, inputs: torch.Size) -> Tensor:
    """Apply the transpose of a convolution; ``inputs`` is the shape of what it was given."""
    assert isinstance(convolution, nn.Conv2d)
    (stride, _), (edge, _) = convolution.stride, convolution.kernel_size
    padding = int(convolution.padding[0])
    rest = [
        n_in - ((n_out - 1) * stride - 2 * padding + edge)
        for n_in, n_out in zip(inputs[2:], outputs.shape[2:], strict=True)
    ]
    return functional.conv_transpose2d(
        outputs, convolution.weight, None, stride, padding, output_padding=rest
    )


def build_critics(
    model: ModelConfig, n_phases: int, n_critics: int, weights: torch.Generator, *, scaled: bool
) -> nn.ModuleList:
    """Return critics of a model.

    Parameters
    ----------
    model : ModelConfig
        Describes them.
    n_phases : int
        Phases of their slices; a conditional critic sees as many channels more.
    n_critics : int
        How many.
    weights : torch.Generator
        Source of the first weights.
    scaled : bool
        How these are drawn, see `Critic.initialise`.

    Raises
    ------
    ConfigError
        If the model describes no critic.
    """
    network = network_of_volumes(model)
    config = network.critic
    if config is None:
        raise ConfigError(
            f"network.critic: the objective {model.training.objective.kind!r} needs a critic, got "
            "null; describe one (see slicegan-paper) or use 'sliced-wasserstein'."
        )
    n_channels = 2 * n_phases if network.conditional else n_phases
    critics = [Critic(config, n_channels) for _ in range(n_critics)]
    for critic in critics:
        critic.initialise(weights, scaled=scaled)
    return nn.ModuleList(critics)


def network_of_volumes(model: ModelConfig) -> SliceganNetworkConfig:
    """Return the network of a model that makes volumes."""
    assert isinstance(model.network, SliceganNetworkConfig), model.kind
    return model.network


def critic_fits(config: SliceganNetworkConfig) -> Callable[[int], bool]:
    """Return what tells whether the critic, if there is one, can score slices of an edge."""
    critic = None if config.critic is None else Critic(config.critic, n_channels=2)
    return lambda edge: critic is None or critic.output_size(edge) >= 1


def _affine(normalisation: nn.BatchNorm3d) -> tuple[Tensor, Tensor]:
    """Return the factor and the shift of each channel in evaluation mode."""
    assert normalisation.running_mean is not None
    assert normalisation.running_var is not None
    scale = normalisation.weight / torch.sqrt(normalisation.running_var + normalisation.eps)
    return scale, normalisation.bias - normalisation.running_mean * scale


def check_lengths(name: str, layers: ConvolutionsConfig) -> None:
    """Raise `ConfigError` if a stack of convolutions has not one of everything for each layer."""
    n_layers = len(layers.channels) + 1
    for key in ("kernel_sizes", "strides", "paddings"):
        if len(getattr(layers, key)) != n_layers:
            raise ConfigError(
                f"network.{name}.{key}: expected {n_layers} numbers, one more than the "
                f"{n_layers - 1} hidden channels {list(layers.channels)}, "
                f"got {list(getattr(layers, key))}."
            )


def check_sizes(config: SliceganNetworkConfig, latent_size: int) -> int:
    """Check that generator and critic fit each other at a latent size.

    Parameters
    ----------
    config : SliceganNetworkConfig
        The networks.
    latent_size : int
        Edge of the latent field used in training.

    Returns
    -------
    int
        Edge of the training volume in voxels, which is also the edge of its slices.

    Raises
    ------
    ConfigError
        If a layer has no output at this size, some voxels would see fewer latents than others
        (`matvir.settings.information_density`), or the slices are too small for the critic.
    """
    generator = Generator(config, n_phases=2)
    require_even_density(generator.geometry)
    sizes = generator.level_sizes(latent_size)
    smallest = generator.latent_size_for(1)
    if min(sizes) < 1:
        raise ConfigError(
            f"training.latent_size: {latent_size} gives layers of sizes {list(sizes)}; "
            f"the smallest latent size of this generator is {smallest}."
        )
    if config.critic is None:
        return sizes[-1]
    if Critic(config.critic, n_channels=2).output_size(sizes[-1]) < 1:
        enough = smallest
        while Critic(config.critic, n_channels=2).output_size(generator.output_size(enough)) < 1:
            enough += 1
        raise ConfigError(
            f"training.latent_size: {latent_size} gives slices of {sizes[-1]} pixels, too small "
            f"for the critic; the smallest latent size that fits it is {enough} "
            f"(slices of {generator.output_size(enough)} pixels)."
        )
    return sizes[-1]
