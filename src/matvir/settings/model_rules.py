"""Rules of models that no schema can say; which kind keeps to which stands in `matvir.families`.

Each function takes a `ModelConfig` and returns one sentence for each rule that it breaks, by the
name of the key below the model.
"""

from collections.abc import Iterable, Iterator

from matvir.errors import refuse
from matvir.families import FAMILIES, load
from matvir.settings import information_density
from matvir.settings.build import to_dict
from matvir.settings.models import (
    ConvolutionsConfig,
    DiffusionImageNetworkConfig,
    DiffusionNetworkConfig,
    Gan2dNetworkConfig,
    ModelConfig,
    SliceganNetworkConfig,
    VaeNetworkConfig,
)
from matvir.settings.objectives import DenoisingConfig, RelativisticConfig, VaeGanConfig

# Channels of a denoiser are normalised in so many groups.
GROUPS = 8
# What settings of trainings have to be in models that do not use them, and how that is written.
ONLY: dict[str, tuple[object, str]] = {
    "latent_size": (1, "1"),
    "match_fractions": (False, "false"),
    "precision": ("float32", "float32"),
    "density_control": (None, "null"),
    "warm_start": (None, "null"),
    "selection": (None, "null"),
}


def require_sound(model: ModelConfig) -> None:
    """Raise `ConfigError` with every rule of its kind that a model breaks."""
    refuse(load(FAMILIES[model.kind].rules)(model))


def of_slicegan(model: ModelConfig) -> list[str]:
    """Return what is wrong with a model of volumes that learns from sections."""
    assert isinstance(model.network, SliceganNetworkConfig)
    layers = model.network.generator
    geometry = zip(layers.kernel_sizes, layers.strides, layers.paddings, strict=False)
    uneven = information_density.faults(list(geometry))
    found = _density_control_faults(model, model.network.conditional)
    return found + [f"network.generator: {fault}" for fault in uneven]


def of_gan3d(model: ModelConfig) -> list[str]:
    """Return what is wrong with a model of volumes that learns from volumes.

    It is published with layers whose information density is uneven.
    """
    assert isinstance(model.network, SliceganNetworkConfig)
    found = _density_control_faults(model, model.network.conditional)
    if model.network.critic is None:
        found.append("network.critic: 'gan-3d' needs a discriminator, got null")
    return found


def of_gaussian_field(model: ModelConfig) -> list[str]:
    """Return every setting of the training that is given a value though nothing uses it."""
    return _unused(model, ONLY)


def _unused(model: ModelConfig, keys: Iterable[str]) -> list[str]:
    return [
        f"training.{key}: expected {text} for 'kind: {model.kind}', got {found!r}"
        for key, (value, text) in ((key, ONLY[key]) for key in keys)
        if (found := to_dict(getattr(model.training, key))) != value
    ]


def of_diffusion(model: ModelConfig) -> list[str]:
    """Return what is wrong with a diffusion model, of volumes or of images."""
    network, objective = model.network, model.training.objective
    assert isinstance(network, DiffusionNetworkConfig | DiffusionImageNetworkConfig)
    found = _unused(model, [key for key in ONLY if key not in ("density_control", "warm_start")])
    uneven = [n for n in network.channels if n % GROUPS]
    if uneven:
        found.append(
            f"network.channels: expected multiples of {GROUPS}, which channels are normalised in "
            f"groups of, got {uneven}"
        )
    # The first resolution is half that of the image already.
    multiple, on_lattices = 2 ** len(network.channels), ""
    if isinstance(network, DiffusionImageNetworkConfig):
        edge, key = network.image_size, "network.image_size"
        multiple *= 2 ** (network.lattices - 1)
        on_lattices = f" on each of {network.lattices} lattices" if network.lattices > 1 else ""
    else:
        assert isinstance(objective, DenoisingConfig)
        edge, key = objective.crop, "training.objective.crop"
    if edge % multiple:
        found.append(
            f"{key}: expected a multiple of {multiple}, as the denoiser has "
            f"{len(network.channels)} resolutions, each half of the one before{on_lattices}, got "
            f"{edge}"
        )
    control = model.training.density_control
    if control is not None and control.range is not None:
        found.append(
            "training.density_control.range: a diffusion model makes any fractions without being "
            "trained for them; set density_control to null, or give volume_fractions"
        )
    return found


def of_images(model: ModelConfig) -> list[str]:
    """Return what is wrong with a model of 2D images."""
    network = model.network
    assert isinstance(network, Gan2dNetworkConfig | VaeNetworkConfig)
    halvings = len(network.channels) - isinstance(network, Gan2dNetworkConfig)
    found = _halving_faults(network.image_size, halvings, "channels")
    if network.discriminator is not None:
        n_layers = len(network.discriminator.channels)
        found += _halving_faults(network.image_size, n_layers, "discriminator.channels")
    if network.latent_length >= network.image_size**2:
        found.append(
            f"network.latent_length: expected fewer numbers than the {network.image_size} x "
            f"{network.image_size} pixels of an image, got {network.latent_length}"
        )
    found += of_gaussian_field(model) + list(_share_faults(model))
    if isinstance(network, Gan2dNetworkConfig):
        return found + list(_normalisation_faults(network, model))
    return found + list(_discriminator_faults(network, model))


def layer_faults(name: str, layers: ConvolutionsConfig) -> list[str]:
    """Return what there is not one of for each layer; ``name`` is that of the layers."""
    n_layers = len(layers.channels) + 1
    return [
        f"network.{name}.{key}: expected {n_layers} numbers, one more than the {n_layers - 1} "
        f"hidden channels {list(layers.channels)}, got {list(getattr(layers, key))}"
        for key in ("kernel_sizes", "strides", "paddings")
        if len(getattr(layers, key)) != n_layers
    ]


def _density_control_faults(model: ModelConfig, conditional: bool) -> list[str]:
    training = model.training
    control = training.density_control
    relativistic = isinstance(training.objective, RelativisticConfig)
    in_range = control is not None and control.range is not None
    found = []
    if control is not None and in_range == (control.volume_fractions is not None):
        found.append(
            "training.density_control: give exactly one of volume_fractions and range and set the "
            "other to null"
        )
    if conditional != in_range:
        found.append(
            "network.conditional: a conditional generator needs a 'training.density_control.range',"
            f" and others have none; got conditional {conditional} and density_control "
            f"{to_dict(control)}"
        )
    if conditional and not relativistic:
        found.append(
            "network.conditional: expected the objective 'relativistic', got "
            f"{training.objective.kind!r}; base the model on slicegan-conditional"
        )
    if conditional and getattr(training.objective, "volumes", 2) < 2 and relativistic:
        found.append(
            "training.objective.volumes: a conditional generator learns from the differences "
            "between volumes, expected at least 2, got 1"
        )
    fixed = control is not None and not in_range
    if fixed and training.selection is not None and not training.match_fractions:
        found.append(
            "training.match_fractions: with targets and a 'selection' it has to be true, as "
            "validations would prefer the micrograph's own fractions; got false"
        )
    return found


def _halving_faults(image_size: int, halvings: int, key: str) -> list[str]:
    factor = 2**halvings
    if image_size % factor == 0:
        return []
    above = -(-image_size // factor) * factor
    nearest = " and ".join(str(edge) for edge in (above - factor, above) if edge)
    return [
        f"network.image_size: expected a multiple of {factor}, as 'network.{key}' halve the image "
        f"{halvings} times, got {image_size}; the nearest are {nearest}"
    ]


def _share_faults(model: ModelConfig) -> Iterator[str]:
    for key in ("crossfade", "kl_ramp"):
        start, end = getattr(model.training.objective, key, (0, 1))
        if not start < end:
            yield (
                f"training.objective.{key}: expected a share of the training and a later one, got "
                f"{[start, end]}"
            )


def _normalisation_faults(network: Gan2dNetworkConfig, model: ModelConfig) -> Iterator[str]:
    if network.normalisation == "batch" and getattr(model.training.objective, "batch", None) == 1:
        yield (
            "training.objective.batch: batch normalisation compares the images of a batch, "
            "expected at least 2, got 1; raise it, or set 'network.normalisation' to 'instance'"
        )
    smallest = network.image_size / 2 ** (len(network.channels) - 1)
    if network.normalisation == "instance" and smallest == 1:
        yield (
            "network.normalisation: instance normalisation needs maps of more than one pixel, got "
            f"a smallest one of 1 x 1; take fewer 'network.channels' than {len(network.channels)}"
        )


def _discriminator_faults(network: VaeNetworkConfig, model: ModelConfig) -> Iterator[str]:
    objective, discriminator = model.training.objective, network.discriminator
    if not isinstance(objective, VaeGanConfig):
        return
    if discriminator is None:
        yield (
            "network.discriminator: the objective 'vae-gan' needs one, got null; base the model on "
            "vae-gan-64"
        )
    elif objective.feature_layer > len(discriminator.channels):
        yield (
            "training.objective.feature_layer: expected one of the discriminator's "
            f"{len(discriminator.channels)} convolutions, got {objective.feature_layer}"
        )
