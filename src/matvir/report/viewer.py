"""Volumes that the page lets one turn, cut and slice: packed for ``viewer.js``, which draws them."""

import base64
import gzip
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.metrics.percolation import connected_components, percolating_part
from matvir.report.palette import colours_of
from matvir.report.results import Material
from matvir.report.volumes import real_volume, size_text
from matvir.storage.image_types import ImageType

Labels = NDArray[np.uint8]

SCRIPTS = ("raycaster.js", "viewer.js")
# Of all volumes of a material together, compressed. Larger ones are thinned, so that the page
# remains one that opens at once and can be sent by mail.
MOST_BYTES = 4_000_000
# The least that a browser with WebGL 2 can hold along an edge of a volume is 256.
LONGEST_EDGE = 256


@dataclass(frozen=True, kw_only=True)
class PackedVolume:
    """One volume as the page holds it.

    Attributes
    ----------
    name, size
        What it is called, and its edges before thinning, in words.
    shape : tuple of int
        (D, H, W) of what is packed.
    edges : tuple of float
        Edge of a packed voxel along each axis, in micrometres or in voxels of the volume.
    data : str
        Base64 of gzip of the voxels in C order, colours last. Of phases then as many bytes again:
        bit ``a`` is set where a voxel is connected to both faces of the volume along axis ``a``
        through its own phase.
    """

    name: str
    size: str
    shape: tuple[int, ...]
    edges: tuple[float, ...]
    data: str


@dataclass(frozen=True, kw_only=True)
class Viewer:
    """What the interactive view of one material needs.

    ``phases`` are the names and colours of phases, or of the channels of values. ``step`` says that
    every step-th voxel along each axis is packed. ``volumes`` begin with the real one if
    ``has_real``.
    """

    kind: str
    phases: list[tuple[str, str]]
    unit: str
    step: int
    has_real: bool
    volumes: list[PackedVolume]

    @property
    def longest(self) -> tuple[int, ...]:
        """Planes along each axis of the volume that has most, after thinning."""
        return tuple(map(max, zip(*(volume.shape for volume in self.volumes), strict=True)))

    @property
    def content(self) -> dict[str, Any]:
        """All of it as plain values, for the script."""
        return asdict(self)


def interactive_view(material: Material) -> Viewer | None:
    """Pack the real volume, if there is one, and the first volumes of every run.

    As many of each run as fit into the page as they are, at least one. None if no run made a volume.
    """
    runs = [(run.name, run.volumes) for run in material.runs if run.volumes is not None]
    if not runs:
        return None
    real = real_volume(material)
    shapes = [volumes.shape[1:4] for _, volumes in runs]
    n_each = volumes_of_each(shapes, max(len(volumes) for _, volumes in runs), material.kind)
    chosen = [
        (f"{name}, volume-{index:03}" if n_each > 1 else name, volume)
        for name, volumes in runs
        for index, volume in enumerate(volumes[:n_each])
    ]
    chosen = [*([] if real is None else [real]), *chosen]
    step = thinning_step([volume.shape[:3] for _, volume in chosen], material.kind)
    colours = colours_of(material.kind, material.phases)
    return Viewer(
        kind=material.kind.text,
        phases=list(zip(material.phases, colours, strict=True)),
        unit="voxels" if material.specimen.voxel_size_um is None else "µm",
        step=step,
        has_real=real is not None,
        volumes=[_pack(name, volume, step, material) for name, volume in chosen],
    )


def viewer_script() -> str:
    """Return the JavaScript that draws what the views hold."""
    folder = Path(__file__).parent
    return "".join((folder / name).read_text(encoding="utf-8") for name in SCRIPTS)


def volumes_of_each(shapes: Sequence[tuple[int, ...]], most: int, kind: ImageType) -> int:
    """Return how many volumes of each run the page holds unthinned: 1 .. ``most``.

    Parameters
    ----------
    shapes : sequence of tuple of int
        (D, H, W) of the volumes of each run; the real one is as large as those of the first.
    most : int
        As many as there are.
    kind : ImageType
        What their voxels are, which says how well they compress.
    """
    for n_each in range(most, 1, -1):
        if thinning_step([*shapes * n_each, shapes[0]], kind) == 1:
            return n_each
    return 1


def thinning_step(shapes: Sequence[tuple[int, ...]], kind: ImageType) -> int:
    """Return the smallest n for which every n-th voxel of all volumes fits into the page.

    Parameters
    ----------
    shapes : sequence of tuple of int
        (D, H, W) of each volume.
    kind : ImageType
        What their voxels are.
    """
    step = -(-max(max(shape) for shape in shapes) // LONGEST_EDGE)
    while True:
        thinned = [tuple(-(-edge // step) for edge in shape) for shape in shapes]
        if kind.bytes_per_voxel * sum(map(np.prod, thinned)) <= MOST_BYTES:
            return step
        step += 1


def pack(voxels: Labels, kind: ImageType, n_phases: int, step: int) -> str:
    """Return every ``step``-th voxel of a volume as `PackedVolume.data`; equal ones give equal text.

    Parameters
    ----------
    voxels : ndarray of shape (D, H, W) or (D, H, W, 3), uint8
        Labels in 0 .. n_phases - 1, or values.
    kind : ImageType
        What they are.
    n_phases : int
        Number of phases.
    step : int
        Thinning along each axis. What is connected is found before.
    """
    every = (slice(None, None, step),) * 3
    parts = [voxels[every]]
    if kind.labelled:
        parts.append(connected_through(voxels, n_phases)[every])
    content = b"".join(np.ascontiguousarray(part).tobytes() for part in parts)
    return base64.b64encode(gzip.compress(content, compresslevel=9, mtime=0)).decode("ascii")


def connected_through(labels: Labels, n_phases: int) -> NDArray[np.uint8]:
    """Return along which axes each voxel is connected to both faces through its own phase.

    Parameters
    ----------
    labels : ndarray of shape (D, H, W), uint8
        Phase of each voxel, in 0 .. n_phases - 1.
    n_phases : int
        Number of phases.

    Returns
    -------
    ndarray of uint8 with the shape of ``labels``
        The sum of ``1 << axis`` over these axes.
    """
    found = np.zeros(labels.shape, dtype=np.uint8)
    for phase in range(n_phases):
        components = connected_components(labels == phase)
        for axis in range(3):
            found |= percolating_part(components, axis).astype(np.uint8) << axis
    return found


def _pack(name: str, voxels: Labels, step: int, material: Material) -> PackedVolume:
    shape = voxels.shape[:3]
    edges = material.specimen.voxel_size_um or (1.0, 1.0, 1.0)
    return PackedVolume(
        name=name,
        size=size_text(shape, material),
        shape=tuple(-(-edge // step) for edge in shape),
        edges=tuple(edge * step for edge in edges),
        data=pack(voxels, material.kind, len(material.phases), step),
    )
