"""Which voxels are on a lattice, and what is between them."""

import numpy as np
import pytest
import torch

from matvir.generation.lattices import interpolated, lattices_of

SIZE = (17, 12, 9)


def test_lattices_are_every_fourth_voxel_every_second_one_and_all():
    coarse, middle, fine = lattices_of(SIZE, (), 3)
    assert [one.index for one in (coarse, middle, fine)] == [2, 1, 0]
    assert (coarse.size, middle.size, fine.size) == ((5, 3, 3), (9, 6, 5), SIZE)
    for lattice, step in ((coarse, 4), (middle, 2), (fine, 1)):
        for axis, edge in enumerate(SIZE):
            expected = np.arange(0, edge, step)
            np.testing.assert_array_equal(lattice.places(axis), expected)
            np.testing.assert_array_equal(lattice.nearest(axis, edge), expected)


def test_a_known_plane_is_on_all_of_them():
    for lattice in lattices_of(SIZE, (), 3, known=(1, 7)):
        assert 7 in lattice.places(1)
        assert lattice.places(1).max() <= 11
        assert lattice.places(0)[0] == lattice.places(2)[0] == 0


def test_along_periodic_axes_they_fit_the_edge():
    for lattice in lattices_of(SIZE, (0,), 3, known=(0, 6)):
        assert lattice.size[0] * lattice.spacing[0] == pytest.approx(17)
        assert np.abs(lattice.places(0) - 6).min() == pytest.approx(0, abs=1e-9)
        assert lattice.spacing[0] == pytest.approx(2**lattice.index, rel=0.1)


def test_linear_values_are_linear_between_and_constant_beyond():
    coarse, _, fine = lattices_of(SIZE, (), 3, known=(1, 7))
    places = np.meshgrid(*(coarse.places(axis) for axis in range(3)), indexing="ij")
    values = torch.from_numpy(np.stack([places[0] + 2 * places[1], places[2]])).float()
    part = slice(3, 12)
    made = interpolated(values, coarse, fine, (), part)
    inner = [
        fine.places(axis).clip(coarse.places(axis)[0], coarse.places(axis)[-1]) for axis in range(3)
    ]
    expected = np.meshgrid(inner[0][part], *inner[1:], indexing="ij")
    np.testing.assert_allclose(made[0], expected[0] + 2 * expected[1], atol=1e-4)
    np.testing.assert_allclose(made[1], expected[2], atol=1e-4)


def test_periodic_values_go_on_at_the_other_end():
    coarse, fine = lattices_of((8, 5, 4), (0,), 2)
    values = torch.zeros(1, *coarse.size)
    values[0, 0] = 1
    made = interpolated(values, coarse, fine, (0,), slice(0, 8))[0, :, 2, 1]
    assert made.tolist() == pytest.approx([1, 0.5, 0, 0, 0, 0, 0, 0.5])
