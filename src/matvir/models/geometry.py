"""Kernel size, stride and padding of each layer of a stack of convolutions."""

from matvir.errors import ConfigError
from matvir.settings.models import ConvolutionsConfig

# (kernel size, stride, padding) of each layer.
Geometry = tuple[tuple[int, int, int], ...]


def geometry_of(name: str, layers: ConvolutionsConfig) -> Geometry:
    """Return the geometry of all layers.

    Parameters
    ----------
    name : str
        What the layers are called in the configuration.
    layers : ConvolutionsConfig
        One of everything for each layer, one more than hidden channels.

    Raises
    ------
    ConfigError
        If there is not one of everything for each layer.
    """
    n_layers = len(layers.channels) + 1
    for key in ("kernel_sizes", "strides", "paddings"):
        if len(getattr(layers, key)) != n_layers:
            raise ConfigError(
                f"network.{name}.{key}: expected {n_layers} numbers, one more than the "
                f"{n_layers - 1} hidden channels {list(layers.channels)}, "
                f"got {list(getattr(layers, key))}."
            )
    return tuple(zip(layers.kernel_sizes, layers.strides, layers.paddings, strict=True))
