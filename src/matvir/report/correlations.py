"""Plots of correlations and the like: mean curves with bands, real against every run."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter
from numpy.typing import NDArray

from matvir.measurement.curves import Curve
from matvir.measurement.sample_metrics import ALL
from matvir.measurement.tables import normal_axis
from matvir.report.charts import Chart, Kind, Line, curve_chart
from matvir.report.palette import REAL_COLOUR
from matvir.report.results import Material
from matvir.report.wording import axis_name

# What curves are drawn, by what their keys begin with, and the names of both axes.
FUNCTIONS = {
    "s2": ("distance r", "S₂(r)"),
    "block_sd": ("edge of the blocks", "sd of their volume fractions"),
    "autocovariance": ("distance r", "autocovariance"),
    "histogram": ("value", "share of voxels per bin"),
    "power_spectrum": ("spatial frequency", "power"),
}
UNITS = {"um": "µm", "voxel": "voxels", "1/um": "1/µm", "1/voxel": "1/voxel", "1": ""}
# Functions with logarithmic axes: across, up.
LOGARITHMIC: dict[str, tuple[Kind, Kind]] = {
    "block_sd": ("log", "log"),
    "power_spectrum": ("linear", "log"),
}
# What is shown first of an isotropic material; the others are folded away.
PREFERRED_AXIS = "radial"
# The real data or a run: its name, colour and curve.
Side = tuple[str, str, Curve]


@dataclass(frozen=True, kw_only=True)
class CurvePlot:
    """One plot: a phase along an axis in 2D or 3D; ``first`` ones are not folded away."""

    function: str
    dimension: str
    phase: str
    axis: str
    first: bool
    chart: Chart


@dataclass(frozen=True, kw_only=True, eq=False)
class Curves:
    """What the plot of one function of one phase along one axis shows, of all sides that have it.

    ``first`` says whether it is among those that tell most.
    """

    dimension: str
    function: str
    phase: str
    axis: str
    first: bool
    sides: list[Side]

    @property
    def title(self) -> str:
        """Phase and axis in words."""
        return self.phase if self.axis == ALL else f"{self.phase}, {axis_name(self.axis)}"


def correlation_plots(material: Material) -> list[CurvePlot]:
    """Return a plot for each dimension, function, phase and axis that any run or real data has."""
    return [
        CurvePlot(
            function=curves.function,
            dimension=curves.dimension,
            phase=curves.phase,
            axis=curves.axis,
            first=curves.first,
            chart=chart_of(curves),
        )
        for curves in curves_of(material)
    ]


def curves_of(material: Material) -> list[Curves]:
    """Return what each plot shows, by dimension, function, phase and axis."""
    sides = [("real", REAL_COLOUR, material.curves)]
    sides += [(run.name, run.colour, run.curves) for run in material.runs]
    keys = {
        (dimension, key)
        for _, _, groups in sides
        for dimension, curves in groups.items()
        for key in curves
        if key.partition("/")[0] in FUNCTIONS
    }
    axes_of = {
        dimension: {key.rpartition("/")[2] for d, key in keys if d == dimension}
        for dimension, _ in keys
    }
    anisotropic = any(normal_axis(dimension) for dimension in axes_of)
    found = []
    for dimension, _, key in sorted((one, _place(key, material.phases), key) for one, key in keys):
        function, _, rest = key.partition("/")
        phase, _, axis = rest.rpartition("/")
        preferred = axis == PREFERRED_AXIS or PREFERRED_AXIS not in axes_of[dimension]
        first = axis.isdecimal() if anisotropic else preferred
        first = first or function in ("block_sd", "histogram", "power_spectrum")
        having = [
            (name, colour, groups[dimension][key])
            for name, colour, groups in sides
            if key in groups.get(dimension, {})
        ]
        names = {"dimension": dimension, "function": function, "phase": phase, "axis": axis}
        found.append(Curves(**names, first=first, sides=having))
    return found


def _place(key: str, phases: Sequence[str]) -> list[int]:
    """Return what curves are sorted by: function, single phases before pairs, their order."""
    function, _, rest = key.partition("/")
    names = rest.rpartition("/")[0].split("+")
    return [list(FUNCTIONS).index(function), len(names), *map(phases.index, names)]


def chart_of(curves: Curves) -> Chart:
    """Return mean curves with bands of one standard deviation over the samples, for the page."""
    lag, value = FUNCTIONS[curves.function]
    unit = UNITS[curves.sides[0][2].unit]
    lines = []
    for name, colour, curve in curves.sides:
        found = mean_and_spread(curve)
        if found is not None:
            shown = "" if name == "real" else colour
            style: dict[str, Any] = {"name": name, "colour": shown, "dashed": name != "real"}
            lines.append(Line(**style, x=curve.lags, mean=found[0], sd=found[1]))
    return curve_chart(
        lines or [Line(name="real", colour="", x=np.ones(0), mean=np.ones(0))],
        title=curves.title,
        across=f"{lag} ({unit})" if unit else lag,
        up=value,
        link=f"{curves.dimension}/{curves.function}",
        kinds=LOGARITHMIC.get(curves.function, ("linear", "linear")),
    )


def mean_and_spread(
    curve: Curve,
) -> tuple[NDArray[np.float64], NDArray[np.float64] | None] | None:
    """Return mean and standard deviation over the samples that have the curve, None if none has."""
    values = curve.values[~np.isnan(curve.values).any(axis=1)]
    if not len(values):
        return None
    return values.mean(axis=0), values.std(axis=0, ddof=1) if len(values) > 1 else None


def draw_curves(axes: Axes, sides: Sequence[Side], title: str, function: str) -> None:
    """Plot mean curves with a band of one standard deviation over the samples.

    Parameters
    ----------
    axes : Axes
        Where to.
    sides : sequence of (name, colour, Curve)
        The real and the generated curves.
    title : str
        What is shown.
    function : str
        One of ``FUNCTIONS``.
    """
    lag, value = FUNCTIONS[function]
    for name, colour, curve in sides:
        _draw(axes, name, colour, curve)
    unit = UNITS[sides[0][2].unit]
    label = f"{lag} ({unit})" if unit else lag
    axes.set(xlabel=label, ylabel=value, title=title)
    if function == "block_sd":
        _logarithmic(axes)
    else:
        axes.set(xlim=(0, None), yscale=LOGARITHMIC.get(function, ("", "linear"))[1])


def _logarithmic(axes: Axes) -> None:
    """Make both axes logarithmic, with plain numbers at 1, 2, 5, 10, ..."""
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_locator(NullLocator())


def _draw(axes: Axes, name: str, colour: str, curve: Curve) -> None:
    found = mean_and_spread(curve)
    if found is None:
        return
    mean, spread = found
    real = name == "real"
    axes.plot(
        curve.lags, mean, color=colour, label=name, lw=2 if real else 1.4, ls="-" if real else "--"
    )
    if spread is not None:
        axes.fill_between(curve.lags, mean - spread, mean + spread, color=colour, alpha=0.15, lw=0)
