"""Turning images as their files say, by the orientation of TIFF 6.0 and EXIF (tag 274)."""

from dataclasses import replace

import numpy as np

from matvir.formats.stored import StoredImage

# Where the first row and column of the stored image are shown: whether rows and columns are
# exchanged, and which axes of the result are reversed (0 rows, 1 columns).
ORIENTATIONS: dict[int, tuple[bool, tuple[int, ...]]] = {
    2: (False, (1,)),
    3: (False, (0, 1)),
    4: (False, (0,)),
    5: (True, ()),
    6: (True, (1,)),
    7: (True, (0, 1)),
    8: (True, (0,)),
}


def upright(image: StoredImage, orientation: int) -> StoredImage:
    """Return an image as a viewer shows it.

    Parameters
    ----------
    image : StoredImage
        As stored; planes of a volume are turned alike.
    orientation : int
        1 for one that is upright, 2 to 8 for those that are turned or mirrored; others are ignored.
    """
    if orientation not in ORIENTATIONS or image.n_spatial < 2:
        return image
    exchanged, reversed_axes = ORIENTATIONS[orientation]
    row = image.n_spatial - 2
    array, size = image.array, image.voxel_size
    if exchanged:
        array = array.swapaxes(row, row + 1)
        if size is not None:
            edges = (*size.edges_um[:-2], size.edges_um[-1], size.edges_um[-2])
            size = replace(size, edges_um=edges)
    array = np.flip(array, tuple(row + axis for axis in reversed_axes))
    note = f"is turned or mirrored as its orientation ({orientation}) says"
    return replace(
        image,
        array=np.ascontiguousarray(array),
        voxel_size=size,
        region=None,
        notes=(*image.notes, note),
    )
