import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics import relative_stiffness
from matvir.metrics.relative_stiffness import effective_stiffness, is_available, moduli

needs_mugrid = pytest.mark.skipif(not is_available(), reason="needs muGrid")
YOUNGS, POISSONS = np.array([1.0, 20.0]), np.array([0.3, 0.2])


def layers(axis, shape=(12, 10, 8)):
    """Return Young's moduli and Poisson's ratios of layers, of which a third are stiff."""
    phase = np.zeros(shape, dtype=int)
    np.moveaxis(phase, axis, 0)[: shape[axis] // 3] = 1
    return YOUNGS[phase], POISSONS[phase], np.mean(phase)


@needs_mugrid
@pytest.mark.parametrize(("axis", "shape"), [(0, (12, 10, 8)), (1, (8, 12, 10)), (2, (6, 8, 9))])
def test_layers_are_exact(axis, shape):
    youngs, poissons, stiff = layers(axis, shape)
    found = effective_stiffness(youngs, poissons, voxel_size=(1.0, 2.0, 0.5))
    # Backus, J. Geophys. Res. 67 (1962) 4427, from Lamé's parameters and means over the layers.
    shear = YOUNGS / (2 * (1 + POISSONS))
    first = 2 * shear * POISSONS / (1 - 2 * POISSONS)
    stretch = first + 2 * shear

    def mean(values):
        return (1 - stiff) * values[0] + stiff * values[1]

    across = 1 / mean(1 / stretch)
    beside = mean(first / stretch) * across
    along = mean(stretch - first**2 / stretch) + beside**2 / across
    one, two = (other for other in range(3) if other != axis)
    assert found[axis, axis] == pytest.approx(across, rel=1e-5)
    assert found[axis, one] == pytest.approx(beside, rel=1e-5)
    assert found[one, one] == pytest.approx(along, rel=1e-5)
    assert found[two, two] == pytest.approx(along, rel=1e-5)
    # The shear between the other axes is along the layers, the two others are across them.
    assert found[3 + axis, 3 + axis] == pytest.approx(mean(shear), rel=1e-5)
    assert found[3 + one, 3 + one] == pytest.approx(1 / mean(1 / shear), rel=1e-5)
    assert moduli(found).shear[axis] == pytest.approx(mean(shear), rel=1e-5)


@needs_mugrid
def test_stiff_spheres_are_near_the_lower_bound():
    n, radius = 14, 3.5
    distance = ((np.indices((n, n, n)) - (n - 1) / 2) ** 2).sum(axis=0)
    phase = (distance <= radius**2).astype(int)
    ratio = np.array([0.25, 0.25])
    found = effective_stiffness(np.array([1.0, 10.0])[phase], ratio[phase])
    # Of Hashin and Shtrikman, J. Mech. Phys. Solids 11 (1963) 127.
    bulk = np.array([1.0, 10.0]) / (3 * (1 - 2 * 0.25))
    rigidity = 1.0 / (2 * 1.25)
    share = phase.mean()
    bound = bulk[0] + share / (
        1 / (bulk[1] - bulk[0]) + 3 * (1 - share) / (3 * bulk[0] + 4 * rigidity)
    )
    assert found[:3, :3].sum() / 9 == pytest.approx(bound, rel=0.01)
    assert found[:3, :3].sum() / 9 > bound * 0.999


@needs_mugrid
def test_one_phase_and_none():
    full = np.full((4, 5, 6), 7.0)
    found = moduli(effective_stiffness(full, np.full(full.shape, 0.3)))
    assert found.youngs == pytest.approx((7.0,) * 3)
    assert found.shear == pytest.approx((7.0 / 2.6,) * 3)
    empty = effective_stiffness(0 * full, np.full(full.shape, 0.3))
    assert moduli(empty).youngs == (0, 0, 0)


@needs_mugrid
def test_a_plate_in_a_void_carries_along_itself_only():
    youngs = np.zeros((8, 6, 4))
    youngs[2:4] = 10.0
    found = moduli(effective_stiffness(youngs, np.full(youngs.shape, 0.3)))
    assert found.youngs == pytest.approx((0.0, 2.5, 2.5), rel=1e-4)
    assert found.shear == pytest.approx((2.5 / 2.6, 0.0, 0.0), rel=1e-4)


@needs_mugrid
def test_what_does_not_converge_is_empty(rng):
    youngs = rng.uniform(0.1, 10, (6, 7, 8))
    found = effective_stiffness(youngs, np.full(youngs.shape, 0.3), max_iterations=1)
    assert np.isnan(found).all()
    assert np.isnan(moduli(found).youngs).all()


@needs_mugrid
@pytest.mark.parametrize(
    ("youngs", "poissons", "message"),
    [
        (np.ones((4, 4)), np.ones((4, 4)), r"3D sample, got shapes \(4, 4\)"),
        (-np.ones((2, 2, 2)), np.zeros((2, 2, 2)), "not negative, got -1 .. -1"),
        (np.ones((2, 2, 2)), np.full((2, 2, 2), 0.5), "below 0.5, got 0.5 .. 0.5"),
    ],
)
def test_moduli_that_cannot_be(youngs, poissons, message):
    with pytest.raises(InputError, match=message):
        effective_stiffness(youngs, poissons)


def test_without_mugrid(monkeypatch):
    monkeypatch.setattr(relative_stiffness, "find_spec", lambda name: None)
    with pytest.raises(
        InputError, match=r"muGrid, which is not installed. Run `pip install muGrid`"
    ):
        effective_stiffness(np.ones((2, 2, 2)), np.zeros((2, 2, 2)))
