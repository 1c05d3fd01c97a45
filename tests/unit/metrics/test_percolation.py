import numpy as np
import pytest
from scipy import ndimage

from matvir.errors import InputError
from matvir.metrics.percolation import connected_components, connected_fraction, percolating_part


def test_channel_percolates_along_its_axis_only():
    mask = np.zeros((6, 8, 10), dtype=bool)
    mask[:, 2:4, 5] = True  # a channel along axis 0
    mask[0, 7, :9] = True  # nearly reaches along axis 2
    components = connected_components(mask)
    channel = np.zeros_like(mask)
    channel[:, 2:4, 5] = True
    assert np.array_equal(percolating_part(components, 0), channel)
    assert not percolating_part(components, 1).any()
    assert not percolating_part(components, 2).any()
    assert connected_fraction(components) == 12 / 21


def test_parts_that_touch_one_face():
    mask = np.zeros((6, 8, 10), dtype=bool)
    mask[:, 1, 1] = True  # touches both faces
    mask[:4, 3, 3] = True  # the first
    mask[2:, 5, 5] = True  # the last
    mask[2:4, 7, 7] = True  # neither
    components = connected_components(mask)
    sizes = {
        faces: np.count_nonzero(percolating_part(components, 0, faces))
        for faces in ("both", "first", "last", "none")
    }
    assert sizes == {"both": 6, "first": 10, "last": 10, "none": 0}
    assert percolating_part(components, 0, "first")[:4, 3, 3].all()
    assert percolating_part(components, 0, "last")[2:, 5, 5].all()


@pytest.mark.parametrize("shape", [(4, 4, 4), (4, 4)])
def test_corners_do_not_connect(shape):
    diagonal = np.zeros(shape, dtype=bool)
    diagonal[(np.arange(4),) * len(shape)] = True
    components = connected_components(diagonal)
    assert not percolating_part(components, 0).any()
    assert connected_fraction(components) == 0.25


def test_all_of_a_full_block_percolates():
    components = connected_components(np.ones((4, 6), dtype=bool))
    assert percolating_part(components, 0).all()
    assert percolating_part(components, 1).all()
    assert connected_fraction(components) == 1


def test_absent_phase():
    components = connected_components(np.zeros((4, 5, 6), dtype=bool))
    assert not percolating_part(components, 2).any()
    assert np.isnan(connected_fraction(components))


@pytest.mark.parametrize("shape", [(16, 12, 20), (24, 30)])
def test_equals_scipy(rng, shape):
    mask = rng.random(shape) < (0.33 if len(shape) == 3 else 0.6)
    labels, _ = ndimage.label(mask)
    components = connected_components(mask)
    assert connected_fraction(components) == np.bincount(labels[mask]).max() / mask.sum()
    for axis in range(len(shape)):
        first, last = labels.take(0, axis=axis), labels.take(-1, axis=axis)
        through = set(first[first > 0]) & set(last[last > 0])
        assert np.array_equal(percolating_part(components, axis), np.isin(labels, list(through)))


def test_labels_instead_of_a_mask_are_refused():
    with pytest.raises(InputError, match="mask of bool"):
        connected_components(np.ones((4, 4), dtype=np.uint8))
