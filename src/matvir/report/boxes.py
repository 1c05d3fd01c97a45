"""Box plots of every metric, real against every run (SliceGAN paper, Fig. 4 and S6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from numpy.typing import NDArray

from matvir.measurement.tables import dimensions
from matvir.report.charts import Chart, box_chart
from matvir.report.palette import REAL_COLOUR
from matvir.report.results import Material
from matvir.report.wording import metric_name, unit_name

# Width of all boxes of one phase, where phases are 1 apart.
GROUP_WIDTH = 0.8
# The real data or a run: its name, colour and values.
Side = tuple[str, str, pd.DataFrame]


@dataclass(frozen=True, kw_only=True)
class BoxPlot:
    """The box plot of one metric in 2D or 3D."""

    dimension: str
    metric: str
    chart: Chart


@dataclass(frozen=True, kw_only=True, eq=False)
class Boxes:
    """What the box plot of one metric in 2D or 3D shows.

    ``sides`` are the real data and every run: name, colour and a table with the columns ``phase``,
    ``sample`` and ``value``.
    """

    dimension: str
    metric: str
    unit: str
    sides: list[Side]


def box_plots(material: Material) -> list[BoxPlot]:
    """Return one box plot per dimension and metric: phases along x, real beside every run."""
    return [
        BoxPlot(
            dimension=boxes.dimension,
            metric=boxes.metric,
            chart=chart_of(boxes),
        )
        for boxes in boxes_of(material)
    ]


def boxes_of(material: Material) -> list[Boxes]:
    """Return what each box plot shows, by dimension and metric.

    A sample counts once: values along several axes are averaged first.
    """
    sides = [("real", REAL_COLOUR, _per_sample(material.metrics))]
    sides += [(run.name, run.colour, _per_sample(run.metrics)) for run in material.runs]
    everything = pd.concat([table for _, _, table in sides])
    return [
        Boxes(
            dimension=str(dimension),
            metric=str(metric),
            unit=str(rows["unit"].iloc[0]),
            sides=[
                (
                    name,
                    colour,
                    table[(table["dimension"] == dimension) & (table["metric"] == metric)],
                )
                for name, colour, table in sides
            ],
        )
        for (dimension, metric), rows in everything.groupby(["dimension", "metric"], sort=True)
    ]


def _per_sample(metrics: pd.DataFrame) -> pd.DataFrame:
    """Average over axes: one value per dimension, metric, phase and sample; none are left out."""
    table = metrics.dropna(subset="value")
    table = table.assign(dimension=dimensions(table["sample"]))
    keys = ["dimension", "metric", "phase", "sample"]
    # Not sorted: phases stay in their order.
    groups = table.groupby(keys, as_index=False, sort=False)
    return groups.agg(value=("value", "mean"), unit=("unit", "first"))


def phases_of(sides: Sequence[Side]) -> list[str]:
    """Return the phases, or pairs of phases, that any side has values of, in their order."""
    return list(dict.fromkeys(phase for _, _, table in sides for phase in table["phase"]))


def chart_of(boxes: Boxes) -> Chart:
    """Return the boxes of one metric for the page."""
    phases = phases_of(boxes.sides)
    sides = [
        (
            name,
            "" if name == "real" else colour,
            [table.loc[table["phase"] == phase, "value"].to_numpy() for phase in phases],
        )
        for name, colour, table in boxes.sides
    ]
    title = metric_name(boxes.metric)
    names = [phase_name(phase) for phase in phases]
    return box_chart(names, sides, title=title, up=unit_name(boxes.unit) or "value")


def phase_name(phase: str) -> str:
    """Return a phase, or all of them, in words."""
    return "all phases" if phase == "all" else phase


def draw_boxes(axes: Axes, sides: Sequence[Side], metric: str, unit: str) -> None:
    """Draw the boxes of one metric: median, mean, quartiles, 1.5 IQR whiskers and outliers.

    Parameters
    ----------
    axes : Axes
        Where to.
    sides : sequence of (name, colour, DataFrame)
        The real data and the runs; tables with the columns ``phase`` and ``value``.
    metric, unit : str
        What is shown, as in the tidy table.
    """
    phases = phases_of(sides)
    for index, (_, colour, table) in enumerate(sides):
        values = [table.loc[table["phase"] == phase, "value"].to_numpy() for phase in phases]
        _draw(axes, (index, len(sides)), colour, values)
    axes.set_xticks(range(len(phases)), [phase_name(phase) for phase in phases])
    axes.set_xlim(-0.6, len(phases) - 0.4)
    axes.set(title=metric_name(metric), ylabel=unit_name(unit) or "value")
    axes.grid(visible=False, axis="x")


def _draw(
    axes: Axes, place: tuple[int, int], colour: str, values: list[NDArray[np.float64]]
) -> None:
    """Draw one side's box of each phase; ``place`` is its number among how many sides."""
    index, n_sides = place
    width = GROUP_WIDTH / n_sides
    offset = (index - (n_sides - 1) / 2) * width
    shown = [number for number, sample in enumerate(values) if len(sample)]
    if not shown:
        return
    axes.boxplot(
        [values[number] for number in shown],
        positions=np.array(shown) + offset,
        widths=0.82 * width,
        whis=1.5,
        showmeans=True,
        manage_ticks=False,
        patch_artist=True,
        boxprops={"facecolor": mpl.colors.to_rgba(colour, 0.3), "edgecolor": colour, "lw": 1},
        medianprops={"color": colour, "lw": 1.6},
        whiskerprops={"color": colour, "lw": 1},
        capprops={"color": colour, "lw": 1},
        meanprops={"marker": "D", "ms": 3.2, "mfc": "white", "mec": colour},
        flierprops={"marker": "o", "ms": 2.2, "mfc": "none", "mec": colour, "alpha": 0.7},
    )
