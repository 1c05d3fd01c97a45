"""Loss curves of several GANs of 2D images side by side, and a table of them."""

from collections.abc import Mapping, Sequence
from typing import Any

import matplotlib as mpl
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from matvir.comparison.ablation import finding
from matvir.report.palette import FIGURE_STYLE, RUN_COLOURS

LOSSES = {"discriminator_loss": "discriminator", "generator_loss": "generator"}
HEADERS = {
    "model": "model",
    "seed": "seed",
    "normalisation": "normalisation",
    "spectral_norm": "spectral norm",
    "batch": "batch",
    "fraction_error": "fraction error (points)",
    "s2_error": "S2 error (%)",
    "pixel_distance": "pixel distance",
    "s2_distance": "S2 distance",
    "gradient_energy": "gradient energy",
}
# Losses are averaged over this share of a training, so that curves can be told apart.
WINDOW = 0.02
MOST_COLUMNS = 4


def ablation_figure(
    table: pd.DataFrame, histories: Mapping[tuple[str, str, int], Sequence[Mapping[str, Any]]]
) -> Figure:
    """Plot the losses of every run against the generator's steps, a panel each.

    Parameters
    ----------
    table : DataFrame
        What `matvir.comparison.ablation.ablation_table` returned; panels are in its order.
    histories : mapping of (material, model, seed) to sequence of mapping
        Lines of each training's history.
    """
    n_columns = min(len(table), MOST_COLUMNS)
    n_rows = -(-len(table) // n_columns)
    with mpl.rc_context(FIGURE_STYLE):
        figure = Figure(figsize=(3.0 * n_columns, 2.3 * n_rows))
        panels = figure.subplots(n_rows, n_columns, sharex=True, sharey=True, squeeze=False).ravel()
        for panel in panels[len(table) :]:
            panel.set_visible(False)
        for panel, (_, row) in zip(panels, table.iterrows(), strict=False):
            _draw(panel, row, histories[row["material"], row["model"], row["seed"]])
        panels[0].legend(loc="upper right")
        figure.supxlabel("generator step", fontsize=9)
        figure.supylabel("binary cross-entropy", fontsize=9)
    return figure


def _draw(panel: Axes, row: pd.Series, history: Sequence[Mapping[str, Any]]) -> None:
    steps = [line["step"] for line in history]
    width = max(round(WINDOW * len(history)), 1)
    for (name, label), colour in zip(LOSSES.items(), RUN_COLOURS, strict=False):
        values = pd.Series([line[name] for line in history])
        panel.plot(steps, values, color=colour, lw=0.4, alpha=0.3)
        panel.plot(steps, values.rolling(width, min_periods=1).mean(), color=colour, label=label)
    panel.set_title(f"{row['material']}: {row['model']}, seed {row['seed']}", fontsize=7.5)
    panel.set_yscale("log")


def ablation_text(table: pd.DataFrame) -> str:
    """Return the runs of each material as a Markdown table, and what it says.

    Parameters
    ----------
    table : DataFrame
        What `matvir.comparison.ablation.ablation_table` returned.
    """
    parts = []
    for material, rows in table.groupby("material"):
        cells = [[_cell(row[name]) for name in HEADERS] for _, row in rows.iterrows()]
        lines = [list(HEADERS.values()), ["---"] * len(HEADERS), *cells]
        drawn = "\n".join(f"| {' | '.join(line)} |" for line in lines)
        parts.append(f"## {material}\n\n{drawn}\n\n" + "\n".join(finding(rows)) + "\n")
    return "\n".join(parts)


def _cell(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "on" if value else "off"
    return f"{value:.2f}" if isinstance(value, float) else str(value)
