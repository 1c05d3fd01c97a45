"""Kernel size, stride and padding of each layer of a stack of convolutions."""

from matvir.errors import refuse
from matvir.settings.model_rules import layer_faults
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
    refuse(layer_faults(name, layers))
    return tuple(zip(layers.kernel_sizes, layers.strides, layers.paddings, strict=True))
