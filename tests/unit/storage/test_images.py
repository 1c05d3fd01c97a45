import numpy as np
import pytest

from matvir.errors import InputError
from matvir.storage.images import (
    MaterialImage,
    Specimen,
    distinct_planes,
    perpendicular_to,
    read_image,
    read_specimen,
    write_image,
    write_specimen,
)


def test_round_trip_of_a_non_cubic_volume(tmp_path, rng):
    image = MaterialImage(
        voxels=rng.integers(0, 3, (4, 5, 6), dtype=np.uint8),
        phases=("pore", "binder", "nmc"),
        voxel_size_um=(0.5, 0.25, 0.25),
        valid=rng.random((4, 5, 6)) < 0.9,
        raw=rng.random((4, 5, 6)),
        provenance={"source": {"path": "a.tif"}},
    )
    write_image(tmp_path / "labels.h5", image)
    again = read_image(tmp_path / "labels.h5")
    for name in ("voxels", "valid", "raw"):
        np.testing.assert_array_equal(getattr(again, name), getattr(image, name))
    assert again.phases == image.phases
    assert again.voxel_size_um == image.voxel_size_um
    assert again.provenance == image.provenance


def test_optional_parts_stay_absent(tmp_path):
    write_image(tmp_path / "a.h5", MaterialImage(voxels=np.zeros((3, 2), np.uint8), phases=("a",)))
    again = read_image(tmp_path / "a.h5")
    assert again.valid is None
    assert again.raw is None
    assert again.voxel_size_um is None


def test_volume_fractions_count_the_material_only():
    labels = np.array([[0, 0, 1, 1], [2, 2, 2, 2]], np.uint8)
    valid = np.array([[1, 1, 1, 1], [1, 0, 0, 0]], bool)
    image = MaterialImage(voxels=labels, phases=("a", "b", "c", "d"), valid=valid)
    np.testing.assert_allclose(image.volume_fractions(), [0.4, 0.4, 0.2, 0.0])


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(b"not hdf5")
    with pytest.raises(InputError, match=r"a.h5: expected a label file of MatVir"):
        read_image(path)


def plane(rng, shape, **more):
    return MaterialImage(
        voxels=rng.integers(0, 2, shape, dtype=np.uint8), phases=("pore", "solid"), **more
    )


def test_round_trip_of_planes_one_of_them_for_two_axes(tmp_path, rng):
    across, along = plane(rng, (5, 6), provenance={"a": 1}), plane(rng, (7, 5))
    write_specimen(tmp_path / "a.h5", Specimen(planes={2: along, 0: across, 1: along}))
    again = read_specimen(tmp_path / "a.h5")
    assert again.volume is None
    np.testing.assert_array_equal(again.planes[0].voxels, across.voxels)
    np.testing.assert_array_equal(again.planes[2].voxels, along.voxels)
    assert again.planes[0].provenance == {"a": 1}
    assert again.planes[1] is again.planes[2]
    with pytest.raises(
        InputError, match=r"expected one label image, got the planes .* \[0, 1, 2\]"
    ):
        read_image(tmp_path / "a.h5")


@pytest.mark.parametrize("shape", [(5, 6), (4, 5, 6)])
def test_one_image_is_a_specimen(tmp_path, rng, shape):
    image = plane(rng, shape, voxel_size_um=(0.5, 0.25, 0.2)[-len(shape) :])
    write_image(tmp_path / "a.h5", image)
    again = read_specimen(tmp_path / "a.h5")
    assert (again.volume is None) == (len(shape) == 2)
    np.testing.assert_array_equal(again.images[0].voxels, image.voxels)
    np.testing.assert_allclose(again.volume_fractions(), image.volume_fractions())


def test_voxels_of_planes_have_three_edges(rng):
    sizes = {0: (2.0, 3.0), 1: (1.0, 3.0), 2: (1.0, 2.0)}
    planes = {axis: plane(rng, (4, 4), voxel_size_um=size) for axis, size in sizes.items()}
    assert Specimen(planes=planes).voxel_size_um == (1.0, 2.0, 3.0)
    assert Specimen(planes={0: planes[0]}).voxel_size_um == (3.0, 2.0, 3.0)
    assert Specimen(planes=planes | {1: plane(rng, (4, 4))}).voxel_size_um is None


def test_fractions_of_planes_are_those_of_all_their_pixels(rng):
    first, second = plane(rng, (4, 5)), plane(rng, (9, 7))
    pooled = np.concatenate([first.voxels.ravel(), second.voxels.ravel()])
    specimen = Specimen(planes={0: first, 1: second, 2: second})
    np.testing.assert_allclose(specimen.volume_fractions()[1], pooled.mean())


def test_distinct_planes_know_the_axes_that_they_stand_for():
    one, other = object(), object()
    assert distinct_planes({2: one, 0: other, 1: one}) == [((0,), other), ((1, 2), one)]
    assert distinct_planes({2: one}) == [((2,), one)]
    assert perpendicular_to((1, 2)) == "Perpendicular to axis 1 and 2"


def test_a_stack_is_planes_and_not_a_volume(tmp_path, rng):
    image = plane(rng, (4, 5, 6), voxel_size_um=(9.0, 0.25, 0.2), stack=True)
    write_specimen(tmp_path / "a.h5", Specimen.of(image))
    again = read_specimen(tmp_path / "a.h5")
    assert again.volume is None
    np.testing.assert_array_equal(again.planes[0].voxels, image.voxels)
    # What lies between two micrographs is no edge of a voxel.
    assert again.voxel_size_um == (0.2, 0.25, 0.2)
