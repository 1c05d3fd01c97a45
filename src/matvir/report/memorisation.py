"""Chart of the memorisation check: distances to the nearest training crop."""

from dataclasses import dataclass

import numpy as np
import pandas as pd

from matvir.comparison.memorisation import KINDS, memorisation_verdict
from matvir.report.charts import Chart, box_chart
from matvir.report.results import Material


@dataclass(frozen=True, kw_only=True)
class MemorisationView:
    """What the check says of one run, and its chart if there are distances."""

    name: str
    text: str
    distances: Chart | None


def show_memorisation(material: Material) -> list[MemorisationView]:
    """Draw the memorisation check of every run."""
    return [
        MemorisationView(
            name=run.name,
            text=memorisation_verdict(run.tables["memorisation"])[0],
            distances=distances_chart(run.tables["memorisation"], run.name, run.colour),
        )
        for run in material.runs
    ]


def distances_chart(memorisation: pd.DataFrame, name: str, colour: str) -> Chart | None:
    """Return the distances of generated and held-out crops to their nearest training crops.

    Parameters
    ----------
    memorisation : DataFrame
        What :func:`matvir.comparison.memorisation.nearest_crops` returned.
    name, colour : str
        Of the run.

    Returns
    -------
    Chart or None
        A box of each kind; None without any distance.
    """
    table = memorisation.dropna(subset="distance")
    if table.empty:
        return None
    generated, held_out = (
        table.loc[table["kind"] == kind, "distance"].to_numpy() for kind in KINDS
    )
    nothing = np.ones(0)
    return box_chart(
        ["generated", "held-out (real)"],
        [("real", "", [nothing, held_out]), (name, colour, [generated, nothing])],
        title="Distance to the nearest training crop",
        up="share of differing pixels",
    )
