"""Plots of correlations and the like: mean curves with bands, real against every run."""

from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, NullLocator, StrMethodFormatter

from matvir.measurement.curves import Curve
from matvir.measurement.sample_metrics import ALL
from matvir.measurement.tables import normal_axis
from matvir.report.embed import figure_uri
from matvir.report.palette import FIGURE_STYLE, REAL_COLOUR
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
# The legend of more would hide them, and is put below.
FEW_CURVES = 4
# What is shown first of an isotropic material; the others are folded away.
PREFERRED_AXIS = "radial"


@dataclass(frozen=True, kw_only=True)
class CurvePlot:
    """One plot: a phase along an axis in 2D or 3D; ``first`` ones are not folded away."""

    function: str
    dimension: str
    phase: str
    axis: str
    first: bool
    uri: str


def correlation_plots(material: Material) -> list[CurvePlot]:
    """Return a plot for each dimension, function, phase and axis that any run or real data has."""
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
    plots = []
    order = list(FUNCTIONS)
    for dimension, key in sorted(keys, key=lambda k: (k[0], order.index(k[1].split("/")[0]), k)):
        function, _, rest = key.partition("/")
        phase, _, axis = rest.rpartition("/")
        preferred = axis == PREFERRED_AXIS or PREFERRED_AXIS not in axes_of[dimension]
        first = axis.isdecimal() if anisotropic else preferred
        first = first or function in ("block_sd", "histogram", "power_spectrum")
        found = [
            (name, colour, groups[dimension][key])
            for name, colour, groups in sides
            if key in groups.get(dimension, {})
        ]
        title = phase if axis == ALL else f"{phase}, {axis_name(axis)}"
        uri = figure_uri(curve_figure(found, title, function))
        plots.append(
            CurvePlot(
                function=function,
                dimension=dimension,
                phase=phase,
                axis=axis,
                first=first,
                uri=uri,
            )
        )
    return plots


def curve_figure(
    curves: Sequence[tuple[str, str, Curve]], title: str, function: str = "s2"
) -> Figure:
    """Plot mean curves with a band of one standard deviation over the samples.

    Parameters
    ----------
    curves : sequence of (name, colour, Curve)
        The real and the generated curves.
    title : str
        What is shown.
    function : str
        One of ``FUNCTIONS``.
    """
    lag, value = FUNCTIONS[function]
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(3.9, 2.9))
        axes = figure.subplots()
        for name, colour, curve in curves:
            _draw(axes, name, colour, curve)
        unit = UNITS[curves[0][2].unit]
        label = f"{lag} ({unit})" if unit else lag
        axes.set(xlabel=label, ylabel=value, title=title)
        if function == "block_sd":
            _logarithmic(axes)
        else:
            axes.set(xlim=(0, None), yscale="log" if function == "power_spectrum" else "linear")
        if len(curves) <= FEW_CURVES:
            axes.legend()
        else:
            figure.legend(loc="outside lower center", ncols=2, fontsize=7)
            figure.set_figheight(2.9 + 0.2 * len(curves) / 2)
    return figure


def _logarithmic(axes: Axes) -> None:
    """Make both axes logarithmic, with plain numbers at 1, 2, 5, 10, ..."""
    axes.set(xscale="log", yscale="log")
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axis.set_major_formatter(StrMethodFormatter("{x:g}"))
        axis.set_minor_locator(NullLocator())


def _draw(axes: Axes, name: str, colour: str, curve: Curve) -> None:
    values = curve.values[~np.isnan(curve.values).any(axis=1)]
    if not len(values):
        return
    mean = values.mean(axis=0)
    real = name == "real"
    axes.plot(
        curve.lags, mean, color=colour, label=name, lw=2 if real else 1.4, ls="-" if real else "--"
    )
    if len(values) > 1:
        spread = values.std(axis=0, ddof=1)
        axes.fill_between(curve.lags, mean - spread, mean + spread, color=colour, alpha=0.15, lw=0)
