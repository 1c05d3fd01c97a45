"""The rows of the comparison table as the page shows them."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from matvir.report.embed import csv_uri
from matvir.report.results import Material
from matvir.report.wording import (
    axis_name,
    dimension_name,
    metric_name,
    number,
    percent,
    unit_name,
    with_sd,
)

# How many times the real-against-real floor a distance is, and what the page calls it.
LEVELS = ((2.0, "near"), (5.0, "off"), (np.inf, "far"))


@dataclass(frozen=True, kw_only=True)
class Cell:
    """What a cell shows, and what it is sorted by."""

    text: str
    key: str


@dataclass(frozen=True, kw_only=True)
class TableRow:
    """One statistic; ``level`` is "within", "near", "off", "far" or "none"."""

    level: str
    cells: list[Cell]
    note: str


HEADERS = (
    ("dim.", "dimension of the samples"),
    ("metric", "what was measured, and its unit"),
    ("phase", "phase, pair of phases, or all"),
    ("axis", "axis along which it was measured"),
    ("real", "mean ± standard deviation over the real samples"),
    ("generated", "mean ± standard deviation over the generated samples"),
    ("difference", "of the means, over the real mean"),
    ("\N{MULTIPLICATION SIGN} floor", "Wasserstein-1 distance over its floor"),
    ("W₁ / sd", "Wasserstein-1 distance over the real standard deviation"),
    ("floor", "what more real data would have: mean, upper end"),
    ("interval", "bootstrap interval of the difference over the real mean"),
    (
        "detectable",
        "smallest difference of the means, over the real mean, that would be noticed: a test at "
        "the level of 5 % finds it in 80 of 100 comparisons of so many samples",
    ),
    ("sd ratio", "generated over real; far below 1 means mode collapse"),
    ("p (Holm)", "Kolmogorov-Smirnov test, corrected over the rows"),
)


@dataclass(frozen=True, kw_only=True)
class RunTable:
    """The comparison of one run, also as a CSV file in a data URI."""

    name: str
    rows: list[TableRow]
    not_computed: list[str]
    csv: str


@dataclass(frozen=True, kw_only=True)
class TablesView:
    """Names and explanations of the columns, and a table per run."""

    headers: tuple[tuple[str, str], ...]
    runs: list[RunTable]


def show_tables(material: Material) -> TablesView:
    """Return the comparison of every run as a table."""
    compared = [(run.name, run.tables["comparison"]) for run in material.runs]
    runs = [
        RunTable(
            name=name,
            rows=table_rows(table),
            not_computed=not_computed(table),
            csv=csv_uri(table.to_csv(index=False)),
        )
        for name, table in compared
    ]
    return TablesView(headers=HEADERS, runs=runs)


def table_rows(comparison: pd.DataFrame) -> list[TableRow]:
    """Return a row for each statistic that at least one side has."""
    shown = comparison[(comparison["n_real"] > 0) | (comparison["n_generated"] > 0)]
    return [_row(record) for _, record in shown.iterrows()]


def not_computed(comparison: pd.DataFrame) -> list[str]:
    """Name the statistics that neither side has, with the reason."""
    hidden = comparison[(comparison["n_real"] == 0) & (comparison["n_generated"] == 0)]
    return [
        f"{dimension_name(row['dimension'])} {metric_name(row['metric'])}, {row['phase']}, "
        f"{axis_name(row['axis'])}: {row['note']}"
        for _, row in hidden.iterrows()
    ]


def level(row: pd.Series) -> str:
    """Return how far a statistic is from what real data has to more real data."""
    if np.isnan(row["w1_over_sd"]) or not row["w1_floor"] > 0:
        return "none"
    if row["w1_over_sd"] <= row["w1_floor_high"]:
        return "within"
    ratio = row["w1_over_sd"] / row["w1_floor"]
    return next(name for limit, name in LEVELS if ratio <= limit)


def _row(row: pd.Series) -> TableRow:
    ratio = row["w1_over_sd"] / row["w1_floor"] if row["w1_floor"] > 0 else np.nan
    mean = abs(row["mean_real"]) or np.nan
    low, high = row["difference_low"] / mean, row["difference_high"] / mean
    detectable = row["detectable_difference"] / mean
    interval = f"{percent(low, sign=True)} … {percent(high, sign=True)}" if high >= low else ""
    floor = (number(row["w1_floor"], 2), number(row["w1_floor_high"], 2))
    unit = f" ({unit_name(row['unit'])})" if unit_name(row["unit"]) else ""
    cells = [
        _text(dimension_name(row["dimension"])),
        _text(metric_name(row["metric"]) + unit),
        _text(row["phase"]),
        _text(row["axis"]),
        _value(with_sd(row["mean_real"], row["sd_real"]), row["mean_real"]),
        _value(with_sd(row["mean_generated"], row["sd_generated"]), row["mean_generated"]),
        _value(percent(row["relative_difference"], sign=True), abs(row["relative_difference"])),
        _value(number(ratio, 2), ratio),
        _value(number(row["w1_over_sd"], 2), row["w1_over_sd"]),
        _value(f"{floor[0]}, {floor[1]}" if floor[0] else "", row["w1_floor"]),
        _value(interval, high - low),
        _value(percent(detectable), detectable),
        _value(number(row["sd_ratio"], 2), row["sd_ratio"]),
        _value(number(row["p_holm"], 2), row["p_holm"]),
    ]
    notes = [row["note"], from_the_image_alone(row)]
    return TableRow(level=level(row), cells=cells, note="; ".join(filter(None, notes)))


def from_the_image_alone(row: pd.Series) -> str:
    """Say what one real image, or volume, alone tells of a volume fraction; nothing if unknown."""
    if np.isnan(row["fraction_low"]):
        return ""
    what = "volume" if row["dimension"] == "3d" else "image"
    ends = f"{percent(row['fraction_low'])} to {percent(row['fraction_high'])}"
    return f"the real {what} alone tells {ends}"


def _text(text: str) -> Cell:
    return Cell(text=text, key=text)


def _value(text: str, value: float) -> Cell:
    return Cell(text=text, key="" if np.isnan(value) else repr(float(value)))
