import numpy as np
import pytest
from scipy.ndimage import distance_transform_edt

from matvir.errors import ConfigError
from matvir.synthetic.nmc import BINDER_FRACTION, NMC_FRACTION, grow_nmc

PORE, BINDER, NMC = 0, 1, 2


def grow(shape, seed=0):
    return grow_nmc(shape, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def electrode():
    return grow((48, 72, 96))


def test_fractions_are_those_of_the_design(electrode):
    assert electrode.shape == (48, 72, 96)
    assert electrode.dtype == np.uint8
    expected = [1 - NMC_FRACTION - BINDER_FRACTION, BINDER_FRACTION, NMC_FRACTION]
    # A voxel may tie with the threshold.
    np.testing.assert_allclose(
        np.bincount(electrode.ravel()) / electrode.size, expected, atol=3 / 48 / 72 / 96
    )


def test_same_seed_same_bits_whatever_the_global_state():
    np.random.seed(1)  # noqa: NPY002
    first = grow((24, 26, 30), seed=5)
    np.random.seed(2)  # noqa: NPY002
    second = grow((24, 26, 30), seed=5)
    other = grow((24, 26, 30), seed=6)
    np.testing.assert_array_equal(first, second)
    assert (first != other).mean() > 0.3


def test_isotropic(electrode):
    nmc = electrode == NMC
    # Two-point probability at a lag of half a particle, along each axis.
    lag = 6
    along = [
        np.mean(np.take(nmc, range(lag, n), axis) & np.take(nmc, range(n - lag), axis))
        for axis, n in enumerate(nmc.shape)
    ]
    np.testing.assert_allclose(along, np.mean(along), rtol=0.06)
    assert np.mean(along) > 1.1 * nmc.mean() ** 2


def test_no_boundary_layer():
    faces, whole = [], []
    for seed in range(4):
        labels = grow((24, 40, 48), seed=seed)
        faces.append(np.mean(labels[[0, -1]] == NMC))
        whole.append(np.mean(labels == NMC))
    assert np.mean(faces) == pytest.approx(np.mean(whole), abs=0.04)


def test_particles_have_the_packed_sizes(electrode):
    depth = distance_transform_edt(electrode == NMC)
    assert 9 < depth.max() < 18


def test_binder_lies_on_particles_and_most_of_all_between_them(electrode):
    labels = electrode
    distance = distance_transform_edt(labels != NMC)
    assert distance[labels == BINDER].mean() < 0.7 * distance[labels == PORE].mean()
    # Where a voxel touches a particle, binder prefers places with many particle voxels around.
    around = sum(
        np.roll(labels == NMC, shift, (0, 1, 2)) for shift in np.ndindex(5, 5, 5) if any(shift)
    )
    around = np.roll(around, (-2, -2, -2), (0, 1, 2))
    touching = np.zeros(labels.shape, dtype=bool)
    touching[4:-4, 4:-4, 4:-4] = (distance == 1)[4:-4, 4:-4, 4:-4]
    binder, pore = (around[touching & (labels == phase)].mean() for phase in (BINDER, PORE))
    assert binder > 1.1 * pore


def test_too_small_a_shape():
    with pytest.raises(ConfigError, match=r"at least 24 voxels.*\(24, 23, 30\)"):
        grow((24, 23, 30))
