"""How sure the properties of the generated volumes are: intervals, and what they are made of."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from matvir.comparison.intervals import AXES, MEAN, PARTS
from matvir.measurement.tables import dimensions
from matvir.report.results import Material
from matvir.report.wording import axis_name, metric_name, number, percent, unit_name

# What is shown first; the rest follows on demand.
FIRST = (
    "volume_fraction",
    "relative_diffusivity",
    "tortuosity_factor",
    "mean_local_thickness",
    "specific_surface_area",
    "interfacial_area",
    "tpb_density",
)
# What each part is called in a sentence.
CAUSES = {
    "volumes": "the number of volumes",
    "training": "the training",
    "micrograph": "the size of the micrograph",
    "segmentation": "the thresholds",
}
# Properties that sentences are about.
TOLD = ("relative_diffusivity", "tpb_density")
# Width of the drawing of an interval, and the empty share of it at both ends.
WIDTH, EDGE = 160, 0.08
# More than this many times the pixels is no advice.
MOST_TIMES = 100.0


@dataclass(frozen=True, kw_only=True)
class IntervalRow:
    """One property: ``marks`` are the places of low, value, high and real in its drawing.

    ``shares`` are those of each part in the variance, in percent.
    """

    name: str
    value: str
    interval: str
    real: str
    inside: bool | None
    marks: dict[str, float]
    shares: list[tuple[str, float]]
    note: str


@dataclass(frozen=True, kw_only=True)
class IntervalView:
    """One model: sentences, and the properties that are shown first and later.

    ``note`` is what holds for all of them.
    """

    name: str
    n_volumes: int
    n_seeds: int
    sentences: list[str]
    note: str
    first: list[IntervalRow]
    rest: list[IntervalRow]


def show_intervals(material: Material) -> list[IntervalView]:
    """Return what is known of every model that makes volumes."""
    found = []
    for model, rows in material.intervals.groupby("model", sort=False):
        known = rows[rows["low"].notna()]
        real = _real_means(material, set(known["axis"]))
        known = known.sort_values(["metric", "phase"], key=_order(material), kind="stable")
        notes = list(known["note"].unique())
        if len(notes) == 1:  # said once for all
            known = known.assign(note="")
        shown = [(row, _row(row, real)) for _, row in known.iterrows()]
        found.append(
            IntervalView(
                name=str(model),
                n_volumes=int(rows["n_volumes"].max()),
                n_seeds=int(rows["n_seeds"].max()),
                sentences=list(_sentences(known, material)),
                note=notes[0] if len(notes) == 1 else "",
                first=[made for row, made in shown if row["metric"] in FIRST],
                rest=[made for row, made in shown if row["metric"] not in FIRST],
            )
        )
    return found


def _order(material: Material) -> Callable[[pd.Series], pd.Series]:
    """Return what sorts metrics by `FIRST`, then phases as the material has them."""
    places = {name: index for index, name in enumerate((*FIRST, *material.phases))}

    def key(names: pd.Series) -> pd.Series:
        return names.map(lambda name: places.get(str(name).split("+")[0], len(places)))

    return key


def _real_means(material: Material, axes: set[str]) -> dict[tuple[str, str, str], float]:
    """Return what the reference volume has, where there is one, by metric, phase and axis."""
    if material.reference is None:
        return {}
    rows = material.metrics[dimensions(material.metrics["sample"]) == "3d"]
    if MEAN in axes:
        rows = rows.assign(axis=rows["axis"].where(~rows["axis"].isin(AXES), MEAN))
    means = rows.groupby(["metric", "phase", "axis"], as_index=False)["value"].mean()
    keys = zip(means["metric"], means["phase"], means["axis"], strict=True)
    return dict(zip(keys, means["value"], strict=True))


def _row(row: pd.Series, real: dict[tuple[str, str, str], float]) -> IntervalRow:
    true = real.get((row["metric"], row["phase"], row["axis"]), float("nan"))
    unit = unit_name(row["unit"])
    inside = bool(row["low"] <= true <= row["high"]) if np.isfinite(true) else None
    shares = _shares(row)
    return IntervalRow(
        name=_title(row),
        value=f"{number(row['value'])} {unit}".strip(),
        interval=f"{number(row['low'])} to {number(row['high'])}",
        real=number(true),
        inside=inside,
        marks=_marks(row["low"], row["value"], row["high"], true),
        shares=[(part, round(100 * share, 1)) for part, share in shares.items()],
        note="" if pd.isna(row["note"]) else str(row["note"]),
    )


def _title(row: pd.Series) -> str:
    phase = "" if row["phase"] == "all" else f", {row['phase'].replace('+', ' and ')}"
    axis = "" if row["axis"] in ("all", MEAN) else f", {axis_name(row['axis'])}"
    return f"{metric_name(row['metric'])}{phase}{axis}"


def _shares(row: pd.Series) -> dict[str, float]:
    """Return the share of each known part in the variance."""
    variances = {part: row[f"sd_{part}"] ** 2 for part in PARTS}
    known = {part: value for part, value in variances.items() if np.isfinite(value)}
    total = sum(known.values())
    return {part: value / total for part, value in known.items()} if total > 0 else {}


def _marks(low: float, value: float, high: float, true: float) -> dict[str, float]:
    """Return where numbers lie in a drawing that holds all of them."""
    numbers = {"low": low, "value": value, "high": high, "real": true}
    known = {name: one for name, one in numbers.items() if np.isfinite(one)}
    first, last = min(known.values()), max(known.values())
    scale = (1 - 2 * EDGE) / (last - first) if last > first else 0.0
    return {name: round(WIDTH * (EDGE + (one - first) * scale), 1) for name, one in known.items()}


def _sentences(known: pd.DataFrame, material: Material) -> Iterator[str]:
    for _, row in known[known["metric"].isin(TOLD)].iterrows():
        unit = unit_name(row["unit"])
        title = _title(row)
        text = (
            f"{title[0].upper()}{title[1:]}: {number(row['value'])} {unit}".rstrip()
            + f", interval {number(row['low'])} to {number(row['high'])}"
        )
        shares = _shares(row)
        if not shares:
            yield f"{text}."
            continue
        largest = max(shares, key=lambda part: shares[part])
        yield f"{text}, {percent(shares[largest])} of its variance by {CAUSES[largest]}" + (
            f"; {_advice(row, largest, material)}."
        )


def _advice(row: pd.Series, largest: str, material: Material) -> str:
    """Return what would narrow an interval most."""
    times = row["times_to_halve"]
    if largest == "micrograph" and np.isfinite(times) and times <= MOST_TIMES:
        edges = [round(edge * times**0.5) for edge in material.specimen.images[0].shape[-2:]]
        volumes = round(row["n_volumes"] * times)
        return f"an image of {edges[0]} x {edges[1]} pixels, and {volumes} volumes, would halve it"
    return {
        "volumes": "more volumes would narrow it most",
        "training": "more seeds would narrow it most",
        "micrograph": "a larger image would narrow it most",
        "segmentation": "a clearer image, or thresholds of your own, would narrow it most",
    }[largest]
