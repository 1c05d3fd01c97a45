"""A sheet of materials side by side: what a training saw, and what its generator makes.

The layout is that of Fig. 3 of the SliceGAN paper (arXiv 2102.07708): training image, volume, a
slice along its axes and one at 45 degrees.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.files import atomic_path
from matvir.measurement.samples import middle_slices
from matvir.report.cube import cut_corner, render_cube
from matvir.report.palette import FIGURE_STYLE, as_rgb
from matvir.report.slices import diagonal_plane
from matvir.storage.images import (
    Specimen,
    distinct_planes,
    in_plane_axes,
    perpendicular_to,
    read_specimen,
)
from matvir.storage.samples import read_samples

# Training images; those of an anisotropic material have as many columns as there are axes.
N_IMAGES = 3
TITLES = ("volume", "middle plane", "at 45 degrees")
PANEL = 1.9  # inches
DPI = 110


@dataclass(frozen=True, kw_only=True)
class GalleryRow:
    """One material: its name, the images that it was learned from, and a generated volume."""

    name: str
    specimen: Specimen
    volume: NDArray[np.uint8]


def read_row(name: str, labels: Path, samples: Path) -> GalleryRow:
    """Read the images and the first generated volume of a material.

    Raises
    ------
    InputError
        If a file cannot be read, or holds 2D images.
    """
    made = read_samples(samples)
    if made.are_images:
        raise InputError(
            f"{samples}: expected generated volumes, got 2D images. Put a model of volumes first "
            "under 'run.models'."
        )
    return GalleryRow(name=name, specimen=read_specimen(labels), volume=made.labels[0])


def draw_gallery(rows: Sequence[GalleryRow], path: Path) -> None:
    """Draw all rows below each other into a PNG file, written atomically."""
    n_columns = N_IMAGES + len(TITLES)
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(PANEL * n_columns, (PANEL + 0.15) * len(rows)))
        grid = figure.subplots(len(rows), n_columns, squeeze=False)
        for axes, row in zip(grid, rows, strict=True):
            _draw_row(axes, row)
        with atomic_path(path) as temporary:
            figure.savefig(temporary, dpi=DPI, facecolor="white")


def _draw_row(axes: NDArray[np.object_], row: GalleryRow) -> None:
    pictures = [*_images(row), *_views(row)]
    for ax, (title, picture) in zip(axes, pictures, strict=True):
        ax.set_axis_off()
        if picture is not None:
            _show(ax, title, picture)
    axes[0].text(
        -0.08,
        0.5,
        row.name,
        rotation=90,
        va="center",
        ha="right",
        fontsize=10,
        transform=axes[0].transAxes,
    )


def _show(ax: Axes, title: str, picture: NDArray[np.uint8]) -> None:
    ax.imshow(picture, interpolation="nearest")
    ax.set_title(title, fontsize=7.5)


def _images(row: GalleryRow) -> list[tuple[str, NDArray[np.uint8] | None]]:
    """Return parts of the training images as large as the volume's faces."""
    specimen, shape = row.specimen, row.volume.shape[:3]
    if specimen.volume is not None:
        images = [("training, middle plane", middle_slices(specimen.volume.voxels)[0])]
    elif len(specimen.planes) == 1:
        image = specimen.images[0]
        images = [("training", image.voxels[0] if image.stack else image.voxels)]
    else:
        images = [
            (f"training, {perpendicular_to(axes).lower()}", plane.voxels)
            for axes, plane in distinct_planes(specimen.planes)
        ]
    edges = [shape[axis] for axis in in_plane_axes(0)]
    shown = [
        (title, as_rgb(labels[: edges[0], : edges[1]], specimen.kind, specimen.n_phases))
        for title, labels in images
    ]
    return [*shown, *[("", None)] * (N_IMAGES - len(shown))]


def _views(row: GalleryRow) -> list[tuple[str, NDArray[np.uint8]]]:
    kind, n_phases = row.specimen.kind, row.specimen.n_phases
    rgb = as_rgb(row.volume, kind, n_phases)
    cube = render_cube(rgb, solid=cut_corner(row.volume.shape[:3]), width=480)
    middle = middle_slices(row.volume)[1]
    flat = [as_rgb(one, kind, n_phases) for one in (middle, diagonal_plane(row.volume))]
    return list(zip(TITLES, [cube, *flat], strict=True))
