"""What scanning electron microscopes write beside the pixels: size of a pixel, data bar.

Thermo Fisher (FEI), Zeiss, Olympus and Tescan write private TIFF tags, of which tifffile reads the
first three; Hitachi, JEOL and Tescan a text file beside the image.
"""

import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tifffile

from matvir.formats.stored import Ranges, VoxelSize, known_edges
from matvir.formats.units import UM_PER_METRE, um_per_unit

TESCAN_TAG = 50431
LARGEST_SIDECAR = 1_000_000
# How many columns the image has: Hitachi's DataSize=1280x960, JEOL's $CM_FULL_SIZE 1280 960.
COLUMNS = re.compile(r"^(?:DataSize\s*=|\$+CM_FULL_SIZE)\s*(\d+)", flags=re.MULTILINE)
NUMBER = r"([-+]?[0-9]*[.,]?[0-9]+(?:[eE][-+]?[0-9]+)?)"


def sem_pixel_size(tiff: tifffile.TiffFile) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Return the height and width of a pixel that the microscope's tags or sidecar state.

    The second is what the log is to say.
    """
    n_columns = tiff.pages.first.imagewidth
    readers = (_fei_size, _zeiss_size, _olympus_size, _tescan_size)
    found = (reader(tiff) for reader in readers)
    size = next((one for one in found if one is not None), None)
    if size is None:
        return sidecar_pixel_size(Path(tiff.filehandle.path), n_columns)
    image = (tiff.fei_metadata or {}).get("Image")
    scanned = image.get("ResolutionX") if isinstance(image, Mapping) else None
    return _of_same_width(size, scanned if isinstance(scanned, int) else None, n_columns)


def _of_same_width(
    size: VoxelSize, stated: int | None, n_columns: int
) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Return a size, unless it is stated for another number of columns than an image has."""
    if stated is None or stated == n_columns:
        return size, ()
    return None, (
        f"{size.stated_by} states a pixel of {size.edges_um[1]:g} um for {stated} columns, and the "
        f"image has {n_columns}: it was cropped or scaled; set 'voxel_size_um'",
    )


def scanned_region(tiff: tifffile.TiffFile, shape: tuple[int, ...]) -> Ranges | None:
    """Return which rows and columns were scanned, where the header says fewer than there are.

    Thermo Fisher's header states the resolution of the scan; what is below it is the data bar.
    """
    image = (tiff.fei_metadata or {}).get("Image")
    if not isinstance(image, Mapping) or len(shape) != 2:
        return None
    rows, columns = image.get("ResolutionY"), image.get("ResolutionX")
    if not isinstance(rows, int) or not isinstance(columns, int):
        return None
    if columns != shape[1] or not 0 < rows < shape[0]:
        return None
    return (0, rows), (0, columns)


def _in_metres(height: Any, width: Any, stated_by: str) -> VoxelSize | None:
    if not all(isinstance(edge, int | float) for edge in (height, width)):
        return None
    return known_edges((height * UM_PER_METRE, width * UM_PER_METRE), stated_by)


def _fei_size(tiff: tifffile.TiffFile) -> VoxelSize | None:
    metadata = tiff.fei_metadata or {}
    for name in ("Scan", "EScan", "IScan"):
        scan = metadata.get(name)
        if isinstance(scan, Mapping) and "PixelWidth" in scan:
            return _in_metres(
                scan.get("PixelHeight"), scan["PixelWidth"], "the Thermo Fisher (FEI) header"
            )
    return None


def _zeiss_size(tiff: tifffile.TiffFile) -> VoxelSize | None:
    metadata = tiff.sem_metadata or {}
    for name in ("ap_image_pixel_size", "ap_pixel_size"):
        entry = metadata.get(name)
        if isinstance(entry, tuple) and len(entry) == 3 and isinstance(entry[1], int | float):
            scale = um_per_unit(str(entry[2]))
            if scale is not None:
                return known_edges((entry[1] * scale,) * 2, "the Zeiss header")
    return None


def _olympus_size(tiff: tifffile.TiffFile) -> VoxelSize | None:
    metadata = tiff.sis_metadata or {}
    return _in_metres(
        metadata.get("pixelsizey"), metadata.get("pixelsizex"), "the Olympus SIS header"
    )


def _tescan_size(tiff: tifffile.TiffFile) -> VoxelSize | None:
    tag = tiff.pages.first.tags.get(TESCAN_TAG)
    if tag is None or not isinstance(tag.value, bytes | str):
        return None
    text = tag.value if isinstance(tag.value, str) else tag.value.decode("latin-1")
    return _tescan_text(text)


def sidecar_pixel_size(path: Path, n_columns: int) -> tuple[VoxelSize | None, tuple[str, ...]]:
    """Return the height and width of a pixel that a text file beside an image states.

    The second is what the log is to say.

    Parameters
    ----------
    path : Path
        The image: ``a.tif`` has its text in ``a.txt`` (Hitachi, JEOL) or ``a.hdr``, or
        ``a-tif.hdr`` (Tescan).
    n_columns : int
        Of the image.
    """
    for name in (f"{path.stem}.txt", f"{path.stem}-{path.suffix[1:]}.hdr", f"{path.stem}.hdr"):
        sidecar = path.with_name(name)
        if not sidecar.is_file() or sidecar.stat().st_size > LARGEST_SIDECAR:
            continue
        text = _text(sidecar.read_bytes())
        readers: tuple[Callable[[str], VoxelSize | None], ...] = (
            _hitachi_text,
            _jeol_text,
            _tescan_text,
        )
        for reader in readers:
            found = reader(text)
            if found is not None:
                stated_by = f"{found.stated_by} ({sidecar.name})"
                size = VoxelSize(edges_um=found.edges_um, stated_by=stated_by)
                columns = COLUMNS.search(text)
                return _of_same_width(size, columns and int(columns[1]), n_columns)
    return None, ()


def _text(content: bytes) -> str:
    """Decode a text of a microscope; some are of UTF-16."""
    encoding = "utf-16" if content[:2] in (b"\xff\xfe", b"\xfe\xff") else "latin-1"
    return content.decode(encoding, errors="replace")


def _number(text: str) -> float:
    """Return a number that may have a decimal comma."""
    return float(text.replace(",", "."))


def _hitachi_text(text: str) -> VoxelSize | None:
    """Read ``PixelSize=24.8``, nanometres, of a text with Hitachi's ``InstructName``."""
    match = re.search(rf"^PixelSize\s*=\s*{NUMBER}", text, flags=re.MULTILINE)
    if match is None or "InstructName" not in text:
        return None
    return known_edges((_number(match[1]) / 1000,) * 2, "Hitachi's text")


def _jeol_text(text: str) -> VoxelSize | None:
    """Read how many pixels JEOL's scale bar has and how long it is: ``$$SM_MICRON_BAR 96``."""
    bar = re.search(rf"^\$+SM_MICRON_BAR\s+{NUMBER}", text, flags=re.MULTILINE)
    marker = re.search(rf"^\$+SM_MICRON_MARKER\s+{NUMBER}\s*(\S+)", text, flags=re.MULTILINE)
    scale = None if marker is None else um_per_unit(marker[2])
    if bar is None or marker is None or scale is None or _number(bar[1]) == 0:
        return None
    return known_edges((_number(marker[1]) * scale / _number(bar[1]),) * 2, "JEOL's text")


def _tescan_text(text: str) -> VoxelSize | None:
    """Read ``PixelSizeX=2.48e-8``, metres, as Tescan writes it."""
    edges = [re.search(rf"PixelSize{axis}\s*=\s*{NUMBER}", text) for axis in ("Y", "X")]
    if edges[0] is None or edges[1] is None:
        return None
    return _in_metres(_number(edges[0][1]), _number(edges[1][1]), "Tescan's header")
