import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics.checks import (
    check_labels,
    check_mask,
    has_equal_edges,
    same_edges,
    voxel_edges,
)


def test_labels_and_masks_in_2d_and_3d_pass():
    check_labels(np.zeros((2, 3), dtype=np.uint8), 1)
    check_labels(np.full((2, 3, 4), 2, dtype=np.int64), 3)
    check_mask(np.zeros((2, 3, 4), dtype=bool))


@pytest.mark.parametrize("shape", [(5,), (1, 5), (2, 2, 2, 2), (0, 3)])
def test_wrong_shape_is_refused(shape):
    with pytest.raises(InputError, match="2D or 3D array with at least 2 voxels"):
        check_labels(np.zeros(shape, dtype=np.uint8), 2)
    with pytest.raises(InputError, match="2D or 3D array with at least 2 voxels"):
        check_mask(np.zeros(shape, dtype=bool))


def test_grey_values_are_refused():
    with pytest.raises(InputError, match="integer type, got float64; segment"):
        check_labels(np.zeros((3, 3)), 2)


def test_label_without_phase_is_refused():
    with pytest.raises(InputError, match=r"labels in 0 \.\. 1 for 2 phases, got 0 \.\. 2"):
        check_labels(np.array([[0, 1], [2, 1]]), 2)


def test_mask_of_integers_is_refused():
    with pytest.raises(InputError, match="mask of bool, got uint8"):
        check_mask(np.zeros((3, 3), dtype=np.uint8))


def test_voxel_edges():
    assert voxel_edges(None, 3) == (1.0, 1.0, 1.0)
    assert voxel_edges([1, 2], 2) == (1.0, 2.0)


@pytest.mark.parametrize("voxel_size", [(1.0, 1.0), (1.0, 0.0, 1.0), (1.0, np.nan, 1.0)])
def test_wrong_voxel_size_is_refused(voxel_size):
    with pytest.raises(InputError, match="3 positive numbers, one per axis"):
        voxel_edges(voxel_size, 3)


def test_edges_that_differ_by_less_than_a_hundredth_are_equal():
    assert has_equal_edges((0.5, 0.5004, 0.4996))
    assert not has_equal_edges((0.5, 0.5, 0.52))
    assert same_edges((1.0, float("nan")), (1.001, float("nan")))
