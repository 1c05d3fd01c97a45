"""Intervals of properties, and what they are made of."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm
from scipy.stats import t as student_t

from matvir.comparison.intervals import INTERVAL_COLUMNS, fraction_errors, property_intervals
from matvir.measurement.tables import COLUMNS

PHASES = ("pore", "solid")


def table(pores, others, metric="relative_diffusivity", phase="pore", seed=0):
    """Return measurements of volumes: fractions of pores, and another property of each."""
    rows = []
    for index, (pore, value) in enumerate(zip(pores, others, strict=True)):
        common = ("m", "diffusion", seed, f"volume-{index:03d}")
        for name, fraction in zip(PHASES, (pore, 1 - pore), strict=True):
            rows.append((*common, name, "all", "volume_fraction", fraction, "1", ""))
        rows.append((*common, phase, "0", metric, value, "1", ""))
    return pd.DataFrame(rows, columns=list(COLUMNS))


@pytest.fixture
def pores(rng):
    """Fractions of sixteen volumes, of mean .4 and standard deviation .02."""
    drawn = rng.normal(size=16)
    return 0.4 + 0.02 * (drawn - drawn.mean()) / drawn.std(ddof=1)


def intervals(tables, errors=None, sensitivity=None, *, isotropic=False):
    return property_intervals(tables, errors or {}, sensitivity or {}, isotropic=isotropic)


def of(found, metric="relative_diffusivity", phase="pore"):
    return found[(found["metric"] == metric) & (found["phase"] == phase)].iloc[0]


def test_what_makes_an_interval(pores):
    """A property of twice the fraction varies twice as much, with volumes and with micrographs."""
    errors = {"pore": 0.03, "solid": 0.03}
    sensitivity = {"pore": {"up": 0.01, "down": -0.02}, "solid": {"up": -0.01, "down": 0.02}}
    found = intervals([table(pores, 2 * pores)], errors, sensitivity)
    assert list(found.columns) == list(INTERVAL_COLUMNS)
    row = of(found)
    assert (row["n_volumes"], row["n_seeds"]) == (16, 1)
    assert row["value"] == pytest.approx(0.8)
    assert row["sd_volumes"] == pytest.approx(0.04 / 4)
    assert row["sd_micrograph"] == pytest.approx(2 * 0.03)
    assert row["sd_segmentation"] == pytest.approx(2 * 0.02)
    assert np.isnan(row["sd_training"])
    assert "one seed" in row["note"]
    half = student_t.ppf(0.975, 15) * np.sqrt(0.01**2 + 0.06**2 + 0.04**2)
    assert row["high"] - row["value"] == pytest.approx(half)
    assert row["value"] - row["low"] == pytest.approx(half)
    # The fraction itself is as sure as the micrograph tells it.
    assert of(found, "volume_fraction")["sd_micrograph"] == pytest.approx(0.03)


def test_how_much_more_halves_an_interval(pores):
    sensitivity = {"pore": {"up": 0.01}, "solid": {"up": -0.01}}
    errors = dict.fromkeys(PHASES, 0.06)
    row = of(intervals([table(pores, 2 * pores)], errors, sensitivity))
    halved = (0.12**2 + 0.01**2) / row["times_to_halve"] + 0.02**2
    assert halved == pytest.approx((0.12**2 + 0.01**2 + 0.02**2) / 4)
    # What thresholds leave open, neither pixels nor volumes tell.
    row = of(intervals([table(pores, 2 * pores)], dict.fromkeys(PHASES, 0.001), sensitivity))
    assert np.isnan(row["times_to_halve"])


def test_seeds_that_disagree_widen_the_interval(pores):
    tables = [table(pores, pores + shift, seed=seed) for seed, shift in enumerate((0.0, 0.2, 0.4))]
    row = of(intervals(tables))
    assert (row["n_volumes"], row["n_seeds"]) == (48, 3)
    assert row["value"] == pytest.approx(0.6)
    assert row["sd_training"] == pytest.approx(np.sqrt((0.04 - 0.02**2 / 16) / 3))
    assert row["sd_volumes"] == pytest.approx(0.02 / np.sqrt(48))
    # Seeds that agree as well as their few volumes can are not counted twice.
    row = of(intervals([table(pores, pores, seed=seed) for seed in range(2)]))
    assert row["sd_training"] == 0


def test_what_is_not_known_is_said_and_not_counted(pores):
    row = of(intervals([table(pores, 2 * pores)]))
    assert np.isnan(row["sd_micrograph"])
    assert "too small to tell" in row["note"]
    given = np.full(16, 0.4)
    row = of(intervals([table(given, 2 * pores)], dict.fromkeys(PHASES, 0.03)))
    assert np.isnan(row["sd_micrograph"])
    assert "given fractions" in row["note"]
    values = np.where(np.arange(16) < 3, np.nan, pores)
    row = of(intervals([table(pores, values)]))
    assert row["n_volumes"] == 13
    assert "3 of 16 volumes without a value" in row["note"]
    row = of(intervals([table(pores[:1], pores[:1])]))
    assert np.isnan(row["low"])
    assert "fewer than two volumes" in row["note"]
    few = table(pores[:4], pores[:4])
    row = of(intervals([few], {}, {"pore": {"up": 0.1}}))
    assert "fewer than 6 volumes" in row["note"]


def test_of_values_the_part_of_the_micrograph_is_not_known(pores):
    values = table(pores, pores, metric="mean_value", phase="grey")
    values = values[values["metric"] != "volume_fraction"]
    row = of(intervals([values]), "mean_value", "grey")
    assert row["sd_volumes"] == pytest.approx(0.02 / 4)
    assert np.isnan(row["sd_micrograph"])
    assert "phases alone" in row["note"]


def test_no_interval_holds_what_cannot_be(pores):
    small = table(pores, 0.05 * pores)
    row = of(intervals([small], dict.fromkeys(PHASES, 0.3)))
    assert row["low"] == 0
    large = intervals([table(pores, pores + 0.55)], dict.fromkeys(PHASES, 0.3))
    assert of(large)["high"] == 1


@pytest.mark.parametrize("metric", ["euler_number_density", "value_skewness"])
def test_what_can_be_negative_has_a_negative_interval(pores, metric):
    found = of(intervals([table(pores, pores - 1, metric=metric)]), metric)
    assert found["low"] < found["value"] < found["high"] < 0


@pytest.mark.parametrize("metric", ["active_tpb_fraction", "relative_conductivity"])
def test_no_share_is_above_one(pores, metric):
    found = of(intervals([table(pores, pores + 0.55, metric=metric)], {"pore": 0.3}), metric)
    assert found["high"] == 1


def test_models_of_images_have_no_interval(pores):
    images = table(pores, pores)
    images["sample"] = images["sample"].str.replace("volume", "slice")
    assert intervals([images]).empty


def test_errors_of_fractions_are_those_of_all_images_together():
    z = norm.ppf(0.975)
    of_images = {
        "2d-0": {"pore": (0.4 - z * 0.03, 0.4 + z * 0.03), "solid": (np.nan, np.nan)},
        "2d-1": {"pore": (0.5 - z * 0.04, 0.5 + z * 0.04)},
        "3d": {"pore": (0.45, 0.46)},
    }
    found = fraction_errors(of_images, 0.95)
    assert found == {"pore": pytest.approx(1 / np.hypot(1 / 0.03, 1 / 0.04))}


def test_the_axes_of_an_isotropic_material_count_as_one(pores):
    along = [
        table(pores, pores + shift).assign(axis=str(axis)) for axis, shift in enumerate((0, 0.3))
    ]
    for one in along:
        one.loc[one["metric"] == "volume_fraction", "axis"] = "all"
    both = pd.concat([along[0], along[1][along[1]["metric"] != "volume_fraction"]])
    found = intervals([both], dict.fromkeys(PHASES, 0.03))
    assert sorted(found["axis"]) == ["0", "1", "all", "all"]
    found = intervals([both], dict.fromkeys(PHASES, 0.03), isotropic=True)
    assert sorted(found["axis"]) == ["all", "all", "mean"]
    row = of(found)
    assert row["value"] == pytest.approx(0.55)
    assert row["n_volumes"] == 16
    assert row["sd_micrograph"] == pytest.approx(0.03)
