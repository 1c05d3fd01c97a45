import numpy as np
import pytest
from scipy.integrate import quad
from scipy.spatial import cKDTree
from scipy.stats import binomtest
from scipy.stats import t as student_t

from matvir.errors import InputError
from matvir.metrics.fraction_interval import (
    _tail,
    fraction_interval,
    integral_range,
    interval_of,
)


def test_independent_voxels_have_an_integral_range_of_one(rng):
    mask = rng.random((60, 50, 40)) < 0.3
    assert integral_range(mask) == pytest.approx(1, abs=0.15)
    interval = fraction_interval(mask)
    assert interval.standard_error == pytest.approx(np.sqrt(0.21 / mask.size), rel=0.1)
    half = (interval.high - interval.low) / 2
    assert half == pytest.approx(1.96 * interval.standard_error, rel=1e-3)


def test_integral_range_of_random_blocks(rng):
    # Independent blocks of 4 x 4 x 4 voxels: one block is one observation.
    blocks = rng.random((24, 20, 28)) < 0.4
    mask = blocks.repeat(4, axis=0).repeat(4, axis=1).repeat(4, axis=2)
    assert integral_range(mask, periodic=True) == pytest.approx(64, rel=0.2)


def test_interval_holds_the_true_fraction_as_often_as_it_says(rng, overlapping_spheres):
    held, errors, fractions = [], [], []
    for _ in range(12):
        outside, _ = overlapping_spheres(rng, (384, 384), 5.0, fraction=0.5)
        for window in outside.reshape(6, 64, 6, 64).swapaxes(1, 2).reshape(-1, 64, 64):
            interval = fraction_interval(window)
            if not np.isnan(interval.low):
                held.append(interval.low <= 0.5 <= interval.high)
                errors.append(interval.standard_error)
            fractions.append(interval.fraction)
    assert len(held) > 0.97 * len(fractions)
    assert 0.90 <= np.mean(held) <= 0.99
    assert np.median(errors) == pytest.approx(np.std(fractions), rel=0.15)


def test_higher_confidence_is_wider_and_within_zero_to_one():
    mask = np.zeros((12, 14), dtype=bool)
    mask[3, 4] = mask[8, 9] = True
    wide, narrow = (fraction_interval(mask, confidence=c) for c in (0.99, 0.5))
    assert 0 < wide.low < narrow.low < 2 / 168 < narrow.high < wide.high < 1


@pytest.mark.parametrize(("hits", "n"), [(0, 7), (3, 20), (50, 50), (117, 300)])
def test_interval_of_many_observations_is_that_of_wilson(hits, n):
    expected = binomtest(hits, n).proportion_ci(0.9, method="wilson")
    found = interval_of(hits / n, n, confidence=0.9, judged_by=1e15 if 0 < hits < n else None)
    if 0 < hits < n:
        assert (found.low, found.high) == pytest.approx((expected.low, expected.high))
    else:  # of a phase that was not seen Student's quantile has one degree of freedom
        assert found.high - found.low > expected.high - expected.low
    assert 0 <= found.low <= hits / n <= found.high <= 1


def test_few_observations_widen_by_students_quantile():
    """At 1/2 with n observations Wilson's half width is q / (2 sqrt(n + q^2))."""
    found = interval_of(0.5, 20.0, confidence=0.95)
    quantile = student_t.ppf(0.975, 2 / 0.75 * 20 / 4)
    assert found.high - 0.5 == pytest.approx(quantile / 2 / np.sqrt(20 + quantile**2))
    assert found.low == pytest.approx(1 - found.high)
    # The number of observations was found in a part of the image.
    assert interval_of(0.5, 20.0, confidence=0.95, judged_by=5.0).high > found.high


def test_a_larger_image_would_tell_better():
    """Within 0.01 at the level 0.95: n = (1.96 / 0.01)^2 phi (1 - phi) observations."""
    found = interval_of(0.2, 100.0, confidence=0.95)
    times = 1.96**2 * 0.16 / 0.01**2 / 100
    rows, columns = found.edges_for(0.01, (300, 500))
    assert rows * columns == pytest.approx(300 * 500 * times, rel=0.01)
    assert rows / columns == pytest.approx(3 / 5, rel=0.01)
    planes, rows, columns = found.edges_for(0.01, (30, 40, 50))
    assert planes * rows * columns == pytest.approx(30 * 40 * 50 * times, rel=0.05)
    assert interval_of(0.2, float("nan"), confidence=0.9).edges_for(0.01, (9, 9)) is None


@pytest.mark.parametrize("n_axes", [2, 3])
def test_the_tail_is_an_exponential_through_two_points(n_axes):
    value, since, start = 0.08, 3.0, 9.5
    length = since / np.log(1 / (np.e * value))
    shell = {2: lambda r: 2 * np.pi * r, 3: lambda r: 4 * np.pi * r**2}[n_axes]
    expected, _ = quad(lambda r: shell(r) * value * np.exp((start - r) / length), start, np.inf)
    assert _tail(value, since, start, n_axes) == pytest.approx(expected)
    assert value * np.exp(since / length) == pytest.approx(1 / np.e)
    assert _tail(-0.01, since, start, n_axes) == 0


def test_integral_range_of_a_random_mosaic(rng):
    """Cells of a Poisson-Voronoi mosaic, each in the phase or not: the mean cell that a point is
    in has 1.280 times the mean area (Gilbert, Ann. Math. Stat. 33, 1962, 958).
    """
    shape, area = (200, 260), 60.0
    found = []
    for _ in range(4):
        points = rng.random((round(240 * 300 / area), 2)) * (240, 300) - 20
        pixels = np.moveaxis(np.indices(shape), 0, -1).reshape(-1, 2)
        inside = rng.random(len(points)) < 0.3
        found.append(integral_range(inside[cKDTree(points).query(pixels)[1]].reshape(shape)))
    assert np.mean(found) == pytest.approx(1.280 * area, rel=0.12)


@pytest.mark.parametrize("value", [False, True])
def test_absent_or_full_phase_has_no_interval(value):
    interval = fraction_interval(np.full((8, 9), value))
    assert interval.fraction == value
    assert np.isnan([interval.low, interval.high, interval.standard_error]).all()


def test_image_smaller_than_its_features_has_no_interval():
    # Pairs further apart than half of the image lie in different phases, nearer ones do not.
    mask = np.zeros((4, 64), dtype=bool)
    mask[:, 32:] = True
    assert np.isnan(integral_range(mask))


def test_labels_instead_of_a_mask_are_refused():
    with pytest.raises(InputError, match="mask of bool"):
        integral_range(np.ones((4, 4), dtype=np.uint8))
