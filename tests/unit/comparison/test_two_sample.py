"""Distances, intervals and tests of two samples against closed forms and simulations."""

import numpy as np
import pytest
from scipy import stats

from matvir.comparison.two_sample import (
    _weighted_wasserstein,
    detectable_difference,
    holm,
    maximum_mean_discrepancy,
    mean_difference_interval,
    wasserstein_floor,
    wasserstein_interval,
)
from matvir.errors import InputError


def test_weighted_wasserstein_agrees_with_scipy_for_unequal_sizes(rng):
    x, y = rng.normal(size=7), rng.exponential(size=11)
    weights = np.concatenate([np.full(7, 1 / 7), np.full(11, -1 / 11)])[None]
    own = _weighted_wasserstein(np.concatenate([x, y]), weights)
    assert own[0] == pytest.approx(stats.wasserstein_distance(x, y), rel=1e-12)


def test_weighted_wasserstein_of_a_shift_is_the_shift(rng):
    x = rng.normal(size=9)
    weights = np.concatenate([np.full(9, 1 / 9), np.full(9, -1 / 9)])[None]
    own = _weighted_wasserstein(np.concatenate([x, x + 0.37]), weights)
    assert own[0] == pytest.approx(0.37, rel=1e-12)


def test_wasserstein_interval_covers_the_shift_between_large_samples(rng):
    x, y = rng.normal(size=400), rng.normal(size=300) + 1.5
    low, high = wasserstein_interval(x, y, confidence=0.95, resamples=500, rng=rng)
    assert low < 1.5 < high
    assert high - low < 0.4


def test_wasserstein_interval_reaches_zero_for_equal_distributions():
    reached = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(2, 30))
        low, _ = wasserstein_interval(x, y, confidence=0.95, resamples=200, rng=rng)
        reached.append(low < 0.05)
    assert sum(reached) >= 18


def test_floor_is_the_distance_of_equal_distributions():
    # Mean W1 of 40 against 80 values of one distribution, by simulation, against the floor.
    rng = np.random.default_rng(1)
    truth = np.mean(
        [stats.wasserstein_distance(rng.normal(size=40), rng.normal(size=80)) for _ in range(400)]
    )
    floors = [
        wasserstein_floor(rng.normal(size=40), 80, repeats=50, rng=rng).mean() for _ in range(60)
    ]
    assert np.mean(floors) == pytest.approx(truth, rel=0.1)


def test_floor_of_three_values_equals_the_list_of_all_halvings(rng):
    # One value against the other two: W1 is the mean distance of it to the two.
    values = np.array([0.0, 1.0, 3.0])
    possible = np.array([2.0, 1.5, 2.5])
    scale = np.sqrt((1 / 3 + 1 / 3) / (1 / 1 + 1 / 2))
    floor = wasserstein_floor(values, 3, repeats=200, rng=rng)
    np.testing.assert_allclose(np.unique(np.round(floor, 9)), np.sort(possible * scale), rtol=1e-6)


def test_bootstrap_interval_has_its_nominal_coverage():
    covered = 0
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(0, 1, 30), rng.normal(0.5, 2, 40)
        low, high = mean_difference_interval(x, y, confidence=0.9, resamples=300, rng=rng)
        covered += low <= 0.5 <= high
    # Binomial(200, 0.9): 0.9 +- 3 sd is 0.84 .. 0.96; the percentile interval is a bit short.
    assert 0.83 <= covered / 200 <= 0.96


def test_holm_on_a_worked_example():
    # 0.01 x 4, 0.02 x 3, then 0.03 x 2 and 0.04 x 1 held up by monotony.
    np.testing.assert_allclose(holm([0.04, 0.01, 0.03, 0.02]), [0.06, 0.04, 0.06, 0.06])


def test_holm_does_not_count_tests_that_were_not_made():
    corrected = holm([0.01, np.nan, 0.5])
    np.testing.assert_allclose(corrected, [0.02, np.nan, 0.5])


def test_holm_never_exceeds_one():
    np.testing.assert_allclose(holm([0.9, 0.8]), [1.0, 1.0])


def test_discrepancy_agrees_with_its_definition(rng):
    x, y = rng.normal(size=(5, 3)), rng.normal(size=(4, 3)) + 0.5
    pooled = np.concatenate([x, y])
    pairs = [np.linalg.norm(a - b) for i, a in enumerate(pooled) for b in pooled[i + 1 :]]

    def kernel(a, b):
        return np.exp(-(np.linalg.norm(a - b) ** 2) / (2 * np.median(pairs) ** 2))

    within_x = np.mean([kernel(x[i], x[j]) for i in range(5) for j in range(5) if i != j])
    within_y = np.mean([kernel(y[i], y[j]) for i in range(4) for j in range(4) if i != j])
    across = np.mean([kernel(a, b) for a in x for b in y])
    own, _ = maximum_mean_discrepancy(x, y, permutations=1, rng=rng)
    assert own == pytest.approx(within_x + within_y - 2 * across, rel=1e-10)


def test_discrepancy_is_about_zero_for_one_distribution_and_positive_for_a_shift(rng):
    x, y = rng.normal(size=(2, 40, 6))
    same, p_same = maximum_mean_discrepancy(x, y, permutations=300, rng=rng)
    other, p_other = maximum_mean_discrepancy(x, y + 0.8, permutations=300, rng=rng)
    assert abs(same) < 0.02
    assert p_same > 0.05
    assert other > 0.05
    assert p_other == pytest.approx(1 / 301)


def test_p_values_of_the_discrepancy_are_uniform_under_the_null():
    p = []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        x, y = rng.normal(size=(2, 12, 2))
        p.append(maximum_mean_discrepancy(x, y, permutations=99, rng=rng)[1])
    assert stats.kstest(p, "uniform").pvalue > 0.01


def spread(n, sd):
    values = np.linspace(-1, 1, n)
    return values * sd / values.std(ddof=1)


@pytest.mark.parametrize("n", [8, 20, 100])
def test_a_detectable_difference_has_its_power_by_the_noncentral_t(n):
    found = detectable_difference(spread(n, 0.7), spread(n, 0.7), effective_n_real=n)
    freedom, shift = 2 * n - 2, found / (0.7 * np.sqrt(2 / n))
    limit = stats.t.ppf(0.975, freedom)
    power = stats.nct.sf(limit, freedom, shift) + stats.nct.cdf(-limit, freedom, shift)
    assert power == pytest.approx(0.8, abs=0.005)


def test_a_detectable_difference_of_unequal_samples_is_found_that_often(rng):
    shift = detectable_difference(spread(60, 1.0), spread(25, 2.0), effective_n_real=60)
    real, generated = rng.normal(size=(20000, 60)), rng.normal(shift, 2.0, size=(20000, 25))
    found = stats.ttest_ind(real, generated, axis=1, equal_var=False).pvalue < 0.05
    assert found.mean() == pytest.approx(0.8, abs=0.01)


def test_real_samples_that_depend_on_each_other_count_as_fewer():
    real, generated = spread(60, 1.0), spread(25, 1e-9)
    every, worth = (
        detectable_difference(real, generated, effective_n_real=n) for n in (np.inf, 30.0)
    )
    quantiles = [stats.t.ppf(0.975, n) + stats.t.ppf(0.8, n) for n in (59, 29)]
    assert every == pytest.approx(quantiles[0] / np.sqrt(60))
    assert worth == pytest.approx(quantiles[1] / np.sqrt(30))


@pytest.mark.parametrize("effective", [np.nan, 1.4])
def test_without_independent_real_samples_nothing_is_said_to_be_detectable(effective):
    real, generated = spread(60, 1.0), spread(25, 1.0)
    assert np.isnan(detectable_difference(real, generated, effective_n_real=effective))


def test_values_that_never_vary_have_no_detectable_difference():
    assert np.isnan(detectable_difference(np.ones(30), np.ones(9), effective_n_real=30))


def test_discrepancy_of_equal_vectors_is_zero_and_never_significant(rng):
    same = np.ones((4, 3))
    value, p = maximum_mean_discrepancy(same, same[:3], permutations=20, rng=rng)
    assert value == pytest.approx(0.0, abs=1e-12)
    assert p == 1.0


def test_discrepancy_rejects_vectors_of_different_lengths(rng):
    with pytest.raises(InputError, match=r"one length, got the shapes \(4, 3\) and \(4, 2\)"):
        maximum_mean_discrepancy(np.ones((4, 3)), np.ones((4, 2)), permutations=1, rng=rng)


def test_discrepancy_rejects_a_single_vector(rng):
    with pytest.raises(InputError, match="at least two vectors on each side, got 4 and 1"):
        maximum_mean_discrepancy(np.ones((4, 3)), np.ones((1, 3)), permutations=1, rng=rng)
