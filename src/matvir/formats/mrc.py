"""MRC, of electron microscopes: MRC2014 as the library mrcfile reads it."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from matvir.files import require_decodable
from matvir.formats.stored import StoredImage, known_edges
from matvir.formats.units import um_per_unit

HEADER, EXTENDED = 1024, 92
IMOD, IMOD_STAMP = 152, 1146047817
# What tools write that know no size: one Angstrom.
DEFAULT_EDGE = 1.0


def read_mrc(path: Path) -> StoredImage:
    """Read an image or a volume; sizes are in Angstrom.

    Raises
    ------
    InputError
        If it would not fit into memory.
    """
    import mrcfile

    with path.open("rb") as file:
        start = file.read(HEADER)
    # The library would make room for whatever length the extended header claims.
    lengths = [np.frombuffer(start, order + "i4", 1, EXTENDED)[0] for order in "<>"]
    if min(abs(int(length)) for length in lengths) > path.stat().st_size:
        raise ValueError("an extended header that is longer than the file")
    with mrcfile.open(path, mode="r", header_only=True) as file:
        header = file.header
        shape = tuple(int(header[name]) for name in ("nz", "ny", "nx"))
        edges = [float(file.voxel_size[name]) for name in "xyz"]
        order = [int(header[name]) for name in ("maps", "mapr", "mapc")]
        mode = int(header.mode)
        require_decodable(path, shape, mrcfile.utils.dtype_from_mode(mode).itemsize)
    with mrcfile.mmap(path, mode="r") as file:
        array = np.array(file.data)
    notes: tuple[str, ...] = ()
    if mode == 0:
        array, notes = _bytes_meant(array, start)
    if sorted(order) == [1, 2, 3] and array.ndim == 3:
        # Sections, rows and columns are along these axes: 1 is x, 3 is z.
        array = np.ascontiguousarray(array.transpose([order.index(axis) for axis in (3, 2, 1)]))
    scale = um_per_unit("angstrom")
    assert scale is not None
    if all(edge == DEFAULT_EDGE for edge in edges):
        note = "states voxels of 1 Angstrom, the default of tools, which is not used"
        return StoredImage(array=array, channels="none", notes=(*notes, note))
    lengths = [edge * scale for edge in edges[::-1]]
    size = known_edges(lengths[-array.ndim :], "the MRC header")
    return StoredImage(array=array, channels="none", voxel_size=size, notes=notes)


def _bytes_meant(array: NDArray[Any], start: bytes) -> tuple[NDArray[Any], tuple[str, ...]]:
    """Return bytes with the sign that IMOD states, or with a word if nobody does.

    Bytes of mode 0 are signed by the standard; IMOD wrote unsigned ones for long, and says so.
    """
    stamps = [np.frombuffer(start, order + "i4", 2, IMOD) for order in "<>"]
    flags = [int(flag) for stamp, flag in stamps if stamp == IMOD_STAMP]
    if flags:
        return (array, ()) if flags[0] & 1 else (array.view(np.uint8), ())
    if array.min() >= 0:
        return array, ()
    return array, (
        "holds signed bytes, some of them negative; check that dark and bright are right",
    )
