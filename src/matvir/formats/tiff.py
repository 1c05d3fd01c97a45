"""TIFF: every page or none, in the order and with the meaning that the file states."""

import logging
import math
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import tifffile
from numpy.typing import NDArray

from matvir.errors import InputError
from matvir.files import require_decodable
from matvir.formats.orientation import upright
from matvir.formats.sem import scanned_region
from matvir.formats.stored import Channels, StoredImage, some_planes
from matvir.formats.tiff_voxel_size import tiff_voxel_size

WHITE_IS_ZERO, RGB, PALETTE, SEPARATED, YCBCR, CIELAB = 0, 2, 3, 5, 6, 8
COLOURED = (RGB, YCBCR)
# Those that are decoded to red, green and blue.
JPEG_COMPRESSIONS = (6, 7, 33007)
# Axes of tifffile along which an image has channels: samples of a pixel, and channels.
SAMPLES, CHANNELS = "S", "C"
# Axes whose places are planes.
PLANES = "ZTIQ"
MOST_NAMED = 3
# What tifffile only warns about although numbers are missing or in the wrong place.
INCOMPLETE = re.compile(
    r"missing|zeroed|truncated|incomplete|corrupt|out of range|invalid page|expected \d+ frames"
    r"|not stitched|subset|failed to|discontiguous|does not match|invalid TiffData|unknown order"
)


def read_tiff(path: Path, most_bytes: float = math.inf) -> StoredImage:
    """Read a TIFF file, or the set of OME-TIFF files that it is one of.

    Parameters
    ----------
    path : Path
        The file.
    most_bytes : float
        Of a larger stack only some planes are read.

    Raises
    ------
    InputError
        If it holds several images, or fewer planes than it says.
    """
    with _listening() as messages:
        _require_ome_set(path)
        with tifffile.TiffFile(path) as tiff:
            _require_all_pages(tiff, path)
            image = _read(tiff, path, most_bytes)
        _require_complete(messages, path)
    notes = tuple(message for message in messages if not INCOMPLETE.search(message))
    return replace(image, notes=(*image.notes, *notes))


class _Listener(logging.Handler):
    """Keeps what tifffile says instead of doing."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a message without the object that it begins with."""
        self.messages.append(re.sub(r"^<tifffile[^>]*>\s*", "", record.getMessage()))


@contextmanager
def _listening() -> Iterator[list[str]]:
    """Yield the list of what tifffile warns about within."""
    logger, listener = logging.getLogger("tifffile"), _Listener()
    logger.addHandler(listener)
    try:
        yield listener.messages
    finally:
        logger.removeHandler(listener)


def _require_complete(messages: list[str], path: Path) -> None:
    for message in messages:
        if INCOMPLETE.search(message):
            raise InputError(
                f"{path}: the file is truncated or not complete ({message}). Copy or export it "
                "again; that a viewer opens it does not mean that all of it is there."
            )


def _require_all_pages(tiff: tifffile.TiffFile, path: Path) -> None:
    """Check that the chain of pages ends where it says, and has as many as ImageJ wrote."""
    n_pages = _number_of_pages(tiff.pages)
    n_wanted = (tiff.imagej_metadata or {}).get("images", 1)
    if not isinstance(n_wanted, int) or n_pages >= n_wanted:
        return
    page = tiff.pages.first
    if n_pages == 1 and page.is_contiguous:
        # ImageJ writes stacks of more than 4 GB as one page with all planes behind it.
        room = tiff.filehandle.size - page.dataoffsets[0]
        n_pages = min(n_wanted, room // page.nbytes)
    if n_pages < n_wanted:
        raise InputError(
            f"{path}: the file is truncated: its header states {n_wanted} planes, got {n_pages}. "
            "Copy or export it again."
        )


def _number_of_pages(pages: tifffile.TiffPages) -> int:
    """Count pages, each of which says where the next one is, and may lead round in a circle."""
    places: set[int] = set()
    for number in count():
        try:
            place = pages[number].offset
        except IndexError:
            return number
        if place in places:
            raise ValueError(f"page {number} is an earlier one again")
        places.add(place)
    raise AssertionError("a count has no end")


def _require_ome_set(path: Path) -> None:
    """Check before a set of OME-TIFF files is read that all of them lie beside this one."""
    with tifffile.TiffFile(path, _multifile=False) as tiff:
        xml = tiff.ome_metadata
    if not xml:
        return
    root = ElementTree.fromstring(xml)
    master = root.find("{*}BinaryOnly")
    if master is not None:
        raise InputError(
            f"{path}: is a part of a set of OME-TIFF files that {master.get('MetadataFile')!r} "
            "describes. Give that file, or save all planes as one TIFF."
        )
    # This file may have been renamed.
    own = root.get("UUID")
    parts = [part for part in root.iterfind(".//{*}TiffData/{*}UUID") if part.text != own]
    names = {part.get("FileName") or "" for part in parts} - {path.name}
    beside = {one.name for one in path.absolute().parent.iterdir() if one.is_file()}
    missing = sorted(names - beside)
    if missing:
        more = ", ..." if len(missing) > MOST_NAMED else ""
        raise InputError(
            f"{path}: is one of a set of {len(names) + 1} OME-TIFF files, of which {len(missing)} "
            f"are not in its folder ({', '.join(missing[:MOST_NAMED])}{more}). Put them beside it, "
            "or save all planes as one TIFF."
        )
    for name, uuid in sorted({(part.get("FileName") or path.name, part.text) for part in parts}):
        if name != path.name:
            _require_member(path.with_name(name), uuid, path)


def _require_member(member: Path, uuid: str | None, path: Path) -> None:
    """Check that a file says itself that it is the one that a set names: no other is shown."""
    with tifffile.TiffFile(member, _multifile=False) as tiff:
        xml = tiff.ome_metadata
    root = None if not xml else ElementTree.fromstring(xml)
    if root is None or root.get("UUID") != uuid:
        raise InputError(
            f"{path}: names {member.name} as a part of its set of OME-TIFF files, which does not "
            "say that it is. Save all planes as one TIFF."
        )


def _read(tiff: tifffile.TiffFile, path: Path, most_bytes: float) -> StoredImage:
    array, axes, page, n_planes = _only_series(tiff, path, most_bytes)
    channels, array = _channels_last(array, axes, page, path)
    n_spatial = array.ndim - (channels != "none")
    size, notes = tiff_voxel_size(tiff, n_spatial)
    files = getattr(tiff, "_files", None) or {}
    image = StoredImage(
        array=array,
        channels=channels,
        palette=_palette(page),
        black=_black(page, array.dtype),
        voxel_size=size,
        region=scanned_region(tiff, array.shape[:n_spatial]),
        files=_files_of(path, files),
        notes=notes,
        n_planes=n_planes,
    )
    tag = page.tags.get("Orientation")
    return image if tag is None else upright(image, int(tag.value))


def _files_of(path: Path, files: dict[str, tifffile.TiffFile]) -> tuple[Path, ...]:
    """Return the files of a set in the order of their names; none if it is one file."""
    if len(files) < 2:
        return ()  # which a link may name otherwise
    return tuple(sorted({path.with_name(one.filename) for one in files.values()} | {path}))


def _only_series(
    tiff: tifffile.TiffFile, path: Path, most_bytes: float
) -> tuple[NDArray[Any], str, tifffile.TiffPage, int | None]:
    """Return the one image or stack, the names of its axes, and its first page.

    Of a larger stack only some planes are returned, and how many there are.
    """
    series = tiff.series
    shapes = Counter((one.shape, str(one.dtype)) for one in series)
    # Images of an OME file have names, and are no planes of each other.
    if len(shapes) > 1 or (tiff.ome_metadata and len(series) > 1):
        named = ", ".join(f"{n} of the shape {shape}" for (shape, _), n in shapes.items())
        if len(shapes) == 1:
            named = ", ".join(one.name for one in series)
        raise InputError(
            f"{path}: expected one image or one stack, got {len(series)} images ({named}). Save "
            "the one to use as a file of its own."
        )
    first = series[0]
    if first.dtype is None:
        raise ValueError("pixels of an unknown type")
    n_bytes = len(series) * math.prod(first.shape) * first.dtype.itemsize
    if n_bytes > most_bytes and len(series) == 1 and first.ndim > 2 and first.axes[0] in PLANES:
        planes = _some_planes(first, most_bytes)
        return planes, first.axes, first.keyframe, first.shape[0]
    require_decodable(path, (len(series), *first.shape), first.dtype.itemsize)
    for one in series:
        page = one.keyframe
        # Missing parts would be filled with zeros, one after the other, however many.
        if math.prod(page.chunked) > len(page.dataoffsets):
            raise ValueError(f"{len(page.dataoffsets)} of {math.prod(page.chunked)} parts of it")
    if len(series) == 1:
        return first.asarray().reshape(first.shape), first.axes, first.keyframe, None
    # Pages that were written one after the other, each as an image of its own.
    planes = np.stack([one.asarray().reshape(first.shape) for one in series])
    return planes, "I" + first.axes, first.keyframe, None


def _some_planes(series: tifffile.TiffPageSeries, most_bytes: float) -> NDArray[Any]:
    """Return some planes of a large stack along its first axis."""
    n_planes, *rest = series.shape
    places = some_planes(n_planes, math.prod(rest) * series.dtype.itemsize, most_bytes)
    if series.dataoffset is not None:  # one behind the other, as they are in memory
        return np.array(series.asarray(out="memmap").reshape(series.shape)[places])
    each = len(series) // n_planes
    pages = [series[plane * each + page] for plane in places for page in range(each)]
    found = [page.asarray() for page in pages if page is not None]
    return np.stack(found).reshape((len(places), *rest))


def _channels_last(
    array: NDArray[Any], axes: str, page: tifffile.TiffPage, path: Path
) -> tuple[Channels, NDArray[Any]]:
    """Return what the channels are, and the array with them as its last axis.

    Other axes of length one are dropped, as they mean nothing.
    """
    undecoded = page.photometric == YCBCR and page.compression not in JPEG_COMPRESSIONS
    if page.photometric in (SEPARATED, CIELAB) or undecoded:
        name = tifffile.PHOTOMETRIC(page.photometric).name
        raise InputError(
            f"{path}: expected grey values or red, green and blue, got {name} colours. Save it as "
            "RGB or grey."
        )
    long = [axis for axis, n in enumerate(array.shape) if n > 1]
    array, axes = array.squeeze(), "".join(axes[axis] for axis in long)
    if SAMPLES in axes and CHANNELS in axes:
        raise InputError(
            f"{path}: expected colours or channels, got both (shape {array.shape}, axes {axes}). "
            "Save one channel."
        )
    for name in (SAMPLES, CHANNELS):
        if name in axes:
            coloured = name == SAMPLES and (page.photometric in COLOURED or _has_alpha(page))
            array = np.moveaxis(array, axes.index(name), -1)
            array = _rows_and_columns_last(array, axes.replace(name, ""))
            return "colours" if coloured else "detectors", array
    return "none", _rows_and_columns_last(array, axes)


def _rows_and_columns_last(array: NDArray[Any], axes: str) -> NDArray[Any]:
    """Return an array with its rows and columns behind its planes, and channels behind all."""
    order = sorted(range(len(axes)), key=lambda axis: "YX".find(axes[axis]))
    return array.transpose([*order, *range(len(axes), array.ndim)])


def _has_alpha(page: tifffile.TiffPage) -> bool:
    """Return whether the last sample of a pixel is its opacity."""
    return any(int(extra) in (1, 2) for extra in page.extrasamples)


def _palette(page: tifffile.TiffPage) -> NDArray[np.uint8] | None:
    """Return the colour of each index, shape (n, 3); TIFF has 16 bits a colour."""
    if page.photometric != PALETTE or page.colormap is None:
        return None
    colours = np.asarray(page.colormap, dtype=np.uint16).T
    # Some programs write bytes.
    return (colours if colours.max() < 256 else colours >> 8).astype(np.uint8)


def _black(page: tifffile.TiffPage, dtype: np.dtype[Any]) -> float | None:
    """Return what numbers are subtracted from where zero is shown white, or None."""
    if page.photometric != WHITE_IS_ZERO:
        return None
    return float(2**page.bitspersample - 1) if dtype.kind in "ub" else 0.0
