import json

import h5py
import numpy as np
import pytest
import tifffile

from matvir.errors import InputError
from matvir.files import OutputError
from matvir.storage.image_types import COLOUR, GREY, PHASES
from matvir.storage.samples import first_volume, read_samples, write_samples, write_tiff


@pytest.fixture
def volumes(rng):
    return rng.integers(0, 3, (2, 4, 5, 6), dtype=np.uint8)


def halves(volumes):
    for index, volume in enumerate(volumes):
        yield index, ((0, 4), (0, 5), (0, 3)), volume[:, :, :3]
        yield index, ((0, 4), (0, 5), (3, 6)), volume[:, :, 3:]


def write(path, blocks, voxel_size_um=(0.5, 0.25, 0.125), size=(4, 5, 6)):
    write_samples(
        path,
        blocks,
        size=size,
        seeds=[11, 2**63 - 1],
        phases=("a", "b", "c"),
        voxel_size_um=voxel_size_um,
        provenance={"model": "m", "seed": 0},
    )


def test_round_trip_of_non_cubic_volumes(tmp_path, volumes):
    write(tmp_path / "s.h5", halves(volumes))
    samples = read_samples(tmp_path / "s.h5")
    np.testing.assert_array_equal(samples.labels, volumes)
    assert samples.seeds == (11, 2**63 - 1)
    assert samples.voxel_size_um == (0.5, 0.25, 0.125)
    assert samples.provenance == {"model": "m", "seed": 0}
    with h5py.File(tmp_path / "s.h5") as file:
        assert file["labels"].dtype == np.uint8
        assert file["labels"].compression == "gzip"


def test_images_are_told_from_volumes(tmp_path, volumes, rng):
    write(tmp_path / "volumes.h5", halves(volumes))
    made = read_samples(tmp_path / "volumes.h5")
    assert not made.are_images
    for kind, colours in ((PHASES, ()), (GREY, ()), (COLOUR, (3,))):
        images = rng.integers(0, 3, (2, 7, 9, *colours), dtype=np.uint8)
        blocks = ((index, ((0, 7), (0, 9)), image) for index, image in enumerate(images))
        common = {"seeds": [1, 2], "phases": ("a",), "voxel_size_um": None}
        origin = {"image_axis": 1}
        path = tmp_path / f"{kind}.h5"
        write_samples(path, blocks, size=(7, 9), provenance=origin, kind=kind, **common)
        made = read_samples(path)
        assert made.are_images
        assert made.image_axis == 1
        np.testing.assert_array_equal(made.labels, images)


def test_planes_of_the_first_volume_in_order(tmp_path, rng):
    volumes = rng.integers(0, 3, (2, 70, 3, 2), dtype=np.uint8)
    blocks = ((index, ((0, 70), (0, 3), (0, 2)), volume) for index, volume in enumerate(volumes))
    write(tmp_path / "s.h5", blocks, size=(70, 3, 2))
    np.testing.assert_array_equal(list(first_volume(tmp_path / "s.h5")), volumes[0])


def test_a_failure_half_way_leaves_nothing(tmp_path, volumes):
    def broken():
        yield next(halves(volumes))
        raise OutputError("stop")

    with pytest.raises(OutputError, match="stop"):
        write(tmp_path / "s.h5", broken())
    assert list(tmp_path.iterdir()) == []


def test_unknown_voxel_size_stays_unknown(tmp_path, volumes):
    write(tmp_path / "s.h5", halves(volumes), voxel_size_um=None)
    assert read_samples(tmp_path / "s.h5").voxel_size_um is None


def test_a_foreign_file_is_refused(tmp_path):
    with h5py.File(tmp_path / "s.h5", "w") as file:
        file["labels"] = np.zeros((1, 2, 3, 4))
    with pytest.raises(InputError, match=r"s.h5: expected generated samples of MatVir"):
        read_samples(tmp_path / "s.h5")


def test_tiff_keeps_labels_axes_and_voxel_size(tmp_path, volumes):
    path = tmp_path / "v.tif"
    write_tiff(
        path,
        iter(volumes[0]),
        size=(4, 5, 6),
        voxel_size_um=(0.5, 0.25, 0.125),
        provenance={"seed": 3},
    )
    np.testing.assert_array_equal(tifffile.imread(path), volumes[0])
    with tifffile.TiffFile(path) as file:
        metadata = file.imagej_metadata
        assert metadata["spacing"] == 0.5
        assert metadata["unit"] == "um"
        assert json.loads(metadata["Info"]) == {"seed": 3}
        x, y = (file.pages[0].tags[f"{axis}Resolution"].value for axis in "XY")
        assert x[0] / x[1] == pytest.approx(8.0)
        assert y[0] / y[1] == pytest.approx(4.0)


def test_tiff_is_read_back_with_its_voxel_size(tmp_path, volumes):
    """A generated volume is itself an input of the pipeline."""
    from matvir.micrograph.reading import read_micrograph

    path = tmp_path / "v.tif"
    write_tiff(
        path, iter(volumes[0]), size=(4, 5, 6), voxel_size_um=(0.5, 0.25, 0.125), provenance={}
    )
    again = read_micrograph(path, type="labels", voxel_size_um=None)
    np.testing.assert_array_equal(again.image, volumes[0])
    assert again.voxel_size_um == pytest.approx((0.5, 0.25, 0.125))
