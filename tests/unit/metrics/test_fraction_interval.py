import numpy as np
import pytest

from matvir.errors import InputError
from matvir.metrics.fraction_interval import fraction_interval, integral_range


def test_independent_voxels_have_an_integral_range_of_one(rng):
    mask = rng.random((60, 50, 40)) < 0.3
    assert integral_range(mask) == pytest.approx(1, abs=0.15)
    interval = fraction_interval(mask)
    assert interval.standard_error == pytest.approx(np.sqrt(0.21 / mask.size), rel=0.1)
    assert interval.high - interval.fraction == pytest.approx(
        1.96 * interval.standard_error, rel=1e-3
    )


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
    assert wide.low == 0
    assert 0 < narrow.low < 2 / 168 < narrow.high < wide.high < 1


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
