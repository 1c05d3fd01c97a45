"""Size of generated volumes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from matvir.errors import ConfigError
from matvir.micrograph.planes import read_plane
from matvir.micrograph.reading import read_micrograph
from matvir.settings.records import IMAGE_KINDS, GenerationConfig, MaterialConfig, from_dict
from matvir.storage.images import edges_of_planes, in_plane_axes

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


def require_whole_periods(
    size: Sequence[int], periodic: Sequence[int], stride: int, network: str = "the network"
) -> None:
    """Check that a volume can be periodic.

    Parameters
    ----------
    size : sequence of three int
        Edges (D, H, W) in voxels.
    periodic : sequence of int
        Axes along which it is to be periodic.
    stride : int
        Voxels from one latent of the network to the next: random numbers can repeat after whole
        latents only.
    network : str
        What to call the network in the message.

    Raises
    ------
    ConfigError
        If an edge along one of these axes is no multiple of the stride.
    """
    for axis in periodic:
        below = size[axis] - size[axis] % stride
        if below != size[axis]:
            nearest = [edge for edge in (below, below + stride) if edge > 0]
            raise ConfigError(
                f"generation.periodic: along axis {axis} expected a multiple of the {stride} "
                f"voxels that {network} makes of a latent, got {size[axis]}; "
                f"the nearest are {' and '.join(map(str, nearest))}."
            )


def edge_of_images(
    size: Sequence[int],
    axis: int | None,
    image_size: int,
    periodic: Sequence[int] = (),
    name: str = "the model",
    advice: str = "Ask for others.",
) -> int:
    """Return the edge of the images that stand beside the slices of volumes.

    Parameters
    ----------
    size : sequence of three int
        Edges (D, H, W) of volumes.
    axis : int or None
        Axis that images are perpendicular to; None if all slices look alike.
    image_size : int
        Edge of the images that the model makes; smaller ones are cut out of them.
    periodic : sequence of int
        Axes along which volumes are to be periodic.
    name, advice : str
        What to call the model in the message, and what to do.

    Raises
    ------
    ConfigError
        If slices are larger, not square, or periodic.
    """
    edges = [min(size)] * 2 if axis is None else [size[other] for other in in_plane_axes(axis)]
    if edges[0] != edges[1] or edges[0] > image_size or periodic:
        raise ConfigError(
            f"generation: {name} makes square images of at most {image_size} pixels, as in its "
            f"training, none of them periodic; got slices of {edges[0]} x {edges[1]} and periodic "
            f"{list(periodic)}. {advice}"
        )
    return edges[0]


def require_sizes(config: Mapping[str, Any]) -> None:
    """Check before any training that volumes of the size that is asked for can be made.

    Parameters
    ----------
    config : mapping
        The completed configuration. Where a size in micrometres is asked for and a material of
        the run states no voxel size, its image is opened to see whether the file does.

    Raises
    ------
    ConfigError
        By the name of the material, if neither states it; if a model of the run cannot make
        volumes of this size, or not periodic.
    """
    generation = from_dict(GenerationConfig, config["generation"])
    for name in config["run"]["materials"]:
        edges = None
        if generation.size_um is not None:
            edges = _voxel_size(config["materials"][name])
            if edges is None:
                raise ConfigError(UNKNOWN.format(size=list(generation.size_um), name=name))
        size = size_in_voxels(generation, edges)
        for model in config["run"]["models"]:
            settings = config["models"][model]
            if settings["kind"] in IMAGE_KINDS:
                axis = _image_axis(config["materials"][name])
                edge = settings["network"]["image_size"]
                advice = "Ask for others, or leave it out of 'run.models'."
                edge_of_images(size, axis, edge, generation.periodic, model, advice)
                continue
            if settings["kind"] == "gaussian-field":
                continue  # any size, and noise repeats after any number of voxels
            stride = math.prod(settings["network"]["generator"]["strides"])
            require_whole_periods(size, generation.periodic, stride, model)
            if settings["kind"] == "gan3d":
                _require_size_of_training(size, generation.periodic, settings, model)


def _require_size_of_training(
    size: Sequence[int], periodic: Sequence[int], model: Mapping[str, Any], name: str
) -> None:
    """Check that a `gan3d` makes nothing but what it was trained for.

    Its kernels overlap where there are several latents, which it saw none of in training.
    """
    edge = model["training"]["latent_size"]
    layers = model["network"]["generator"]
    for kernel, stride, padding in zip(
        layers["kernel_sizes"], layers["strides"], layers["paddings"], strict=True
    ):
        edge = (edge - 1) * stride + kernel - 2 * padding
    if max(size) > edge or periodic:
        raise ConfigError(
            f"generation: {name} makes volumes of at most {edge} voxels along each axis, as in its "
            f"training, none of them periodic; got size {list(size)} and periodic "
            f"{list(periodic)}. Ask for less, or leave it out of 'run.models'."
        )


def _image_axis(material: Mapping[str, Any]) -> int | None:
    """Return the axis that images of a 2D model are perpendicular to, as after encoding."""
    if material["isotropic"]:
        return None
    planes = material["planes"] or [None]
    return next((axis for axis, plane in enumerate(planes) if plane is not None), 0)


def _voxel_size(material: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Return the voxel size that a material states, or else its file."""
    given = material["voxel_size_um"]
    if given is not None:
        return (given, given) if isinstance(given, int | float) else tuple(given)
    if material["planes"] is not None:
        config = from_dict(MaterialConfig, material)
        planes = {axis: plane for axis, plane in enumerate(config.planes or ()) if plane}
        return edges_of_planes(
            {axis: read_plane(plane, axis, config).voxel_size_um for axis, plane in planes.items()}
        )
    if material["image"] is None:
        return None
    return read_micrograph(
        material["image"], type=material["type"], voxel_size_um=None, stack=material["stack"]
    ).voxel_size_um
