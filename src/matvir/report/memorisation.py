"""Plot of the memorisation check: distances to the nearest training crop."""

from dataclasses import dataclass

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from matvir.comparison.memorisation import KINDS, memorisation_verdict
from matvir.report.embed import optional_uri
from matvir.report.palette import FIGURE_STYLE, REAL_COLOUR
from matvir.report.results import Material


@dataclass(frozen=True, kw_only=True)
class MemorisationView:
    """What the check says of one run, and its figure as a data URI if there is one."""

    name: str
    text: str
    distances: str | None


def show_memorisation(material: Material) -> list[MemorisationView]:
    """Draw the memorisation check of every run."""
    return [
        MemorisationView(
            name=run.name,
            text=memorisation_verdict(run.tables["memorisation"])[0],
            distances=optional_uri(distances_figure(run.tables["memorisation"], run.colour)),
        )
        for run in material.runs
    ]


def distances_figure(memorisation: pd.DataFrame, colour: str) -> Figure | None:
    """Plot the distance of every generated and held-out crop to its nearest training crop.

    Parameters
    ----------
    memorisation : DataFrame
        What :func:`matvir.comparison.memorisation.nearest_crops` returned.
    colour : str
        Colour of the run.

    Returns
    -------
    Figure or None
        One dot a crop and the median as a line; None without any distance.
    """
    table = memorisation.dropna(subset="distance")
    if table.empty:
        return None
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(5.2, 1.9))
        axes = figure.subplots()
        for place, kind in enumerate(KINDS):
            values = np.sort(table.loc[table["kind"] == kind, "distance"].to_numpy())
            if not len(values):
                continue
            # Neighbours in rank lie at different heights, so that equal values stay visible.
            height = place + 0.12 * (np.arange(len(values)) % 3 - 1)
            shown = colour if kind == "generated" else REAL_COLOUR
            axes.plot(values, height, "o", ms=4, mfc="none", mec=shown)
            axes.plot([np.median(values)] * 2, [place - 0.3, place + 0.3], color=shown, lw=2)
        axes.set_yticks(range(len(KINDS)), ["generated", "held-out\n(real)"])
        axes.set(xlabel="share of differing pixels", ylim=(-0.6, 1.6), xlim=(0, None))
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
    return figure
