"""The comparison table on planted differences and on what cannot be compared."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from matvir.comparison.tables import TABLE_COLUMNS, compare_tables
from matvir.errors import InputError
from matvir.settings.records import CompareConfig

CONFIG = CompareConfig(bootstrap_samples=200, permutations=50, confidence=0.95, seed=3)


def measurements(values, *, metric="volume_fraction", sample="slice", axis="all", **columns):
    columns = {"phase": "pore", "unit": "1", "note": "", "model": "m", "seed": "0", **columns}
    return pd.DataFrame(
        {
            "material": "ore",
            "sample": [f"{sample}-{i:03}-0" for i in range(len(values))],
            "axis": axis,
            "metric": metric,
            "value": values,
            **columns,
        }
    )


@pytest.fixture
def fractions(rng):
    return rng.normal(0.4, 0.05, 40)


def only(table):
    assert len(table) == 1
    assert tuple(table.columns) == TABLE_COLUMNS
    return table.iloc[0]


def test_a_planted_shift_is_found_in_every_column(fractions, rng):
    generated = rng.permutation(fractions) + 0.1
    row = only(compare_tables(measurements(fractions), measurements(generated), CONFIG))
    assert (row["dimension"], row["n_real"], row["n_generated"]) == ("2d", 40, 40)
    assert row["difference"] == pytest.approx(0.1)
    assert row["relative_difference"] == pytest.approx(0.1 / fractions.mean())
    assert row["difference_low"] < 0.1 < row["difference_high"]
    assert row["sd_ratio"] == pytest.approx(1.0)
    assert row["w1_over_sd"] == pytest.approx(0.1 / fractions.std(ddof=1))
    assert row["w1_low"] < row["w1_over_sd"] < row["w1_high"]
    assert row["w1_over_sd"] > 3 * row["w1_floor_high"]
    assert row["ks"] == stats.ks_2samp(fractions, generated).statistic
    assert row["p"] < 1e-6
    error = fractions.std(ddof=1) * np.sqrt(2 / 40)
    quantiles = stats.t.ppf([0.975, 0.8], 78)
    assert row["detectable_difference"] == pytest.approx(quantiles.sum() * error)
    assert row["note"] == ""


def test_the_same_distribution_stays_at_the_floor(rng):
    real, generated = rng.normal(0.4, 0.05, size=(2, 60))
    row = only(compare_tables(measurements(real), measurements(generated), CONFIG))
    assert row["w1_floor"] < row["w1_floor_high"]
    assert row["w1_over_sd"] < row["w1_floor_high"]
    assert row["difference_low"] < 0 < row["difference_high"]
    assert row["p_holm"] > 0.05


def test_mode_collapse_shows_in_the_ratio_of_the_sds(fractions):
    collapsed = fractions.mean() + 0.1 * (fractions - fractions.mean())
    row = only(compare_tables(measurements(fractions), measurements(collapsed), CONFIG))
    assert row["sd_ratio"] == pytest.approx(0.1)


def test_without_a_3d_reference_nothing_3d_is_compared(fractions):
    generated = pd.concat([measurements(fractions), measurements(fractions, sample="volume")])
    table = compare_tables(measurements(fractions), generated, CONFIG).set_index("dimension")
    row = table.loc["3d"]
    assert row["note"] == "no 3D reference"
    assert row["n_real"] == 0
    assert row["mean_generated"] == pytest.approx(fractions.mean())
    assert row[["mean_real", "difference", "w1_over_sd", "ks", "p", "p_holm"]].isna().all()


def test_what_a_model_of_images_cannot_have_has_no_rows(fractions):
    real = pd.concat([measurements(fractions), measurements(fractions, sample="volume")])
    assert set(compare_tables(real, real, CONFIG)["dimension"]) == {"2d", "3d"}
    assert only(compare_tables(real, measurements(fractions), CONFIG))["dimension"] == "2d"


def test_missing_values_are_counted_with_their_reason(fractions):
    generated = measurements(fractions)
    generated.loc[:2, "value"] = np.nan
    generated.loc[:2, "note"] = "phase pore is absent"
    row = only(compare_tables(measurements(fractions), generated, CONFIG))
    assert row["n_generated"] == 37
    assert row["note"] == "generated: 3 of 40 values missing (phase pore is absent)"


def test_all_values_missing_gives_no_number(fractions):
    generated = measurements(np.full(5, np.nan), note="did not converge")
    row = only(compare_tables(measurements(fractions), generated, CONFIG))
    assert row["note"] == "generated: 5 of 5 values missing (did not converge)"
    assert row[["mean_generated", "difference", "w1_over_sd", "p"]].isna().all()


def test_a_metric_only_one_side_has(fractions):
    real = pd.concat([measurements(fractions), measurements(fractions, metric="tpb_density")])
    table = compare_tables(real, measurements(fractions), CONFIG).set_index("metric")
    assert table.loc["tpb_density", "note"] == "generated: not measured"


def test_equal_real_values_have_no_distance_in_units_of_their_sd(fractions):
    real = measurements(np.full(30, 0.1) + 0.3)
    row = only(compare_tables(real, measurements(fractions), CONFIG))
    assert "all real values are equal" in row["note"]
    assert row[["sd_ratio", "w1_over_sd", "w1_floor"]].isna().all()
    assert row["difference"] == pytest.approx(fractions.mean() - 0.4)


def test_a_single_real_sample_has_no_spread(fractions):
    row = only(compare_tables(measurements([0.4]), measurements(fractions), CONFIG))
    assert row["note"] == "one sample only: no spread, interval or test"
    assert row[["sd_real", "difference_low", "w1_over_sd", "ks"]].isna().all()


def test_three_real_samples_have_no_floor(fractions):
    row = only(compare_tables(measurements([0.3, 0.4, 0.5]), measurements(fractions), CONFIG))
    assert "fewer than 4 real samples: no real-against-real floor" in row["note"]
    assert np.isnan(row["w1_floor"])


def test_few_independent_samples_are_not_tested(fractions):
    few = measurements(fractions[:8])
    row = only(compare_tables(few, measurements(fractions), CONFIG))
    assert row["effective_n_real"] == 8
    assert row["note"] == "no test: about 8 independent real samples, fewer than 20"
    assert not np.isnan(row["ks"])
    assert row[["p", "detectable_difference"]].isna().all()


def test_the_effective_number_of_the_caller_is_used(fractions):
    real, generated = measurements(fractions), measurements(fractions)
    row = only(compare_tables(real, generated, CONFIG, observations={"2d": 6.0}))
    assert row["effective_n_real"] == 6
    assert "about 6 independent" in row["note"]


def test_intervals_of_the_image_stand_beside_the_fractions(fractions):
    side = measurements(fractions)
    interval = {"2d": {side["phase"].iloc[0]: (0.3, 0.5)}}
    row = only(compare_tables(side, side, CONFIG, fraction_intervals=interval))
    assert (row["fraction_low"], row["fraction_high"]) == (0.3, 0.5)
    assert np.isnan(only(compare_tables(side, side, CONFIG))["fraction_low"])


def test_an_image_too_small_to_tell_is_not_tested(fractions):
    side = measurements(fractions)
    row = only(compare_tables(side, side, CONFIG, observations={"2d": float("nan")}))
    assert row["note"] == "no test: unknown independent real samples, fewer than 20"


def test_p_values_are_corrected_over_the_rows(fractions, rng):
    def side(shift):
        parts = [measurements(rng.normal(0.4 + shift * i, 0.05, 40), axis=str(i)) for i in range(3)]
        return pd.concat([*parts, measurements(fractions)])

    table = compare_tables(side(0), side(0.01), CONFIG)
    assert (table["p_holm"] >= table["p"]).all()
    assert table["p_holm"].min() == pytest.approx(min(1, 4 * table["p"].min()))


def test_a_row_does_not_depend_on_other_rows(fractions):
    generated = fractions[:30] + 0.02
    alone = compare_tables(measurements(fractions), measurements(generated), CONFIG)
    real = pd.concat([measurements(fractions, metric="a_metric"), measurements(fractions)])
    more = pd.concat([measurements(generated, metric="a_metric"), measurements(generated)])
    columns = ["difference_low", "w1_low", "w1_floor"]
    both = compare_tables(real, more, CONFIG).set_index("metric").loc["volume_fraction", columns]
    assert both.tolist() == only(alone)[columns].tolist()


def test_slices_of_one_volume_count_as_fewer(rng):
    shared, own = rng.normal(0.4, 0.05, (2, 40)), rng.normal(0, 0.01, (2, 120))
    sides = [np.repeat(a, 3) + b for a, b in zip(shared, own, strict=True)]
    of_volumes = [f"slice-{i // 3:03}-{i % 3}" for i in range(120)]
    tables = [measurements(side) for side in sides]
    alone = only(compare_tables(*tables, CONFIG))
    row = only(compare_tables(*(one.assign(sample=of_volumes) for one in tables), CONFIG))
    assert row["ks"] == alone["ks"]
    assert row["p"] > alone["p"]
    for low, high in (("difference_low", "difference_high"), ("w1_low", "w1_high")):
        assert row[high] - row[low] > alone[high] - alone[low]
    assert row["w1_floor_high"] > 1.3 * alone["w1_floor_high"]
    # Three slices that are all but equal tell what one tells.
    ratio = row["detectable_difference"] / alone["detectable_difference"]
    assert ratio == pytest.approx(np.sqrt(3), rel=0.06)


def test_contradicting_units_are_rejected(fractions):
    real = measurements(fractions, unit="1/um")
    with pytest.raises(InputError, match=r"2d volume_fraction pore all: expected one unit"):
        compare_tables(real, measurements(fractions, unit="1/voxel"), CONFIG)
