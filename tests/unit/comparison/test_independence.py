"""The effective number of independent samples."""

import numpy as np
import pytest

from matvir.comparison.independence import effective_number


def test_independent_pixels_count_as_the_crops(rng):
    fractions = rng.binomial(400, 0.3, size=(50, 1)) / 400
    assert effective_number(fractions) == 50


def test_coarse_grains_count_as_grains():
    # Two of four crops are all of one phase: the variance is that of single grains,
    # phi (1 - phi) = 1/4 against the unbiased variance 1/3.
    assert effective_number(np.array([[0.0], [0.0], [1.0], [1.0]])) == pytest.approx(3.0)


def test_the_coarsest_phase_decides(rng):
    fine = rng.binomial(400, 0.5, size=4) / 400
    fractions = np.stack([fine, [0.0, 0.0, 1.0, 1.0]], axis=1)
    assert effective_number(fractions) == pytest.approx(3.0)


@pytest.mark.parametrize(("n", "expected"), [(1, 1.0), (5, 5.0)])
def test_constant_fractions_count_as_the_crops(n, expected):
    assert effective_number(np.full((n, 2), 0.5)) == expected


def test_without_crops_the_number_is_unknown():
    assert np.isnan(effective_number(np.empty((0, 2))))
