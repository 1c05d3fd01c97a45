"""Slices of the real and the generated material side by side, as pictures with a scale bar."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.labels import LabelImage
from matvir.metrics.samples import subvolumes
from matvir.report.embed import image_uri
from matvir.report.palette import phase_rgb
from matvir.report.results import Material

Labels = NDArray[np.uint8]


@dataclass(frozen=True, kw_only=True)
class ScaleBar:
    """A bar of ``share`` (0 .. 1) of the picture's width that stands for ``text``."""

    share: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One picture of the page: its data URI, what is seen, and its scale bar."""

    uri: str
    caption: str
    scale_bar: ScaleBar | None


@dataclass(frozen=True, kw_only=True)
class Row:
    """Pictures side by side under one name."""

    name: str
    pictures: list[Picture]


def slice_rows(material: Material) -> list[Row]:
    """Return a row of slices of the real material and one of every run.

    A generated volume shows its middle planes across axis 0, 1 and 2. So does a real volume, cut
    to the same size; a real image shows three of its parts.
    """
    rgb = phase_rgb(len(material.phases))
    voxel_size = material.image.voxel_size_um
    size = material.runs[0].volume.shape if material.runs else material.image.labels.shape
    if material.reference is not None:
        real = middle_planes(part_of_volume(material.reference, size))
        captions = [f"plane across axis {axis}" for axis in range(3)]
        name = "real volume"
    else:
        real = parts_of_image(material.image, min(size))
        captions = [f"part {index + 1} of the image" for index in range(len(real))]
        name = "real image"
    rows = [Row(name=name, pictures=_pictures(real, captions, rgb, voxel_size))]
    for run in material.runs:
        captions = [f"plane across axis {axis}" for axis in range(3)]
        planes = middle_planes(run.volume)
        rows.append(Row(name=run.name, pictures=_pictures(planes, captions, rgb, voxel_size)))
    return rows


def middle_planes(volume: Labels) -> list[Labels]:
    """Return the middle plane across each axis of a volume of shape (D, H, W)."""
    return [volume.take(volume.shape[axis] // 2, axis=axis) for axis in range(3)]


def part_of_volume(image: LabelImage, size: tuple[int, ...]) -> Labels:
    """Return the first part of a real volume that is at most of ``size`` and all material."""
    shape = tuple(min(have, want) for have, want in zip(image.labels.shape, size, strict=True))
    return image.labels[_windows(image, shape, 1)[0]]


def parts_of_image(image: LabelImage, edge: int) -> list[Labels]:
    """Return up to three square parts of a real image, at most ``edge`` pixels wide."""
    width = min(edge, *image.labels.shape)
    return [image.labels[window] for window in _windows(image, (width, width), 3)]


def _windows(image: LabelImage, shape: tuple[int, ...], n: int) -> list[tuple[slice, ...]]:
    """Return up to ``n`` windows, all inside the material if there are such windows."""
    rng = np.random.default_rng(0)  # the page shows the same parts each time
    try:
        return subvolumes(image.labels.shape, shape, n, rng, valid=image.valid)
    except InputError:  # the material is smaller than the window
        return subvolumes(image.labels.shape, shape, n, rng)


def _pictures(
    planes: list[Labels],
    captions: list[str],
    rgb: NDArray[np.uint8],
    voxel_size: tuple[float, ...] | None,
) -> list[Picture]:
    return [
        Picture(
            uri=image_uri(rgb[plane]),
            caption=caption,
            scale_bar=scale_bar(plane.shape[1], voxel_size),
        )
        for plane, caption in zip(planes, captions, strict=True)
    ]


def scale_bar(width: int, voxel_size: tuple[float, ...] | None) -> ScaleBar:
    """Return a bar of a round length of a fifth to a half of a picture.

    Parameters
    ----------
    width : int
        Width of the picture in voxels.
    voxel_size : tuple of float or None
        Edges of a voxel in micrometres, the last one along the width; None if not known: then
        the bar is in voxels.
    """
    unit = 1.0 if voxel_size is None else voxel_size[-1]
    half = width * unit / 2
    power = 10.0 ** np.floor(np.log10(half))
    length = max(factor * power for factor in (1, 2, 5) if factor * power <= half)
    name = "voxels" if voxel_size is None else "µm"
    return ScaleBar(share=length / (width * unit), text=f"{length:g} {name}")
