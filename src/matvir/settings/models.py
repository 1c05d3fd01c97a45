"""Records of models: their networks and how they are trained.

Which network and which objectives a kind of model has stands in `matvir.families`.
"""

from dataclasses import dataclass
from typing import Any, Literal

from matvir.families import FAMILIES
from matvir.settings.fields import Precision, count, loss_weight, setting, share
from matvir.settings.objectives import ObjectiveConfig


class NetworkConfig:
    """What describes the network of a kind of model."""


@dataclass(frozen=True, kw_only=True)
class ConvolutionsConfig:
    """A stack of convolutions; one kernel size, stride and padding per layer."""

    channels: tuple[int, ...] = setting(
        "Channels of the hidden layers, first to last.", minimum=1, least=1
    )
    kernel_sizes: tuple[int, ...] = setting(
        "Kernel size of each layer, one more than channels.", minimum=1, unit="voxels, pixels"
    )
    strides: tuple[int, ...] = setting("Stride of each layer.", minimum=1, unit="voxels, pixels")
    paddings: tuple[int, ...] = setting("Padding of each layer.", minimum=0, unit="voxels, pixels")


@dataclass(frozen=True, kw_only=True)
class CriticConfig(ConvolutionsConfig):
    """A stack of convolutions with leaky ReLU between them."""

    negative_slope: float = setting(
        "Slope of the leaky ReLU between layers below zero; 0 for ReLU, as published.",
        minimum=0,
        below=1,
    )


@dataclass(frozen=True, kw_only=True)
class SliceganNetworkConfig(NetworkConfig):
    """Generator and critic of SliceGAN; ``critic`` is None for critic-free objectives."""

    latent_channels: int = count("Channels of the latent field.")
    noise_channels: int = setting(
        "Channels of fresh noise that join the input of each later layer; 0 for none.", minimum=0
    )
    conditional: bool = setting(
        "Whether generator and critic are given the volume fractions that a volume is to have, "
        "within `training.density_control.range`; `matvir generate` then makes any of them."
    )
    kernels: Literal["free", "interpolating"] = setting(
        "`free` as published; `interpolating` upsamples linearly before it convolves, which keeps "
        "lattice patterns out of critic-free training."
    )
    generator: ConvolutionsConfig = setting(
        "Transposed 3D convolutions; the last layer has one channel per phase."
    )
    critic: CriticConfig | None = setting(
        "Strided 2D convolutions, of `gan3d` 3D ones; the last layer has one channel. Null if the "
        "objective needs none."
    )


@dataclass(frozen=True, kw_only=True)
class DiscriminatorConfig:
    """Strided convolutions that halve an image each, with leaky ReLU and dropout between them."""

    channels: tuple[int, ...] = setting(
        "Channels of the convolutions, first to last; each halves the image.", minimum=1, least=1
    )
    spectral_norm: bool = setting(
        "Whether the largest singular value of each layer's weights is kept at 1."
    )
    dropout: float = setting(
        "Share of the channels that is dropped behind each convolution.", minimum=0, below=1
    )


@dataclass(frozen=True, kw_only=True)
class ImageNetworkConfig(NetworkConfig):
    """What networks of square 2D images have in common."""

    image_size: int = setting("Edge of an image.", minimum=8, unit="pixels")


@dataclass(frozen=True, kw_only=True)
class CodedImageNetworkConfig(ImageNetworkConfig):
    """Networks that make an image of a short latent code."""

    latent_length: int = count("Numbers in a latent code, from which an image is made.")


@dataclass(frozen=True, kw_only=True)
class Gan2dNetworkConfig(CodedImageNetworkConfig):
    """Generator and discriminator of 2D images."""

    normalisation: Literal["batch", "instance"] = setting(
        "What follows the generator's layers, `batch` or `instance` normalisation."
    )
    channels: tuple[int, ...] = setting(
        "Of a generator of `gan2d`, channels of the smallest map and of the layers but the last; "
        "each of these layers doubles the map.",
        minimum=1,
        least=1,
    )
    discriminator: DiscriminatorConfig = setting("Strided 2D convolutions and a linear layer.")


@dataclass(frozen=True, kw_only=True)
class VaeNetworkConfig(CodedImageNetworkConfig):
    """Encoder and decoder of 2D images; ``discriminator`` is None where none is trained."""

    channels: tuple[int, ...] = setting(
        "Of a `vae`, channels of the encoder's convolutions, each of which halves the image; the "
        "decoder has them in reverse order.",
        minimum=1,
        least=1,
    )
    discriminator: DiscriminatorConfig | None = setting(
        "Strided 2D convolutions and a linear layer, for `vae-gan`; null for the other objectives."
    )


@dataclass(frozen=True, kw_only=True)
class GaussianFieldNetworkConfig(NetworkConfig):
    """Gaussian random fields; their kernels end at ``radius`` voxels."""

    radius: int = setting(
        "Radius at which the kernels of the fields end. Correlations are fitted up to twice this "
        "distance, as far as the sections show them, and end there. Memory and time grow with its "
        "third power.",
        minimum=1,
        maximum=64,
        unit="voxels",
    )


def _denoiser_channels() -> Any:
    return setting(
        "Of a diffusion model, channels of the denoiser at each resolution, of which the first is "
        "half that of the images and each other one half of the one before; multiples of 8.",
        minimum=8,
        least=1,
    )


def _levels() -> Any:
    return setting(
        "Steps from pure noise to an image or volume. The time that generation takes is "
        "proportional to it; below about 16 shapes suffer.",
        minimum=2,
    )


def _lattices() -> Any:
    return setting(
        "Lattices that a volume or image is made on, one after the other: with 3 of them on every "
        "fourth voxel, then on every second one, then on all. Sections of fewer than 32 pixels on "
        "a lattice leave it out.",
        minimum=1,
        maximum=5,
    )


@dataclass(frozen=True, kw_only=True)
class DiffusionNetworkConfig(NetworkConfig):
    """Denoiser of slices, and the noise levels that volumes pass through."""

    channels: tuple[int, ...] = _denoiser_channels()
    levels: int = _levels()
    lattices: int = _lattices()


@dataclass(frozen=True, kw_only=True)
class DiffusionImageNetworkConfig(ImageNetworkConfig):
    """Denoiser of square 2D images, and the noise levels that they pass through."""

    channels: tuple[int, ...] = _denoiser_channels()
    levels: int = _levels()
    lattices: int = _lattices()


@dataclass(frozen=True, kw_only=True)
class DensityControlConfig:
    """Volume fractions as a part of the loss, with a ``weight``.

    Either ``volume_fractions`` by phase, or a ``range`` around those of the material, of which a
    conditional generator is given one with each volume.
    """

    weight: float = loss_weight("Weight of the differences, summed over the phases.")
    volume_fractions: dict[str, float] | None = setting(
        "Target of each phase, as `pore: 0.4`; phases that are not named share the rest as they do "
        "in the material. Null if `range` is given.",
        minimum=0,
        maximum=1,
        least=1,
    )
    range: float | None = setting(
        "Largest difference from the material's fractions that a conditional generator learns. "
        "Null if `volume_fractions` is given.",
        above=0,
        below=1,
    )


@dataclass(frozen=True, kw_only=True)
class DecayConfig:
    """Fall of learning rates from the share ``start`` of the steps to ``final`` of their value."""

    start: float = share("Share of the steps at which it begins; 1 for no fall, as published.")
    final: float = share("Share of the learning rates that is left at the last step.")


@dataclass(frozen=True, kw_only=True)
class SelectionConfig:
    """Validations during a training, of which the best decides what is kept."""

    start: float = share(
        "Share of the steps before the first validation. Early generators can have good "
        "correlations and wrong shapes."
    )
    every: int = count("Steps between two validations.")
    volumes: int = count("Training volumes that are generated and measured each time.")
    reach: int = count(
        "Largest lag of the two-point correlations; less where slices or sections are smaller than "
        "twice that.",
        unit="voxels",
    )
    patience: int = count("Validations without a better one after which the training stops.")


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """Length of a training and what it minimises; one step is one update of the generator."""

    steps: int | None = count("Number of updates of the generator; null if `budget` is given.")
    budget: str | None = setting(
        "Time for the training, such as 15min, 90s or 1.5h; null if `steps` is given. A short "
        "rehearsal finds how many steps fit, and `config.json` keeps their number.",
        pattern=r"^[0-9]+(\.[0-9]+)? ?(s|min|h)$",
    )
    latent_size: int = count(
        "Edge of the latent field in training, which sets the edge of the training volume; the "
        "published layers give 32 times this less 64 voxels. 1 for models of 2D images and "
        "`gaussian-field`."
    )
    precision: Precision = setting(
        "Numbers that the layers of the generator, and of critics of slices, compute with in "
        "training; weights, losses and the finished generator are float32. auto takes bfloat16 "
        "where the GPU or the processor (AMX, or AVX-512 of AMD) is made for it, which saves a "
        "third of a step or more on a processor and with the paper's networks on a GPU, and "
        "float32 elsewhere."
    )
    ema_decay: float = setting(
        "Decay per step of the average of the generator's weights that is kept.", minimum=0, below=1
    )
    match_fractions: bool = setting(
        "Whether the biases of the finished generator's last layer are shifted until each phase is "
        "as frequent in its volumes as in the sections that trained it; of grey values and colours "
        "their means. As published, no."
    )
    density_control: DensityControlConfig | None = setting(
        "Volume fractions as a part of the loss, weight times the difference between target and "
        "computed fraction of each phase. Null leaves them to the slices, as published."
    )
    warm_start: str | None = setting(
        "Path of another training's generator.pt whose weights this one begins with; it may be of "
        "another material. Null begins with random weights.",
        least=1,
    )
    decay: DecayConfig = setting("Fall of all learning rates towards the end, along a half cosine.")
    selection: SelectionConfig | None = setting(
        "Validations of the averaged generator against the whole micrograph, held-out part "
        "included, on random numbers of their own; the best one is kept. Null keeps the last "
        "generator, as published."
    )
    log_every: int = count("Steps between two rows of the history.")
    checkpoint_every: int = count(
        "Steps between two checkpoints, from which a stopped training goes on."
    )
    objective: ObjectiveConfig = setting("What the training minimises.")


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """One model: its kind, network and training."""

    kind: str = setting(
        "`slicegan` learns volumes from sections; `gan3d` from crops of a volume, so only where "
        "the image is one. `gan2d` and `vae` learn and make 2D images. `diffusion` and "
        "`diffusion2d` learn to take noise from sections and make volumes, and 2D images, of it. "
        "`gaussian-field` makes volumes with the two-point correlations of sections, to compare "
        "the others with.",
        choices=tuple(FAMILIES),
    )
    network: NetworkConfig = setting(
        "The networks; which keys there are depends on the kind of model."
    )
    training: TrainingConfig = setting("Length of the training and what it minimises.")
