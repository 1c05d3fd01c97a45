"""HDF5 and DREAM.3D."""

import h5py
import numpy as np
import pytest

from matvir.errors import InputError
from matvir.formats.hdf5 import read_hdf5


@pytest.mark.parametrize(
    ("shape", "edges", "expected"),
    [
        ((4, 5), (1.0, 0.05, 0.06), (0.05, 0.06)),
        ((4, 5), (0.05, 0.06), (0.05, 0.06)),
        ((1, 4, 5), (1.0, 0.05, 0.06), (0.05, 0.06)),
        ((3, 4, 5), (1.0, 0.05, 0.06), (1.0, 0.05, 0.06)),
        ((4, 5), (1.0, 0.0, 0.06), None),
    ],
)
def test_the_size_of_a_voxel_is_that_of_the_axes_there_are(tmp_path, shape, edges, expected):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["x"] = np.zeros(shape)
        file["x"].attrs["element_size_um"] = edges
    size = read_hdf5(tmp_path / "a.h5", "x").without_single_planes().voxel_size
    assert (None if size is None else size.edges_um) == expected


def test_a_spacing_of_dream3d_has_no_unit(tmp_path):
    with h5py.File(tmp_path / "a.dream3d", "w") as file:
        cells = file.create_group("DataContainers/Volume")
        cells["CellData/Phases"] = np.ones((3, 4, 5, 1), np.int32)
        cells["_SIMPL_GEOMETRY/SPACING"] = np.array([0.5, 0.25, 2.0], np.float32)
    found = read_hdf5(tmp_path / "a.dream3d", "/DataContainers/Volume/CellData/Phases")
    assert found.voxel_size is None
    assert "spacing of [2.0, 0.25, 0.5] without a unit" in found.notes[0]
    assert found.without_single_planes().array.shape == (3, 4, 5)


def test_links_within_a_file_lead_to_datasets(tmp_path):
    with h5py.File(tmp_path / "a.h5", "w") as file:
        file["raw/d"] = np.arange(12).reshape(3, 4)
        file["hard"] = file["raw/d"]
        file["soft"] = h5py.SoftLink("/raw/d")
        file["raw/near"] = h5py.SoftLink("d")
        file["round"] = h5py.SoftLink("/round")
    for name in ("/raw/d", "hard", "/soft", "raw/near"):
        assert read_hdf5(tmp_path / "a.h5", name).array.shape == (3, 4)
    with pytest.raises(InputError, match="got the dataset '/round'"):
        read_hdf5(tmp_path / "a.h5", "round")
