"""What an image file holds, before anything is said of what its values mean."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

# What the last axis of an array is: none of it, red-green-blue (with alpha), or several detectors.
Channels = Literal["none", "colours", "detectors"]
Ranges = tuple[tuple[int, int], ...]
# More detectors than any microscope has: planes of a volume, most probably.
MOST_DETECTORS = 8


@dataclass(frozen=True, kw_only=True)
class VoxelSize:
    """Edges of a voxel and who states them.

    Attributes
    ----------
    edges_um : tuple of float
        Along each spatial axis in micrometres.
    stated_by : str
        What in the file states them, in words: ``ImageJ's metadata``.
    """

    edges_um: tuple[float, ...]
    stated_by: str


@dataclass(frozen=True, kw_only=True)
class StoredImage:
    """The array of a file and what the file says of it.

    Attributes
    ----------
    array : ndarray of shape (H, W) or (D, H, W), with a last axis of channels if there are any
        Numbers as they are stored; axes are (plane, row, column).
    channels : {"none", "colours", "detectors"} or None
        What the last axis is; None where the format cannot say it (NPY, HDF5).
    palette : ndarray of shape (n, 3), uint8, or None
        Colour of each index, where ``array`` holds indices.
    black : float or None
        Where zero is shown white, what a number is subtracted from to be what a viewer shows: the
        largest number that its bits can hold, or 0 of signed numbers and floats. None where zero
        is shown black.
    voxel_size : VoxelSize or None
        None if the file does not state it.
    region : tuple of (int, int) or None
        First and last-plus-one pixel of each spatial axis that shows the specimen, where the
        header states it; the rest is a data bar.
    files : tuple of Path
        All files that were read, where it is not one alone.
    notes : tuple of str
        What the log is to say of the file.
    n_planes : int or None
        Number of planes of which ``array`` has some, where it has not all.
    """

    array: NDArray[Any]
    channels: Channels | None
    palette: NDArray[np.uint8] | None = None
    black: float | None = None
    voxel_size: VoxelSize | None = None
    region: Ranges | None = None
    files: tuple[Path, ...] = ()
    notes: tuple[str, ...] = ()
    n_planes: int | None = None

    def __post_init__(self) -> None:
        """Let a size of three edges be that of a plane, too: those of rows and columns."""
        size = self.voxel_size
        if size is None or len(size.edges_um) == self.n_spatial:
            return
        if len(size.edges_um) > self.n_spatial == 2:
            size = replace(size, edges_um=size.edges_um[-2:])
        elif self.channels is not None:
            note = f"{size.stated_by} states {size.edges_um} um for {self.n_spatial} axes"
            size, notes = None, (*self.notes, f"{note}, which is left out")
            object.__setattr__(self, "notes", notes)
        object.__setattr__(self, "voxel_size", size)

    @property
    def n_spatial(self) -> int:
        """Number of axes without that of channels."""
        return self.array.ndim - (self.channels in ("colours", "detectors"))

    def without_single_planes(self) -> "StoredImage":
        """Return the image without spatial axes of length one, of which there may be any number.

        Edges of a voxel along such axes are dropped with them. At least two axes stay.
        """
        shape = self.array.shape[: self.n_spatial]
        gone = [axis for axis, n in enumerate(shape) if n == 1]
        gone = gone[: max(len(shape) - 2, 0)]
        if not gone:
            return self
        kept = [axis for axis in range(len(shape)) if axis not in gone]
        size = self.voxel_size
        if size is not None and len(size.edges_um) == len(shape):
            size = replace(size, edges_um=tuple(size.edges_um[axis] for axis in kept))
        region = self.region and tuple(self.region[axis] for axis in kept)
        return replace(self, array=self.array.squeeze(tuple(gone)), voxel_size=size, region=region)


def some_planes(n_planes: int, bytes_per_plane: int, most_bytes: float) -> list[int]:
    """Return the numbers of evenly spread planes that take at most so many bytes, two at least."""
    n_read = int(min(max(most_bytes // bytes_per_plane, 2), n_planes))
    return [(2 * one + 1) * n_planes // (2 * n_read) for one in range(n_read)]


def missing_blocks(n_there: int, n_blocks: int) -> tuple[str, ...]:
    """Return the note that blocks of an array were never written, which read as one value."""
    if n_there >= n_blocks:
        return ()
    return (
        f"{n_blocks - n_there} of {n_blocks} blocks were never written and read as one value: all "
        "of them empty, or the file is not complete",
    )


def without_unit(name: str, edges: Sequence[float | None]) -> tuple[str, ...]:
    """Return the note that a file states edges and no unit of length, so that they are not used."""
    shown = [edge if edge is None else float(f"{edge:.6g}") for edge in edges]
    return (f"{name} states a spacing of {shown} without a unit of length; set 'voxel_size_um'",)


def known_edges(edges: Any, stated_by: str) -> VoxelSize | None:
    """Return edges as a voxel size if all are lengths; files hold 0, NaN or less for unknown."""
    known = tuple(float(e) for e in edges if e is not None and np.isfinite(e) and e > 0)
    if not known or len(known) != len(edges):
        return None
    return VoxelSize(edges_um=known, stated_by=stated_by)
