"""Sizes of generated volumes and images, and which of them a kind of model can make.

The functions that `matvir.families` names for the kinds have one signature, `any_size`'s.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from matvir.errors import ConfigError
from matvir.families import FAMILIES, load
from matvir.settings.models import ImageNetworkConfig, NetworkConfig, SliceganNetworkConfig
from matvir.settings.records import Config, GenerationConfig, MaterialConfig

UNKNOWN = (
    "generation.size_um: {size} um cannot be turned into voxels because the voxel size is not "
    "known; set materials.{name}.voxel_size_um or give generation.size_voxels."
)


def size_in_voxels(
    config: GenerationConfig, voxel_size_um: Sequence[float] | None
) -> tuple[int, int, int]:
    """Return the size of a volume in voxels, from voxels or from micrometres.

    Parameters
    ----------
    config : GenerationConfig
        Exactly one of ``size_voxels`` and ``size_um`` is given.
    voxel_size_um : sequence of float or None
        Edge of a voxel along each axis.

    Raises
    ------
    ConfigError
        If the size is in micrometres and the voxel size is not known, or a size is below a voxel.
    """
    if config.size_voxels is not None:
        return config.size_voxels
    assert config.size_um is not None
    if voxel_size_um is None:
        raise ConfigError(UNKNOWN.format(size=list(config.size_um), name="<name>"))
    # A section has two axes; an isotropic material's third voxel edge equals them.
    edges = (*voxel_size_um, voxel_size_um[-1])[:3]
    size = [math.floor(um / edge + 0.5) for um, edge in zip(config.size_um, edges, strict=True)]
    if min(size) < 1:
        raise ConfigError(
            f"generation.size_um: {list(config.size_um)} um is less than one voxel "
            f"of {list(edges)} um."
        )
    return (size[0], size[1], size[2])


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What a network is asked to make.

    Attributes
    ----------
    size : sequence of three int
        Edges (D, H, W) of volumes in voxels.
    periodic : sequence of int
        Axes along which they are to be periodic.
    axis : int or None
        Axis that 2D images are perpendicular to; None if all slices look alike.
    latent_size : int
        Edge of the latent field in the training.
    name, advice : str
        What to call the model in messages, and what to do other than ask for another size.
    """

    size: Sequence[int]
    periodic: Sequence[int] = ()
    axis: int | None = None
    latent_size: int = 1
    name: str = "the model"
    advice: str = ""


def any_size(network: NetworkConfig, wanted: Wanted) -> None:
    """Accept every size and every period.

    Others of this signature raise `ConfigError` if the network cannot make what is wanted.
    """


def require_whole_periods(network: NetworkConfig, wanted: Wanted) -> None:
    """Check that a SliceGAN can make volumes periodic."""
    assert isinstance(network, SliceganNetworkConfig)
    stride = math.prod(network.generator.strides)
    require_multiples(wanted.size, wanted.periodic, stride, wanted.name)


def require_size_of_training(network: NetworkConfig, wanted: Wanted) -> None:
    """Check that a `gan3d` makes nothing but what it was trained for.

    Its kernels overlap where there are several latents, which it saw none of in training.
    """
    assert isinstance(network, SliceganNetworkConfig)
    edge, layers = wanted.latent_size, network.generator
    for kernel, stride, padding in zip(
        layers.kernel_sizes, layers.strides, layers.paddings, strict=True
    ):
        edge = (edge - 1) * stride + kernel - 2 * padding
    if max(wanted.size) > edge or wanted.periodic:
        raise ConfigError(
            f"generation: {wanted.name} makes volumes of at most {edge} voxels along each axis, as "
            f"in its training, none of them periodic; got size {list(wanted.size)} and periodic "
            f"{list(wanted.periodic)}. Ask for less{wanted.advice}."
        )


def require_edge_of_images(network: NetworkConfig, wanted: Wanted) -> None:
    """Check that images can stand beside the slices of volumes."""
    assert isinstance(network, ImageNetworkConfig)
    edge_of_images(
        wanted.size, wanted.axis, network.image_size, wanted.periodic, wanted.name, wanted.advice
    )


def require_multiples(
    size: Sequence[int], periodic: Sequence[int], stride: int, name: str = "the network"
) -> None:
    """Check that edges along periodic axes are multiples of a network's stride.

    Random numbers can repeat after whole latents only, ``stride`` voxels apart.
    """
    for axis in periodic:
        below = size[axis] - size[axis] % stride
        if below != size[axis]:
            nearest = [edge for edge in (below, below + stride) if edge > 0]
            raise ConfigError(
                f"generation.periodic: along axis {axis} expected a multiple of the {stride} "
                f"voxels that {name} makes of a latent, got {size[axis]}; "
                f"the nearest are {' and '.join(map(str, nearest))}."
            )


def edge_of_images(
    size: Sequence[int],
    axis: int | None,
    image_size: int,
    periodic: Sequence[int] = (),
    name: str = "the model",
    advice: str = "",
) -> int:
    """Return the edge of the images that stand beside the slices of volumes.

    Parameters
    ----------
    size, periodic, axis, name, advice
        As those of `Wanted`.
    image_size : int
        Edge of the images that the model makes; smaller ones are cut out of them.

    Raises
    ------
    ConfigError
        If slices are larger, not square, or periodic.
    """
    others = [other for other in range(3) if other != axis]
    edges = [min(size)] * 2 if axis is None else [size[other] for other in others]
    if edges[0] != edges[1] or edges[0] > image_size or periodic:
        raise ConfigError(
            f"generation: {name} makes square images of at most {image_size} pixels, as in its "
            f"training, none of them periodic; got slices of {edges[0]} x {edges[1]} and periodic "
            f"{list(periodic)}. Ask for others{advice}."
        )
    return edges[0]


def require_sizes(
    config: Config, voxel_size_of: Callable[[MaterialConfig], Sequence[float] | None]
) -> None:
    """Check before any training that volumes of the size that is asked for can be made.

    Parameters
    ----------
    config : Config
        The configuration.
    voxel_size_of : callable
        Returns the voxel size of a material in micrometres, or None if it is not known. Asked
        where the size of volumes is given in micrometres.

    Raises
    ------
    ConfigError
        By the name of the material whose voxel size is not known; if a model of the run cannot
        make volumes of this size, or not periodic.
    """
    generation = config.generation
    for name in config.run.materials:
        material, edges = config.materials[name], None
        if generation.size_um is not None:
            edges = voxel_size_of(material)
            if edges is None:
                raise ConfigError(UNKNOWN.format(size=list(generation.size_um), name=name))
        size = size_in_voxels(generation, edges)
        for model_name in config.run.models:
            model = config.models[model_name]
            asked = Wanted(
                size=size,
                periodic=generation.periodic,
                axis=_image_axis(material),
                latent_size=model.training.latent_size,
                name=model_name,
                advice=", or leave it out of 'run.models'",
            )
            load(FAMILIES[model.kind].sizes)(model.network, asked)


def _image_axis(material: MaterialConfig) -> int | None:
    """Return the axis that images of a 2D model are perpendicular to, as after encoding."""
    if material.isotropic:
        return None
    planes = material.planes or (None,)
    return next((axis for axis, plane in enumerate(planes) if plane is not None), 0)
