"""The critic of slices of SliceGAN, and which sizes of volumes it can score.

Source: S. Kench and S. J. Cooper, arXiv 2102.07708; networks as in its Table 1.
"""

import math
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

from matvir.errors import ConfigError
from matvir.models.geometry import geometry_of
from matvir.models.slicegan import Generator
from matvir.models.upsampling import draw_normal
from matvir.settings.information_density import require_even_density
from matvir.settings.models import CriticConfig, SliceganNetworkConfig


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
        self.negative_slope = config.negative_slope
        self.geometry = geometry_of("critic", config)
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
    network: SliceganNetworkConfig,
    n_phases: int,
    n_critics: int,
    weights: torch.Generator,
    device: torch.device,
    *,
    objective: str,
    scaled: bool,
) -> nn.ModuleList:
    """Return critics of a model.

    Parameters
    ----------
    network : SliceganNetworkConfig
        Describes them.
    n_phases : int
        Phases of their slices; a conditional critic sees as many channels more.
    n_critics : int
        How many.
    weights : torch.Generator
        Source of the first weights.
    device : torch.device
        Where they are to be.
    objective : str
        Its kind, for the message.
    scaled : bool
        How weights are drawn, see `Critic.initialise`.

    Raises
    ------
    ConfigError
        If the model describes no critic.
    """
    config = network.critic
    if config is None:
        raise ConfigError(
            f"network.critic: the objective {objective!r} needs a critic, got "
            "null; describe one (see slicegan-paper) or use 'sliced-wasserstein'."
        )
    n_channels = 2 * n_phases if network.conditional else n_phases
    critics = [Critic(config, n_channels) for _ in range(n_critics)]
    for critic in critics:
        critic.initialise(weights, scaled=scaled)
    made = nn.ModuleList(critics)
    # The layout that convolutions are fastest in, as that of the generator.
    return made.to(device).to(memory_format=torch.channels_last)  # type: ignore[call-overload]


def critic_fits(config: SliceganNetworkConfig) -> Callable[[int], bool]:
    """Return what tells whether the critic, if there is one, can score slices of an edge."""
    critic = None if config.critic is None else Critic(config.critic, n_channels=2)
    return lambda edge: critic is None or critic.output_size(edge) >= 1


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
