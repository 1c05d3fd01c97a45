"""NPY and NPZ."""

import numpy as np
import pytest

from matvir.errors import InputError
from matvir.formats.npy import read_npy, read_npz


def test_an_array_of_fortran_order_is_read(tmp_path, rng):
    volume = rng.integers(0, 9, (3, 4, 5))
    np.save(tmp_path / "a.npy", np.asfortranarray(volume))
    found = read_npy(tmp_path / "a.npy")
    np.testing.assert_array_equal(found.array, volume)
    assert found.channels is None


def test_the_only_array_of_an_archive_needs_no_name(tmp_path, rng):
    image = rng.random((4, 5))
    np.savez_compressed(tmp_path / "a.npz", image=image)
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz", None).array, image)
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz", "image").array, image)


def test_of_several_arrays_one_is_named(tmp_path, rng):
    np.savez(tmp_path / "a.npz", x=rng.random((4, 5)), y=np.eye(4))
    for name, got in ((None, "no name"), ("z", "'z'")):
        with pytest.raises(InputError, match=rf"got {got}; the file holds \['x', 'y'\]"):
            read_npz(tmp_path / "a.npz", name)
    np.testing.assert_array_equal(read_npz(tmp_path / "a.npz", "y").array, np.eye(4))


def test_python_objects_are_refused(tmp_path):
    np.savez(tmp_path / "a.npz", x=np.array([{}, {}], dtype=object))
    with pytest.raises(ValueError, match="Object arrays cannot be loaded"):
        read_npz(tmp_path / "a.npz", None)
