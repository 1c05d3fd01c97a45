"""Tables of measurements and of comparisons: columns, writing, reading, and 2D told from 3D."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from matvir.errors import InputError
from matvir.files import atomic_path
from matvir.measurement.curves import Curve, read_curves, stack_curves, write_curves

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


def normal_axis(dimension: str) -> str:
    """Return the axis that slices of one kind are perpendicular to, as in ``2d-1`` -> ``1``."""
    return dimension.partition("-")[2]


def no_reference(dimension: str) -> str:
    """Return the note of a row of generated samples that no real ones are there for."""
    axis = normal_axis(dimension)
    return f"no reference across axis {axis}" if axis else f"no {dimension.upper()} reference"


def read_comparison(path: Path) -> pd.DataFrame:
    """Read a table of the comparison; names and notes stay text, however they are spelt."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False)
    for column in table.columns.difference(TEXT_COLUMNS):
        table[column] = pd.to_numeric(table[column])
    return table


def write_measurements(
    table: pd.DataFrame,
    curves: dict[str, dict[str, Curve]],
    *,
    material: str,
    model: str,
    seed: int | None,
    metrics_path: Path,
    curves_path: Path,
) -> None:
    """Write the tidy table, with where its samples come from, and the curves."""
    tidy = table.copy()
    tidy.insert(0, "material", material)
    tidy.insert(1, "model", model)
    tidy.insert(2, "seed", pd.Series([seed] * len(tidy), dtype="Int64"))
    write_curves(curves_path, curves)
    with atomic_path(metrics_path) as temporary:
        tidy.to_csv(temporary, index=False)


def merge_measurements(
    tables: Sequence[Path], curves: Sequence[Path], *, metrics_path: Path, curves_path: Path
) -> None:
    """Write what several jobs measured as one would have written it.

    Parameters
    ----------
    tables, curves : sequence of Path
        What :func:`write_measurements` wrote of each part, in order.
    metrics_path, curves_path : Path
        The two files to write.
    """
    read = [pd.read_csv(path, dtype=str, keep_default_na=False) for path in tables]
    every = pd.concat(read, ignore_index=True)
    order = sorted(set(dimensions(every["sample"])), reverse=True)
    parts = [every[dimensions(every["sample"]) == dimension] for dimension in order]
    measured = [read_curves(path) for path in curves]
    write_curves(
        curves_path,
        {name: stack_curves([one[name] for one in measured if name in one]) for name in order},
    )
    with atomic_path(metrics_path) as temporary:
        pd.concat(parts).to_csv(temporary, index=False)
