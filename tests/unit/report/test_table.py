"""Rows of the comparison table as they are shown."""

import numpy as np
import pandas as pd
import pytest

from matvir.comparison.tables import TABLE_COLUMNS
from matvir.report.table import HEADERS, level, not_computed, table_rows

ROW = dict.fromkeys(TABLE_COLUMNS, np.nan) | {
    "dimension": "3d",
    "metric": "tpb_density",
    "phase": "all",
    "axis": "all",
    "unit": "1/um^2",
    "n_real": 30,
    "n_generated": 32,
    "mean_real": 2.0,
    "sd_real": 0.1,
    "mean_generated": 2.2,
    "sd_generated": 0.2,
    "difference": 0.2,
    "difference_low": 0.1,
    "difference_high": 0.3,
    "relative_difference": 0.1,
    "detectable_difference": 0.03,
    "sd_ratio": 2.0,
    "w1_over_sd": 2.0,
    "w1_floor": 0.25,
    "w1_floor_high": 0.5,
    "p_holm": 0.001,
    "note": "",
}


@pytest.mark.parametrize(
    ("w1", "expected"),
    [(0.5, "within"), (0.51, "off"), (0.49, "within"), (1.25, "off"), (1.3, "far")],
)
def test_the_level_is_the_distance_over_the_floor(w1, expected):
    assert level(pd.Series(ROW | {"w1_over_sd": w1})) == expected


def test_just_above_a_narrow_floor_is_near():
    assert level(pd.Series(ROW | {"w1_over_sd": 0.4, "w1_floor_high": 0.3})) == "near"


@pytest.mark.parametrize("column", ["w1_over_sd", "w1_floor"])
def test_without_a_distance_or_a_floor_there_is_no_level(column):
    assert level(pd.Series(ROW | {column: np.nan})) == "none"


def test_a_row_shows_its_numbers():
    (row,) = table_rows(pd.DataFrame([ROW]))
    assert len(row.cells) == len(HEADERS)
    assert [cell.text for cell in row.cells] == [
        "3D",
        "triple-phase boundary density (µm⁻²)",
        "all",
        "all",
        "2.00 ± 0.10",
        "2.20 ± 0.20",
        "+10.0 %",
        "8.0",
        "2.0",
        "0.25, 0.50",
        "+5.0 % … +15.0 %",
        "1.5 %",
        "2.0",
        "0.0010",
    ]
    assert row.cells[7].key == "8.0"


def test_what_one_side_lacks_is_empty_with_its_note():
    empty = {name: np.nan for name in ROW if name not in ("n_generated", "mean_generated")}
    kept = {name: ROW[name] for name in ("dimension", "metric", "phase", "axis", "unit")}
    record = ROW | empty | kept | {"n_real": 0, "note": "no 3D reference"}
    (row,) = table_rows(pd.DataFrame([record]))
    assert row.level == "none"
    assert row.note == "no 3D reference"
    assert [cell.text for cell in row.cells[4:]] == ["", "2.20"] + [""] * 8


def test_what_neither_side_has_is_listed_apart():
    table = pd.DataFrame([ROW | {"n_real": 0, "n_generated": 0, "note": "needs a 3D sample"}])
    assert table_rows(table) == []
    (line,) = not_computed(table)
    assert line == "3D triple-phase boundary density, all, all axes: needs a 3D sample"
