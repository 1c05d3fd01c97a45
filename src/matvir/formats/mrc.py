"""MRC, of electron microscopes: MRC2014 as the library mrcfile reads it."""

from pathlib import Path

import numpy as np

from matvir.files import require_decodable
from matvir.formats.stored import StoredImage, known_edges
from matvir.formats.units import um_per_unit

HEADER, EXTENDED = 1024, 92
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
        edges = [float(file.voxel_size[name]) for name in "zyx"]
        require_decodable(path, shape, mrcfile.utils.dtype_from_mode(int(header.mode)).itemsize)
    with mrcfile.mmap(path, mode="r") as file:
        array = np.array(file.data)
    scale = um_per_unit("angstrom")
    assert scale is not None
    if all(edge == DEFAULT_EDGE for edge in edges):
        note = "states voxels of 1 Angstrom, the default of tools, which is not used"
        return StoredImage(array=array, channels="none", notes=(note,))
    size = known_edges([edge * scale for edge in edges[-array.ndim :]], "the MRC header")
    return StoredImage(array=array, channels="none", voxel_size=size)
