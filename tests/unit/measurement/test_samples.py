import numpy as np
import pytest

from matvir.errors import InputError
from matvir.measurement.representativity import observations_in
from matvir.measurement.samples import middle_slices, subvolumes


def coverage(shape, windows):
    count = np.zeros(shape, dtype=int)
    for window in windows:
        count[window] += 1
    return count


def test_windows_do_not_overlap_and_reach_all_faces():
    shape, size = (20, 35, 64), (6, 10, 16)
    windows = subvolumes(shape, size, 1000)
    count = coverage(shape, windows)
    assert len(windows) == 3 * 3 * 4
    assert count.max() == 1
    assert all(count.take(end, axis=axis).any() for axis in range(3) for end in (0, -1))
    assert all(count[window].shape == size for window in windows)


def test_exact_fit_fills_the_image():
    assert (coverage((12, 8), subvolumes((12, 8), (4, 4), 6)) == 1).all()


def test_single_window_is_central():
    assert subvolumes((10, 13), (6, 9), 5) == [(slice(2, 8), slice(2, 11))]


def test_subset_is_seeded_sorted_and_part_of_the_grid():
    windows = subvolumes((40, 40, 40), (8, 8, 8), 1000)
    chosen = subvolumes((40, 40, 40), (8, 8, 8), 20, np.random.default_rng(5))
    again = subvolumes((40, 40, 40), (8, 8, 8), 20, np.random.default_rng(5))
    positions = [windows.index(window) for window in chosen]
    assert chosen == again
    assert len(positions) == 20
    assert positions == sorted(set(positions))
    assert chosen != windows[:20]


def test_only_windows_of_valid_voxels_remain():
    valid = np.ones((8, 12), dtype=bool)
    valid[0, 0] = False
    windows = subvolumes((8, 12), (4, 4), 100, valid=valid)
    assert len(windows) == 5
    assert (slice(0, 4), slice(0, 4)) not in windows


def test_too_small_image_is_refused():
    with pytest.raises(InputError, match=r"no window of shape \(8, 8\) fits into .* \(7, 30\)"):
        subvolumes((7, 30), (8, 8), 10)
    with pytest.raises(InputError, match="fits inside the valid part"):
        subvolumes((8, 8), (8, 8), 10, valid=np.zeros((8, 8), dtype=bool))


def test_subset_without_a_generator_is_refused():
    with pytest.raises(InputError, match="4 windows fit but max_samples is 3"):
        subvolumes((8, 8), (4, 4), 3)


@pytest.mark.parametrize(("size", "max_samples"), [((4, 4), 5), ((4, 4, 4), 0)])
def test_wrong_size_is_refused(size, max_samples):
    with pytest.raises(InputError, match="one window edge per axis"):
        subvolumes((8, 8, 8), size, max_samples)


def test_middle_slices():
    volume = np.arange(4 * 6 * 8).reshape(4, 6, 8)
    planes = middle_slices(volume)
    assert [plane.shape for plane in planes] == [(6, 8), (4, 8), (4, 6)]
    assert np.array_equal(planes[0], volume[2])
    assert np.array_equal(planes[1], volume[:, 3])
    assert np.array_equal(planes[2], volume[:, :, 4])
    with pytest.raises(InputError, match="3D volume"):
        middle_slices(volume[0])


def test_effective_number_counts_independent_blocks(rng):
    blocks = rng.random((40, 36)) < 0.4
    mask = blocks.repeat(5, axis=0).repeat(5, axis=1)
    assert observations_in(mask, periodic=True) == pytest.approx(blocks.size, rel=0.2)
    assert np.isnan(observations_in(np.ones((6, 6), dtype=bool)))
