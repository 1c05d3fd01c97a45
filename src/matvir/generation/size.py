"""Size of generated volumes."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from matvir.config import GenerationConfig
from matvir.errors import ConfigError
from matvir.micrograph.reading import read_micrograph

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


def require_voxel_sizes(config: Mapping[str, Any]) -> None:
    """Check before any training that sizes in micrometres can be turned into voxels.

    Parameters
    ----------
    config : mapping
        The completed configuration. Where a size in micrometres is asked for and a material of
        the run states no voxel size, its image is opened to see whether the file does.

    Raises
    ------
    ConfigError
        By the name of the material, if neither states it.
    """
    size = config["generation"]["size_um"]
    if size is None:
        return
    for name in config["run"]["materials"]:
        material = config["materials"][name]
        if material["voxel_size_um"] is not None:
            continue
        source = material["image"]
        if source is None or _states_none(source, material["type"]):
            raise ConfigError(UNKNOWN.format(size=size, name=name))


def _states_none(source: str, kind: Literal["grey", "rgb", "labels"]) -> bool:
    return read_micrograph(source, type=kind, voxel_size_um=None).voxel_size_um is None
