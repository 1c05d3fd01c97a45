"""NIfTI, of medical imaging: one file, compressed or not."""

from pathlib import Path
from typing import Any

import numpy as np

from matvir.files import require_decodable
from matvir.formats.stored import StoredImage, known_edges, without_unit
from matvir.formats.units import um_per_unit


def read_nifti(path: Path) -> StoredImage:
    """Read an image or a volume with the values that its header scales them to.

    Raises
    ------
    InputError
        If it would not fit into memory.
    """
    import nibabel

    image: Any = nibabel.load(path)
    if not isinstance(image, nibabel.Nifti1Image | nibabel.Nifti2Image):
        raise ValueError(f"a {type(image).__name__} in place of NIfTI")
    require_decodable(path, image.shape, image.get_data_dtype().itemsize)
    # Without a scale in the header numbers stay what they are; axes are x, y, z.
    array = np.asarray(image.dataobj).T
    zooms = [float(edge) for edge in image.header.get_zooms()][::-1]
    zooms, array = zooms[-array.ndim :], np.ascontiguousarray(array)
    unit = str(image.header.get_xyzt_units()[0])
    scale = um_per_unit(unit)
    if scale is None:
        notes = without_unit("NIfTI", zooms) if any(edge != 1 for edge in zooms) else ()
        return StoredImage(array=array, channels="none", notes=notes)
    size = known_edges([edge * scale for edge in zooms], "the NIfTI header")
    return StoredImage(array=array, channels="none", voxel_size=size)
