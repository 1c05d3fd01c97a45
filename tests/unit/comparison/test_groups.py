"""Groups of samples that are not independent, and what they change in the comparison."""

import numpy as np
import pandas as pd
import pytest

from matvir.comparison.groups import design_effect, halved, resampled, sample_groups
from matvir.comparison.two_sample import (
    kolmogorov_smirnov,
    maximum_mean_discrepancy,
    mean_difference_interval,
    wasserstein_floor,
)

N_VOLUMES, EACH = 30, 3


def slices(rng, correlation=0.6, n=N_VOLUMES):
    """Return normal values of variance 1 that are correlated in groups of three, and the groups."""
    shared = np.repeat(rng.normal(size=n), EACH) * np.sqrt(correlation)
    own = rng.normal(size=n * EACH) * np.sqrt(1 - correlation)
    return shared + own, np.repeat(np.arange(n), EACH)


def test_slices_of_one_volume_are_a_group_and_all_others_are_alone():
    names = ["slice-000-0", "slice-000-2", "slice-001-0", "slice-002", "volume-000", "plane-0-000"]
    assert sample_groups(pd.Series([*names, "plane-0-001"])).tolist() == [0, 0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.9])
def test_the_design_effect_is_that_of_the_correlation(rng, correlation):
    values, groups = slices(rng, correlation, n=20000)
    assert design_effect(values, groups) == pytest.approx(1 + 2 * correlation, abs=0.04)


def test_equal_values_in_groups_count_once_and_groups_of_one_count_all(rng):
    values = rng.normal(size=8)
    assert design_effect(np.repeat(values, 3), np.repeat(np.arange(8), 3)) == pytest.approx(3)
    assert design_effect(values, np.arange(8)) == 1


def test_the_design_effect_of_unequal_groups_is_that_of_their_mean(rng):
    groups = np.repeat(np.arange(20), [1, 4] * 10)
    noise = rng.normal(size=(4000, 20))[:, groups] + rng.normal(size=(4000, 50))
    found = np.mean([design_effect(values, groups) for values in noise])
    wanted = noise.mean(axis=1).var() / (2 / 50)
    assert found == pytest.approx(wanted, rel=0.06)


def test_groups_are_drawn_and_halved_whole(rng):
    groups = np.array([4, 4, 4, 7, 9, 9, 2, 2])
    for weights in (resampled(groups, 50, rng), halved(groups, 50, rng)):
        for group in (4, 9, 2):
            assert np.ptp(weights[:, groups == group], axis=1).max() == 0
    assert resampled(groups, 50, rng).sum(axis=1) == pytest.approx(1)
    parts = halved(groups, 50, rng)
    assert np.where(parts > 0, parts, 0).sum(axis=1) == pytest.approx(1)
    assert parts.sum(axis=1) == pytest.approx(0, abs=1e-12)


def test_tests_of_slices_give_no_more_false_alarms_than_their_level():
    ks, mmd, interval, naive = [], [], [], []
    for seed in range(60):
        rng = np.random.default_rng(seed)
        (x, one), (y, other) = slices(rng), slices(rng)
        groups, alone = (one, other), (np.arange(len(x)), np.arange(len(y)))
        ks.append(kolmogorov_smirnov(x, y, groups)[1] <= 0.05)
        naive.append(kolmogorov_smirnov(x, y, alone)[1] <= 0.05)
        low, high = mean_difference_interval(
            x, y, confidence=0.95, resamples=100, rng=rng, groups=groups
        )
        interval.append(low > 0 or high < 0)
        vectors = x[:, None], y[:, None]
        p = maximum_mean_discrepancy(*vectors, permutations=39, rng=rng, groups=groups)[1]
        mmd.append(p <= 0.05)
    assert np.mean(naive) > 0.1
    assert np.mean(ks) < 0.08
    assert np.mean(mmd) == pytest.approx(0.05, abs=0.045)
    assert np.mean(interval) == pytest.approx(0.05, abs=0.05)


def test_the_floor_of_slices_is_the_distance_of_volumes(rng):
    values, groups = slices(rng, 0.9, n=60)
    together, apart = (
        wasserstein_floor(values, len(values), repeats=200, rng=rng, groups=one).mean()
        for one in (groups, None)
    )
    assert together / apart == pytest.approx(np.sqrt(1 + 2 * 0.9), rel=0.25)
