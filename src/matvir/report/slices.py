"""Slices of the real and the generated material side by side, as pictures with a scale bar."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.measurement.samples import middle_slices, subvolumes
from matvir.report.embed import image_uri
from matvir.report.palette import as_rgb
from matvir.report.results import N_IMAGES, Material, Run
from matvir.storage.images import MaterialImage, in_plane_axes

Labels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class ScaleBar:
    """A bar of ``share`` (0 .. 1) of the picture's width that stands for ``text``."""

    share: float
    text: str


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """One picture: its pixels (H, W, 3), their edges down and across, what is seen, a scale bar.

    Edges are in micrometres, or 1 where they are not known.
    """

    pixels: NDArray[np.uint8]
    edges: tuple[float, float]
    caption: str
    scale_bar: ScaleBar | None

    @property
    def uri(self) -> str:
        """The picture as a data URI, for the page."""
        return image_uri(self.pixels)


@dataclass(frozen=True, kw_only=True)
class Row:
    """Pictures side by side under one name; None where there is nothing to show."""

    name: str
    pictures: list[Picture | None]


def slice_rows(material: Material) -> list[Row]:
    """Return a row of slices of the real material and one of every run.

    A generated volume shows its middle planes perpendicular to axis 0, 1 and 2 and one at 45
    degrees. So does a real volume, cut to the same size; planes show a part of each, a single image
    three of its parts. Models of 2D images show some of these.
    """
    rows = [_real_row(material, shape_of_samples(material))]
    return rows + [_row_of_run(run, material) for run in material.runs]


def shape_of_samples(material: Material) -> tuple[int, ...]:
    """Return the shape (D, H, W) of generated volumes, or of a cube as wide as images are."""
    volumes = [run.volume.shape[:3] for run in material.runs if run.volume is not None]
    edges = [run.images.shape[1:2] for run in material.runs if run.images is not None]
    return [*volumes, *(edge * 3 for edge in edges), (64, 64, 64)][0]


def _real_row(material: Material, shape: tuple[int, ...]) -> Row:
    specimen = material.specimen
    if material.reference is not None:
        return _row_of_volume("real volume", part_of_image(material.reference, shape), material)
    pictures: list[Picture | None] = [None] * 4
    if len(specimen.planes) == 1:
        for index, part in enumerate(parts_of_image(specimen.images[0], min(shape))):
            caption = f"part {index + 1} of the image"
            pictures[index] = _picture(part, caption, material, (1, 2))
        return Row(name="real image", pictures=pictures)
    for axis, plane in specimen.planes.items():
        first, second = in_plane_axes(axis)
        part = part_of_image(plane, (shape[first], shape[second]))
        caption = f"plane perpendicular to axis {axis}"
        pictures[axis] = _picture(part, caption, material, (first, second))
    return Row(name="real images", pictures=pictures)


def _row_of_run(run: Run, material: Material) -> Row:
    if run.volume is not None:
        return _row_of_volume(run.name, run.volume, material)
    assert run.images is not None
    axes = in_plane_axes(run.image_axis or 0)
    pictures: list[Picture | None] = [
        _picture(image, f"image {index + 1}", material, axes)
        for index, image in enumerate(run.images)
    ]
    return Row(name=run.name, pictures=pictures + [None] * (N_IMAGES - len(pictures)))


def _row_of_volume(name: str, volume: Labels, material: Material) -> Row:
    pictures: list[Picture | None] = [
        _picture(plane, f"plane perpendicular to axis {axis}", material, in_plane_axes(axis))
        for axis, plane in enumerate(middle_slices(volume))
    ]
    edges = material.specimen.voxel_size_um
    if edges is not None and edges[1] != edges[2]:
        return Row(name=name, pictures=[*pictures, None])  # a diagonal of voxels is not at 45
    caption = "plane along axis 0, at 45 degrees to the others"
    diagonal = diagonal_plane(volume)
    return Row(name=name, pictures=[*pictures, _picture(diagonal, caption, material, (0, 2))])


def diagonal_plane(volume: NDArray[Any]) -> NDArray[Any]:
    """Return the plane along axis 0 that is at 45 degrees to the axes 1 and 2.

    Parameters
    ----------
    volume : ndarray of shape (D, H, W) or (D, H, W, 3)
        Any volume whose voxels have equal edges along axis 1 and 2.

    Returns
    -------
    ndarray of shape (D, round(sqrt(2) * min(H, W)))
        Of the nearest voxels, as many along the diagonal as it is long.
    """
    edge = min(volume.shape[1:3])
    steps = (np.arange(round(np.sqrt(2) * edge)) / np.sqrt(2)).round().astype(int)
    steps = steps.clip(max=edge - 1)
    return volume[:, steps, steps]


def part_of_image(image: MaterialImage, size: tuple[int, ...]) -> Labels:
    """Return the first part of a real image that is at most of ``size`` and all material."""
    shape = tuple(min(have, want) for have, want in zip(image.shape, size, strict=True))
    return image.voxels[_windows(image, shape, 1)[0]]


def parts_of_image(image: MaterialImage, edge: int) -> list[Labels]:
    """Return up to three square parts of a real image, at most ``edge`` pixels wide."""
    width = min(edge, *image.shape[-2:])
    if not image.stack:
        return [image.voxels[window] for window in _windows(image, (width, width), 3)]
    return [image.voxels[window][0] for window in _windows(image, (1, width, width), 3)]


def _windows(image: MaterialImage, shape: tuple[int, ...], n: int) -> list[tuple[slice, ...]]:
    """Return up to ``n`` windows, all inside the material if there are such windows."""
    rng = np.random.default_rng(0)  # the page shows the same parts each time
    try:
        return subvolumes(image.shape, shape, n, rng, valid=image.valid)
    except InputError:  # the material is smaller than the window
        return subvolumes(image.shape, shape, n, rng)


def _picture(labels: Labels, caption: str, material: Material, axes: tuple[int, int]) -> Picture:
    """Return a plane as a picture; it is along ``axes`` downwards and across."""
    edges = material.specimen.voxel_size_um
    across = None if edges is None else edges[axes[1]]
    return Picture(
        pixels=as_rgb(labels, material.kind, len(material.phases)),
        edges=(1.0, 1.0) if edges is None else (edges[axes[0]], edges[axes[1]]),
        caption=caption,
        scale_bar=scale_bar(labels.shape[1], across),
    )


def scale_bar(width: int, pixel_um: float | None) -> ScaleBar:
    """Return a bar of a round length of a fifth to a half of a picture.

    Parameters
    ----------
    width : int
        Width of the picture in voxels.
    pixel_um : float or None
        Width of a voxel in micrometres; None if not known: then the bar is in voxels.
    """
    unit = 1.0 if pixel_um is None else pixel_um
    half = width * unit / 2
    power = 10.0 ** np.floor(np.log10(half))
    length = max(factor * power for factor in (1, 2, 5) if factor * power <= half)
    name = "voxels" if pixel_um is None else "µm"
    return ScaleBar(share=length / (width * unit), text=f"{length:g} {name}")
