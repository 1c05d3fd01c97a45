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
    ordered = sorted(pictures, key=lambda one: _split(one.name))
    numbers = [_last_number(one.stem) for one in ordered]
    known = [number for number in numbers if number is not None]
    steps = {b - a for a, b in pairwise(known)}
    if len(known) == len(numbers) and len(steps) > 1:
        missing = sorted(set(range(known[0], known[-1], min(steps))) - set(known))
        raise InputError(
            f"{folder}: expected planes with consecutive numbers, got {len(known)} from {known[0]} "
            f"to {known[-1]} without {missing[:5]}. Put the missing ones there, or number them "
            "anew."
        )
    return ordered


def _split(name: str) -> list[tuple[int, str]]:
    """Return a name in parts that sort numbers by their values."""
    return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]


def _last_number(stem: str) -> int | None:
    found = re.findall(r"\d+", stem)
    return int(found[-1]) if found else None


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
        if plane.array.shape != first.array.shape or plane.array.dtype != first.array.dtype:
            raise InputError(
                f"{path}: expected the shape {first.array.shape} and {first.array.dtype} of "
                f"{paths[0].name}, got {plane.array.shape} and {plane.array.dtype}. Put planes of "
                "one volume alone into the folder."
            )
        array[number] = plane.array
    notes = [f"{len(paths)} pictures, {paths[0].name} to {paths[-1].name}, are read as planes"]
    if first.voxel_size is not None:
        notes.append(_without_distance(first.voxel_size))
    return StoredImage(
        array=array,
        channels=first.channels,
        palette=first.palette,
        black=first.black,
        files=tuple(paths),
        notes=(*first.notes, *notes),
    )


def _without_distance(size: VoxelSize) -> str:
    return (
        f"pixels of {size.edges_um} um are stated, but no distance of the planes; set "
        "'voxel_size_um' (plane, row, column)"
    )
