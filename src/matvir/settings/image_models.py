"""What networks of 2D images and their objectives have to keep to."""

from collections.abc import Iterator

from matvir.errors import refuse
from matvir.settings import unused as unused_settings
from matvir.settings.records import (
    DiscriminatorConfig,
    Gan2dNetworkConfig,
    ModelConfig,
    VaeGanConfig,
    VaeNetworkConfig,
)


def faults(model: ModelConfig) -> list[str]:
    """Return one sentence for each rule that a model of 2D images breaks.

    Parameters
    ----------
    model : ModelConfig
        Of the kind ``gan2d`` or ``vae``.
    """
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
    found += unused_settings.faults(model)
    return found + list(_objective_faults(model, network.discriminator))


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


def _objective_faults(
    model: ModelConfig, discriminator: DiscriminatorConfig | None
) -> Iterator[str]:
    objective, network = model.training.objective, model.network
    for key in ("crossfade", "kl_ramp"):
        if not hasattr(objective, key):
            continue
        start, end = getattr(objective, key)
        if not start < end:
            yield (
                f"training.objective.{key}: expected a share of the training and a later one, got "
                f"{[start, end]}"
            )
    if (
        isinstance(network, Gan2dNetworkConfig)
        and network.normalisation == "batch"
        and getattr(objective, "batch", None) == 1
    ):
        yield (
            "training.objective.batch: batch normalisation compares the images of a batch, "
            "expected at least 2, got 1; raise it, or set 'network.normalisation' to 'instance'"
        )
    if (
        isinstance(network, Gan2dNetworkConfig)
        and network.normalisation == "instance"
        and network.image_size == 2 ** (len(network.channels) - 1)
    ):
        yield (
            "network.normalisation: instance normalisation needs maps of more than one pixel, got "
            f"a smallest one of 1 x 1; take fewer 'network.channels' than {len(network.channels)}"
        )
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


def require_sound(model: ModelConfig) -> None:
    """Raise `ConfigError` with every rule that a model of 2D images breaks."""
    refuse(faults(model))
