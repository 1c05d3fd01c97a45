"""Reading and checking the tidy table."""

import numpy as np
import pandas as pd
import pytest

from matvir.errors import InputError
from matvir.measurement.tables import COLUMNS, check_metrics, dimensions, read_metrics

LINE = "ore,real,,slice-000-0,pore+nmc,0,tpb_density,{value},1/um^2,{note}"


def write(path, *lines):
    path.write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    return path


def test_reads_text_as_text_and_empty_values_as_nan(tmp_path):
    path = write(
        tmp_path / "metrics.csv",
        LINE.format(value="0.25", note=""),
        LINE.format(value="", note="phase nan is absent"),
    )
    table = read_metrics(path)
    assert tuple(table.columns) == COLUMNS
    assert table["axis"].tolist() == ["0", "0"]
    assert table["seed"].tolist() == ["", ""]
    np.testing.assert_array_equal(table["value"], [0.25, np.nan])
    assert table["note"].tolist() == ["", "phase nan is absent"]


def test_a_phase_named_nan_stays_a_name(tmp_path):
    path = write(tmp_path / "m.csv", "ore,real,,slice-0,NA,all,volume_fraction,0.5,1,")
    assert read_metrics(path)["phase"].tolist() == ["NA"]


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.csv: expected a CSV table"):
        read_metrics(tmp_path / "absent.csv")


def test_a_missing_column_is_named():
    with pytest.raises(InputError, match=r"here: expected the columns .* none named unit, note"):
        check_metrics(
            pd.DataFrame(columns=[c for c in COLUMNS if c not in ("unit", "note")]), "here"
        )


def test_a_value_that_is_no_number_is_rejected(tmp_path):
    path = write(tmp_path / "m.csv", LINE.format(value="many", note=""))
    with pytest.raises(InputError, match="expected numbers or nothing in the column 'value'"):
        read_metrics(path)


def test_dimension_follows_from_the_sample_name():
    names = pd.Series(["slice-000-0", "plane-1-003", "volume-001"])
    assert dimensions(names).tolist() == ["2d", "2d-1", "3d"]


def test_an_unknown_sample_name_is_rejected():
    with pytest.raises(InputError, match="sample 'block-1': expected a name that begins with"):
        dimensions(pd.Series(["volume-1", "block-1"]))


def test_empty_text_columns_become_empty_text():
    table = pd.DataFrame({name: [np.nan] for name in COLUMNS})
    assert check_metrics(table, "here")["seed"].tolist() == [""]
