"""How much generated images differ among themselves, a row for each model."""

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from matvir.report.results import Material, Run
from matvir.report.wording import dimension_name, number

# Statistic of `matvir.comparison.diversity.diversity`, and its column.
COLUMNS = {
    "pixel_distance": "pixels that differ between two images",
    "s2_distance": "difference of S2 between two images",
    "gradient_energy": "gradient energy (sharpness)",
}
UNSURE = "mean probability of the chosen phase"


@dataclass(frozen=True, kw_only=True)
class DiversityRow:
    """One model on images of one kind: its name and colour, and a cell for each column."""

    name: str
    colour: str
    cells: list[str]


@dataclass(frozen=True, kw_only=True)
class DiversityView:
    """Names of the columns, and a row per run and dimension."""

    headers: list[str]
    rows: list[DiversityRow]


def show_diversity(material: Material) -> DiversityView:
    """Return the table of all runs."""
    return DiversityView(headers=[*COLUMNS.values(), UNSURE], rows=diversity_rows(material.runs))


def diversity_rows(runs: Sequence[Run]) -> list[DiversityRow]:
    """Return a row per run and dimension: values of `COLUMNS` over real ones, and `UNSURE`."""
    return [
        DiversityRow(
            name=f"{run.name}, {dimension_name(str(dimension))}",
            colour=run.colour,
            cells=[
                *(_cell(rows, statistic) for statistic in COLUMNS),
                "" if run.certainty is None else number(run.certainty),
            ],
        )
        for run in runs
        for dimension, rows in run.tables["diversity"].groupby("dimension")
    ]


def _cell(diversity: pd.DataFrame, statistic: str) -> str:
    """Return the generated value and its ratio to the real one, or why there is none."""
    row = diversity[diversity["statistic"] == statistic].iloc[0]
    if row["note"]:
        return f"not compared ({row['note']})"
    return f"{number(row['ratio'], 2)} ({number(row['generated'])} / {number(row['real'])})"
