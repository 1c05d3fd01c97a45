"""The comparison of two-point correlation curves."""

from dataclasses import dataclass

import numpy as np
import pytest

from matvir.comparison.curves import CURVE_COLUMNS, compare_curves
from matvir.errors import InputError
from matvir.settings.records import CompareConfig

CONFIG = CompareConfig(bootstrap_samples=100, permutations=99, confidence=0.95, seed=0)
LAGS = np.arange(8.0)


@dataclass
class Curve:
    lags: np.ndarray
    values: np.ndarray
    unit: str = "um"


def curves(rng, n=30, shift=0.0):
    fraction = rng.normal(0.4, 0.02, size=(n, 1))
    values = fraction**2 + (fraction - fraction**2) * np.exp(-LAGS / 2)
    return Curve(LAGS, values + shift * LAGS / 7)


def rows(real, generated):
    table = compare_curves(real, generated, CONFIG)
    assert tuple(table.columns) == CURVE_COLUMNS
    return table.set_index(["dimension", "phase", "axis"])


def test_a_planted_error_is_measured(rng):
    real = curves(rng)
    generated = Curve(LAGS, real.values + 0.02 * LAGS / 7)
    row = rows({"2d": {"s2/pore/radial": real}}, {"2d": {"s2/pore/radial": generated}}).iloc[0]
    assert row["fraction_real"] == pytest.approx(real.values[:, 0].mean())
    assert row["mean_absolute_error"] == pytest.approx(0.01)
    assert row["max_error_over_fraction"] == pytest.approx(0.02 / real.values[:, 0].mean())
    assert row["max_error_lag"] == 7
    assert row["lag_unit"] == "um"
    assert row["mmd2"] > 0.1
    assert row["p"] == pytest.approx(0.01)


def test_equal_distributions_stay_at_the_floor():
    ratio, p = [], []
    for seed in range(15):
        rng = np.random.default_rng(seed)
        sides = ({"2d": {"s2/pore/radial": curves(rng)}} for _ in range(2))
        row = rows(*sides).iloc[0]
        ratio.append(row["mean_absolute_error"] / row["mean_absolute_error_floor"])
        p.append(row["p"])
    assert np.mean(ratio) == pytest.approx(1.0, abs=0.4)
    assert np.mean(np.array(p) < 0.1) < 0.4


def test_all_curves_of_a_sample_are_also_compared_at_once(rng):
    real = {"2d": {"s2/pore/0": curves(rng), "s2/pore/1": curves(rng)}}
    generated = {"2d": {"s2/pore/0": curves(rng), "s2/pore/1": curves(rng, shift=0.1)}}
    table = rows(real, generated)
    assert len(table) == 3
    assert table.loc[("2d", "all", "all"), "p"] == pytest.approx(0.01)
    assert np.isnan(table.loc[("2d", "all", "all"), "mean_absolute_error"])


def test_only_lags_that_both_have_are_compared(rng):
    real = curves(rng)
    generated = Curve(LAGS[:5], real.values[:, :5] + 0.01)
    row = rows({"3d": {"s2/pore/0": real}}, {"3d": {"s2/pore/0": generated}}).iloc[0]
    assert row["mean_absolute_error"] == pytest.approx(0.01)


def test_samples_without_a_curve_are_left_out(rng):
    generated = curves(rng)
    generated.values[3] = np.nan
    row = rows({"3d": {"s2/pore/0": curves(rng)}}, {"3d": {"s2/pore/0": generated}}).iloc[0]
    assert row["n_generated"] == 29
    assert row["mean_absolute_error"] < 0.05


def test_without_a_reference_the_reason_is_given(rng):
    row = rows({"2d": {}}, {"3d": {"s2/pore/0": curves(rng)}}).iloc[0]
    assert row["note"] == "no 3D reference"
    assert np.isnan(row["mean_absolute_error"])
    assert np.isnan(row["p"])


def test_a_curve_that_was_not_generated(rng):
    real = {dimension: {"s2/pore/0": curves(rng)} for dimension in ("2d", "3d")}
    found = rows(real, {"3d": {"s2/pore/1": curves(rng)}})
    assert found.loc["3d", "pore", "0"]["note"] == "generated: not measured"
    # What a model of 2D images cannot have is not missing.
    assert set(rows(real, {"2d": {}}).index.get_level_values("dimension")) == {"2d"}


def test_few_samples_are_not_tested(rng):
    row = rows({"2d": {"s2/p/0": curves(rng, n=6)}}, {"2d": {"s2/p/0": curves(rng)}}).iloc[0]
    assert row["note"] == "no test: about 6 independent real samples, fewer than 20"
    assert np.isnan(row["p"])
    assert not np.isnan(row["mmd2"])


def test_a_single_sample_is_not_tested(rng):
    row = rows({"2d": {"s2/p/0": curves(rng, n=1)}}, {"2d": {"s2/p/0": curves(rng)}}).iloc[0]
    assert row["note"] == "one sample only: no test"


def test_other_functions_are_not_compared(rng):
    side = {"2d": {"s2/a+b/0": curves(rng), "lineal_path/a/0": curves(rng)}}
    assert [key[1] for key in rows(side, side).index] == ["a+b"]


def test_different_numbers_of_samples_are_not_stacked(rng):
    side = {"2d": {"s2/a/0": curves(rng, n=30), "s2/a/1": curves(rng, n=31)}}
    note = rows(side, side).loc[("2d", "all", "all"), "note"]
    assert note == "the curves come from different numbers of samples: not stacked"


def test_contradicting_units_are_rejected(rng):
    other = Curve(LAGS, curves(rng).values, unit="voxel")
    with pytest.raises(InputError, match=r"S2 of a along 0: expected one unit .* 'voxel'\]"):
        compare_curves({"2d": {"s2/a/0": curves(rng)}}, {"2d": {"s2/a/0": other}}, CONFIG)


def test_the_correlation_of_two_phases_has_no_relative_error(rng):
    cross = Curve(LAGS, curves(rng).values - curves(rng).values[:, :1])
    cross.values[:, 0] = 0
    side = {"2d": {"s2/a/radial": curves(rng), "s2/a+b/radial": cross}}
    row = rows(side, side).loc[("2d", "a+b", "radial")]
    assert row["note"] == "S2(0) is zero: no relative error"
    assert np.isnan(row["max_error_over_fraction"])
    assert row["mean_absolute_error"] == 0
    assert row["effective_n_real"] == 30
    assert row["p"] > 0.05


def test_curves_of_one_volume_keep_together(rng):
    groups = np.repeat(np.arange(12), 3)
    sides = [Curve(LAGS, np.repeat(curves(rng, 12).values, 3, axis=0)) for _ in range(2)]
    real, generated = ({"2d": {"s2/pore/radial": one}} for one in sides)
    alone = compare_curves(real, generated, CONFIG).iloc[0]
    together = compare_curves(
        real, generated, CONFIG, groups=({"2d": groups}, {"2d": groups})
    ).iloc[0]
    assert together["mmd2"] == alone["mmd2"]
    assert together["p"] > alone["p"]
    floor = "mean_absolute_error_floor"
    assert together[floor] / alone[floor] == pytest.approx(np.sqrt(3), rel=0.2)
