"""What can be grown, and a grown material with a raw micrograph perpendicular to each axis.

The micrographs have the faults of real ones and start the pipeline as a user's own images would.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import ConfigError
from matvir.settings.records import SyntheticConfig
from matvir.storage import provenance
from matvir.storage.image_types import COLOUR, PHASES, ImageType
from matvir.storage.images import MaterialImage, in_plane_axes
from matvir.synthetic.ceramic import grow_ceramic
from matvir.synthetic.ebsd import grow_ebsd
from matvir.synthetic.fibres import grow_fibres
from matvir.synthetic.grains import grow_grains
from matvir.synthetic.imaging import render_micrograph
from matvir.synthetic.lines import grow_lines
from matvir.synthetic.nmc import grow_nmc
from matvir.synthetic.precipitates import grow_precipitates
from matvir.synthetic.separator import grow_separator

# Largest difference of a volume fraction between the volume and a section of it that is imaged.
TOLERANCE = 0.02

Grow = Callable[[tuple[int, int, int], np.random.Generator], NDArray[np.uint8]]


@dataclass(frozen=True, kw_only=True)
class Kind:
    """A kind of material: its phases from dark to bright, how it is grown and how it looks.

    ``grey_levels`` and ``texture`` are the grey value of each phase and its standard deviation. A
    material that ``shows`` colours has three channels in place of phases. A ``stack`` is of images
    and not a volume.
    """

    phases: tuple[str, ...]
    grow: Grow
    grey_levels: tuple[float, ...] = ()
    texture: tuple[float, ...] = ()
    shows: ImageType = PHASES
    stack: bool = False


THREE: dict[str, Any] = {"grey_levels": (55.0, 115.0, 190.0), "texture": (3.0, 5.0, 4.0)}
TWO: dict[str, Any] = {"grey_levels": (60.0, 180.0), "texture": (4.0, 4.0)}
KINDS = {
    "nmc": Kind(phases=("pore", "binder", "nmc"), grow=grow_nmc, **THREE),
    "fibres": Kind(phases=("matrix", "fibre"), grow=grow_fibres, **TWO),
    "grains": Kind(phases=("boundary", "grain"), grow=grow_grains, **TWO),
    "ceramic": Kind(phases=("pore", "solid"), grow=grow_ceramic, **TWO),
    "separator": Kind(phases=("pore", "polymer", "ceramic"), grow=grow_separator, **THREE),
    "ebsd": Kind(phases=COLOUR.channels, grow=grow_ebsd, shows=COLOUR),
    "precipitates": Kind(phases=("particle", "grain", "boundary"), grow=grow_precipitates, **THREE),
    "lines": Kind(phases=("ground", "line"), grow=grow_lines, stack=True),
    "oblique-lines": Kind(
        phases=("ground", "line"), grow=partial(grow_lines, n_directions=4), stack=True
    ),
}


@dataclass(frozen=True, kw_only=True)
class SyntheticMaterial:
    """A grown material and a raw micrograph of one section perpendicular to each axis.

    Attributes
    ----------
    truth : MaterialImage
        The material, shape (D, H, W).
    micrographs : tuple of three ndarray, uint8
        Raw grey images, or colours, of the sections perpendicular to axis 0, 1 and 2; of a stack
        the labels of its images each time.
    planes : tuple of three int
        Position of each section along its axis.
    """

    truth: MaterialImage
    micrographs: tuple[NDArray[np.uint8], ...]
    planes: tuple[int, ...]


def synthesise(
    config: SyntheticConfig,
    *,
    phases: tuple[str, ...] | None,
    voxel_size_um: float | tuple[float, ...] | None,
) -> SyntheticMaterial:
    """Grow the configured material and take a micrograph of one section perpendicular to each axis.

    Parameters
    ----------
    config : SyntheticConfig
        Kind, shape (plane, row, column) in voxels and seed; the same seed gives the same material.
    phases : tuple of str or None
        Names of the phases from dark to bright; None of a material that shows colours.
    voxel_size_um : float, tuple of equal floats or None
        Edge of a voxel in micrometres.

    Raises
    ------
    ConfigError
        If the number of names is not that of the phases, the voxel is not a cube or the shape is
        too small, or not that of square images.
    """
    kind = KINDS[config.kind]
    if phases is None:
        phases = kind.phases
    if len(phases) != len(kind.phases):
        raise ConfigError(
            f"phases: the synthetic material {config.kind!r} has {len(kind.phases)} phases "
            f"{kind.phases}, got {len(phases)} names {tuple(phases)}. Give one name for each, from "
            "dark to bright."
        )
    edges = {float(edge) for edge in np.ravel([] if voxel_size_um is None else voxel_size_um)}
    if len(edges) > 1:
        raise ConfigError(
            f"voxel_size_um: the synthetic material has cubic voxels, got {voxel_size_um}. "
            "Give one number."
        )
    shape = config.shape
    truth = MaterialImage(
        voxels=kind.grow(shape, np.random.default_rng(config.seed)),
        phases=tuple(phases),
        voxel_size_um=None if not edges else (edges.pop(),) * 3,
        provenance={
            "source": f"grown by matvir.synthetic.{config.kind}",
            "synthetic": {"kind": config.kind, "shape": list(shape), "seed": config.seed},
            **provenance.package(),
        },
        kind=kind.shows,
        stack=kind.stack,
    )
    if kind.stack:
        return SyntheticMaterial(truth=truth, micrographs=(truth.voxels,) * 3, planes=(0,) * 3)
    planes = tuple(representative_plane(truth, axis) for axis in range(3))
    # Streams of their own: the noise of a micrograph depends on nothing else.
    streams = [(config.seed, 1), (config.seed, 1, 1), (config.seed, 1, 2)]
    sections = [np.take(truth.voxels, planes[axis], axis) for axis in range(3)]
    if kind.shows.labelled:
        micrographs = tuple(
            render_micrograph(
                section, kind.grey_levels, kind.texture, np.random.default_rng(stream)
            )
            for section, stream in zip(sections, streams, strict=True)
        )
    else:  # maps of orientations have neither blur nor shading
        micrographs = tuple(sections)
    return SyntheticMaterial(truth=truth, micrographs=micrographs, planes=planes)


def representative_plane(truth: MaterialImage, axis: int) -> int:
    """Return the position of the section perpendicular to an axis that is imaged.

    It is the one nearest to the middle whose volume fractions differ from those of the volume by
    at most `TOLERANCE`, or else the one that differs least: a section along fibres cuts few of
    them, and one of a layered material can miss its layers.
    """
    if truth.kind.labelled:
        channels = np.stack([truth.voxels == phase for phase in range(truth.n_phases)])
    else:
        channels = np.moveaxis(truth.voxels, -1, 0) / 255
    in_plane = tuple(1 + other for other in in_plane_axes(axis))
    difference = channels.mean(axis=in_plane) - truth.volume_fractions()[:, None]
    worst = np.abs(difference).max(axis=0)
    good = np.flatnonzero(worst <= TOLERANCE)
    if not len(good):
        return int(worst.argmin())
    return int(min(good, key=lambda plane: abs(plane - len(worst) // 2)))
