import numpy as np
import pytest

from matvir.errors import InputError
from matvir.labels import LabelImage, read_labels, write_labels


def test_round_trip_of_a_non_cubic_volume(tmp_path, rng):
    image = LabelImage(
        labels=rng.integers(0, 3, (4, 5, 6), dtype=np.uint8),
        phases=("pore", "binder", "nmc"),
        voxel_size_um=(0.5, 0.25, 0.25),
        valid=rng.random((4, 5, 6)) < 0.9,
        raw=rng.random((4, 5, 6)),
        provenance={"source": {"path": "a.tif"}},
    )
    write_labels(tmp_path / "labels.h5", image)
    again = read_labels(tmp_path / "labels.h5")
    for name in ("labels", "valid", "raw"):
        np.testing.assert_array_equal(getattr(again, name), getattr(image, name))
    assert again.phases == image.phases
    assert again.voxel_size_um == image.voxel_size_um
    assert again.provenance == image.provenance


def test_optional_parts_stay_absent(tmp_path):
    write_labels(tmp_path / "a.h5", LabelImage(labels=np.zeros((3, 2), np.uint8), phases=("a",)))
    again = read_labels(tmp_path / "a.h5")
    assert again.valid is None
    assert again.raw is None
    assert again.voxel_size_um is None


def test_volume_fractions_count_the_material_only():
    labels = np.array([[0, 0, 1, 1], [2, 2, 2, 2]], np.uint8)
    valid = np.array([[1, 1, 1, 1], [1, 0, 0, 0]], bool)
    image = LabelImage(labels=labels, phases=("a", "b", "c", "d"), valid=valid)
    np.testing.assert_allclose(image.volume_fractions(), [0.4, 0.4, 0.2, 0.0])


def test_a_foreign_file_is_refused(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(b"not hdf5")
    with pytest.raises(InputError, match=r"a.h5: expected a label file of MatVir"):
        read_labels(path)
