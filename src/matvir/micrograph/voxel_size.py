"""The voxel size that a TIFF file states, in micrometres; never a guessed one."""

from collections.abc import Sequence
from xml.etree import ElementTree

import numpy as np
import tifffile

Edges = tuple[float | None, float | None, float | None]

UM_PER_UNIT = {
    "pm": 1e-6,
    "å": 1e-4,
    "angstrom": 1e-4,
    "nm": 1e-3,
    "nanometer": 1e-3,
    "um": 1.0,
    "µm": 1.0,  # micro sign, U+00B5
    "μm": 1.0,  # Greek mu, U+03BC
    "micron": 1.0,
    "microns": 1.0,
    "micrometer": 1.0,
    "mm": 1e3,
    "millimeter": 1e3,
    "cm": 1e4,
    "m": 1e6,
}
CENTIMETRE = 3
# Dots per inch that image editors write without knowing anything about the object.
PRINT_RESOLUTIONS = (72, 96, 100, 120, 150, 200, 240, 300, 400, 600, 1200)


def tiff_voxel_size(tiff: tifffile.TiffFile, n_axes: int) -> tuple[float, ...] | None:
    """Return the voxel size that OME or ImageJ metadata or the resolution tags state.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        An open file.
    n_axes : int
        Number of spatial axes of its image, 2 or 3.

    Returns
    -------
    tuple of float or None
        Edge of a voxel along (plane,) row and column in micrometres; None if the file does not
        state all of them in a unit of length.
    """
    if n_axes not in (2, 3):
        return None
    if tiff.ome_metadata:
        edges = _ome_edges(tiff.ome_metadata)
    elif tiff.imagej_metadata:
        edges = _imagej_edges(tiff)
    else:
        edges = _resolution_edges(tiff)
    return known_edges(edges[3 - n_axes :])


def known_edges(edges: Sequence[float | None]) -> tuple[float, ...] | None:
    """Return the edges if all are lengths; files hold 0, NaN or negative ones for unknown."""
    known = tuple(float(e) for e in edges if e is not None and np.isfinite(e) and e > 0)
    return known if len(known) == len(edges) else None


def _ome_edges(xml: str) -> Edges:
    """Read PhysicalSizeX, -Y, -Z of the first image; OME's default unit is the micrometre."""
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")

    def edge(axis: str) -> float | None:
        if pixels is None:
            return None
        size = pixels.get(f"PhysicalSize{axis}")
        scale = UM_PER_UNIT.get(pixels.get(f"PhysicalSize{axis}Unit", "µm").lower())
        return None if size is None or scale is None else float(size) * scale

    return edge("Z"), edge("Y"), edge("X")


def _imagej_edges(tiff: tifffile.TiffFile) -> Edges:
    """Read ImageJ's unit, its plane spacing, and its pixels per unit in the resolution tags."""
    metadata = tiff.imagej_metadata or {}
    unit = str(metadata.get("unit", "")).replace("\\u00B5", "µ").lower()
    scale = UM_PER_UNIT.get(unit)
    row, column = _pixels_per_unit(tiff, "Y"), _pixels_per_unit(tiff, "X")
    if scale is None or row is None or column is None:
        return None, None, None
    spacing = metadata.get("spacing")
    return None if spacing is None else float(spacing) * scale, scale / row, scale / column


def _resolution_edges(tiff: tifffile.TiffFile) -> Edges:
    """Read the resolution tags where they are in centimetres.

    Inches, and the usual print resolutions, say how large a picture is to be printed.
    """
    unit = tiff.pages.first.tags.get("ResolutionUnit")
    row, column = _pixels_per_unit(tiff, "Y"), _pixels_per_unit(tiff, "X")
    if unit is None or int(unit.value) != CENTIMETRE or row is None or column is None:
        return None, None, None
    if any(abs(column * 2.54 - dots) < 0.5 for dots in PRINT_RESOLUTIONS):
        return None, None, None
    return None, UM_PER_UNIT["cm"] / row, UM_PER_UNIT["cm"] / column


def _pixels_per_unit(tiff: tifffile.TiffFile, axis: str) -> float | None:
    tag = tiff.pages.first.tags.get(f"{axis}Resolution")
    if tag is None or 0 in tag.value:
        return None
    return float(tag.value[0] / tag.value[1])
