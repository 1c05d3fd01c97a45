"""Volumes to turn, to cut and to slice: packed for ``viewer.js``, which draws them."""

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
NO_SHARES: dict[str, list[Any]] = {"fractions": [], "percolating": []}


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
    fractions : list of float
        Volume fraction of each phase, in 0 .. 1; empty of values.
    percolating : list of list of float or None
        By axis what share of each phase is connected to both faces, in 0 .. 1; None if the phase
        does not occur. Of the volume before thinning, as all of these.
    """

    name: str
    size: str
    shape: tuple[int, ...]
    edges: tuple[float, ...]
    data: str
    fractions: list[float]
    percolating: list[list[float | None]]


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

    As many of each run as fit into the page as they are, at least one. None if no run made any.
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
        volumes=[pack_volume(name, volume, step, material) for name, volume in chosen],
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
        if thinning_step([*(list(shapes) * n_each), shapes[0]], kind) == 1:
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


def pack_volume(name: str, voxels: Labels, step: int, material: Material) -> PackedVolume:
    """Pack every ``step``-th voxel of a volume; equal volumes give equal text.

    Parameters
    ----------
    name : str
        What it is called.
    voxels : ndarray of shape (D, H, W) or (D, H, W, 3), uint8
        Labels or values.
    step : int
        Thinning along each axis.
    material : Material
        What the voxels are of, and their size.
    """
    edges = material.specimen.voxel_size_um or (1.0, 1.0, 1.0)
    n_phases = len(material.phases)
    every = (slice(None, None, step),) * 3
    content, found = voxels[every].tobytes(), NO_SHARES
    if material.kind.labelled:
        through = connected_through(voxels, n_phases)
        content += through[every].tobytes()
        found = shares(voxels, through, n_phases)
    return PackedVolume(
        name=name,
        size=size_text(voxels.shape[:3], material),
        shape=voxels[every].shape[:3],
        edges=tuple(edge * step for edge in edges),
        data=base64.b64encode(gzip.compress(content, compresslevel=6, mtime=0)).decode("ascii"),
        **found,
    )


def shares(labels: Labels, through: NDArray[np.uint8], n_phases: int) -> dict[str, list[Any]]:
    """Return `PackedVolume.fractions` and `PackedVolume.percolating`.

    Parameters
    ----------
    labels : ndarray of shape (D, H, W), uint8
        Phase of each voxel, in 0 .. n_phases - 1.
    through : ndarray of uint8 with the shape of ``labels``
        What :func:`connected_through` returned.
    n_phases : int
        Number of phases.
    """
    counts = np.bincount(labels.ravel(), minlength=n_phases)
    crossing = [
        np.bincount(labels[through & (1 << axis) > 0], minlength=n_phases) for axis in range(3)
    ]
    return {
        "fractions": [float(share) for share in counts / labels.size],
        "percolating": [
            [
                float(part / whole) if whole else None
                for part, whole in zip(one, counts, strict=True)
            ]
            for one in crossing
        ],
    }


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
