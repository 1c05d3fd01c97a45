"""The voxel size that a TIFF file states, in micrometres; never a guessed one."""

from xml.etree import ElementTree

import numpy as np
import tifffile

from matvir.formats.sem import sem_pixel_size
from matvir.formats.stored import VoxelSize, known_edges
from matvir.formats.units import um_per_unit

Edges = tuple[float | None, float | None, float | None]

INCH, CENTIMETRE = 2, 3
UM_PER_RESOLUTION_UNIT = {INCH: 25_400.0, CENTIMETRE: 10_000.0}
# Dots per inch that image editors and printers write without knowing anything about the object.
PRINT_RESOLUTIONS = (
    *(72, 75, 90, 96, 100, 120, 144, 150, 180, 200, 240, 254, 300, 360, 400, 600, 720),
    *(800, 1000, 1200, 1440, 2400, 2540, 4800, 5080, 9600),
)
# Pixels larger than this are of a picture that is to be printed, not of a micrograph.
LARGEST_PIXEL_UM = 90.0
# Of what a program states only larger ones may be those of a print: 600 dots per inch are 42 um.
SMALLEST_PRINTED_UM = 42.0


def tiff_voxel_size(
    tiff: tifffile.TiffFile, n_axes: int
) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Return the voxel size that metadata of programs, of microscopes or the resolution state.

    Parameters
    ----------
    tiff : tifffile.TiffFile
        An open file.
    n_axes : int
        Number of spatial axes of its image, 2 or 3.

    Returns
    -------
    VoxelSize or None
        Edge of a voxel along (plane,) row and column in micrometres; None if the file does not
        state all of them in a unit of length.
    tuple of str
        What the log is to say.
    """
    if n_axes not in (2, 3):
        return None, ()
    found: VoxelSize | None = None
    notes: tuple[str, ...] = ()
    if tiff.ome_metadata:
        found, notes = _of_program(_ome_edges(tiff.ome_metadata), n_axes, "OME metadata")
    elif tiff.imagej_metadata:
        found, notes = _of_program(_imagej_edges(tiff), n_axes, "ImageJ's metadata")
    elif n_axes == 2:
        found, notes = sem_pixel_size(tiff)
        if found is None and not notes:
            found, notes = _by_resolution(tiff)
    return found, notes


def _of_program(
    edges: Edges, n_axes: int, stated_by: str
) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Return edges that a program states, unless they are the resolution of a print.

    Programs that open a picture made for printing write that as the size of its pixels.
    """
    depth, _, width = edges
    dots = None if not width else UM_PER_RESOLUTION_UNIT[INCH] / width
    if dots is not None and width is not None and width >= SMALLEST_PRINTED_UM and _printed(dots):
        return None, (_print_note(dots),)
    found = known_edges(edges[3 - n_axes :], stated_by)
    if found is None and n_axes == 3 and width is not None and depth is None:
        return None, (f"{stated_by} has pixels of {width:g} um and no distance of planes",)
    return found, ()


def _printed(dots: float) -> bool:
    """Return whether so many dots per inch are those of a printer or an editor."""
    return any(np.isclose(dots, one, rtol=0.005, atol=0.05) for one in PRINT_RESOLUTIONS)


def _print_note(dots: float) -> str:
    return (
        f"its resolution, {dots:.4g} dots per inch, is taken for that of a print or a tool's "
        "default and not for the size of a pixel; set 'voxel_size_um'"
    )


def _ome_edges(xml: str) -> Edges:
    """Read PhysicalSizeX, -Y, -Z of the first image; OME's default unit is the micrometre."""
    pixels = ElementTree.fromstring(xml).find(".//{*}Pixels")

    def edge(axis: str) -> float | None:
        if pixels is None:
            return None
        size = pixels.get(f"PhysicalSize{axis}")
        scale = um_per_unit(pixels.get(f"PhysicalSize{axis}Unit", "µm"))
        return None if size is None or scale is None else float(size) * scale

    return edge("Z"), edge("Y"), edge("X")


def _imagej_edges(tiff: tifffile.TiffFile) -> Edges:
    """Read ImageJ's units, its plane spacing, and its pixels per unit in the resolution tags.

    As ImageJ reads its own files: a spacing that is not written is 1, and rows and planes have
    units of their own only where they differ from that of the columns.
    """
    metadata = tiff.imagej_metadata or {}
    unit = str(metadata.get("unit", ""))
    scales = [um_per_unit(str(metadata.get(f"{axis}unit", unit))) for axis in "zyx"]
    row, column = _pixels_per_unit(tiff, "Y"), _pixels_per_unit(tiff, "X")
    spacing = float(metadata.get("spacing", 1.0))
    lengths = (spacing, None if row is None else 1 / row, None if column is None else 1 / column)
    depth, height, width = (
        None if length is None or scale is None else length * scale
        for length, scale in zip(lengths, scales, strict=True)
    )
    # ImageJ's own reader takes the size of a spacing below zero.
    return None if depth is None else abs(depth), height, width


def _by_resolution(tiff: tifffile.TiffFile) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Read the resolution tags where they are in centimetres.

    Inches, and the usual resolutions of printers and tools, say how large a picture is to be
    printed.
    """
    tag = tiff.pages.first.tags.get("ResolutionUnit")
    unit = None if tag is None else int(tag.value)
    row, column = _pixels_per_unit(tiff, "Y"), _pixels_per_unit(tiff, "X")
    if unit not in UM_PER_RESOLUTION_UNIT or row is None or column is None:
        return None, ()
    edges = UM_PER_RESOLUTION_UNIT[unit] / row, UM_PER_RESOLUTION_UNIT[unit] / column
    dots = UM_PER_RESOLUTION_UNIT[INCH] / edges[1]
    if unit == INCH or _printed(dots) or edges[1] >= LARGEST_PIXEL_UM:
        return None, (_print_note(dots),)
    return known_edges(edges, "the TIFF resolution"), ()


def _pixels_per_unit(tiff: tifffile.TiffFile, axis: str) -> float | None:
    tag = tiff.pages.first.tags.get(f"{axis}Resolution")
    if tag is None or 0 in tag.value:
        return None
    return float(tag.value[0] / tag.value[1])
