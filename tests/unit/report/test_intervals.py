"""Intervals in words and marks."""

import numpy as np
import pandas as pd
import pytest

from matvir.comparison.intervals import INTERVAL_COLUMNS
from matvir.report.intervals import _advice, _marks, _sentences, _shares, show_intervals
from matvir.report.results import read_material


@pytest.fixture(scope="module")
def materials(results):
    runs, files = results
    return [read_material(one, [run for run in runs if run.material == one.name]) for one in files]


@pytest.fixture
def row():
    """Return a property of 0.2 whose variance is mostly the micrograph's."""
    values = dict.fromkeys(INTERVAL_COLUMNS, np.nan) | {
        "metric": "relative_diffusivity",
        "phase": "pore",
        "axis": "mean",
        "unit": "1",
        "value": 0.2,
        "low": 0.15,
        "high": 0.25,
        "sd_volumes": 0.01,
        "sd_micrograph": 0.03,
        "times_to_halve": 4.0,
        "n_volumes": 10,
        "note": "",
    }
    return pd.Series(values)


def test_a_property_in_a_sentence(row, materials):
    [text] = _sentences(row.to_frame().T, materials[0])
    assert text == (
        "Relative diffusivity, pore: 0.200, interval 0.150 to 0.250, 90.0 % of its variance by the "
        "size of the micrograph; an image of 80 x 100 pixels, and 40 volumes, would halve it."
    )


@pytest.mark.parametrize(
    ("part", "advice"), [("volumes", "more volumes"), ("training", "more seeds")]
)
def test_where_no_image_halves_it_something_else_is_advised(row, materials, part, advice):
    row["times_to_halve"] = np.nan
    assert advice in _advice(row, part, materials[0])
    row["times_to_halve"] = 4.0
    assert advice in _advice(row, part, materials[0])


def test_shares_are_those_of_variances_that_are_known(row):
    assert _shares(row) == pytest.approx({"volumes": 0.1, "micrograph": 0.9})


def test_marks_keep_their_order_within_the_drawing():
    marks = _marks(0.2, 0.3, 0.4, 0.1)
    assert marks["real"] < marks["low"] < marks["value"] < marks["high"] < 160
    assert marks["low"] - marks["real"] == pytest.approx(marks["high"] - marks["value"], abs=0.2)
    assert "real" not in _marks(0.2, 0.3, 0.4, float("nan"))


def test_every_model_with_volumes_is_shown_with_its_reference(materials):
    with_volumes, flat = materials
    [view] = show_intervals(with_volumes)
    assert (view.name, view.n_volumes, view.n_seeds) == ("swd", 48, 2)
    assert all(one.real for one in view.first)
    assert {one.inside for one in [*view.first, *view.rest]} <= {True, False}
    flat_views = show_intervals(flat)
    assert all(one.real == "" for view in flat_views for one in view.first)
