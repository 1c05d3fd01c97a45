"""A folder of pictures that are the planes of a volume, one a file."""

import re
from itertools import pairwise
from pathlib import Path

import numpy as np

from matvir.errors import InputError
from matvir.files import require_decodable
from matvir.formats.stored import StoredImage, VoxelSize

SUFFIXES = (".tif", ".tiff", ".png", ".bmp", ".jpg", ".jpeg")


def planes_in(folder: Path) -> list[Path]:
    """Return the pictures of a folder in the order of the numbers in their names.

    Raises
    ------
    InputError
        If there are none, of several kinds, or a number is missing.
    """
    files = [one for one in folder.iterdir() if one.is_file() and not one.name.startswith(".")]
    pictures = [one for one in files if one.suffix.lower() in SUFFIXES]
    kinds = sorted({one.suffix.lower() for one in pictures})
    if len(kinds) != 1:
        found = ", ".join(kinds) or f"none of {len(files)} files"
        raise InputError(
            f"{folder}: expected an image file, or a folder whose pictures are the planes of one "
            f"volume, all of one kind ({', '.join(SUFFIXES)}), got {found}. Name one file in it, "
            "or put the planes into a folder of their own."
        )
    ordered = sorted(pictures, key=lambda one: _parts(one.stem))
    _require_series(folder, [one.stem for one in ordered])
    return ordered


def _parts(name: str) -> list[tuple[int, str]]:
    """Return a name in parts that sort numbers by their values."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _require_series(folder: Path, names: list[str]) -> None:
    """Check that names differ in one number alone, and that none of these is missing."""
    texts = [re.sub(r"\d+", "#", name) for name in names]
    usual = max(set(texts), key=texts.count)
    foreign = [name for name, text in zip(names, texts, strict=True) if text != usual]
    if foreign:
        raise InputError(
            f"{folder}: expected names that differ in a number, like {usual!r}, got "
            f"{foreign[0]!r}. Put planes of one volume alone into the folder."
        )
    columns = list(zip(*(map(int, re.findall(r"\d+", name)) for name in names), strict=True))
    varying = [column for column in columns if len(set(column)) > 1]
    if len(names) > 1 and len(varying) != 1:
        raise InputError(
            f"{folder}: expected names that differ in one number, got {len(varying)} that vary, as "
            f"in {names[0]!r} and {names[-1]!r}. Put the planes of one channel into a folder of "
            "their own."
        )
    for column in varying:
        step = min(b - a for a, b in pairwise(column))
        missing = sorted(set(range(column[0], column[-1], max(step, 1))) - set(column))
        if missing or step < 1:
            raise InputError(
                f"{folder}: expected planes with consecutive numbers, got {len(column)} from "
                f"{column[0]} to {column[-1]} without {missing[:5]}. Put the missing ones there, "
                "or number them anew."
            )


def read_folder(folder: Path) -> StoredImage:
    """Read the planes of a volume, one a file.

    The distance of planes is in no file, so their size of a pixel is not used.

    Raises
    ------
    InputError
        If a plane has another shape or type than the first one, or is a volume itself.
    """
    from matvir.formats import format_of

    paths = planes_in(folder)
    first = format_of(paths[0]).read(paths[0], None, None)
    require_decodable(folder, (len(paths), *first.array.shape), first.array.itemsize)
    array = np.empty((len(paths), *first.array.shape), first.array.dtype)
    for number, path in enumerate(paths):
        plane = first if number == 0 else format_of(path).read(path, None, None)
        _require_alike(plane, first, path, paths[0].name)
        array[number] = plane.array
    notes = [f"{len(paths)} pictures, {paths[0].name} to {paths[-1].name}, are read as planes"]
    if first.voxel_size is not None:
        notes.append(_without_distance(first.voxel_size))
    return StoredImage(
        array=array,
        channels=first.channels,
        palette=first.palette,
        black=first.black,
        region=first.region and ((0, len(paths)), *first.region),
        files=tuple(paths),
        notes=(*first.notes, *notes),
    )


def _require_alike(plane: StoredImage, first: StoredImage, path: Path, name: str) -> None:
    """Check that a plane is stored as the first one is, so that its numbers mean the same."""
    if plane.array.shape != first.array.shape or plane.array.dtype != first.array.dtype:
        raise InputError(
            f"{path}: expected the shape {first.array.shape} and {first.array.dtype} of {name}, "
            f"got {plane.array.shape} and {plane.array.dtype}. Put planes of one volume alone into "
            "the folder."
        )
    same = (plane.channels, plane.black, plane.region) == (
        first.channels,
        first.black,
        first.region,
    )
    palettes = [np.zeros(0) if one.palette is None else one.palette for one in (plane, first)]
    if not same or not np.array_equal(palettes[0], palettes[1]):
        raise InputError(
            f"{path}: its numbers mean something else than those of {name}: palette, channels, "
            "white as zero or the scanned part differ. Save all planes alike, as grey values."
        )


def _without_distance(size: VoxelSize) -> str:
    return (
        f"pixels of {size.edges_um} um are stated, but no distance of the planes; set "
        "'voxel_size_um' (plane, row, column)"
    )
