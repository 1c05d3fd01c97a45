"""The tidy table of measurements: its columns, reading it, and 2D told from 3D."""

from pathlib import Path

import pandas as pd

from matvir.errors import InputError

COLUMNS = (
    "material",
    "model",
    "seed",
    "sample",
    "phase",
    "axis",
    "metric",
    "value",
    "unit",
    "note",
)
# What a sample's name begins with says whether it is a slice or a volume.
# Slices of an anisotropic material are of three kinds, by the axis that they are perpendicular to.
DIMENSIONS = {
    "slice-": "2d",
    "plane-0-": "2d-0",
    "plane-1-": "2d-1",
    "plane-2-": "2d-2",
    "volume-": "3d",
}

# Columns of the comparison's tables that are not numbers.
TEXT_COLUMNS = [
    "material",
    "model",
    "seed",
    "dimension",
    "metric",
    "phase",
    "axis",
    "unit",
    "lag_unit",
    "kind",
    "statistic",
    "note",
]


def read_metrics(path: Path) -> pd.DataFrame:
    """Read one tidy table of measurements.

    Parameters
    ----------
    path : Path
        CSV file with the columns ``COLUMNS``; ``value`` is empty where a number could not be
        computed and ``note`` then says why.

    Returns
    -------
    DataFrame
        The columns in the order of ``COLUMNS``; ``value`` is float (NaN where empty), all others
        are text (empty where empty).

    Raises
    ------
    InputError
        If the file cannot be read as such a table.
    """
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except (OSError, ValueError) as error:
        raise InputError(
            f"{path}: expected a CSV table of measurements, got {error}. "
            "Remove the file and measure again."
        ) from error
    return check_metrics(table, str(path))


def check_metrics(table: pd.DataFrame, source: str) -> pd.DataFrame:
    """Return a table of measurements with its columns in order and numbers as floats.

    Parameters
    ----------
    table : DataFrame
        Rows of measurements with the columns ``COLUMNS``.
    source : str
        Where the table came from; begins the message of an error.

    Raises
    ------
    InputError
        If a column is missing or a value is not a number.
    """
    missing = [name for name in COLUMNS if name not in table.columns]
    if missing:
        raise InputError(
            f"{source}: expected the columns {', '.join(COLUMNS)}, got none named "
            f"{', '.join(missing)}. Measure again."
        )
    table = table.loc[:, list(COLUMNS)].copy()
    try:
        table["value"] = pd.to_numeric(table["value"])
    except (ValueError, TypeError) as error:
        raise InputError(
            f"{source}: expected numbers or nothing in the column 'value', got {error}. "
            "Measure again."
        ) from error
    table["value"] = table["value"].astype(float)
    text = [name for name in COLUMNS if name != "value"]
    table[text] = table[text].astype(object).fillna("").astype(str)
    return table


def dimensions(samples: pd.Series) -> pd.Series:
    """Return the dimension, one of those in ``DIMENSIONS``, for each sample's name.

    Raises
    ------
    InputError
        If a name begins with none of ``DIMENSIONS``.
    """
    dimension = pd.Series("", index=samples.index, dtype=object)
    for prefix, name in DIMENSIONS.items():
        dimension[samples.str.startswith(prefix)] = name
    if (dimension == "").any():
        unknown = samples[dimension == ""].iloc[0]
        raise InputError(
            f"sample {unknown!r}: expected a name that begins with one of {list(DIMENSIONS)}. "
            "Measure again."
        )
    return dimension


def axis_across(dimension: str) -> str:
    """Return the axis that slices of one kind are perpendicular to, as in ``2d-1`` -> ``1``."""
    return dimension.partition("-")[2]


def no_reference(dimension: str) -> str:
    """Return the note of a row of generated samples that no real ones are there for."""
    axis = axis_across(dimension)
    return f"no reference across axis {axis}" if axis else f"no {dimension.upper()} reference"


def read_comparison(path: Path) -> pd.DataFrame:
    """Read a table of the comparison; names and notes stay text, however they are spelt."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column in table.columns.difference(TEXT_COLUMNS):
        table[column] = pd.to_numeric(table[column])
    return table
